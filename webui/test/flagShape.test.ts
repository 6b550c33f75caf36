import { describe, expect, it } from 'vitest'
import type { FlagDocument } from '@/api/client'
import { copyRule, evenShares, isNew, moved, newId, partsOf, rulesWith, toDocument, toDraft } from '@/lib/flagShape'

const document: FlagDocument = {
  flag: {
    key: 'f', name: 'F', type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ id: 'v1', key: 'control' }, { id: 'v2', key: 'wide', attachment: '{}' }],
    defaultVariant: { id: 'v1', key: 'control', name: 'Control' }
  },
  rules: [{ id: 'r1', segmentKey: 'beta', segmentKeys: [], rank: 1, distributions: [{ id: 'd1', ruleId: 'r1', variantId: 'v1', rollout: 100 }] }],
  rollouts: [], tags: ['a'], etag: '"1-2"', revision: '2'
}

describe('drafts of flags', () => {
  it('say each fact once', () => {
    const draft = toDraft(document)
    expect(draft.rules).toEqual([{ id: 'r1', segmentKeys: ['beta'], segmentOperator: 'OR_SEGMENT_OPERATOR', distributions: [{ id: 'd1', variantId: 'v1', rollout: 100 }] }])
    expect(draft.flag?.defaultVariant).toEqual({ key: 'control' })
  })
  it('are the same after a way to the server and back', () => {
    const draft = toDraft(document)
    expect(toDraft({ ...toDocument(draft), etag: draft.etag, revision: draft.revision })).toEqual(draft)
  })
  it('send new items without id, and their variants by key', () => {
    const draft = toDraft(document)
    const variant = { id: newId(), key: 'narrow' }
    draft.flag!.variants!.push(variant)
    draft.rules!.push({ id: newId(), segmentKeys: ['x'], distributions: evenShares(draft.flag!.variants!, []) })
    const sent = toDocument(draft)
    expect(sent.flag?.variants?.map(v => v.id)).toEqual(['v1', 'v2', undefined])
    expect(sent.rules?.[1]).toEqual({ segmentKeys: ['x'], segmentOperator: undefined, distributions: [{ variantId: 'v1', rollout: 33.34 }, { variantId: 'v2', rollout: 33.33 }, { variantId: 'narrow', rollout: 33.33 }] })
    expect(JSON.stringify(sent)).not.toContain('new:')
  })
  it('keep both kinds of rollouts', () => {
    const draft = toDraft({ flag: { key: 'b', type: 'BOOLEAN_FLAG_TYPE' }, rollouts: [{ id: 'a', threshold: { percentage: 20, value: true } }, { id: 'b', segment: { segmentKey: 's', value: false } }] })
    expect(draft.rollouts?.map(rollout => partsOf(rollout))).toMatchObject([{ threshold: { percentage: 20, value: true } }, { segment: { segmentKeys: ['s'], value: false } }])
  })
  it('copy rules under other names', () => {
    const copy = copyRule(toDraft(document).rules![0]!)
    expect(isNew(copy.id) && isNew(copy.distributions![0]!.id)).toBe(true)
    expect(copy.distributions![0]!.variantId).toBe('v1')
  })
  it('know which rules serve a variant', () => {
    expect(rulesWith(toDraft(document), 'v1')).toEqual([1])
    expect(rulesWith(toDraft(document), 'v2')).toEqual([])
  })
  it('move items', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a'])
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b'])
    expect(moved(['a'], 5, 0)).toEqual(['a'])
  })
})
