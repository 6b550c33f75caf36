// What was changed and not saved: kept for the tab, so that a reload or a crash loses nothing, by document and the state it began from.
import { onBeforeUnmount, onMounted, watch, type Ref } from 'vue'
import { onBeforeRouteLeave, onBeforeRouteUpdate } from 'vue-router'

const prefix = 'burgee.draft.'

/** A draft with the ETag of the document that it was begun from, and that document. */
export interface KeptDraft<T> {
  etag: string
  base: T
  draft: T
}

export function keptDraft<T>(name: string): KeptDraft<T> | undefined {
  try {
    const text = sessionStorage.getItem(prefix + name)
    return text === null ? undefined : JSON.parse(text) as KeptDraft<T>
  } catch {
    return undefined
  }
}

export function keepDraft<T>(name: string, draft: KeptDraft<T> | undefined) {
  try {
    if (draft === undefined) sessionStorage.removeItem(prefix + name)
    else sessionStorage.setItem(prefix + name, JSON.stringify(draft))
  } catch { /* storage may be full or forbidden: the draft lives as long as the page */ }
}

/** Asks before a page with unsaved changes is left: `ask` shows the question and answers whether to leave. */
export function useLeaveGuard(changed: Ref<boolean>, ask: () => Promise<boolean>, stays: (path: string) => boolean) {
  const unload = (event: BeforeUnloadEvent) => { if (changed.value) event.preventDefault() }
  onMounted(() => window.addEventListener('beforeunload', unload))
  onBeforeUnmount(() => window.removeEventListener('beforeunload', unload))
  const guard = async (to: { path: string }) => stays(to.path) || !changed.value || await ask()
  onBeforeRouteLeave(guard)
  onBeforeRouteUpdate(guard) // the next document may have the same route
}

/** Calls save a moment after the last change. */
export function useAutokeep(source: () => unknown, save: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(source, () => {
    clearTimeout(timer)
    timer = setTimeout(save, 200)
  }, { deep: true })
  onBeforeUnmount(() => {
    clearTimeout(timer)
    save()
  })
}
