// The flag that the welcome makes: created, switched and shared out, and found again after a reload.
import { computed, ref, shallowRef } from 'vue'
import { ApiError, type FlagDocument } from '@/api/client'
import { firstFlag, shareOf, withShare } from '@/lib/firstFlag'
import { currentFlag, readFlag, writeFlag } from '@/lib/flags'
import { keyProblem } from '@/lib/key'
import { useNamespace } from '@/lib/namespace'
import { ChangedMeanwhile, useOptimistic, type Outcome } from '@/lib/optimistic'
import { noAnswer } from '@/lib/server'
import { toast } from '@/lib/toast'

const storage = 'burgee.welcome.flag'

export function useFirstFlag() {
  const ns = useNamespace()
  const document = shallowRef<FlagDocument>()
  const running = ref(false)
  /** Why the flag could not be made, and whether there is another one by its key. */
  const problem = ref('')
  const taken = ref('')

  async function create(name: string, key: string) {
    problem.value = name.trim() === '' ? 'Give it a name.' : keyProblem(key)
    taken.value = ''
    if (problem.value || running.value) return
    running.value = true
    try {
      document.value = await writeFlag(ns.value, key, firstFlag(key, name.trim()))
      remember(key)
    } catch (cause) {
      const error = cause instanceof ApiError ? cause : new ApiError(0, String(cause))
      noAnswer(error)
      if (error.status === 409) taken.value = key
      problem.value = error.status === 409 ? 'There is a flag with this key.' : error.fields[0]?.message ?? error.message
    } finally {
      running.value = false
    }
  }

  const changing = useOptimistic<number, FlagDocument>({
    write: async (key, share, seen, signal) => {
      const now = await readFlag(ns.value, key, signal)
      if ((shareOf(now) ?? -1) !== seen) throw new ChangedMeanwhile(now)
      try {
        return await writeFlag(ns.value, key, withShare(now, share), now.etag, signal)
      } catch (error) {
        const current = currentFlag(error)
        if (current && error instanceof ApiError && error.stale) throw new ChangedMeanwhile(current)
        throw error
      }
    },
    read: key => readFlag(ns.value, key),
    valueOf: answer => shareOf(answer) ?? -1,
    settle: (_, answer) => { document.value = answer },
    said
  })

  function said(key: string, outcome: Outcome<number>) {
    if (outcome.kind === 'changed') toast(`Somebody changed ${key} a moment ago. You see it as it is now.`, { kind: 'failed' })
    if (outcome.kind === 'failed') toast(`${key} stays as it was: ${outcome.error.message}`, { kind: 'failed' })
    if (outcome.kind === 'unknown') noAnswer(new ApiError(0, ''))
  }

  const key = computed(() => document.value?.flag?.key ?? '')
  /** How many percent get true, with what is wanted and not written yet; nothing when others gave it other rollouts. */
  const share = computed(() => {
    const wanted = changing.pending(key.value)
    return wanted ?? (document.value && shareOf(document.value))
  })
  const setShare = (wanted: number) => { if (share.value !== undefined) void changing.set(key.value, wanted, share.value) }

  function remember(made: string) {
    try { localStorage.setItem(storage, JSON.stringify({ ns: ns.value, key: made })) } catch { /* storage may be forbidden */ }
  }

  /** Goes on where a reload broke off, if the flag is still there. */
  async function resume() {
    try {
      const kept = JSON.parse(localStorage.getItem(storage) ?? 'null') as { ns?: string, key?: string } | null
      if (kept?.key && kept.ns === ns.value) document.value = await readFlag(ns.value, kept.key)
    } catch {
      again()
    }
  }

  function again() {
    document.value = undefined
    try { localStorage.removeItem(storage) } catch { /* forbidden */ }
  }

  return { ns, document, key, share, setShare, create, resume, again, running, problem, taken }
}
