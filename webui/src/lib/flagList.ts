// One page of the list of flags from the server. It searches, filters and sorts; a page in the middle is reached by the token of its place,
// which is kept, or found by asking for what stands before it. By the last evaluation the server only sorts, so those flags are read to the
// first that does not count, and put in order here.
import type { FlagSummary } from '@/api/client'
import { page as rule } from '@/api/constraints'
import type { components } from '@/api/schema'
import type { FlagView } from './flagView'

type Answer = components['schemas']['burgee.v1.ListFlagSummariesResponse']
export interface Question {
  search?: string
  type?: components['schemas']['burgee.v1.TypeFilter']
  enabled?: components['schemas']['burgee.v1.EnabledFilter']
  archived?: components['schemas']['burgee.v1.ArchivedFilter']
  tags?: string[]
  orderBy?: components['schemas']['burgee.v1.SummaryOrder']
  descending?: boolean
  limit?: number
  pageToken?: string
}
export type Ask = (question: Question) => Promise<Answer>

export interface FlagPage {
  flags: FlagSummary[]
  /** Number of all flags that pass the filters. */
  total: number
  /** Every tag of the namespace. */
  tags: string[]
}

const most = rule.maximum
const day = 86_400_000
const orders = { key: 'SUMMARY_ORDER_KEY', name: 'SUMMARY_ORDER_NAME', updated: 'SUMMARY_ORDER_UPDATED', evaluated: 'SUMMARY_ORDER_EVALUATED' } as const

function questionOf(view: FlagView): Question {
  return {
    search: view.q.trim() || undefined,
    type: view.type === '' ? undefined : view.type === 'boolean' ? 'TYPE_FILTER_BOOLEAN' : 'TYPE_FILTER_VARIANT',
    enabled: view.status === '' ? undefined : view.status === 'on' ? 'ENABLED_FILTER_ENABLED' : 'ENABLED_FILTER_DISABLED',
    archived: view.archived === '' ? undefined : view.archived === 'only' ? 'ARCHIVED_FILTER_ONLY' : 'ARCHIVED_FILTER_INCLUDED',
    tags: view.tags.length ? view.tags : undefined,
    orderBy: orders[view.sort], descending: view.descending || undefined
  }
}

/** Reads the page that a view names. `tokens` keeps the tokens of places of one question; give each question a map of its own. */
export async function readPage(view: FlagView, ask: Ask, tokens: Map<number, string>, now = Date.now()): Promise<FlagPage> {
  if (view.activity !== '') return readByActivity(view, ask, now)
  const question = questionOf(view)
  const first = (view.page - 1) * view.per
  let place = Math.max(0, ...[...tokens.keys()].filter(known => known <= first))
  while (place < first) {
    const limit = Math.min(most, first - place)
    const skipped = await ask({ ...question, limit, pageToken: tokens.get(place) })
    place += skipped.flags?.length ?? 0
    if (!skipped.nextPageToken) return { flags: [], total: skipped.totalCount ?? 0, tags: skipped.tags ?? [] }
    tokens.set(place, skipped.nextPageToken)
  }
  const answer = await ask({ ...question, limit: view.per, pageToken: tokens.get(first) })
  const flags = answer.flags ?? []
  if (answer.nextPageToken) tokens.set(first + flags.length, answer.nextPageToken)
  return { flags, total: answer.totalCount ?? 0, tags: answer.tags ?? [] }
}

async function readByActivity(view: FlagView, ask: Ask, now: number): Promise<FlagPage> {
  const active = view.activity === 'active'
  const question: Question = { ...questionOf(view), orderBy: 'SUMMARY_ORDER_EVALUATED', descending: active || undefined, limit: most }
  const counts = (flag: FlagSummary) => {
    const age = flag.evaluatedAt ? now - Date.parse(flag.evaluatedAt) : Infinity
    if (active) return age <= 7 * day
    return age > (view.activity === 'never' ? Number.MAX_VALUE : view.activity === 'idle7' ? 7 * day : 30 * day)
  }
  const all: FlagSummary[] = []
  let answer: Answer
  let pageToken: string | undefined
  do {
    answer = await ask({ ...question, pageToken })
    const end = (answer.flags ?? []).findIndex(flag => !counts(flag))
    all.push(...(answer.flags ?? []).slice(0, end < 0 ? undefined : end))
    pageToken = end < 0 ? answer.nextPageToken || undefined : undefined
  } while (pageToken)
  sortFlags(all, view)
  const first = (view.page - 1) * view.per
  return { flags: all.slice(first, first + view.per), total: all.length, tags: answer.tags ?? [] }
}

/** Sorts as the server does. */
function sortFlags(flags: FlagSummary[], view: FlagView) {
  const by = { key: 'key', name: 'name', updated: 'updatedAt', evaluated: 'evaluatedAt' } as const
  const value = (flag: FlagSummary) => {
    const member = flag[by[view.sort]] ?? ''
    return view.sort === 'name' ? member.toLowerCase() : member
  }
  const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0
  const sign = view.descending ? -1 : 1
  flags.sort((a, b) => sign * compare(value(a), value(b)) || sign * compare(a.key ?? '', b.key ?? ''))
}
