// Keys of the keyboard. Single letters act only when nothing is being typed, and can be switched off (WCAG 2.1.4).
import { onBeforeUnmount, onMounted } from 'vue'
import { shortcutsOn } from './theme'

/** What a combination does: "n", "g f", "ctrl+k", "ctrl+s", "alt+arrowup", "?", "/", "escape". ctrl is also the command key. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>

interface Layer { shortcuts: Shortcuts }
const layers: Layer[] = []
let first = ''
let firstAt = 0

function combination(event: KeyboardEvent): string {
  const parts: string[] = []
  if (event.ctrlKey || event.metaKey) parts.push('ctrl')
  if (event.altKey) parts.push('alt')
  const key = event.key.toLowerCase()
  if (event.shiftKey && key.length > 1) parts.push('shift')
  return [...parts, key].join('+')
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=range])'))
}

function pressed(event: KeyboardEvent) {
  if (event.defaultPrevented || event.isComposing) return
  const key = combination(event)
  const plain = !key.startsWith('ctrl+') && !key.startsWith('alt+')
  if (plain && key !== 'escape' && (typing(event.target) || shortcutsOn.value === 'off' || document.querySelector('dialog[open]'))) return
  const sequence = first !== '' && event.timeStamp - firstAt < 1000 ? `${first} ${key}` : ''
  for (const layer of layers.toReversed()) {
    const run = (sequence && layer.shortcuts[sequence]) || layer.shortcuts[key]
    if (!run) continue
    event.preventDefault()
    first = ''
    run(event)
    return
  }
  first = plain ? key : ''
  firstAt = event.timeStamp
}

/** Binds keys for as long as the component is shown; the last one shown comes first. */
export function useShortcuts(shortcuts: Shortcuts) {
  const layer = { shortcuts }
  onMounted(() => {
    if (layers.length === 0) document.addEventListener('keydown', pressed)
    layers.push(layer)
  })
  onBeforeUnmount(() => {
    layers.splice(layers.indexOf(layer), 1)
    if (layers.length === 0) document.removeEventListener('keydown', pressed)
  })
}
