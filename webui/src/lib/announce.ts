// The two live regions of the page (App.vue): what has changed without a move of the focus.
import { ref } from 'vue'

export const polite = ref('')
export const assertive = ref('')

/** Has a screen reader say something, after what it says now, or at once for errors. */
export function announce(text: string, urgent = false) {
  const region = urgent ? assertive : polite
  region.value = region.value === text ? `${text}\u00a0` : text // the same text again is news again
}
