// What is tried on a segment beside its constraints: kept for as long as the page lives, and the same for every segment.
import { ref } from 'vue'
import type { components } from '@/api/schema'
import { constraintWords, operatorOf } from './words'

export type SegmentTrace = components['schemas']['burgee.v1.SegmentTrace']
export type ConstraintTrace = components['schemas']['burgee.v1.ConstraintTrace']

/** The text of the contexts that were pasted. */
export const pasted = ref('')

/** "plan is one of pro, team". */
export const wantedWords = (trace: ConstraintTrace) => constraintWords({ type: trace.type, property: trace.property, operator: trace.operator, value: trace.wanted })

/** "it is “free”", "it is not there". */
export function seenWords(trace: ConstraintTrace): string {
  if (trace.seen === undefined || trace.seen === null) return 'it is not there'
  return trace.seen === '' ? 'it is empty' : `it is “${trace.seen}”`
}

/** Why a segment did not match: the constraint that failed it, or all of them where any would have been enough. */
export function whyNot(trace: SegmentTrace): ConstraintTrace[] {
  if (trace.matched) return []
  return (trace.constraints ?? []).filter(constraint => constraint.tried && !constraint.matched)
}

/** A value with which a constraint would match; nothing where there is none to name. */
export function satisfying(trace: ConstraintTrace): string | undefined {
  const wanted = trace.wanted ?? ''
  const kind = operatorOf(trace)?.value
  const first = kind === 'list' ? firstOf(wanted) : wanted
  const number = trace.type === 'NUMBER_COMPARISON_TYPE'
  switch (trace.operator) {
    case 'eq': case 'isoneof': case 'prefix': case 'suffix': case 'contains': case 'lte': case 'gte': return first
    case 'lt': return moved(wanted, -1, number)
    case 'gt': return moved(wanted, 1, number)
    case 'true': case 'false': return trace.operator
    case 'empty': return ''
    case 'notempty': return 'something'
    case 'present': return number ? '1' : trace.type === 'BOOLEAN_COMPARISON_TYPE' ? 'true' : trace.type === 'DATETIME_COMPARISON_TYPE' ? `${new Date().toISOString().slice(0, 19)}Z` : 'something'
    default: return undefined
  }
}

function firstOf(list: string): string | undefined {
  try {
    const items: unknown = JSON.parse(list)
    return Array.isArray(items) && items.length > 0 ? String(items[0]) : undefined
  } catch {
    return undefined
  }
}

function moved(value: string, by: number, number: boolean): string | undefined {
  if (number) return Number.isNaN(Number(value)) ? undefined : String(Number(value) + by)
  const time = Date.parse(value)
  return Number.isNaN(time) ? undefined : `${new Date(time + by * 1000).toISOString().slice(0, 19)}Z`
}
