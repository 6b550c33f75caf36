// A segment while it is edited: what may be put into it, what is still missing, and the document that is sent.
import type { Constraint, Segment, SegmentDocument } from '@/api/client'
import { listOf, operatorOf, operators, type ConstraintType } from './words'

/** A constraint in a draft: `row` tells rows apart that the server has not named yet. It is never sent. */
export type DraftConstraint = Constraint & { row: string }
export interface SegmentDraft {
  name: string
  description: string
  matchType: NonNullable<Segment['matchType']>
  constraints: DraftConstraint[]
}

/** How many items a list of a constraint may have: a rule of the server about JSON within a text, which the OpenAPI document cannot carry. */
export const maxList = 100

let last = 0
const newRow = () => `new ${Date.now().toString(36)}-${++last}` // a kept draft of an earlier page has other ones

export function draftOf(document: SegmentDocument): SegmentDraft {
  const segment = document.segment ?? {}
  return {
    name: segment.name ?? '', description: segment.description ?? '', matchType: segment.matchType ?? 'ALL_MATCH_TYPE',
    constraints: (segment.constraints ?? []).map(constraint => ({ ...constraint, row: constraint.id || newRow() }))
  }
}

/** The document that a draft of another one says. Members that the draft does not know stay. */
export function documentOf(base: SegmentDocument, draft: SegmentDraft): SegmentDocument {
  return {
    ...base,
    segment: {
      ...base.segment, name: draft.name.trim(), description: draft.description.trim(), matchType: draft.matchType,
      constraints: draft.constraints.map(({ row: _, ...constraint }) => cleaned(constraint))
    }
  }
}

/** A constraint as the server writes it: no value where there is none to compare with, and the property of the entity's id. */
function cleaned(constraint: Constraint): Constraint {
  const operator = operatorOf(constraint)
  return {
    ...constraint,
    property: constraint.type === 'ENTITY_ID_COMPARISON_TYPE' ? 'entityId' : constraint.property?.trim(),
    value: operator?.value === 'none' ? '' : constraint.type === 'NUMBER_COMPARISON_TYPE' && operator?.value === 'one' ? constraint.value?.trim().replace(',', '.') : constraint.value
  }
}

export function newConstraint(): DraftConstraint {
  return { row: newRow(), type: 'STRING_COMPARISON_TYPE', property: '', operator: 'eq', value: '' }
}

/** The constraint with another type: the operator stays if there is one of its name, the value if it still says something. */
export function withType(constraint: DraftConstraint, type: ConstraintType): DraftConstraint {
  const operator = operators[type].find(one => one.operator === constraint.operator) ?? operators[type][0]!
  const property = type === 'ENTITY_ID_COMPARISON_TYPE' ? 'entityId' : constraint.type === 'ENTITY_ID_COMPARISON_TYPE' ? '' : constraint.property
  return withOperator({ ...constraint, type, property }, operator.operator)
}

/** The constraint with another operator, whose value takes the form that this one needs. */
export function withOperator(constraint: DraftConstraint, name: string): DraftConstraint {
  const next = { ...constraint, operator: name }
  const kind = operatorOf(next)?.value
  const items = constraint.value?.startsWith('[') ? listOf(constraint.value) : constraint.value ? [constraint.value] : []
  if (kind === 'list') next.value = listValue(next.type, items)
  else if (constraint.value?.startsWith('[')) next.value = items[0] ?? ''
  if (kind === 'one' && next.value && valueProblem(next) !== '') next.value = ''
  return next
}

/** The text of a list as the contract has it: JSON with numbers or texts. Texts that are no numbers stay out of a list of numbers. */
export function listValue(type: Constraint['type'], items: string[]): string {
  if (items.length === 0) return ''
  if (type !== 'NUMBER_COMPARISON_TYPE') return JSON.stringify(items)
  const numbers = items.map(item => item.trim().replace(',', '.')).filter(isNumber).map(Number)
  return numbers.length === 0 ? '' : JSON.stringify([...new Set(numbers)])
}

export const isNumber = (text: string) => /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text.trim().replace(',', '.')) && Number.isFinite(Number(text.trim().replace(',', '.')))
export const isTime = (text: string) => /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d))?$/.test(text) && !Number.isNaN(Date.parse(text))

/** What is wrong with the value of a constraint, and what to do. */
export function valueProblem(constraint: Constraint): string {
  const kind = operatorOf(constraint)?.value
  const value = constraint.value ?? ''
  if (kind === 'none') return ''
  if (kind === 'list') {
    const items = listOf(value)
    if (items.length === 0) return 'Give it at least one value.'
    return items.length > maxList ? `No more than ${maxList} values fit.` : ''
  }
  if (value === '') return constraint.type === 'DATETIME_COMPARISON_TYPE' ? 'Give it a date and a time.' : 'Give it a value.'
  if (constraint.type === 'NUMBER_COMPARISON_TYPE' && !isNumber(value)) return 'This is no number.'
  if (constraint.type === 'DATETIME_COMPARISON_TYPE' && !isTime(value)) return 'This is no date and time.'
  return ''
}

export interface ConstraintProblems {
  property?: string
  operator?: string
  value?: string
}

export function constraintProblems(constraint: Constraint): ConstraintProblems {
  const problems: ConstraintProblems = {}
  if (constraint.type !== 'ENTITY_ID_COMPARISON_TYPE' && (constraint.property ?? '').trim() === '') problems.property = 'Say which property to look at.'
  if (!operatorOf(constraint)) problems.operator = 'Choose how to compare.'
  const value = valueProblem(constraint)
  if (value) problems.value = value
  return problems
}

/** The rows of a draft that are not finished, by their names. */
export function unfinished(draft: SegmentDraft): Map<string, ConstraintProblems> {
  return new Map(draft.constraints.map(constraint => [constraint.row, constraintProblems(constraint)] as const).filter(([, problems]) => Object.keys(problems).length > 0))
}

/** Whether two drafts match the same users: then no flag changes. */
export function sameMatching(a: SegmentDocument, b: SegmentDocument): boolean {
  const what = (document: SegmentDocument) => JSON.stringify([
    document.segment?.matchType, (document.segment?.constraints ?? []).map(({ type, property, operator, value }) => [type, property, operator, value ?? ''])
  ])
  return what(a) === what(b)
}

/** A property that constraints of a namespace look at. */
export interface KnownProperty {
  property: string
  type: ConstraintType
  /** In how many constraints. */
  used: number
  /** What it is compared with there, for suggestions. */
  values: string[]
}

/** The properties of constraints, the most used first; of several types the most used one. */
export function knownProperties(constraints: Pick<Constraint, 'type' | 'property' | 'operator' | 'value'>[]): KnownProperty[] {
  const found = new Map<string, { types: Map<ConstraintType, number>, values: Set<string> }>()
  for (const constraint of constraints) {
    if (!constraint.property || constraint.type === 'ENTITY_ID_COMPARISON_TYPE') continue
    const entry = found.get(constraint.property) ?? { types: new Map(), values: new Set() }
    const type = constraint.type as ConstraintType
    entry.types.set(type, (entry.types.get(type) ?? 0) + 1)
    const kind = operatorOf(constraint)?.value
    for (const value of kind === 'list' ? listOf(constraint.value) : kind === 'one' ? [constraint.value ?? ''] : []) entry.values.add(value)
    found.set(constraint.property, entry)
  }
  return [...found].map(([property, { types, values }]) => {
    const byUse = [...types].sort((a, b) => b[1] - a[1])
    return { property, type: byUse[0]![0], used: byUse.reduce((sum, [, n]) => sum + n, 0), values: [...values].slice(0, 50) }
  }).sort((a, b) => b.used - a.used || a.property.localeCompare(b.property))
}

const two = (n: number) => String(n).padStart(2, '0')

/** A time of RFC 3339 as a field of the browser wants it, in the zone of the browser or in UTC; a date alone is its first moment in UTC. */
export function toTimeField(value: string, utc: boolean): string {
  if (!isTime(value)) return ''
  const at = new Date(value)
  if (utc) return at.toISOString().slice(0, 19)
  return `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** What a field of the browser holds as a time of RFC 3339 in whole seconds of UTC; empty for none. */
export function fromTimeField(text: string, utc: boolean): string {
  if (text === '') return ''
  const at = new Date(utc ? `${text}Z` : text)
  return Number.isNaN(at.getTime()) ? '' : `${at.toISOString().slice(0, 19)}Z`
}
