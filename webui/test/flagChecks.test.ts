import { describe, expect, it } from 'vitest'
import type { Rollout, Rule, Segment } from '@/api/client'
import { problemsOf, warningsOf } from '@/lib/flagChecks'
import { toDraft } from '@/lib/flagShape'

const constraint = { type: 'STRING_COMPARISON_TYPE' as const, property: 'p', operator: 'eq', value: 'v' }
const segments = new Map<string, Segment>(['a', 'b', 'c'].map(key => [key, { key, name: key.toUpperCase(), constraints: [constraint] }]))
segments.set('all', { key: 'all', name: 'All', constraints: [] })

const variants = [{ id: 'v1', key: 'red' }, { id: 'v2', key: 'blue' }]
const rule = (id: string, keys: string[], and = false, shares: number[] = [100]): Rule => ({
  id, segmentKeys: keys, segmentOperator: and ? 'AND_SEGMENT_OPERATOR' : 'OR_SEGMENT_OPERATOR', distributions: shares.map((rollout, place) => ({ id: `${id}${place}`, variantId: variants[place]!.id, rollout }))
})
const flag = (rules: Rule[]) => toDraft({ flag: { key: 'f', name: 'F', type: 'VARIANT_FLAG_TYPE', variants }, rules })
const warnings = (rules: Rule[]) => Object.fromEntries(warningsOf(flag(rules), segments))

describe('warnings', () => {
  it.each<[string, Rule[], Record<string, string[]>]>([
    ['nothing', [rule('1', ['a']), rule('2', ['b'])], {}],
    ['a catch-all', [rule('1', ['all']), rule('2', ['b'])], { 1: ['All has no constraints: everybody is in it.'], 2: ['Nobody gets here: rule 1 is for everybody.'] }],
    ['a catch-all in "all of"', [rule('1', ['all', 'a'], true), rule('2', ['b'])], { 1: ['All has no constraints: everybody is in it.'] }],
    ['the same segment', [rule('1', ['a']), rule('2', ['a'])], { 2: ['Nobody gets here: rule 1 is for the same people.'] }],
    ['a part of "any of"', [rule('1', ['a', 'b']), rule('2', ['b'])], { 2: ['Nobody gets here: rule 1 is for the same people.'] }],
    ['more than "any of"', [rule('1', ['a']), rule('2', ['a', 'b'])], {}],
    ['a narrower "all of"', [rule('1', ['a']), rule('2', ['a', 'b'], true)], { 2: ['Nobody gets here: rule 1 is for the same people.'] }],
    ['a wider one after "all of"', [rule('1', ['a', 'b'], true), rule('2', ['a'])], {}],
    ['an unknown segment', [rule('1', ['gone'])], { 1: ['There is no segment gone.'] }],
    ['a variant of 0 %', [rule('1', ['a'], false, [100, 0])], { 1: ['blue gets 0 %: nobody.'] }]
  ])('of %s', (_, rules, said) => expect(warnings(rules)).toEqual(said))
  it('wait for the segments', () => expect(warningsOf(flag([rule('1', ['gone'])]), undefined).size).toBe(0))
  it('of rollouts for everybody', () => {
    const rollouts: Rollout[] = [{ id: '1', threshold: { percentage: 100, value: true } }, { id: '2', segment: { segmentKey: 'a', value: true } }]
    expect(Object.fromEntries(warningsOf(toDraft({ flag: { key: 'f', type: 'BOOLEAN_FLAG_TYPE' }, rollouts }), segments)))
      .toEqual({ 1: ['100 %: it is for everybody.'], 2: ['Nobody gets here: rollout 1 is for everybody.'] })
  })
})

describe('problems', () => {
  const paths = (rules: Rule[], edit: (draft: ReturnType<typeof flag>) => void = () => {}) => {
    const draft = flag(rules)
    edit(draft)
    return problemsOf(draft).map(problem => problem.path)
  }
  it('none in a whole draft', () => expect(paths([rule('1', ['a'], false, [33.34, 66.66])])).toEqual([]))
  it('of rules', () => expect(paths([rule('1', []), rule('2', ['a'], false, [60, 50])])).toEqual(['rules[0].segmentKeys', 'rules[1].distributions']))
  it('of shares below 100 %: none', () => expect(paths([rule('1', ['a'], false, [20, 30])])).toEqual([]))
  it('of variants', () => expect(paths([], draft => {
    draft.flag!.variants = [{ id: '1', key: 'a b' }, { id: '2', key: 'x', attachment: '{' }, { id: '3', key: 'x' }]
  })).toEqual(['flag.variants[0].key', 'flag.variants[1].attachment', 'flag.variants[2].key']))
  it('of the name', () => expect(paths([], draft => { draft.flag!.name = ' ' })).toEqual(['flag.name']))
})
