// Moves items of a list by drag, without taking the list from Vue: the page is put back as it was, and the move is told.
import { onBeforeUnmount, onMounted, type Ref } from 'vue'
import type Sortable from 'sortablejs'

/** Lets the items of a list be dragged by their `.grip`. Escape ends a drag without a move. */
export function useReorder(list: Ref<HTMLElement | undefined>, move: (from: number, to: number) => void) {
  let sortable: Sortable | undefined
  let gone = false
  let after: Node | null = null
  let cancelled = false

  function key(event: KeyboardEvent) {
    if (event.key !== 'Escape') return
    event.preventDefault()
    cancelled = true
    document.dispatchEvent(new PointerEvent('pointerup', { bubbles: true }))
  }

  onMounted(async () => {
    const { default: Sorting } = await import('sortablejs')
    if (gone || !list.value) return
    sortable = Sorting.create(list.value, {
      handle: '.grip', draggable: '[data-id]', forceFallback: true, fallbackTolerance: 3, animation: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 120,
      onStart: event => {
        cancelled = false
        after = event.item.nextSibling
        document.addEventListener('keydown', key, true)
      },
      onEnd: event => {
        document.removeEventListener('keydown', key, true)
        event.from.insertBefore(event.item, after)
        const { oldDraggableIndex: from, newDraggableIndex: to } = event
        if (!cancelled && from !== undefined && to !== undefined && from !== to) move(from, to)
      }
    })
  })
  onBeforeUnmount(() => {
    gone = true
    document.removeEventListener('keydown', key, true)
    sortable?.destroy()
  })
}
