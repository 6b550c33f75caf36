// The metadata of a flag as rows with a name, a type and a text.
import { readJson, type Json } from './json'

export const kinds = [
  { id: 'text', label: 'Text' }, { id: 'number', label: 'Number' }, { id: 'boolean', label: 'Boolean' }, { id: 'json', label: 'JSON' }, { id: 'null', label: 'Null' }
] as const
export type Kind = typeof kinds[number]['id']

export interface MetadataRow {
  name: string
  kind: Kind
  text: string
}

export function rowsOf(metadata: { [name: string]: Json }): MetadataRow[] {
  return Object.entries(metadata).map(([name, value]) => {
    if (typeof value === 'string') return { name, kind: 'text', text: value }
    if (typeof value === 'number') return { name, kind: 'number', text: String(value) }
    if (typeof value === 'boolean') return { name, kind: 'boolean', text: String(value) }
    if (value === null) return { name, kind: 'null', text: '' }
    return { name, kind: 'json', text: JSON.stringify(value) }
  })
}

const number = (text: string) => /^\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?\s*$/i.test(text) ? Number(text.replace(',', '.')) : NaN

/** The value of a row that has no problem. */
export function valueOf(row: MetadataRow): Json {
  switch (row.kind) {
    case 'text': return row.text
    case 'number': return number(row.text)
    case 'boolean': return row.text === 'true'
    case 'null': return null
    case 'json': return readJson(row.text).value ?? null
  }
}

/** What is wrong with a row, and what to do. */
export function rowProblem(row: MetadataRow, before: MetadataRow[]): string {
  return nameProblem(row, before) || valueProblem(row)
}

export function nameProblem(row: MetadataRow, before: MetadataRow[]): string {
  if (row.name.trim() === '') return 'Give it a name.'
  return before.some(other => other.name.trim() === row.name.trim()) ? `There is another entry ${row.name.trim()}.` : ''
}

export function valueProblem(row: MetadataRow): string {
  if (row.kind === 'number' && !Number.isFinite(number(row.text))) return 'This is no number.'
  if (row.kind !== 'json') return ''
  const { problem } = readJson(row.text)
  return problem ? `Line ${problem.line}, column ${problem.column}: ${problem.message}` : ''
}

/** The row with another type; its text stays where it says something there. */
export function withKind(row: MetadataRow, kind: Kind): MetadataRow {
  if (kind === 'boolean') return { ...row, kind, text: row.text === 'true' ? 'true' : 'false' }
  if (kind === 'json' && row.kind === 'text') return { ...row, kind, text: JSON.stringify(row.text) }
  if (kind === 'text' && row.kind === 'json') {
    const { value } = readJson(row.text)
    return { ...row, kind, text: typeof value === 'string' ? value : row.text }
  }
  return { ...row, kind }
}
