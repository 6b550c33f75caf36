// Data of the server for a view: shown at once when it was loaded before, refreshed behind that, and never mixed up when the question
// changes while an answer is on its way.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef, type WatchSource } from 'vue'
import { ApiError } from '@/api/client'

/** Answers by question, the last ones that were asked. They belong to the page and are forgotten with it. */
const cache = new Map<string, unknown>()
const remembered = 200

export interface Resource<T> {
  /** The last answer; undefined before the first. */
  data: ShallowRef<T | undefined>
  /** Why the last try failed; data stays what it was. */
  error: ShallowRef<ApiError | undefined>
  /** Whether an answer is on its way. */
  loading: Ref<boolean>
  /** Asks again. */
  reload: () => Promise<void>
  /** Puts what the server has just answered elsewhere. */
  set: (value: T) => void
}

/** Loads what `load` returns whenever the key changes. A key of undefined loads nothing. */
export function useResource<T>(key: WatchSource<string | undefined>, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const data = shallowRef<T>()
  const error = shallowRef<ApiError>()
  const loading = ref(false)
  let current: string | undefined
  let running: AbortController | undefined

  async function reload() {
    running?.abort()
    const asked = current
    if (asked === undefined) return
    const mine = running = new AbortController()
    loading.value = true
    try {
      const answer = await load(mine.signal)
      if (mine.signal.aborted) return
      data.value = answer
      error.value = undefined
      keep(asked, answer)
    } catch (cause) {
      if (mine.signal.aborted) return
      error.value = cause instanceof ApiError ? cause : new ApiError(0, String(cause))
    } finally {
      if (running === mine) loading.value = false
    }
  }

  watch(key, asked => {
    current = asked
    error.value = undefined
    data.value = asked === undefined ? undefined : cache.get(asked) as T | undefined
    void reload()
  }, { immediate: true })
  onScopeDispose(() => running?.abort())
  return { data, error, loading, reload, set: value => { data.value = value; if (current !== undefined) keep(current, value) } }
}

function keep(key: string, value: unknown) {
  cache.delete(key)
  cache.set(key, value)
  if (cache.size > remembered) cache.delete(cache.keys().next().value as string)
}

/** Forgets every answer whose key begins with a text: a write has made them old. */
export function forget(prefix: string) {
  for (const key of [...cache.keys()]) if (key.startsWith(prefix)) cache.delete(key)
}
