import { describe, expect, it } from 'vitest'
import { readJson } from '@/lib/json'
import { pick, random } from './random'

const samples = ['{"a": [1, -2.5e3, true, null], "b": {"c": "x\\n\\u00e9"}}', '[]', '"text"', '{"":{"":[{}]}}', '[[[1,2],[3]], "ü😀"]', '-0', '1E+5', '{"__proto__": 1}']

describe('readJson', () => {
  it('agrees with JSON.parse on 20,000 mutations', () => {
    const next = random(7)
    for (let run = 0; run < 20000; run++) {
      let text = pick(next, samples)
      for (let edits = Math.floor(next() * 4); edits > 0; edits--) {
        const at = Math.floor(next() * (text.length + 1))
        text = text.slice(0, at) + pick(next, ['', ',', '}', '{', '"', '\\', '0', ':', ']', ' ', '\n', 'e', "'", '\u0001', 'tru']) + text.slice(at + Math.floor(next() * 2))
      }
      let wanted: unknown
      let valid = true
      try { wanted = JSON.parse(text) } catch { valid = false }
      const got = readJson(text)
      expect(got.problem === undefined, text).toBe(valid)
      if (valid) expect(JSON.stringify(got.value), text).toBe(JSON.stringify(wanted))
    }
  })
  it('says where it is wrong', () => {
    expect(readJson('{\n  "a": 1,\n  b: 2\n}').problem).toMatchObject({ line: 3, column: 3 })
    expect(readJson('{"a": 1,}').problem?.message).toBe('A comma is too many.')
    expect(readJson('').problem?.message).toBe('There is nothing here.')
    expect(readJson("{'a': 1}").problem).toMatchObject({ line: 1, column: 2 })
  })
  it('finds names that stand twice', () => {
    expect(readJson('{"a": 1,\n "a": 2}')).toMatchObject({ value: { a: 2 }, duplicates: [{ line: 2, column: 2 }] })
  })
  it('refuses what is too deep', () => expect(readJson('['.repeat(100)).problem?.message).toMatch(/deep/))
})
