// The inputs of the playground, as its address holds them, and what its answers say in words.
import type { LocationQuery } from 'vue-router'
import type { ExplainResponse, FlagSummary } from '@/api/client'
import type { components } from '@/api/schema'
import { contextOf, type Subject } from './contexts'
import { readJson } from './json'
import type { ConstraintTrace } from './preview'
import { wantedWords } from './preview'
import { knownProperties, type KnownProperty } from './segmentDraft'

export type Answer = components['schemas']['burgee.v1.Answer']
export type RuleTrace = components['schemas']['burgee.v1.RuleTrace']
export type EvaluationReason = components['schemas']['flipt.evaluation.EvaluationReason']
export type Suggestion = components['schemas']['burgee.v1.Suggestion']
export const modes = ['one', 'compare', 'all'] as const
export type Mode = typeof modes[number]

export interface Play {
  mode: Mode
  flag: string
  /** Which state to evaluate: rev:N, at: with a time, or empty for the present. */
  at: string
  /** Whom to evaluate for; the second one is compared with the first. */
  subjects: [Subject, Subject]
}

const text = (value: LocationQuery[string] | undefined) => typeof value === 'string' ? value : ''

function readContext(value: LocationQuery[string] | undefined): Record<string, string> {
  const json = readJson(text(value)).value
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? contextOf(json).context : {}
}

export function readPlay(query: LocationQuery): Play {
  return {
    mode: modes.find(mode => mode === query.mode) ?? 'one', flag: text(query.flag), at: /^(rev|at):/.test(text(query.at)) ? text(query.at) : '',
    subjects: [{ entityId: text(query.entity), context: readContext(query.ctx) }, { entityId: text(query.entity2), context: readContext(query.ctx2) }]
  }
}

const isBlank = ({ entityId, context }: Subject) => entityId === '' && Object.keys(context).length === 0
const contextText = (context: Record<string, string>) => Object.keys(context).length > 0 ? JSON.stringify(context) : undefined

/** The address of inputs; the second subject stands there while it says something. */
export function writePlay({ mode, flag, at, subjects: [first, second] }: Play): LocationQuery {
  const query = {
    flag: flag || undefined, entity: first.entityId || undefined, ctx: contextText(first.context), mode: mode === 'one' ? undefined : mode, at: at || undefined,
    ...mode === 'compare' || !isBlank(second) ? { entity2: second.entityId || undefined, ctx2: contextText(second.context) } : {}
  }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as LocationQuery
}

/** The properties that the segments of a flag look at. */
export function propertiesOf(explanation: ExplainResponse | undefined): KnownProperty[] {
  const traces = (explanation?.rules ?? []).flatMap(rule => rule.segments ?? []).flatMap(segment => segment.constraints ?? [])
  return knownProperties(traces.map(trace => ({ type: trace.type, property: trace.property, operator: trace.operator, value: trace.wanted })))
}

export const isBooleanType = (type: string | undefined) => type === 'BOOLEAN_FLAG_TYPE'

/** What was answered, as one word: "red", "true", "no variant". */
export function answerWord(answer: Answer | undefined, boolean: boolean): string {
  if (!answer) return ''
  if (answer.error) return 'error'
  return boolean ? String(answer.enabled ?? false) : answer.variantKey || 'no variant'
}

const reasons: Record<string, string> = {
  MATCH_EVALUATION_REASON: 'a rule matched', DEFAULT_EVALUATION_REASON: 'default', FLAG_DISABLED_EVALUATION_REASON: 'turned off', UNKNOWN_EVALUATION_REASON: 'no rule matched'
}
export function reasonWords(reason: string | undefined, boolean: boolean): string {
  return boolean && reason === 'MATCH_EVALUATION_REASON' ? 'a rollout matched' : reasons[reason ?? ''] ?? 'not known'
}

/** "Change plan from free to pro and you get red." */
export function suggestionWords(suggestion: Suggestion, boolean: boolean): string {
  const { property, old, new: next } = suggestion
  const get = `and you get ${answerWord(suggestion.answer, boolean)}`
  if (next === undefined || next === null) return `Leave out ${property} ${get}`
  const quoted = next === '' ? 'an empty text' : next
  return old === undefined || old === null ? `Add ${property} with ${quoted} ${get}` : `Change ${property} from ${old === '' ? 'an empty text' : old} to ${quoted} ${get}`
}

/** A context with one member changed; without it where the value is nothing. */
export function withMember(context: Record<string, string>, name: string, value: string | undefined | null): Record<string, string> {
  const { [name]: _, ...rest } = context
  return value === undefined || value === null ? rest : { ...context, [name]: value }
}

/** What becomes of a rule, in a word. */
export type Fate = 'decided' | 'matched' | 'failed' | 'skipped'

export function ruleFate(rule: RuleTrace): Fate {
  if (!rule.tried) return 'skipped'
  if (rule.decided) return 'decided'
  return ruleMatched(rule) ? 'matched' : 'failed'
}

/** Whether the segments of a rule matched; without segments its bucket decides. */
export function ruleMatched(rule: RuleTrace): boolean {
  const segments = rule.segments ?? []
  if (segments.length === 0) return rule.decided ?? false
  return rule.segmentOperator === 'AND_SEGMENT_OPERATOR' ? segments.every(segment => segment.matched) : segments.some(segment => segment.matched)
}

/** Where two explanations of one flag part first, in words; nothing where they do not. */
export function firstDifference(a: ExplainResponse | undefined, b: ExplainResponse | undefined): string {
  if (!a || !b) return ''
  const noun = isBooleanType(a.type) ? 'Rollout' : 'Rule'
  for (const [place, left] of (a.rules ?? []).entries()) {
    const right = b.rules?.[place]
    if (!right) break
    const differing = constraintPairs(left, right).find(([one, other]) => one.tried && other.tried && one.matched !== other.matched)
    if (differing) return `${noun} ${left.place}: “${wantedWords(differing[0])}” ${differing[0].matched ? 'holds on the left only' : 'holds on the right only'}.`
    if (ruleFate(left) === ruleFate(right) && chosenShare(left) === chosenShare(right)) continue
    if (left.bucket && right.bucket && ruleMatched(left) === ruleMatched(right) || left.segments?.length === 0) {
      return `${noun} ${left.place}: bucket ${left.bucket?.bucket} on the left, ${right.bucket?.bucket} on the right.`
    }
    return `${noun} ${left.place} ${ruleMatched(left) ? 'matches on the left only' : 'matches on the right only'}.`
  }
  return ''
}

function constraintPairs(a: RuleTrace, b: RuleTrace): [ConstraintTrace, ConstraintTrace][] {
  const all = (rule: RuleTrace) => (rule.segments ?? []).flatMap(segment => segment.constraints ?? [])
  const others = all(b)
  return all(a).flatMap((one, place) => others[place] ? [[one, others[place]] as [ConstraintTrace, ConstraintTrace]] : [])
}

const chosenShare = (rule: RuleTrace) => rule.bucket?.shares?.findIndex(share => share.chosen) ?? -1

export interface FlagAnswer {
  flag: FlagSummary
  value: string
  reason: string
  /** Whether it is another one than everybody gets for whom no rule is. */
  special: boolean
}

type Evaluated = components['schemas']['flipt.evaluation.EvaluationResponse']

/** The answer of one flag of a batch as a row. */
export function flagAnswer(flag: FlagSummary, response: Evaluated | undefined): FlagAnswer {
  const { booleanResponse: b, variantResponse: v } = (response ?? {}) as {
    booleanResponse?: components['schemas']['flipt.evaluation.BooleanEvaluationResponse'], variantResponse?: components['schemas']['flipt.evaluation.VariantEvaluationResponse']
  }
  if (b) return { flag, value: String(b.enabled ?? false), reason: reasonWords(b.reason, true), special: (b.enabled ?? false) !== (flag.enabled ?? false) }
  if (v) return { flag, value: v.variantKey || 'no variant', reason: reasonWords(v.reason, false), special: (v.variantKey ?? '') !== (flag.defaultVariantKey ?? '') }
  return { flag, value: 'not there', reason: 'no such flag', special: false }
}

/** An id that nobody has, short enough to read. */
export const diceEntity = () => `user-${Math.floor(Math.random() * 1e6).toString().padStart(6, '0')}`
