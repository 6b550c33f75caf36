// How the page looks: kept in this browser, applied before the first paint by public/theme-init.js.
import { ref, watch } from 'vue'

export type Theme = 'system' | 'light' | 'dark'
export type Density = 'comfortable' | 'compact'
export type Clock = 'local' | 'utc'

/** A choice that survives the page. A browser that forbids storage forgets it. */
function kept<T extends string>(name: string, allowed: readonly T[], fallback: T) {
  const key = `burgee.${name}`
  let stored: string | null = null
  try { stored = localStorage.getItem(key) } catch { /* forbidden */ }
  const value = ref(allowed.find(choice => choice === stored) ?? fallback)
  watch(value, now => {
    try { localStorage.setItem(key, now) } catch { /* forbidden */ }
  })
  return value
}

export const theme = kept<Theme>('theme', ['system', 'light', 'dark'], 'system')
export const density = kept<Density>('density', ['comfortable', 'compact'], 'comfortable')
export const clock = kept<Clock>('clock', ['local', 'utc'], 'local')
export const shortcutsOn = kept<'on' | 'off'>('shortcuts', ['on', 'off'], 'on')

const dark = matchMedia('(prefers-color-scheme: dark)')

function apply() {
  const shown = theme.value === 'system' ? (dark.matches ? 'dark' : 'light') : theme.value
  document.documentElement.dataset.theme = shown
  document.documentElement.dataset.density = density.value
}

/** Applies the choices, now and whenever they or the system change. */
export function startTheme() {
  watch([theme, density], apply, { immediate: true })
  dark.addEventListener('change', apply)
}
