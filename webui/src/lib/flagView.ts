// What the list of flags shows, as its address says it: search, filters, order and page. What is as usual is not in the address.
import type { LocationQuery, LocationQueryRaw } from 'vue-router'

export const sorts = ['key', 'name', 'updated', 'evaluated'] as const
export const pageSizes = [25, 50, 100] as const
export const activities = [
  { value: '', label: 'Any activity' }, { value: 'active', label: 'Evaluated in 7 days' }, { value: 'idle7', label: 'Not for 7 days' },
  { value: 'idle30', label: 'Not for 30 days' }, { value: 'never', label: 'Never evaluated' }
] as const

export interface FlagView {
  q: string
  type: '' | 'boolean' | 'variant'
  status: '' | 'on' | 'off'
  tags: string[]
  activity: typeof activities[number]['value']
  archived: '' | 'only' | 'all'
  sort: typeof sorts[number]
  descending: boolean
  page: number
  per: typeof pageSizes[number]
}

const text = (value: LocationQuery[string] | undefined) => (Array.isArray(value) ? value[0] : value) ?? ''
const oneOf = <T extends string>(value: string, allowed: readonly T[], fallback: T): T => allowed.find(choice => choice === value) ?? fallback

/** Reads an address; what makes no sense there is as usual. */
export function readView(query: LocationQuery): FlagView {
  const sort = text(query.sort)
  const tags = Array.isArray(query.tag) ? query.tag : [query.tag]
  return {
    q: text(query.q).slice(0, 256),
    type: oneOf(text(query.type), ['boolean', 'variant'], '' as never),
    status: oneOf(text(query.status), ['on', 'off'], '' as never),
    tags: [...new Set(tags.filter((tag): tag is string => !!tag))].slice(0, 16),
    activity: oneOf(text(query.activity), activities.map(a => a.value), ''),
    archived: oneOf(text(query.archived), ['only', 'all'], '' as never),
    sort: oneOf(sort.replace(/^-/, ''), sorts, 'updated'),
    descending: sort === '' || sort.startsWith('-'),
    page: Math.max(1, Math.floor(Number(text(query.page))) || 1),
    per: pageSizes.find(size => String(size) === text(query.per)) ?? 25
  }
}

/** Writes an address that readView reads again. */
export function writeView(view: FlagView): LocationQueryRaw {
  const sort = `${view.descending ? '-' : ''}${view.sort}`
  return {
    q: view.q || undefined, type: view.type || undefined, status: view.status || undefined, tag: view.tags.length ? view.tags : undefined,
    activity: view.activity || undefined, archived: view.archived || undefined, sort: sort === '-updated' ? undefined : sort,
    page: view.page > 1 ? String(view.page) : undefined, per: view.per === 25 ? undefined : String(view.per)
  }
}

/** Whether some flags may be left out. */
export const isFiltered = (view: FlagView) => view.q.trim() !== '' || view.type !== '' || view.status !== '' || view.tags.length > 0 || view.activity !== '' || view.archived === 'only'
