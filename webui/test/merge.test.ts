import { describe, expect, it } from 'vitest'
import { merge, same, settle } from '@/lib/merge'
import { pick, random } from './random'

interface Doc { flag: Record<string, unknown>, rules: { id?: string, key?: string, segmentKey: string, share: number }[], tags: string[] }

const base: Doc = {
  flag: { key: 'f', name: 'F', enabled: false, metadata: { team: 'web' } },
  rules: ['a', 'b', 'c'].map(id => ({ id, segmentKey: `s${id}`, share: 50 })), tags: ['x']
}

function edit(doc: Doc, next: () => number, name: string): Doc {
  const copy = structuredClone(doc)
  for (let edits = Math.floor(next() * 4); edits > 0; edits--) {
    const rule = pick(next, copy.rules.length ? copy.rules : [{ segmentKey: '', share: 0 }])
    pick(next, [
      () => { copy.flag.name = `${name}${Math.floor(next() * 3)}` },
      () => { copy.flag.enabled = !copy.flag.enabled },
      () => { copy.flag.metadata = { ...copy.flag.metadata as object, [pick(next, ['team', 'n', name])]: next() } },
      () => { rule.share = Math.floor(next() * 100) },
      () => { copy.rules = copy.rules.filter(r => r !== rule) },
      () => { copy.rules.splice(Math.floor(next() * copy.rules.length), 0, { key: `${name}-${next()}`, segmentKey: 'new', share: 1 }) },
      () => { copy.rules.reverse() },
      () => { copy.tags = [...copy.tags, name] }
    ])()
  }
  return copy
}

describe('merge', () => {
  it('takes the only side that changed', () => {
    const next = random(3)
    for (let run = 0; run < 2000; run++) {
      const changed = edit(base, next, 'me')
      expect(merge(base, base, changed)).toEqual({ value: changed, conflicts: [] })
      expect(merge(base, changed, base)).toEqual({ value: changed, conflicts: [] })
      expect(merge(base, changed, changed).conflicts).toEqual([])
    }
  })
  it('keeps what both changed elsewhere', () => {
    const theirs = structuredClone(base)
    theirs.rules[0]!.share = 10
    theirs.flag.name = 'Theirs'
    const mine = structuredClone(base)
    mine.rules[2]!.share = 90
    mine.rules.push({ key: 'new', segmentKey: 'n', share: 1 })
    const merged = merge(base, theirs, mine)
    expect(merged.conflicts).toEqual([])
    expect(merged.value.rules.map(r => r.share)).toEqual([10, 50, 90, 1])
    expect(merged.value.flag.name).toBe('Theirs')
  })
  it('never loses a change of mine without a conflict', () => {
    const next = random(5)
    for (let run = 0; run < 2000; run++) {
      const [theirs, mine] = [edit(base, next, 'they'), edit(base, next, 'me')]
      const merged = merge(base, theirs, mine)
      const settled = settle(merged, () => 'mine')
      for (const name of ['name', 'enabled'] as const) {
        if (!same(base.flag[name], mine.flag[name])) expect(settled.flag[name]).toEqual(mine.flag[name])
        else expect(settled.flag[name]).toEqual(theirs.flag[name])
      }
      for (const rule of mine.rules) {
        const was = base.rules.find(r => r.id && r.id === rule.id)
        const now = settled.rules.find(r => (r.id ?? r.key) === (rule.id ?? rule.key))
        if (!was || was.share !== rule.share) expect(now?.share).toBe(rule.share)
      }
    }
  })
  it('shows what both changed in the same place', () => {
    const theirs = structuredClone(base)
    const mine = structuredClone(base)
    theirs.rules[1]!.share = 10
    mine.rules[1]!.share = 20
    const merged = merge(base, theirs, mine)
    expect(merged.conflicts).toEqual([{ path: ['rules', '[b]', 'share'], base: 50, theirs: 10, mine: 20 }])
    expect(settle(merged, () => 'mine').rules[1]!.share).toBe(20)
    expect(settle(merged, () => 'theirs').rules[1]!.share).toBe(10)
  })
})
