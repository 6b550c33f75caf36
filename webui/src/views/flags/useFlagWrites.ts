// What the list of flags writes: switches at once with a way back, and many flags together with what came of each.
import { ref } from 'vue'
import { ApiError, type FlagDocument, type FlagSummary } from '@/api/client'
import { changeFlags, editFlags, readFlag, setEnabled, type Edit, type EditResult } from '@/lib/flags'
import { useOptimistic, type Outcome } from '@/lib/optimistic'
import { noAnswer } from '@/lib/server'
import { many } from '@/lib/time'
import { toast } from '@/lib/toast'

/** What came of writing many flags, when some could not be. */
export interface BulkReport {
  done: string
  failed: EditResult[]
}

export interface Writes {
  /** Takes over what the server has of one flag. */
  settle: (ns: string, document: FlagDocument) => void
  /** Asks the server again. */
  refresh: () => void
}

const split = (id: string): [ns: string, key: string] => [id.slice(0, id.indexOf(' ')), id.slice(id.indexOf(' ') + 1)]
const stateWord = (enabled: boolean) => enabled ? 'on' : 'off'

export function useFlagWrites(on: Writes) {
  const report = ref<BulkReport>()
  /** Whether many flags are being written. */
  const working = ref(false)

  const switches = useOptimistic<boolean, FlagDocument>({
    write: (id, enabled, seen, signal) => setEnabled(...split(id), enabled, seen, signal),
    read: id => readFlag(...split(id)),
    valueOf: document => document.flag?.enabled ?? false,
    settle: (id, document) => on.settle(split(id)[0], document),
    said: toggled
  })

  function toggled(id: string, outcome: Outcome<boolean>) {
    const key = split(id)[1]
    if (outcome.kind === 'done') {
      if (outcome.value === outcome.before) return
      toast(`${key} is ${stateWord(outcome.value)}.`, { action: { label: 'Undo', run: () => void switches.set(id, outcome.before, outcome.value) } })
    } else if (outcome.kind === 'changed') {
      toast(`Somebody turned ${key} ${stateWord(outcome.value)} a moment ago. You see it as it is now.`, { kind: 'failed' })
    } else if (outcome.kind === 'failed') {
      toast(`${key} stays as it was: ${outcome.error.message}`, { kind: 'failed' })
      if (outcome.error.status === 404) on.refresh()
    } else {
      toast(`The server did not answer, so it is not known whether ${key} was changed. The list is read again.`, { kind: 'failed' })
      noAnswer(new ApiError(0, ''))
      on.refresh()
    }
  }

  /** Carries out a write of many flags and says what came of it. */
  async function carryOut(did: string, run: () => Promise<EditResult[]>, undo?: (keys: string[]) => void): Promise<boolean> {
    working.value = true
    report.value = undefined
    try {
      const results = await run()
      const done = results.filter(result => !result.problem).map(result => result.key)
      const failed = results.filter(result => result.problem)
      const what = done.length === 1 && results.length === 1 ? done[0] : many(done.length, 'flag')
      const words = `${what} ${did}.`
      if (failed.length > 0) report.value = { done: words, failed }
      if (done.length > 0) toast(words, undo && { action: { label: 'Undo', run: () => undo(done) } })
      return true
    } catch (error) {
      const failure = error instanceof ApiError ? error : new ApiError(0, String(error))
      toast(`Nothing was changed: ${failure.message}`, { kind: 'failed' })
      noAnswer(failure)
      return false
    } finally {
      working.value = false
      on.refresh()
    }
  }

  const edits = (ns: string, keys: string[], action: (edit: { namespaceKey: string, key: string }) => Edit) => () => editFlags(keys.map(key => action({ namespaceKey: ns, key })))

  function turn(ns: string, keys: string[], enabled: boolean): Promise<boolean> {
    const changed: string[] = []
    return carryOut(`turned ${stateWord(enabled)}`, () => changeFlags(ns, keys, document => {
      if ((document.flag?.enabled ?? false) === enabled) return undefined
      changed.push(document.flag?.key ?? '')
      return { ...document, flag: { ...document.flag, enabled } }
    }), done => void turn(ns, done.filter(key => changed.includes(key)), !enabled))
  }

  function tag(ns: string, keys: string[], add: string[], remove: string[]): Promise<boolean> {
    const before = new Map<string, string[]>()
    return carryOut('tagged', () => changeFlags(ns, keys, document => {
      const old = document.tags ?? []
      const tags = [...new Set([...old.filter(one => !remove.includes(one)), ...add])].sort()
      if (tags.join('\n') === [...old].sort().join('\n')) return undefined
      before.set(document.flag?.key ?? '', old)
      return { ...document, tags }
    }), done => void carryOut('tagged as before', () => changeFlags(ns, done.filter(key => before.has(key)),
      document => ({ ...document, tags: before.get(document.flag?.key ?? '') ?? document.tags }))))
  }

  function archive(ns: string, flags: Pick<FlagSummary, 'key' | 'etag'>[]): Promise<boolean> {
    const etags = new Map(flags.map(flag => [flag.key ?? '', flag.etag]))
    return carryOut('archived', edits(ns, [...etags.keys()], edit => ({ ...edit, ifMatch: etags.get(edit.key), archiveFlag: {} })), done => void unarchive(ns, done, false))
  }

  function unarchive(ns: string, keys: string[], undoable = true): Promise<boolean> {
    return carryOut('put back into service', edits(ns, keys, edit => ({ ...edit, unarchiveFlag: {} })),
      undoable ? done => void archive(ns, done.map(key => ({ key }))) : undefined)
  }

  function remove(ns: string, flags: FlagSummary[]): Promise<boolean> {
    const etags = new Map(flags.map(flag => [flag.key ?? '', flag.etag]))
    return carryOut('deleted', edits(ns, [...etags.keys()], edit => ({ ...edit, ifMatch: etags.get(edit.key), deleteFlag: {} })))
  }

  return {
    report, working, turn, tag, archive, unarchive, remove,
    toggle: (ns: string, key: string, enabled: boolean) => void switches.set(`${ns} ${key}`, enabled, !enabled),
    pending: (ns: string, key: string) => switches.pending(`${ns} ${key}`)
  }
}
