// The keys of a list: the row that has the focus is the one that they act on.
import type { FlagSummary } from '@/api/client'
import type { Shortcuts } from '@/lib/shortcuts'

const rows = () => [...document.querySelectorAll<HTMLElement>('[data-row]')]
const here = () => rows().findIndex(row => row.contains(document.activeElement))

function move(by: number) {
  const all = rows()
  const at = here()
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))
  const link = all[to]?.querySelector<HTMLElement>('[data-open]')
  link?.focus()
  link?.scrollIntoView({ block: 'nearest' })
}

/** j and k move the focus to the link of a row, which Enter then opens by itself; the others act on its flag. */
export function rowKeys(find: (key: string | undefined) => FlagSummary | undefined, actions: Record<string, (flag: FlagSummary) => void>): Shortcuts {
  const acting = Object.entries(actions).map(([key, run]) => [key, () => {
    const flag = find(rows()[here()]?.dataset.key)
    if (flag) run(flag)
  }])
  return { j: () => move(1), k: () => move(-1), ...Object.fromEntries(acting) as Shortcuts }
}
