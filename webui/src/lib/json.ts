// A reader of JSON that says where an error is, and which names an object holds twice; otherwise it agrees with JSON.parse.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

export interface JsonProblem {
  message: string
  line: number
  column: number
}

export interface JsonResult {
  value?: Json
  /** Why it is no JSON. */
  problem?: JsonProblem
  /** Names that stand twice in one object: the last one counts. */
  duplicates: JsonProblem[]
}

const maxDepth = 64

export function readJson(text: string): JsonResult {
  const reader = new Reader(text)
  try {
    const value = reader.document()
    return { value, duplicates: reader.duplicates }
  } catch (error) {
    if (error instanceof Wrong) return { problem: reader.at(error.place, error.message), duplicates: reader.duplicates }
    throw error
  }
}

class Wrong extends Error {
  constructor(message: string, readonly place: number) { super(message) }
}

class Reader {
  private place = 0
  readonly duplicates: JsonProblem[] = []
  constructor(private readonly text: string) {}

  document(): Json {
    this.space()
    if (this.place === this.text.length) throw new Wrong('There is nothing here.', this.place)
    const value = this.value(0)
    this.space()
    if (this.place < this.text.length) throw new Wrong('Something follows the end of the value.', this.place)
    return value
  }

  at(place: number, message: string): JsonProblem {
    const before = this.text.slice(0, place).split('\n')
    return { message, line: before.length, column: before.at(-1)!.length + 1 }
  }

  private space() {
    while (this.place < this.text.length && ' \t\n\r'.includes(this.text[this.place]!)) this.place++
  }

  private value(depth: number): Json {
    if (depth > maxDepth) throw new Wrong(`It is nested more than ${maxDepth} deep.`, this.place)
    const char = this.text[this.place]
    if (char === '{') return this.object(depth)
    if (char === '[') return this.array(depth)
    if (char === '"') return this.string()
    for (const [word, value] of [['true', true], ['false', false], ['null', null]] as const) {
      if (this.text.startsWith(word, this.place)) {
        this.place += word.length
        return value
      }
    }
    const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
    number.lastIndex = this.place
    const found = number.exec(this.text)
    if (found) {
      this.place += found[0].length
      return Number(found[0])
    }
    if (char === "'") throw new Wrong('Texts stand in double quotes.', this.place)
    throw new Wrong(char === undefined ? 'It ends too early.' : 'A value is expected here.', this.place)
  }

  private object(depth: number): Json {
    const members: { [name: string]: Json } = {}
    const names = new Set<string>()
    this.place++
    this.space()
    if (this.text[this.place] === '}') {
      this.place++
      return members
    }
    for (;;) {
      this.space()
      const start = this.place
      if (this.text[this.place] !== '"') throw new Wrong(this.text[this.place] === '}' ? 'A comma is too many.' : 'A name in double quotes is expected here.', this.place)
      const name = this.string()
      if (names.has(name)) this.duplicates.push(this.at(start, `"${name}" stands here twice; the last one counts.`))
      names.add(name)
      this.space()
      if (this.text[this.place] !== ':') throw new Wrong('A colon is expected here.', this.place)
      this.place++
      this.space()
      const value = this.value(depth + 1)
      Object.defineProperty(members, name, { value, enumerable: true, writable: true, configurable: true }) // "__proto__" is a name too
      this.space()
      if (this.text[this.place] === '}') break
      if (this.text[this.place] !== ',') throw new Wrong('A comma or a closing brace is expected here.', this.place)
      this.place++
    }
    this.place++
    return members
  }

  private array(depth: number): Json {
    const items: Json[] = []
    this.place++
    this.space()
    if (this.text[this.place] === ']') {
      this.place++
      return items
    }
    for (;;) {
      this.space()
      if (this.text[this.place] === ']') throw new Wrong('A comma is too many.', this.place)
      items.push(this.value(depth + 1))
      this.space()
      if (this.text[this.place] === ']') break
      if (this.text[this.place] !== ',') throw new Wrong('A comma or a closing bracket is expected here.', this.place)
      this.place++
    }
    this.place++
    return items
  }

  private string(): string {
    const start = this.place
    this.place++
    for (;;) {
      const char = this.text[this.place]
      if (char === undefined) throw new Wrong('The text has no closing quote.', start)
      if (char === '"') break
      if (char < ' ') throw new Wrong('A line break in a text is written as \\n.', this.place)
      if (char !== '\\') {
        this.place++
        continue
      }
      const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
      escape.lastIndex = this.place
      const found = escape.exec(this.text)
      if (!found) throw new Wrong('After a backslash comes one of " \\ / b f n r t, or u and four digits.', this.place)
      this.place += found[0].length
    }
    this.place++
    return JSON.parse(this.text.slice(start, this.place)) as string
  }
}
