// What every page does when it appears: its title, and the focus on its heading, which a screen reader then reads.
import { nextTick, onMounted, watchEffect } from 'vue'

export function usePage(title: () => string) {
  watchEffect(() => { document.title = title() === '' ? 'Burgee' : `${title()} · Burgee` })
  onMounted(async () => {
    await nextTick()
    const active = document.activeElement
    if (active && active !== document.body && active.closest('main')) return // a field asked for the focus
    focusHeading()
  })
}

/** Gives the focus to the heading of the page: when the page appears, and when it had the focus and another one came in its place. */
export const focusHeading = () => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true })
