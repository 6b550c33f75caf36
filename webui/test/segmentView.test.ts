import { describe, expect, it } from 'vitest'
import type { Segment } from '@/api/client'
import { changedAt, readView, rowsOf, shownRows, writeView, type SegmentView } from '@/lib/segmentView'

const segments: Segment[] = [
  { key: 'b', name: 'Beta 10', updatedAt: '2026-01-03T00:00:00Z', constraints: [] },
  { key: 'a', name: 'Beta 9', updatedAt: '2026-01-01T00:00:00Z', constraints: [{ type: 'STRING_COMPARISON_TYPE', property: 'country', operator: 'eq', value: 'DE', updatedAt: '2026-01-04T00:00:00Z' }] },
  { key: 'c', name: 'Alpha', description: 'Staff', updatedAt: '2026-01-02T00:00:00Z', constraints: [] }
]
const rows = rowsOf(segments, [{ key: 'f', segmentKeys: ['a', 'b'] }, { key: 'g', segmentKeys: ['a'] }])
const view: SegmentView = { q: '', used: '', sort: 'name', descending: false, page: 1 }
const keys = (change: Partial<SegmentView>) => shownRows(rows, { ...view, ...change }).map(row => row.segment.key)

describe('the list of segments', () => {
  it.each<[string, Partial<SegmentView>, string[]]>([
    ['by name, numbers as numbers', {}, ['c', 'a', 'b']], ['by name downwards', { descending: true }, ['b', 'a', 'c']], ['by use', { sort: 'used', descending: true }, ['a', 'b', 'c']],
    ['by constraints', { sort: 'constraints' }, ['c', 'b', 'a']], ['by the last change, of constraints too', { sort: 'updated', descending: true }, ['a', 'b', 'c']],
    ['unused', { used: 'unused' }, ['c']], ['used', { used: 'used' }, ['a', 'b']], ['every word', { q: 'beta de' }, ['a']], ['descriptions', { q: 'STAFF' }, ['c']], ['nothing', { q: '.*' }, []]
  ])('%s', (_, change, want) => expect(keys(change)).toEqual(want))
  it('has its state in the address', () => {
    const other: SegmentView = { q: 'x y', used: 'unused', sort: 'used', descending: true, page: 3 }
    expect(readView(writeView(other))).toEqual(other)
    expect(writeView(view)).toEqual({})
    expect(readView({ sort: '-nonsense', page: '-2', used: 'x' })).toEqual(view)
  })
  it('says nothing of use while it is not known', () => expect(rowsOf(segments, undefined)[0]!.flags).toBeUndefined())
  it('knows when a segment was last changed', () => expect(changedAt(segments[1]!)).toBe('2026-01-04T00:00:00Z'))
})
