// What flags, rules and segments say, in words.
import type { Constraint, Distribution, FlagDocument, Rollout, Rule, Variant } from '@/api/client'
import { absolute } from './time'

/** Keys of the segments of a rule or of a rollout by segment, in its order. */
export function segmentKeys(holder: { segmentKey?: string, segmentKeys?: string[] } | undefined): string[] {
  if (!holder) return []
  return [...new Set([...holder.segmentKey ? [holder.segmentKey] : [], ...holder.segmentKeys ?? []])]
}

/** "beta", "beta and staff", "beta or staff". */
export function segmentWords(holder: { segmentKey?: string, segmentKeys?: string[], segmentOperator?: string } | undefined): string {
  const keys = segmentKeys(holder)
  return keys.join(holder?.segmentOperator === 'AND_SEGMENT_OPERATOR' ? ' and ' : ' or ')
}

/** The variant that a distribution names by id or key. */
export function variantOf(variants: Variant[] | undefined, distribution: Distribution): Variant | undefined {
  return variants?.find(v => v.id === distribution.variantId) ?? variants?.find(v => v.key === distribution.variantId)
}

const short = (n: number | undefined) => `${Math.round((n ?? 0) * 100) / 100} %`

/** "red 50 %, blue 50 %"; one variant alone needs no number. */
export function splitWords(variants: Variant[] | undefined, distributions: Distribution[] | undefined): string {
  const list = distributions ?? []
  if (list.length === 0) return 'no variant'
  const name = (d: Distribution) => variantOf(variants, d)?.key ?? d.variantId ?? ''
  if (list.length === 1 && Math.round((list[0]!.rollout ?? 0) * 100) === 10000) return name(list[0]!)
  return list.map(d => `${name(d)} ${short(d.rollout)}`).join(', ')
}

/** "if in beta or staff, serve red". */
export function ruleWords(rule: Rule, variants: Variant[] | undefined): string {
  return `if in ${segmentWords(rule) || 'no segment'}, serve ${splitWords(variants, rule.distributions)}`
}

/** "for 25 %, serve true", "if in beta, serve false". */
export function rolloutWords(rollout: Rollout): string {
  const { threshold, segment } = rollout as { threshold?: { percentage?: number, value?: boolean }, segment?: { segmentKey?: string, segmentKeys?: string[], segmentOperator?: string, value?: boolean } }
  if (segment) return `if in ${segmentWords(segment) || 'no segment'}, serve ${segment.value ?? false}`
  return `for ${short(threshold?.percentage)}, serve ${threshold?.value ?? false}`
}

/** What a flag serves, for a row of a list: "3 rules, then control". */
export function servesWords(flag: { type?: string, enabled?: boolean, rules?: number, rollouts?: number, defaultVariantKey?: string }): string {
  if (flag.type === 'BOOLEAN_FLAG_TYPE') {
    const n = flag.rollouts ?? 0
    return n === 0 ? `${flag.enabled ?? false} for all` : `${n} ${n === 1 ? 'rollout' : 'rollouts'}, then ${flag.enabled ?? false}`
  }
  const otherwise = flag.defaultVariantKey || 'no variant'
  if (!flag.enabled) return otherwise
  const n = flag.rules ?? 0
  return n === 0 ? `${otherwise} for all` : `${n} ${n === 1 ? 'rule' : 'rules'}, then ${otherwise}`
}

/** Types of constraints with their operators, in words and as the contract names them. */
export const constraintTypes = [
  { type: 'STRING_COMPARISON_TYPE', label: 'Text' },
  { type: 'NUMBER_COMPARISON_TYPE', label: 'Number' },
  { type: 'BOOLEAN_COMPARISON_TYPE', label: 'Yes or no' },
  { type: 'DATETIME_COMPARISON_TYPE', label: 'Date and time' },
  { type: 'ENTITY_ID_COMPARISON_TYPE', label: 'Entity id' }
] as const
export type ConstraintType = typeof constraintTypes[number]['type']

export interface Operator {
  operator: string
  words: string
  symbol?: string
  /** What stands on the right: nothing, one value or a list. */
  value: 'none' | 'one' | 'list'
}

const equal: Operator[] = [{ operator: 'eq', words: 'is', symbol: '==', value: 'one' }, { operator: 'neq', words: 'is not', symbol: '!=', value: 'one' }]
const lists: Operator[] = [{ operator: 'isoneof', words: 'is one of', value: 'list' }, { operator: 'isnotoneof', words: 'is not one of', value: 'list' }]
const order: Operator[] = [
  { operator: 'lt', words: 'is less than', symbol: '<', value: 'one' }, { operator: 'lte', words: 'is at most', symbol: '<=', value: 'one' },
  { operator: 'gt', words: 'is more than', symbol: '>', value: 'one' }, { operator: 'gte', words: 'is at least', symbol: '>=', value: 'one' }
]
const presence: Operator[] = [{ operator: 'present', words: 'is there', value: 'none' }, { operator: 'notpresent', words: 'is not there', value: 'none' }]
const parts: Operator[] = [
  { operator: 'prefix', words: 'begins with', value: 'one' }, { operator: 'suffix', words: 'ends with', value: 'one' },
  { operator: 'contains', words: 'contains', value: 'one' }, { operator: 'notcontains', words: 'does not contain', value: 'one' }
]
const emptiness: Operator[] = [{ operator: 'empty', words: 'is empty', value: 'none' }, { operator: 'notempty', words: 'is not empty', value: 'none' }]
const times = order.map(o => ({ ...o, words: { lt: 'is before', lte: 'is at or before', gt: 'is after', gte: 'is at or after' }[o.operator]! }))

export const operators: Record<ConstraintType, Operator[]> = {
  STRING_COMPARISON_TYPE: [...equal, ...emptiness, ...parts, ...lists],
  NUMBER_COMPARISON_TYPE: [...equal, ...order, ...presence, ...lists],
  BOOLEAN_COMPARISON_TYPE: [{ operator: 'true', words: 'is true', value: 'none' }, { operator: 'false', words: 'is false', value: 'none' }, ...presence],
  DATETIME_COMPARISON_TYPE: [...equal, ...times, ...presence],
  ENTITY_ID_COMPARISON_TYPE: [...equal, ...parts.filter(o => o.operator.endsWith('contains')), ...lists]
}

export function operatorOf(constraint: Pick<Constraint, 'type' | 'operator'>): Operator | undefined {
  return operators[constraint.type as ConstraintType]?.find(o => o.operator === constraint.operator)
}

/** The items of a list of a constraint, as texts. */
export function listOf(value: string | undefined): string[] {
  try {
    const list: unknown = JSON.parse(value ?? '[]')
    return Array.isArray(list) ? list.map(String) : []
  } catch {
    return []
  }
}

/** "country is one of DE, FR". */
export function constraintWords(constraint: Constraint): string {
  const subject = constraint.type === 'ENTITY_ID_COMPARISON_TYPE' ? 'entity id' : constraint.property || '…'
  const operator = operatorOf(constraint)
  const words = `${subject} ${operator?.words ?? constraint.operator ?? ''}`
  if (operator?.value === 'none') return words
  if (operator?.value === 'list') return `${words} ${listOf(constraint.value).join(', ') || '…'}`
  return `${words} ${constraint.type === 'DATETIME_COMPARISON_TYPE' && !Number.isNaN(Date.parse(constraint.value ?? '')) ? absolute(constraint.value) : constraint.value || '…'}`
}

/** Name of a document: "flag new-checkout". */
export const kindWords = (kind: string | undefined, key: string | undefined) => `${kind ?? ''} ${key ?? ''}`

export const isBoolean = (doc: FlagDocument | undefined) => doc?.flag?.type === 'BOOLEAN_FLAG_TYPE'
