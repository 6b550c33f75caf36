// Entities with their contexts, read from what people paste: a JSON array, one JSON object per line, or a table with commas, semicolons or
// tabs whose first line names its columns.
import { contexts } from '@/api/constraints'
import { readJson, type Json, type JsonProblem } from './json'

/** An entity and what is known of it. The server knows only texts. */
export interface Subject {
  entityId: string
  context: Record<string, string>
}

export interface Subjects {
  list: Subject[]
  /** What the text was taken for. */
  format: '' | 'JSON' | 'JSON lines' | 'CSV'
  /** Why it was not understood; the list is empty then. */
  problem?: JsonProblem
  /** What people should know of how it was read. */
  notes: string[]
}

/** How many contexts the server tries at once. */
export const maxSubjects = contexts.maxItems

type JsonObject = { [name: string]: Json }
const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
const put = (object: Record<string, string>, name: string, value: string) =>
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true }) // "__proto__" is a name too

/** Makes the texts of a context out of JSON values. `converted` names those that were something else; null is left out. */
export function contextOf(object: JsonObject): { context: Record<string, string>, converted: string[] } {
  const context: Record<string, string> = {}
  const converted: string[] = []
  for (const [name, value] of Object.entries(object)) {
    if (typeof value !== 'string') converted.push(name)
    if (value !== null) put(context, name, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return { context, converted }
}

// Members that name the entity: the first is ours, the next ones are its other spellings, and an id may also be a property.
const entityNames = ['entityid', 'targetingkey', 'entity']
const idNames = ['userid', 'id']
const plain = (name: string) => name.toLowerCase().replace(/[-_ ]/g, '')

/** Which of the names holds the entity, and whether it holds nothing else. */
function entityName(names: string[]): { name?: string, only: boolean } {
  for (const wanted of entityNames) {
    const name = names.find(one => plain(one) === wanted)
    if (name !== undefined) return { name, only: true }
  }
  return { name: idNames.map(wanted => names.find(one => plain(one) === wanted)).find(name => name !== undefined), only: false }
}

function subjectOf(object: JsonObject, converted: Set<string>): Subject {
  const { name, only } = entityName(Object.keys(object))
  const nested = name !== undefined && only && isObject(object.context) ? object.context : undefined
  const made = contextOf(nested ?? object)
  for (const property of made.converted) if (nested || property !== name) converted.add(property)
  const entity = name === undefined ? '' : object[name]
  if (!nested && only && name !== undefined) delete made.context[name]
  return { entityId: typeof entity === 'string' ? entity : entity === null || entity === undefined ? '' : JSON.stringify(entity), context: made.context }
}

/** Reads entities with their contexts. */
export function readSubjects(text: string): Subjects {
  const whole = text.replace(/^\uFEFF/, '').trimEnd()
  if (whole === '') return { list: [], format: '', notes: [] }
  const made = /^\s*[[{]/.test(whole) ? readObjects(whole) : readTable(whole)
  if (made.problem) return { ...made, list: [] }
  if (made.list.length > maxSubjects) {
    made.notes.push(`Only the first ${maxSubjects} of ${made.list.length} are tried.`)
    made.list = made.list.slice(0, maxSubjects)
  }
  return made
}

function readObjects(text: string): Subjects {
  const whole = readJson(text)
  if (!whole.problem) {
    const items = Array.isArray(whole.value) ? whole.value : [whole.value]
    const wrong = items.findIndex(item => !isObject(item))
    if (wrong >= 0) return { list: [], format: 'JSON', notes: [], problem: { message: `Item ${wrong + 1} is no object, such as {"entityId": "ana", "plan": "pro"}.`, line: 1, column: 1 } }
    return fromObjects(items as JsonObject[], 'JSON', whole.duplicates)
  }
  const lines = text.split('\n')
  const first = readJson(lines.find(line => line.trim() !== '')!)
  if (lines.length === 1 || !isObject(first.value)) return { list: [], format: 'JSON', notes: [], problem: whole.problem }
  const objects: JsonObject[] = []
  const duplicates: JsonProblem[] = []
  for (const [place, line] of lines.entries()) {
    if (line.trim() === '') continue
    const read = readJson(line)
    if (read.problem) return { list: [], format: 'JSON lines', notes: [], problem: { ...read.problem, line: place + 1 } }
    if (!isObject(read.value)) return { list: [], format: 'JSON lines', notes: [], problem: { message: 'An object is expected in each line.', line: place + 1, column: 1 } }
    objects.push(read.value)
    duplicates.push(...read.duplicates.map(one => ({ ...one, line: place + 1 })))
  }
  return fromObjects(objects, 'JSON lines', duplicates)
}

function fromObjects(objects: JsonObject[], format: Subjects['format'], duplicates: JsonProblem[]): Subjects {
  const converted = new Set<string>()
  const list = objects.map(object => subjectOf(object, converted))
  return { list, format, notes: [...duplicates.map(one => `Line ${one.line}: ${one.message}`), ...convertedNotes([...converted])] }
}

/** Says which values are sent as texts. */
export function convertedNotes(converted: string[]): string[] {
  if (converted.length === 0) return []
  const names = converted.slice(0, 4).join(', ') + (converted.length > 4 ? ' and others' : '')
  return [`A context holds texts: ${names} ${converted.length === 1 ? 'is' : 'are'} sent as text, null is left out.`]
}

function readTable(text: string): Subjects {
  const problem = (message: string, line: number): Subjects => ({ list: [], format: 'CSV', notes: [], problem: { message, line, column: 1 } })
  const separator = separatorOf(text)
  const rows = readRows(text, separator)
  if (typeof rows === 'number') return problem('A quote is not closed.', rows)
  const names = rows[0]!.cells.map(cell => cell.trim())
  const empty = names.indexOf('')
  if (empty >= 0) return problem(`Column ${empty + 1} has no name in the first line.`, 1)
  const twice = names.find((name, place) => names.indexOf(name) !== place)
  if (twice !== undefined) return problem(`Two columns are called "${twice}".`, 1)
  if (rows.length === 1) return problem('There is only a line of names. JSON begins with [ or {.', 1)
  const { name: entity, only } = entityName(names)
  const list: Subject[] = []
  for (const { cells, line } of rows.slice(1)) {
    if (cells.length > names.length) return problem(`${cells.length} values stand here below ${names.length} names.`, line)
    const subject: Subject = { entityId: '', context: {} }
    cells.forEach((cell, place) => {
      const name = names[place]!
      if (name === entity) subject.entityId = cell
      if (cell !== '' && !(name === entity && only)) put(subject.context, name, cell)
    })
    list.push(subject)
  }
  return { list, format: 'CSV', notes: [] }
}

/** The separator that the first line has most of. */
function separatorOf(text: string): string {
  const line = text.trimStart().split('\n', 1)[0]!.replace(/"[^"]*"/g, '')
  const count = (separator: string) => line.split(separator).length
  return [',', ';', '\t'].reduce((best, one) => count(one) > count(best) ? one : best)
}

/** The rows of a table (RFC 4180) that are not empty, or the line of a quote that is not closed. */
function readRows(text: string, separator: string): { cells: string[], line: number }[] | number {
  const rows: { cells: string[], line: number }[] = []
  let [line, start, opened] = [1, 1, 1]
  let cells: string[] = []
  let cell = ''
  let quoted = false
  const endRow = () => {
    cells.push(cell.replace(/\r$/, ''))
    if (cells.length > 1 || cells[0]!.trim() !== '') rows.push({ cells, line: start })
    cells = []
    cell = ''
    start = line + 1
  }
  for (let place = 0; place < text.length; place++) {
    const char = text[place]!
    if (quoted) {
      if (char === '"' && text[place + 1] === '"') { cell += '"'; place++ } else if (char === '"') quoted = false
      else cell += char
    } else if (char === '"' && cell === '') {
      quoted = true
      opened = line
    } else if (char === separator) {
      cells.push(cell)
      cell = ''
    } else if (char === '\n') endRow()
    else cell += char
    if (char === '\n') line++
  }
  if (quoted) return opened
  endRow()
  return rows
}
