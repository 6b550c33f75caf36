// What is done with a flag at once: switch, tag, archive, delete, download. Each says what came of it, and how to take it back.
import { computed } from 'vue'
import { useRouter } from 'vue-router'
import { api, ApiError, call, type FlagDocument, type FlagSummary } from '@/api/client'
import type { FlagDraft } from '@/lib/flagDraft'
import { forgetFlags, readFlag, setEnabled } from '@/lib/flags'
import { useOptimistic, type Outcome } from '@/lib/optimistic'
import { noAnswer } from '@/lib/server'
import { toast } from '@/lib/toast'

export type FlagActions = ReturnType<typeof useFlagActions>

export function useFlagActions(state: FlagDraft) {
  const { ns, key, stored } = state
  const router = useRouter()
  const boolean = () => stored.value?.flag?.type === 'BOOLEAN_FLAG_TYPE'
  const word = (on: boolean) => boolean() ? `answers ${on}` : on ? 'is on' : 'is off'

  function failed(what: string, cause: unknown) {
    const error = cause instanceof ApiError ? cause : new ApiError(0, String(cause))
    noAnswer(error)
    toast(`${what}: ${error.message}`, { kind: 'failed' })
  }

  const switches = useOptimistic<boolean, FlagDocument>({
    write: (_, value, seen, signal) => setEnabled(ns, key, value, seen, signal),
    read: () => readFlag(ns, key),
    valueOf: document => document.flag?.enabled ?? false,
    settle: (_, document) => state.adopt(document, true),
    said: toggled
  })
  function toggled(_: string, outcome: Outcome<boolean>) {
    if (outcome.kind === 'done') {
      if (outcome.value !== outcome.before) toast(`${key} ${word(outcome.value)}.`, { action: { label: 'Undo', run: () => void switches.set(key, outcome.before, outcome.value) } })
    } else if (outcome.kind === 'changed') toast(`Somebody was faster: ${key} ${word(outcome.value)} now.`, { kind: 'failed' })
    else if (outcome.kind === 'failed') failed(`${key} stays as it was`, outcome.error)
    else failed('It is not known whether the switch was heard. The flag is read again', new ApiError(0, 'The server does not answer.'))
  }
  const enabled = computed(() => switches.pending(key) ?? stored.value?.flag?.enabled ?? false)

  async function setTags(tags: string[], undone = false): Promise<boolean> {
    const before = stored.value?.tags ?? []
    try {
      await state.writeThrough(document => ({ ...document, tags }))
      toast(undone ? 'Tags are as they were.' : 'Tags saved.', undone ? {} : { action: { label: 'Undo', run: () => void setTags(before, true) } })
      return true
    } catch (cause) {
      failed('The tags stay as they were', cause)
      return false
    }
  }

  const target = () => ({ params: { path: { namespace_key: ns, key } }, body: { ifMatch: stored.value?.etag } })
  async function archive(undoable = true) {
    try {
      state.adopt(await call(api.POST('/api/v1/namespaces/{namespace_key}/flags/{key}/archive', target())), true)
      forgetFlags(ns)
      toast(`${key} is archived.`, undoable ? { action: { label: 'Undo', run: () => void unarchive(false) } } : {})
    } catch (cause) {
      failed('It was not archived', cause)
      void state.refresh()
    }
  }
  async function unarchive(undoable = true) {
    try {
      state.adopt(await call(api.POST('/api/v1/namespaces/{namespace_key}/flags/{key}/unarchive', target())), true)
      forgetFlags(ns)
      toast(`${key} is back in service.`, undoable ? { action: { label: 'Undo', run: () => void archive(false) } } : {})
    } catch (cause) {
      failed('It stays archived', cause)
      void state.refresh()
    }
  }

  async function remove() {
    try {
      await call(api.POST('/api/v1/edits', { body: { edits: [{ namespaceKey: ns, key, ifMatch: stored.value?.etag, deleteFlag: {} }] } }))
      state.forget()
      toast(`${key} was deleted.`)
      await router.push({ name: 'flags', params: { ns } })
    } catch (cause) {
      failed('It was not deleted', cause)
      void state.refresh()
    }
  }

  function download() {
    const url = URL.createObjectURL(new Blob([`${JSON.stringify(stored.value, null, 2)}\n`], { type: 'application/json' }))
    const link = document.createElement('a')
    link.href = url
    link.download = `${key}.json`
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), 1000)
  }

  /** The flag as the dialogs of the list know it. */
  const summary = computed<FlagSummary | undefined>(() => stored.value && {
    key, name: stored.value.flag?.name, etag: stored.value.etag, rules: stored.value.rules?.length ?? 0,
    rollouts: stored.value.rollouts?.length ?? 0, variants: stored.value.flag?.variants?.length ?? 0
  })

  return { enabled, toggle: (on: boolean) => void switches.set(key, on, enabled.value), setTags, archive, unarchive, remove, download, summary }
}
