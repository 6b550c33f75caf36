// Whether the window is of some width, for layouts that are other elements and not only other styles.
import { onScopeDispose, ref } from 'vue'

export function useMedia(query: string) {
  const list = matchMedia(query)
  const matches = ref(list.matches)
  const changed = () => { matches.value = list.matches }
  list.addEventListener('change', changed)
  onScopeDispose(() => list.removeEventListener('change', changed))
  return matches
}
