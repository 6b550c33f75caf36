import { describe, expect, test } from 'vitest'
import type { LocationQuery } from 'vue-router'
import { ApiError, type FlagDocument, type FlagSummary } from '@/api/client'
import { firstFlag, shareOf, withShare } from '@/lib/firstFlag'
import { copyOf, editFlags, type Edit } from '@/lib/flags'
import { readPage, type Ask } from '@/lib/flagList'
import { isFiltered, readView, writeView } from '@/lib/flagView'
import { markParts } from '@/lib/marks'
import { documentOf, emptyFlag, hasProblems, problemsFrom, problemsOf } from '@/lib/newFlag'

describe('the address of the list', () => {
  test('of what is as usual says nothing', () => {
    const view = readView({})
    expect(view).toMatchObject({ q: '', sort: 'updated', descending: true, page: 1, per: 25 })
    expect(Object.values(writeView(view)).filter(value => value !== undefined)).toEqual([])
    expect(isFiltered(view)).toBe(false)
  })

  test.each<LocationQuery>([
    { q: 'a ( b', type: 'variant', status: 'off', tag: ['x', 'y'], activity: 'idle30', archived: 'all', sort: 'name', page: '3', per: '100' },
    { q: ' ', tag: ['only'], sort: '-key' },
    { sort: 'updated', archived: 'only' }
  ])('is read as it was written: %j', query => {
    const written = writeView(readView(query))
    expect(JSON.parse(JSON.stringify(written))).toEqual(query)
    expect(readView(JSON.parse(JSON.stringify(written)) as never)).toEqual(readView(query))
  })

  test('that makes no sense is as usual', () => {
    expect(readView({ type: 'odd', sort: '-nothing', page: '-4', per: '7', tag: ['', 'a', 'a'], activity: ['never', 'active'], status: null }))
      .toEqual({ ...readView({}), tags: ['a'], activity: 'never' })
  })
})

/** A server with flags, whose tokens name the place after the last one of a page. */
function serverOf(flags: FlagSummary[]) {
  const limits: number[] = []
  const ask: Ask = question => {
    limits.push(question.limit ?? 0)
    const sorted = question.orderBy === 'SUMMARY_ORDER_EVALUATED'
      ? [...flags].sort((a, b) => (question.descending ? -1 : 1) * (a.evaluatedAt ?? '').localeCompare(b.evaluatedAt ?? '')) : flags
    const from = Number(question.pageToken ?? 0)
    const page = sorted.slice(from, from + (question.limit ?? 50))
    const next = from + page.length
    return Promise.resolve({ flags: page, nextPageToken: next < flags.length ? String(next) : '', totalCount: flags.length, tags: ['t'] })
  }
  return { ask, limits }
}
const numbered = (n: number) => Array.from({ length: n }, (_, i) => ({ key: `k${String(i).padStart(4, '0')}` }))

describe('a page of the list', () => {
  test('in the middle is found from nothing, and by its token when it is known', async () => {
    const { ask, limits } = serverOf(numbered(2500))
    const tokens = new Map<number, string>()
    const view = { ...readView({ page: '60' }), per: 25 as const }
    expect((await readPage(view, ask, tokens)).flags[0]?.key).toBe('k1475')
    expect(limits).toEqual([1000, 475, 25])
    expect((await readPage({ ...view, page: 61 }, ask, tokens)).flags[0]?.key).toBe('k1500')
    expect(limits.slice(3)).toEqual([25])
  })

  test('behind the end is empty and knows the total', async () => {
    const { ask } = serverOf(numbered(30))
    expect(await readPage(readView({ page: '9' }), ask, new Map())).toMatchObject({ flags: [], total: 30 })
  })

  test('by activity has exactly those that count, in the order that was asked for', async () => {
    const now = Date.parse('2026-01-31T00:00:00Z')
    const ago = (days: number) => new Date(now - days * 86_400_000).toISOString()
    const flags = [{ key: 'b', evaluatedAt: ago(1) }, { key: 'a', evaluatedAt: ago(8) }, { key: 'd' }, { key: 'c', evaluatedAt: ago(40) }]
    const { ask } = serverOf(flags)
    const keys = async (activity: string) => (await readPage(readView({ activity, sort: 'key' }), ask, new Map(), now)).flags.map(flag => flag.key)
    expect(await keys('active')).toEqual(['b'])
    expect(await keys('idle7')).toEqual(['a', 'c', 'd'])
    expect(await keys('idle30')).toEqual(['c', 'd'])
    expect(await keys('never')).toEqual(['d'])
    expect(await readPage(readView({ activity: 'idle7', sort: '-key' }), ask, new Map(), now)).toMatchObject({ total: 3, flags: [{ key: 'd' }, { key: 'c' }, { key: 'a' }] })
  })
})

describe('edits of many flags', () => {
  const edits: Edit[] = ['a', 'b', 'c'].map(key => ({ namespaceKey: 'n', key, deleteFlag: {} }))

  test('leave out those that are refused, and say why', async () => {
    const sent: (string | undefined)[][] = []
    const results = await editFlags(edits, list => {
      sent.push(list.map(edit => edit.key))
      const place = list.findIndex(edit => edit.key === 'b')
      return place < 0 ? Promise.resolve() : Promise.reject(new ApiError(404, `edits[${place}].deleteFlag: flag "n/b" not found`))
    })
    expect(sent).toEqual([['a', 'b', 'c'], ['a', 'c']])
    expect(results).toEqual([{ key: 'a', problem: undefined }, { key: 'b', problem: 'flag "n/b" not found' }, { key: 'c', problem: undefined }])
  })

  test('fail together for what is about none of them', async () => {
    await expect(editFlags(edits, () => Promise.reject(new ApiError(503, 'not now')))).rejects.toThrow('not now')
    await expect(editFlags(edits, () => Promise.reject(new ApiError(400, 'edits[7]: odd')))).rejects.toThrow('odd')
  })
})

test('a copy of a flag has nothing that belongs to the first one', () => {
  const document: FlagDocument = {
    flag: { key: 'a', name: 'A', type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ id: '1', key: 'red', attachment: '{}' }, { id: '2', key: 'blue' }], defaultVariant: { id: '2', key: 'blue' }, metadata: { owner: 'ana' } },
    rules: [{ id: 'r', rank: 1, segmentKey: 's', segmentKeys: [], segmentOperator: 'OR_SEGMENT_OPERATOR', distributions: [{ id: 'd', ruleId: 'r', variantId: '1', rollout: 100 }] }],
    rollouts: [{ id: 'x', rank: 1, flagKey: 'a', namespaceKey: 'n', type: 'THRESHOLD_ROLLOUT_TYPE', threshold: { percentage: 5, value: true } }],
    tags: ['t'], etag: '"e-1"', revision: '1'
  }
  expect(copyOf(document, 'b', 'B')).toEqual({
    flag: { key: 'b', name: 'B', description: undefined, type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ key: 'red', attachment: '{}' }, { key: 'blue' }], defaultVariant: { key: 'blue' }, metadata: { owner: 'ana' } },
    rules: [{ segmentKeys: ['s'], segmentOperator: 'OR_SEGMENT_OPERATOR', distributions: [{ variantId: 'red', rollout: 100 }] }],
    rollouts: [{ type: 'THRESHOLD_ROLLOUT_TYPE', threshold: { percentage: 5, value: true } }],
    tags: ['t']
  })
})

test.each([
  ['Checkout', 'out check', ['*Checkout*']],
  ['a.b(c)', '.b(', ['a', '*.b(*', 'c)']],
  ['aaa', 'aa', ['*aaa*']],
  ['plain', '', ['plain']],
  ['İx', 'x', ['İx']],
  ['', 'x', ['']]
])('of %j the words of %j are marked', (text, search, wanted) => {
  const parts = markParts(text, search)
  expect(parts.map(part => part.text).join('')).toBe(text)
  expect(parts.map(part => part.marked ? `*${part.text}*` : part.text).filter(Boolean)).toEqual(wanted.filter(Boolean))
})

describe('the form of a new flag', () => {
  test('is told what is missing', () => {
    const flag = { ...emptyFlag('variant'), key: 'a b', variants: [{ id: 1, key: 'x', name: '' }, { id: 2, key: ' x', name: '' }, { id: 3, key: '', name: 'N' }, { id: 4, key: '', name: '' }] }
    const problems = problemsOf(flag)
    expect(problems).toMatchObject({ name: 'Give it a name.', variants: { 2: 'There is another x.', 3: 'Give it a key.' } })
    expect(problems.key).toBeTruthy()
    expect(hasProblems(problemsOf({ ...emptyFlag('boolean'), name: 'A', key: 'a' }))).toBe(false)
  })

  test('makes a document, without rows that are empty', () => {
    const flag = { ...emptyFlag('variant', ['t']), name: ' A ', key: 'a', variants: [{ id: 1, key: '', name: '' }, { id: 2, key: 'x', name: 'X' }], defaultVariant: 2 }
    expect(documentOf(flag)).toMatchObject({ flag: { name: 'A', enabled: false, type: 'VARIANT_FLAG_TYPE', variants: [{ key: 'x', name: 'X' }], defaultVariant: { key: 'x' } }, tags: ['t'] })
    expect(documentOf({ ...flag, type: 'boolean' }).flag?.variants).toEqual([])
    expect(documentOf({ ...flag, defaultVariant: 1 }).flag).not.toHaveProperty('defaultVariant')
    expect(problemsFrom(flag, [{ path: 'document.flag.variants[0].key', message: 'too long' }, { path: 'key', message: 'is odd' }, { path: 'document.rules', message: 'no' }]))
      .toMatchObject({ variants: { 2: 'Too long.' }, key: 'Is odd.', other: ['rules: no'] })
  })
})

test('the first flag has the share that it was given', () => {
  let document = firstFlag('a', 'A')
  for (const share of [0, 100, 20, 5, 100, 95, 0]) {
    document = withShare(document, share)
    expect(shareOf(document)).toBe(share)
  }
  const kept = withShare({ ...firstFlag('a', 'A'), rollouts: [{ id: 'r', type: 'THRESHOLD_ROLLOUT_TYPE', threshold: { percentage: 5, value: true } }] }, 20)
  expect(kept.rollouts?.[0]?.id).toBe('r')
  expect(shareOf({ ...document, rollouts: [{ type: 'SEGMENT_ROLLOUT_TYPE', segment: { segmentKey: 's', value: true } }] })).toBeUndefined()
})
