import { describe, expect, it } from 'vitest'
import type { ExplainResponse } from '@/api/client'
import { answerWord, firstDifference, flagAnswer, propertiesOf, readPlay, ruleFate, suggestionWords, withMember, writePlay, type Play } from '@/lib/playground'
import { satisfying, whyNot } from '@/lib/preview'
import { pick, random } from './random'

describe('the address of the playground', () => {
  it('holds every input', () => {
    const next = random(5)
    const word = () => Array.from({ length: Math.floor(next() * 5) }, () => pick(next, ['a', '"', '&', ' ', 'é😀', '{', '__proto__', '\n'])).join('')
    for (let run = 0; run < 300; run++) {
      const context = () => Object.fromEntries(Array.from({ length: Math.floor(next() * 4) }, () => [word(), word()]))
      const play: Play = { mode: pick(next, ['one', 'compare', 'all']), flag: word(), at: pick(next, ['', 'rev:3', 'at:2026-01-01T00:00:00Z']), subjects: [{ entityId: word(), context: context() }, { entityId: word(), context: context() }] }
      expect(readPlay(writePlay(play))).toEqual(play)
    }
  })
  it('takes nonsense for nothing', () => {
    expect(readPlay({ mode: 'x', at: 'soon', ctx: '[1', flag: ['a', 'b'] })).toEqual({ mode: 'one', flag: '', at: '', subjects: [{ entityId: '', context: {} }, { entityId: '', context: {} }] })
    expect(readPlay({ ctx: '{"a": 1, "b": null}' }).subjects[0].context).toEqual({ a: '1' })
  })
})

const explanation = (seen: string, matched: boolean, bucket = 10): ExplainResponse => ({
  type: 'VARIANT_FLAG_TYPE', enabled: true,
  rules: [{
    place: 1, tried: true, decided: matched, segmentOperator: 'OR_SEGMENT_OPERATOR',
    segments: [{ key: 's', tried: true, matched, matchType: 'ALL_MATCH_TYPE', constraints: [{ type: 'STRING_COMPARISON_TYPE', property: 'plan', operator: 'isoneof', wanted: '["pro","team"]', seen, tried: true, matched }] }],
    bucket: { bucket, buckets: 1000, shares: [{ from: 0, to: 500, variantKey: 'red', chosen: matched && bucket < 500 }] }
  }]
})

describe('explanations', () => {
  it('say what became of a rule', () => {
    expect(ruleFate(explanation('pro', true).rules![0]!)).toBe('decided')
    expect(ruleFate(explanation('free', false).rules![0]!)).toBe('failed')
    expect(ruleFate({ ...explanation('pro', true).rules![0]!, decided: false })).toBe('matched')
    expect(ruleFate({ tried: false })).toBe('skipped')
  })
  it('say where they part', () => {
    expect(firstDifference(explanation('pro', true), explanation('free', false))).toBe('Rule 1: “plan is one of pro, team” holds on the left only.')
    expect(firstDifference(explanation('pro', true, 10), explanation('pro', true, 700))).toBe('Rule 1: bucket 10 on the left, 700 on the right.')
    expect(firstDifference(explanation('pro', true), explanation('team', true))).toBe('')
  })
  it('name the properties to fill in', () => expect(propertiesOf(explanation('', false))).toEqual([{ property: 'plan', type: 'STRING_COMPARISON_TYPE', used: 1, values: ['pro', 'team'] }]))
  it('name what failed', () => expect(whyNot(explanation('free', false).rules![0]!.segments![0]!)).toHaveLength(1))
  it.each<[string, string, string, string | undefined]>([
    ['STRING_COMPARISON_TYPE', 'isoneof', '["pro","team"]', 'pro'], ['STRING_COMPARISON_TYPE', 'neq', 'x', undefined], ['STRING_COMPARISON_TYPE', 'prefix', 'x', 'x'],
    ['NUMBER_COMPARISON_TYPE', 'lt', '5', '4'], ['NUMBER_COMPARISON_TYPE', 'gt', '1.5', '2.5'], ['NUMBER_COMPARISON_TYPE', 'isoneof', '[3]', '3'], ['NUMBER_COMPARISON_TYPE', 'present', '', '1'],
    ['BOOLEAN_COMPARISON_TYPE', 'false', '', 'false'], ['DATETIME_COMPARISON_TYPE', 'lt', '2026-01-01T00:00:00Z', '2025-12-31T23:59:59Z'], ['STRING_COMPARISON_TYPE', 'isoneof', 'no list', undefined]
  ])('%s %s %s', (type, operator, wanted, want) => expect(satisfying({ type: type as 'STRING_COMPARISON_TYPE', operator, wanted })).toBe(want))
})

it('words of answers and suggestions', () => {
  expect(answerWord({ variantKey: '' }, false)).toBe('no variant')
  expect(answerWord({ enabled: true }, true)).toBe('true')
  expect(suggestionWords({ property: 'plan', old: 'free', new: 'pro', answer: { variantKey: 'red' } }, false)).toBe('Change plan from free to pro and you get red')
  expect(suggestionWords({ property: 'plan', new: 'pro', answer: { enabled: true } }, true)).toBe('Add plan with pro and you get true')
  expect(suggestionWords({ property: 'plan', old: 'free', answer: { variantKey: '' } }, false)).toBe('Leave out plan and you get no variant')
  expect(withMember({ a: '1', b: '2' }, 'a', null)).toEqual({ b: '2' })
})

it('rows of all flags', () => {
  expect(flagAnswer({ key: 'f', enabled: false }, { booleanResponse: { enabled: true, reason: 'MATCH_EVALUATION_REASON' } })).toMatchObject({ value: 'true', reason: 'a rollout matched', special: true })
  expect(flagAnswer({ key: 'f', defaultVariantKey: 'a' }, { variantResponse: { variantKey: 'a', reason: 'DEFAULT_EVALUATION_REASON' } })).toMatchObject({ value: 'a', reason: 'default', special: false })
})
