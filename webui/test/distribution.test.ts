import { describe, expect, it } from 'vitest'
import { evenSplit, fillRest, parsePercent, percentText, whole } from '@/lib/distribution'
import { random } from './random'

const sum = (list: number[]) => list.reduce((a, b) => a + b, 0)

describe('evenSplit', () => {
  it('splits three as 33.34, 33.33, 33.33', () => expect(evenSplit(3)).toEqual([3334, 3333, 3333]))
  it('always sums to the whole', () => {
    for (let n = 1; n <= 100; n++) {
      const shares = evenSplit(n)
      expect(sum(shares)).toBe(whole)
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
    }
  })
})

describe('fillRest', () => {
  it('keeps locked shares and sums to the whole', () => {
    const next = random(1)
    for (let run = 0; run < 2000; run++) {
      const shares = Array.from({ length: 1 + Math.floor(next() * 6) }, () => Math.floor(next() * 4000))
      const locked = shares.map(() => next() < 0.3)
      const fixed = sum(shares.filter((_, place) => locked[place]))
      const filled = fillRest(shares, locked)
      if (locked.every(Boolean) || fixed > whole) expect(filled).toEqual(shares)
      else {
        expect(sum(filled)).toBe(whole)
        shares.forEach((share, place) => { if (locked[place]) expect(filled[place]).toBe(share) })
      }
    }
  })
  it('keeps proportions', () => expect(fillRest([1000, 3000, 2000], [false, false, true])).toEqual([2000, 6000, 2000]))
})

describe('parsePercent', () => {
  it.each([['33,34', 3334], ['33.34 %', 3334], ['0', 0], ['100', 10000], ['.5', 50], ['12.345', 1235]])('%s', (text, share) => expect(parsePercent(text)).toBe(share))
  it.each(['', 'x', '-1', '100.01', '1e2', '1.2.3'])('%s is none', text => expect(parsePercent(text)).toBeUndefined())
  it('reads what it writes', () => {
    for (let share = 0; share <= whole; share += 7) expect(parsePercent(percentText(share))).toBe(share)
  })
})
