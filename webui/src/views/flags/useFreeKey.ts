// Whether a key is free, asked a moment after the last letter.
import { onScopeDispose, ref, watch } from 'vue'
import { api, call } from '@/api/client'
import { readFlag } from '@/lib/flags'
import { keyProblem } from '@/lib/key'

export type KeyState = '' | 'asking' | 'free' | 'taken'

export function useFreeKey(key: () => string, ns: () => string) {
  const state = ref<KeyState>('')
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: AbortController | undefined

  watch([key, ns], () => {
    clearTimeout(timer)
    running?.abort()
    state.value = ''
    const wanted = key().trim()
    if (keyProblem(wanted) !== '') return
    state.value = 'asking'
    const mine = running = new AbortController()
    timer = setTimeout(async () => {
      try {
        const taken = await exists(ns(), wanted, mine.signal)
        if (!mine.signal.aborted) state.value = taken ? 'taken' : 'free'
      } catch {
        if (!mine.signal.aborted) state.value = '' // saving will tell
      }
    }, 300)
  }, { immediate: true })
  onScopeDispose(() => { clearTimeout(timer); running?.abort() })
  return state
}

/** Searches rather than asks for the flag: a flag that is not there is no error to be reported. */
async function exists(ns: string, key: string, signal: AbortSignal): Promise<boolean> {
  const found = await call(api.GET('/api/v1/namespaces/{namespace_key}/flag-summaries', {
    params: { path: { namespace_key: ns }, query: { search: key, archived: 'ARCHIVED_FILTER_INCLUDED', limit: 100 } }, signal
  }))
  if (found.flags?.some(flag => flag.key === key)) return true
  if (!found.nextPageToken) return false
  return readFlag(ns, key, signal).then(() => true, () => false)
}
