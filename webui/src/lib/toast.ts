// Short messages at the bottom: what was done, with a way back where there is one. They are text, never markup.
import { reactive } from 'vue'

export interface Toast {
  id: number
  text: string
  kind: 'done' | 'failed'
  /** What takes it back, with the words of its button. */
  action?: { label: string, run: () => void }
}

export const toasts = reactive<Toast[]>([])
let last = 0

/** Says something for 8 seconds (errors stay until they are closed), and returns how to take it away. */
export function toast(text: string, options: Pick<Toast, 'action'> & { kind?: Toast['kind'] } = {}): () => void {
  const id = ++last
  const kind = options.kind ?? 'done'
  toasts.push({ id, text, kind, action: options.action })
  if (toasts.length > 4) toasts.shift()
  const close = () => closeToast(id)
  if (kind === 'done') setTimeout(close, 8000)
  return close
}

export function closeToast(id: number) {
  const place = toasts.findIndex(t => t.id === id)
  if (place >= 0) toasts.splice(place, 1)
}
