// Whether the playground evaluates after each change: kept in this browser.
import { ref, watch } from 'vue'

const name = 'burgee.playground.auto'
let stored: string | null = null
try { stored = localStorage.getItem(name) } catch { /* forbidden */ }
export const autoRun = ref(stored !== 'off')
watch(autoRun, on => {
  try { localStorage.setItem(name, on ? 'on' : 'off') } catch { /* forbidden */ }
})
