// Values that are shown before the server has them. What is wanted stands on the screen at once; the writes of one thing run one after
// another, and of quick changes only the last one counts. In the end the screen shows what the server has: its answer after a write, its
// value when somebody else was faster, the old value when the write failed.
import { reactive } from 'vue'
import { ApiError } from '@/api/client'

/** Thrown by a write when the server has another value than the one that was seen: nothing was written. */
export class ChangedMeanwhile<T> extends Error {
  constructor(readonly current: T) {
    super('It was changed a moment ago.')
  }
}

/** What came of a change, when the screen has settled. */
export type Outcome<V> =
  | { kind: 'done', value: V, before: V }
  | { kind: 'changed', value: V }
  | { kind: 'failed', error: ApiError }
  | { kind: 'unknown' }

export interface OptimisticOptions<V, T> {
  /** Writes a value in the place of the one that was seen, and returns what the server then has. */
  write: (id: string, value: V, seen: V, signal: AbortSignal) => Promise<T>
  /** Asks what the server has, when a write gave no answer. */
  read: (id: string) => Promise<T>
  valueOf: (answer: T) => V
  /** Takes over what the server has. */
  settle: (id: string, answer: T) => void
  /** Hears what came of a change. */
  said: (id: string, outcome: Outcome<V>) => void
  /** How long to wait for an answer, in milliseconds. */
  patience?: number
}

/** Keeps what is wanted by id until the server has it. */
export function useOptimistic<V, T>(options: OptimisticOptions<V, T>) {
  const wanted = reactive(new Map<string, V>()) as Map<string, V>
  const running = new Set<string>()

  /** Wants a value; `seen` is the one that was shown before. */
  async function set(id: string, value: V, seen: V) {
    wanted.set(id, value)
    if (running.has(id)) return
    running.add(id)
    let outcome: Outcome<V>
    try {
      outcome = await writeAll(id, seen)
    } catch (cause) {
      outcome = await failed(id, cause)
    }
    running.delete(id)
    wanted.delete(id)
    options.said(id, outcome)
  }

  async function writeAll(id: string, before: V): Promise<Outcome<V>> {
    let seen = before
    for (;;) {
      const value = wanted.get(id) as V
      if (value !== seen) {
        const answer = await patiently(signal => options.write(id, value, seen, signal), options.patience ?? 10_000)
        options.settle(id, answer)
        seen = options.valueOf(answer)
      }
      if (wanted.get(id) === value) return { kind: 'done', value, before }
    }
  }

  async function failed(id: string, cause: unknown): Promise<Outcome<V>> {
    if (cause instanceof ChangedMeanwhile) {
      const current = cause.current as T
      options.settle(id, current)
      return { kind: 'changed', value: options.valueOf(current) }
    }
    const error = cause instanceof ApiError ? cause : new ApiError(0, String(cause))
    if (error.status !== 0) return { kind: 'failed', error }
    // The write may have arrived or not: only the server knows.
    try {
      options.settle(id, await options.read(id))
    } catch { /* the old value is shown, and the bar of a lost server above it */ }
    return { kind: 'unknown' }
  }

  return {
    /** What is wanted and not settled yet. */
    pending: (id: string) => wanted.get(id),
    /** Whether a write is on its way. */
    busy: (id: string) => wanted.has(id),
    set
  }
}

async function patiently<T>(run: (signal: AbortSignal) => Promise<T>, patience: number): Promise<T> {
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort()
      reject(new ApiError(0, 'The server does not answer.'))
    }, patience)
  })
  try {
    return await Promise.race([run(controller.signal), late])
  } finally {
    clearTimeout(timer)
  }
}
