// Tabs that do not fit: the current one is always in sight.
import type { Directive } from 'vue'

function show(bar: HTMLElement) {
  const current = bar.querySelector<HTMLElement>('[aria-current="page"]')
  if (current) bar.scrollLeft = current.offsetLeft - (bar.clientWidth - current.offsetWidth) / 2
}

/** `v-current` on a bar of tabs. */
export const vCurrent: Directive<HTMLElement> = { mounted: show, updated: show }
