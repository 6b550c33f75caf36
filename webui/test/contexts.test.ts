import { describe, expect, it } from 'vitest'
import { contextOf, maxSubjects, readSubjects, type Subject } from '@/lib/contexts'
import { pick, random } from './random'

const ana: Subject = { entityId: 'ana', context: { plan: 'pro' } }
const ben: Subject = { entityId: 'ben', context: { plan: 'free', seats: '3' } }

describe('contexts', () => {
  it.each<[string, string, Subject[]]>([
    ['nothing', ' \n ', []],
    ['an object', '{"entityId":"ana","context":{"plan":"pro"}}', [ana]],
    ['a flat object', '{"entityId":"ana","plan":"pro"}', [ana]],
    ['an array', '[{"entityId":"ana","plan":"pro"}, {"entity_id":"ben","context":{"plan":"free","seats":3}}]', [ana, ben]],
    ['lines', '\n{"entityId":"ana","plan":"pro"}\n\n{"targetingKey":"ben","plan":"free","seats":3}\r\n', [ana, ben]],
    ['a table', '\uFEFFentityId,plan,seats\r\nana,pro,\r\nben,free,3\r\n', [ana, ben]],
    ['a table with semicolons', 'plan;entity\npro;ana', [ana]],
    ['a table with tabs', 'plan\tentity\n\npro\tana\n', [ana]],
    ['quotes', 'entity,plan\n"a ""b"", c","x\ny"', [{ entityId: 'a "b", c', context: { plan: 'x\ny' } }]],
    ['short rows', 'entity,plan\nana', [{ entityId: 'ana', context: {} }]],
    ['an id, which is a property too', '{"id":7,"plan":"pro"}', [{ entityId: '7', context: { id: '7', plan: 'pro' } }]],
    ['no entity', 'plan\npro', [{ entityId: '', context: { plan: 'pro' } }]],
    ['a context that is a property', '{"id":"ana","context":"web"}', [{ entityId: 'ana', context: { id: 'ana', context: 'web' } }]]
  ])('%s', (_, text, want) => {
    const got = readSubjects(text)
    expect(got.problem).toBeUndefined()
    expect(got.list).toEqual(want)
  })
  it.each<[string, string, number, RegExp]>([
    ['a wrong array', '[{"a": 1},\n {b: 2}]', 2, /name in double quotes/],
    ['a wrong line', '{"a": 1}\n{"a": 2\n', 2, /brace/],
    ['an item that is no object', '[1]', 1, /Item 1/],
    ['a line that is no object', '{"a": 1}\n7', 2, /object/],
    ['an open quote', 'a,b\n1,2\n"3,4', 3, /quote/],
    ['too many values', 'a,b\n1,2,3', 2, /3 values/],
    ['two columns of one name', 'a,a\n1,2', 1, /Two columns/],
    ['a column without a name', 'a,\n1,2', 1, /no name/],
    ['only a line of names', 'hello', 1, /only a line/]
  ])('says what is wrong: %s', (_, text, line, message) => {
    const got = readSubjects(text)
    expect(got.list).toEqual([])
    expect(got.problem?.line).toBe(line)
    expect(got.problem?.message).toMatch(message)
  })
  it('takes no more than the server', () => {
    const got = readSubjects(`entity\n${'x\n'.repeat(maxSubjects + 5)}`)
    expect(got.list).toHaveLength(maxSubjects)
    expect(got.notes).toEqual([`Only the first ${maxSubjects} of ${maxSubjects + 5} are tried.`])
  })
  it('says what becomes text', () => {
    expect(contextOf({ a: 'x', b: 1.5, c: true, d: null, e: { f: [1] }, __proto__x: '' })).toEqual({ context: { a: 'x', b: '1.5', c: 'true', e: '{"f":[1]}', __proto__x: '' }, converted: ['b', 'c', 'd', 'e'] })
    expect(readSubjects('{"entityId": 7, "seats": 3}').notes).toEqual(['A context holds texts: seats is sent as text, null is left out.'])
    expect(readSubjects('{"a": "1", "a": "2"}').notes[0]).toMatch(/twice/)
  })
  it('reads back every table it is given', () => {
    const next = random(11)
    const cell = () => Array.from({ length: Math.floor(next() * 6) }, () => pick(next, ['a', ',', ';', '"', '\n', 'é', ' b'])).join('')
    for (let run = 0; run < 500; run++) {
      const rows = Array.from({ length: 1 + Math.floor(next() * 4) }, () => ({ entityId: `e${cell()}e`, context: { p: `x${cell()}x` } }))
      const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
      const text = ['entityId,p', ...rows.map(row => `${quote(row.entityId)},${quote(row.context.p)}`)].join('\n')
      expect(readSubjects(text).list, text).toEqual(rows)
    }
  })
})
