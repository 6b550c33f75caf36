import { describe, expect, it } from 'vitest'
import { lineParts } from '@/lib/lines'
import { pick, random } from './random'

describe('lineParts', () => {
  it('tells what goes and what comes', () => {
    expect(lineParts('a\nb\nc', 'a\nx\nc')).toEqual([{ kind: 'same', lines: ['a'] }, { kind: 'gone', lines: ['b'] }, { kind: 'new', lines: ['x'] }, { kind: 'same', lines: ['c'] }])
    expect(lineParts('', 'a')).toEqual([{ kind: 'new', lines: ['a'] }])
    expect(lineParts('a', 'a')).toEqual([{ kind: 'same', lines: ['a'] }])
  })
  it('gives both texts back, with no more than what differs', () => {
    const next = random(11)
    for (let run = 0; run < 150; run++) {
      const a = Array.from({ length: 1 + Math.floor(next() * 20) }, () => pick(next, ['x', 'y', 'z', '']))
      const b = a.flatMap(line => next() < 0.2 ? [] : next() < 0.2 ? [line, pick(next, ['x', 'n'])] : [line])
      const parts = lineParts(a.join('\n'), b.join('\n'))
      if (a.join('') === '' || b.length === 0 || b.join('\n') === '') continue // an empty text has no lines
      expect(parts.filter(p => p.kind !== 'new').flatMap(p => p.lines)).toEqual(a)
      expect(parts.filter(p => p.kind !== 'gone').flatMap(p => p.lines)).toEqual(b)
      parts.slice(1).forEach((part, place) => expect(part.kind).not.toBe(parts[place]!.kind))
    }
  })
})
