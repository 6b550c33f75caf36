// The question before a page with unsaved changes is left: a dialog shows it while `open` is true, and `decide` answers it.
import { ref, type Ref } from 'vue'
import { useLeaveGuard } from './draft'

export function useLeaveQuestion(changed: Ref<boolean>, stays: (path: string) => boolean) {
  const open = ref(false)
  let answer: ((leave: boolean) => void) | undefined

  function decide(leave: boolean) {
    open.value = false
    answer?.(leave)
    answer = undefined
  }

  useLeaveGuard(changed, () => {
    answer?.(false) // a second try to leave takes the place of the first
    open.value = true
    return new Promise(resolve => { answer = resolve })
  }, stays)
  return { open, decide }
}
