import { describe, expect, it } from 'vitest'
import type { FlagDocument } from '@/api/client'
import { keyOf, keyProblem } from '@/lib/key'
import { flagSentences, segmentSentences } from '@/lib/sentences'
import { constraintWords, ruleWords } from '@/lib/words'

const flag: FlagDocument = {
  flag: { key: 'f', name: 'F', type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ id: 'v1', key: 'control' }, { id: 'v2', key: 'wide' }] },
  rules: [
    { id: 'r1', segmentKey: 'beta', distributions: [{ variantId: 'v1', rollout: 90 }, { variantId: 'v2', rollout: 10 }] },
    { id: 'r2', segmentKeys: ['a', 'b'], segmentOperator: 'AND_SEGMENT_OPERATOR', distributions: [{ variantId: 'v2', rollout: 100 }] },
    { id: 'r3', segmentKey: 'c', distributions: [] }
  ]
}

describe('keys', () => {
  it.each([['New checkout', 'new-checkout'], ['Größe, neu!', 'grosse-neu'], ['  É  ', 'e'], ['北京', '']])('%s', (name, key) => expect(keyOf(name)).toBe(key))
  it('says what is wrong with one', () => {
    expect(keyProblem('a_B-9')).toBe('')
    expect(keyProblem('')).not.toBe('')
    expect(keyProblem('a b')).not.toBe('')
  })
})

describe('words', () => {
  it('of rules', () => {
    expect(ruleWords(flag.rules![0]!, flag.flag!.variants)).toBe('if in beta, serve control 90 %, wide 10 %')
    expect(ruleWords(flag.rules![1]!, flag.flag!.variants)).toBe('if in a and b, serve wide')
    expect(ruleWords(flag.rules![2]!, flag.flag!.variants)).toBe('if in c, serve no variant')
  })
  it('of constraints', () => {
    expect(constraintWords({ type: 'STRING_COMPARISON_TYPE', property: 'country', operator: 'isoneof', value: '["DE","FR"]' })).toBe('country is one of DE, FR')
    expect(constraintWords({ type: 'BOOLEAN_COMPARISON_TYPE', property: 'paid', operator: 'true' })).toBe('paid is true')
  })
})

describe('sentences', () => {
  const changed = (edit: (doc: FlagDocument) => void) => {
    const copy = structuredClone(flag)
    edit(copy)
    return flagSentences(flag, copy)
  }
  it.each<[string, (doc: FlagDocument) => void, string[]]>([
    ['nothing', () => {}, []],
    ['turned off', doc => { doc.flag!.enabled = false }, ['turned off']],
    ['a share', doc => { doc.rules![0]!.distributions![1]!.rollout = 25; doc.rules![0]!.distributions![0]!.rollout = 75 }, ['rule 1: control 90 % → 75 %, wide 10 % → 25 %']],
    ['moved', doc => { doc.rules!.unshift(doc.rules!.pop()!) }, ['rule 3 moves to 1']],
    ['deleted', doc => { doc.rules!.splice(1, 1) }, ['− rule 2: if in a and b, serve wide']],
    ['added', doc => { doc.rules!.push({ segmentKey: 'd', distributions: [{ variantId: 'wide', rollout: 100 }] }) }, ['+ rule 4: if in d, serve wide']],
    ['tags', doc => { doc.tags = ['x'] }, ['tags + x']],
    ['metadata', doc => { doc.flag!.metadata = { team: 'web' } as never }, ['+ metadata team: "web"']]
  ])('%s', (_, edit, want) => expect(changed(edit)).toEqual(want))
  it('of segments', () => {
    expect(segmentSentences({ segment: { constraints: [{ id: '1', type: 'STRING_COMPARISON_TYPE', property: 'a', operator: 'eq', value: '1' }] } },
      { segment: { constraints: [{ id: '1', type: 'STRING_COMPARISON_TYPE', property: 'a', operator: 'eq', value: '2' }] } })).toEqual(['a is 1 → a is 2'])
  })
})
