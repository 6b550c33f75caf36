import { describe, expect, it } from 'vitest'
import type { Constraint, SegmentDocument } from '@/api/client'
import { constraintProblems, documentOf, draftOf, fromTimeField, knownProperties, listValue, newConstraint, sameMatching, toTimeField, unfinished, withOperator, withType } from '@/lib/segmentDraft'

const document: SegmentDocument = {
  segment: {
    key: 'eu', name: 'EU', description: '', matchType: 'ANY_MATCH_TYPE', namespaceKey: 'default', createdAt: '2026-01-01T00:00:00Z',
    constraints: [
      { id: '1', type: 'STRING_COMPARISON_TYPE', property: 'country', operator: 'isoneof', value: '["DE","FR"]', description: 'where' },
      { id: '2', type: 'BOOLEAN_COMPARISON_TYPE', property: 'gdpr', operator: 'true', value: '' }
    ]
  },
  etag: '"1-1"', revision: '1'
}

const items = (n: number) => Array.from({ length: n }, (_, i) => `${i}`)

describe('drafts of segments', () => {
  it('say what they came from', () => expect(documentOf(document, draftOf(document))).toEqual(document))
  it('are sent clean', () => {
    const draft = draftOf(document)
    draft.name = ' Europe '
    draft.constraints.push({ ...newConstraint(), type: 'NUMBER_COMPARISON_TYPE', property: ' seats ', operator: 'gte', value: '2,5' },
      { ...newConstraint(), type: 'ENTITY_ID_COMPARISON_TYPE', operator: 'eq', value: 'ana' }, { ...newConstraint(), property: 'a', operator: 'empty', value: 'left over' })
    const sent = documentOf(document, draft).segment!
    expect(sent.name).toBe('Europe')
    expect(sent.constraints!.slice(2)).toEqual([
      { type: 'NUMBER_COMPARISON_TYPE', property: 'seats', operator: 'gte', value: '2.5' },
      { type: 'ENTITY_ID_COMPARISON_TYPE', property: 'entityId', operator: 'eq', value: 'ana' },
      { type: 'STRING_COMPARISON_TYPE', property: 'a', operator: 'empty', value: '' }
    ])
  })
  it('know whether flags change', () => {
    const draft = draftOf(document)
    draft.description = 'x'
    draft.constraints[0]!.description = 'y'
    expect(sameMatching(document, documentOf(document, draft))).toBe(true)
    draft.constraints[0]!.value = '["DE"]'
    expect(sameMatching(document, documentOf(document, draft))).toBe(false)
  })
})

describe('constraints', () => {
  const text = { ...newConstraint(), property: 'plan', operator: 'eq', value: 'pro' }
  it('keep what still says something', () => {
    expect(withOperator(text, 'isoneof').value).toBe('["pro"]')
    expect(withOperator({ ...text, operator: 'isoneof', value: '["a","b"]' }, 'neq').value).toBe('a')
    expect(withOperator({ ...text, operator: 'isoneof', value: '["a","b"]' }, 'isnotoneof').value).toBe('["a","b"]')
    expect(withType(text, 'NUMBER_COMPARISON_TYPE')).toMatchObject({ operator: 'eq', property: 'plan', value: '' })
    expect(withType({ ...text, value: '5' }, 'NUMBER_COMPARISON_TYPE').value).toBe('5')
    expect(withType(text, 'BOOLEAN_COMPARISON_TYPE').operator).toBe('true')
    expect(withType(text, 'ENTITY_ID_COMPARISON_TYPE').property).toBe('entityId')
    expect(withType(withType(text, 'ENTITY_ID_COMPARISON_TYPE'), 'STRING_COMPARISON_TYPE').property).toBe('')
  })
  it('have lists of their type', () => {
    expect(listValue('STRING_COMPARISON_TYPE', ['1', 'a'])).toBe('["1","a"]')
    expect(listValue('NUMBER_COMPARISON_TYPE', ['1', ' 2,5', 'x', '1.0'])).toBe('[1,2.5]')
    expect(listValue('NUMBER_COMPARISON_TYPE', ['x'])).toBe('')
  })
  it.each<[string, Constraint, string[]]>([
    ['no property', { ...text, property: ' ' }, ['property']],
    ['no value', { ...text, value: '' }, ['value']],
    ['an operator of another type', { ...text, operator: 'lt' }, ['operator']],
    ['a text', text, []],
    ['nothing to compare with', { ...text, operator: 'empty', value: '' }, []],
    ['an empty list', { ...text, operator: 'isoneof', value: '[]' }, ['value']],
    ['100 items', { ...text, operator: 'isoneof', value: JSON.stringify(items(100)) }, []],
    ['101 items', { ...text, operator: 'isoneof', value: JSON.stringify(items(101)) }, ['value']],
    ['no number', { ...text, type: 'NUMBER_COMPARISON_TYPE' }, ['value']],
    ['a number', { ...text, type: 'NUMBER_COMPARISON_TYPE', value: '-1e3' }, []],
    ['a day', { ...text, type: 'DATETIME_COMPARISON_TYPE', value: '2026-01-01' }, []],
    ['no time', { ...text, type: 'DATETIME_COMPARISON_TYPE', value: '2026-13-01T00:00:00Z' }, ['value']],
    ['an entity', { ...text, type: 'ENTITY_ID_COMPARISON_TYPE', property: '' }, []]
  ])('are finished or not: %s', (_, constraint, want) => expect(Object.keys(constraintProblems(constraint))).toEqual(want))
  it('are told of by row', () => {
    const draft = draftOf(document)
    draft.constraints.push(newConstraint())
    expect([...unfinished(draft).keys()]).toEqual([draft.constraints[2]!.row])
  })
})

describe('times in fields', () => {
  it.each(['2026-03-29T01:30:00Z', '1999-12-31T23:59:59Z', '0900-01-01T00:00:00Z'])('%s', time => {
    expect(fromTimeField(toTimeField(time, true), true)).toBe(time)
    expect(fromTimeField(toTimeField(time, false), false)).toBe(time)
  })
  it('of other zones, days and nonsense', () => {
    expect(toTimeField('2026-01-01T02:00:00+02:00', true)).toBe('2026-01-01T00:00:00')
    expect(toTimeField('2026-01-01', true)).toBe('2026-01-01T00:00:00')
    expect(toTimeField('soon', true)).toBe('')
    expect(fromTimeField('2026-01-01T10:00', true)).toBe('2026-01-01T10:00:00Z')
    expect(fromTimeField('', true)).toBe('')
  })
})

it('properties of a namespace, the most used first', () => {
  expect(knownProperties([
    { type: 'NUMBER_COMPARISON_TYPE', property: 'seats', operator: 'gte', value: '5' }, { type: 'STRING_COMPARISON_TYPE', property: 'plan', operator: 'isoneof', value: '["pro","team"]' },
    { type: 'STRING_COMPARISON_TYPE', property: 'plan', operator: 'eq', value: 'pro' }, { type: 'ENTITY_ID_COMPARISON_TYPE', property: 'entityId', operator: 'eq', value: 'x' },
    { type: 'NUMBER_COMPARISON_TYPE', property: 'plan', operator: 'present', value: '' }
  ])).toEqual([
    { property: 'plan', type: 'STRING_COMPARISON_TYPE', used: 3, values: ['pro', 'team'] },
    { property: 'seats', type: 'NUMBER_COMPARISON_TYPE', used: 1, values: ['5'] }
  ])
})
