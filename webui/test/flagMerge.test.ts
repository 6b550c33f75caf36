import { describe, expect, it } from 'vitest'
import type { FlagDocument } from '@/api/client'
import { mergeFlags } from '@/lib/flagMerge'
import { newId, share, toDocument, toDraft } from '@/lib/flagShape'

const base = toDraft({
  flag: { key: 'f', name: 'F', description: 'd', type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ id: 'v1', key: 'red' }, { id: 'v2', key: 'blue' }], defaultVariant: { key: 'red' }, metadata: { team: 'web' } },
  rules: ['a', 'b', 'c'].map(id => ({ id, segmentKey: `s${id}`, distributions: [{ id: `d${id}`, variantId: 'v1', rollout: 100 }] })),
  rollouts: [], tags: ['x'], etag: '"1-1"'
})
const change = (edit: (doc: FlagDocument) => void, doc = base): FlagDocument => {
  const copy = structuredClone(doc)
  edit(copy)
  return copy
}
const mine = () => 'mine' as const
const theirs = () => 'theirs' as const

describe('merging flags', () => {
  it('takes what only one side changed', () => {
    const t = change(doc => { doc.flag!.name = 'Theirs'; doc.tags = ['x', 'y']; doc.etag = '"1-2"' })
    const m = change(doc => { doc.rules![1]!.segmentKeys = ['other']; doc.flag!.metadata = { team: 'web', n: 1 }; doc.tags = [] })
    const merged = mergeFlags(base, t, m)
    expect(merged.conflicts).toEqual([])
    const value = merged.settle(theirs)
    expect(value).toMatchObject({ flag: { name: 'Theirs', metadata: { team: 'web', n: 1 } }, tags: ['y'], etag: '"1-2"' })
    expect(value.rules![1]!.segmentKeys).toEqual(['other'])
  })
  it('gives either side back where nothing else was changed', () => {
    const t = change(doc => { doc.rules!.reverse(); doc.flag!.variants!.pop() })
    expect(mergeFlags(base, t, base).settle(mine)).toEqual(t)
    expect(mergeFlags(base, base, t).settle(theirs)).toEqual(t)
  })
  it('shows a split that both changed as one thing', () => {
    const t = change(doc => { doc.rules![0]!.distributions = [share('v1', 10), share('v2', 90)] })
    const m = change(doc => { doc.rules![0]!.distributions = [share('v1', 60), share('v2', 40)] })
    const merged = mergeFlags(base, t, m)
    expect(merged.conflicts).toEqual([{ id: 'rules.[a].split', label: 'Rule 1: what it serves', base: 'red', theirs: 'red 10 %, blue 90 %', mine: 'red 60 %, blue 40 %' }])
    const value = merged.settle(mine)
    expect(value.rules![0]!.distributions!.map(d => d.rollout)).toEqual([60, 40])
    expect(value.rules![0]!.distributions!.map(d => d.id)).toEqual(t.rules![0]!.distributions!.map(d => d.id)) // the server knows theirs
  })
  it('brings back as new what they deleted and I changed', () => {
    const t = change(doc => { doc.rules!.shift() })
    const m = change(doc => { doc.rules![0]!.segmentKeys = ['mine'] })
    const merged = mergeFlags(base, t, m)
    expect(merged.conflicts).toMatchObject([{ label: 'Rule 1', theirs: 'deleted', mine: 'if in mine, serve red' }])
    expect(merged.settle(theirs).rules!.map(rule => rule.id)).toEqual(['b', 'c'])
    expect(toDocument(merged.settle(mine)).rules!.map(rule => rule.id)).toEqual(expect.arrayContaining([undefined, 'b', 'c']))
  })
  it('shows two orders as two lists', () => {
    const t = change(doc => { doc.rules!.reverse() })
    const m = change(doc => { doc.rules = [doc.rules![1]!, doc.rules![0]!, doc.rules![2]!] })
    const merged = mergeFlags(base, t, m)
    expect(merged.conflicts).toMatchObject([{ id: 'rules.order', label: 'Order of the rules', lines: true, mine: '1. sb → red\n2. sa → red\n3. sc → red' }])
    expect(merged.settle(mine).rules!.map(rule => rule.id)).toEqual(['b', 'a', 'c'])
    expect(merged.settle(theirs).rules!.map(rule => rule.id)).toEqual(['c', 'b', 'a'])
  })
  it('keeps new rules of both, and variants that they name', () => {
    const variant = { id: newId(), key: 'green' }
    const m = change(doc => { doc.flag!.variants!.push(variant); doc.rules!.push({ id: newId(), segmentKeys: ['m'], distributions: [share(variant.id, 100)] }) })
    const t = change(doc => { doc.rules!.unshift({ id: 'z', segmentKeys: ['t'], distributions: [] }) })
    const merged = mergeFlags(base, t, m)
    expect(merged.conflicts).toEqual([])
    const sent = toDocument(merged.settle(theirs))
    expect(sent.rules!.map(rule => rule.segmentKeys?.[0])).toEqual(['t', 'sa', 'sb', 'sc', 'm'])
    expect(sent.rules!.at(-1)!.distributions![0]!.variantId).toBe('green')
  })
  it('keeps a rollout whole when both changed it', () => {
    const boolean = toDraft({ flag: { key: 'b', type: 'BOOLEAN_FLAG_TYPE' }, rollouts: [{ id: 'o', threshold: { percentage: 20, value: true } }] })
    const t = change(doc => { doc.rollouts![0] = { id: 'o', threshold: { percentage: 50, value: true } } }, boolean)
    const m = change(doc => { doc.rollouts![0] = { id: 'o', type: 'SEGMENT_ROLLOUT_TYPE', description: '', segment: { segmentKeys: ['s'], segmentOperator: 'OR_SEGMENT_OPERATOR', value: true } } }, boolean)
    const merged = mergeFlags(boolean, t, m)
    expect(merged.conflicts).toMatchObject([{ label: 'Rollout 1: what it serves', base: 'for 20 %, serve true', theirs: 'for 50 %, serve true', mine: 'if in s, serve true' }])
    expect(merged.settle(mine).rollouts).toEqual(m.rollouts)
    expect(merged.settle(theirs).rollouts![0]).toMatchObject({ type: 'THRESHOLD_ROLLOUT_TYPE', threshold: { percentage: 50 } })
  })
})
