import { describe, expect, it } from 'vitest'
import type { SegmentDocument } from '@/api/client'
import { mergeSegments } from '@/lib/segmentMerge'

const base: SegmentDocument = {
  segment: {
    key: 's', name: 'S', description: '', matchType: 'ALL_MATCH_TYPE',
    constraints: [{ id: '1', type: 'STRING_COMPARISON_TYPE', property: 'a', operator: 'eq', value: '1', description: '' }, { id: '2', type: 'STRING_COMPARISON_TYPE', property: 'b', operator: 'eq', value: '2', description: '' }]
  },
  etag: '"1"'
}
type Edit = (document: SegmentDocument) => void
const edited = (edit: Edit) => {
  const copy = structuredClone(base)
  edit(copy)
  return copy
}
const says = ({ segment }: SegmentDocument) => [segment?.name, segment?.matchType, ...(segment?.constraints ?? []).map(one => `${one.id}: ${one.property} ${one.operator} ${one.value}`)]
const rename: Edit = document => { document.segment!.name = 'T' }
const setA = (value: string): Edit => document => { document.segment!.constraints![0]!.value = value }
const dropA: Edit = document => { document.segment!.constraints!.shift() }
const add = (id: string): Edit => document => { document.segment!.constraints!.push({ id, type: 'BOOLEAN_COMPARISON_TYPE', property: id, operator: 'true', value: '' }) }

describe('two people and one segment', () => {
  it.each<[string, Edit, Edit, unknown[]]>([
    ['other fields', rename, setA('9'), ['T', 'ALL_MATCH_TYPE', '1: a eq 9', '2: b eq 2']],
    ['a new constraint each', add('x'), add('new y'), ['S', 'ALL_MATCH_TYPE', '1: a eq 1', '2: b eq 2', 'new y: new y true ', 'x: x true ']],
    ['one deleted, one added', dropA, add('new y'), ['S', 'ALL_MATCH_TYPE', '2: b eq 2', 'new y: new y true ']]
  ])('%s', (_, theirs, mine, want) => {
    const merged = mergeSegments(base, edited(theirs), edited(mine))
    expect(merged.conflicts).toEqual([])
    expect(says(merged.settle(() => 'theirs'))).toEqual(want)
  })
  it('the same constraint is a choice, as a whole', () => {
    const merged = mergeSegments(base, edited(setA('2')), edited(document => { document.segment!.constraints![0]!.operator = 'neq' }))
    expect(merged.conflicts).toEqual([{ id: 'constraints.[1].demand', label: 'Constraint', base: 'a is 1', theirs: 'a is 2', mine: 'a is not 1' }])
    expect(says(merged.settle(() => 'mine'))[2]).toBe('1: a neq 1')
    expect(says(merged.settle(() => 'theirs'))[2]).toBe('1: a eq 2')
  })
  it('what one deletes and the other changes is a choice', () => {
    const merged = mergeSegments(base, edited(dropA), edited(setA('9')))
    expect(merged.conflicts).toMatchObject([{ base: 'a is 1', theirs: 'deleted', mine: 'a is 9' }])
    expect(says(merged.settle(() => 'mine'))).toContain('1: a eq 9')
    expect(says(merged.settle(() => 'theirs'))).not.toContain('1: a eq 9')
  })
  it('keeps what the server has of theirs', () => expect(mergeSegments(base, { ...edited(rename), etag: '"2"' }, base).settle(() => 'mine')).toMatchObject({ etag: '"2"', segment: { key: 's', name: 'T' } }))
})
