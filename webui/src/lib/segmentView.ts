// The list of segments as its address says: what is searched, what is left out, the order and the part that is shown.
import type { LocationQuery } from 'vue-router'
import type { FlagSummary, Segment } from '@/api/client'
import { constraintWords } from './words'

export const sorts = ['name', 'constraints', 'used', 'updated'] as const
export type Sort = typeof sorts[number]
export interface SegmentView {
  q: string
  used: '' | 'used' | 'unused'
  sort: Sort
  descending: boolean
  page: number
}

const text = (value: LocationQuery[string] | undefined) => typeof value === 'string' ? value : ''

export function readView(query: LocationQuery): SegmentView {
  const sort = text(query.sort)
  const name = sorts.find(one => one === sort.replace(/^-/, ''))
  return {
    q: text(query.q), used: (['used', 'unused'] as const).find(one => one === query.used) ?? '',
    sort: name ?? 'name', descending: name !== undefined && sort.startsWith('-'), page: Math.max(1, Math.floor(Number(text(query.page))) || 1)
  }
}

export function writeView(view: SegmentView): Record<string, string> {
  const order = `${view.descending ? '-' : ''}${view.sort}`
  return {
    ...view.q ? { q: view.q } : {}, ...view.used ? { used: view.used } : {}, ...order !== 'name' ? { sort: order } : {}, ...view.page > 1 ? { page: `${view.page}` } : {}
  }
}

export interface SegmentRow {
  segment: Segment
  /** Keys of the flags that use it, archived ones too: nothing while they are not known. */
  flags?: string[]
}

/** Segments with the flags that use them. */
export function rowsOf(segments: Segment[], flags: FlagSummary[] | undefined): SegmentRow[] {
  const users = new Map<string, string[]>()
  for (const flag of flags ?? []) for (const key of flag.segmentKeys ?? []) users.set(key, [...users.get(key) ?? [], flag.key ?? ''])
  return segments.map(segment => ({ segment, flags: flags && (users.get(segment.key ?? '') ?? []) }))
}

/** The rows that a view shows, in its order. Every word must stand in the key, the name, the description or a constraint. */
export function shownRows(rows: SegmentRow[], view: SegmentView): SegmentRow[] {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean)
  const found = rows.filter(({ segment, flags }) => {
    if (view.used !== '' && flags && (flags.length > 0) !== (view.used === 'used')) return false
    if (words.length === 0) return true
    const all = [segment.key, segment.name, segment.description, ...(segment.constraints ?? []).map(constraintWords)].join('\n').toLowerCase()
    return words.every(word => all.includes(word))
  })
  const name = (row: SegmentRow) => row.segment.name || row.segment.key || ''
  const order: Record<Sort, (a: SegmentRow, b: SegmentRow) => number> = {
    name: () => 0,
    constraints: (a, b) => (a.segment.constraints?.length ?? 0) - (b.segment.constraints?.length ?? 0),
    used: (a, b) => (a.flags?.length ?? 0) - (b.flags?.length ?? 0),
    updated: (a, b) => Date.parse(changedAt(a.segment)) - Date.parse(changedAt(b.segment))
  }
  const byText = new Intl.Collator('en', { numeric: true })
  const direction = view.descending ? -1 : 1
  return found.sort((a, b) => direction * (order[view.sort](a, b) || (view.sort === 'name' ? byText.compare(name(a), name(b)) : 0)) || byText.compare(name(a), name(b)))
}

/** When a segment or one of its constraints was last changed. */
export function changedAt(segment: Segment): string {
  return [segment.updatedAt, ...(segment.constraints ?? []).map(constraint => constraint.updatedAt)].reduce<string>((last, at) => at && (last === '' || Date.parse(at) > Date.parse(last)) ? at : last, '')
}
