// What is wrong with a draft before it is sent, and what is worth a second look: rules that nobody reaches, shares of nothing.
import type { FlagDocument, Rule, Segment } from '@/api/client'
import { fromPercent, percentText, whole } from './distribution'
import { partsOf } from './flagShape'
import { readJson } from './json'
import { keyProblem } from './key'
import { variantOf } from './words'

export type Tab = 'rules' | 'variants' | 'settings'

/** What keeps a draft from being saved, by the path that the server would name. */
export interface Problem { path: string, tab: Tab, message: string }

/** The sum of the shares of a rule, in hundredths of a percent. */
export const sumOf = (distributions: Rule['distributions']) => (distributions ?? []).reduce((sum, d) => sum + fromPercent(d.rollout ?? 0), 0)

export function problemsOf(draft: FlagDocument): Problem[] {
  const found: Problem[] = []
  const say = (tab: Tab, path: string, message: string) => { if (message) found.push({ tab, path, message }) }
  say('settings', 'flag.name', draft.flag?.name?.trim() ? '' : 'Give it a name.')
  const variants = draft.flag?.variants ?? []
  variants.forEach((variant, place) => {
    const twice = variants.findIndex(other => other.key === variant.key) < place
    say('variants', `flag.variants[${place}].key`, keyProblem(variant.key ?? '') || (twice ? `There is another variant ${variant.key}.` : ''))
    if (variant.attachment?.trim() && readJson(variant.attachment).problem) say('variants', `flag.variants[${place}].attachment`, 'The attachment is not JSON.')
  })
  draft.rules?.forEach((rule, place) => {
    say('rules', `rules[${place}].segmentKeys`, rule.segmentKeys?.length ? '' : 'Choose a segment.')
    say('rules', `rules[${place}].distributions`, sumOf(rule.distributions) > whole ? `The shares are ${percentText(sumOf(rule.distributions))} together. Make them 100 % at most.` : '')
  })
  draft.rollouts?.forEach((rollout, place) => {
    const { segment } = partsOf(rollout)
    if (segment) say('rules', `rollouts[${place}].segment.segmentKeys`, segment.segmentKeys?.length ? '' : 'Choose a segment.')
  })
  return found
}

interface Audience { keys: string[], all: boolean }

const everybody = (segment: Segment | undefined) => segment !== undefined && (segment.constraints?.length ?? 0) === 0

/** Whether all that a later rule is for were already taken by an earlier one. */
function covers(earlier: Audience, later: Audience): boolean {
  if (earlier.keys.length === 0 || later.keys.length === 0) return false
  const strict = earlier.all && earlier.keys.length > 1
  const narrow = later.all && later.keys.length > 1
  if (strict) return narrow && earlier.keys.every(key => later.keys.includes(key))
  return narrow ? later.keys.some(key => earlier.keys.includes(key)) : later.keys.every(key => earlier.keys.includes(key))
}

const takesAll = (audience: Audience, segments: Map<string, Segment>) => audience.keys.length > 0 &&
  (audience.all ? audience.keys.every(key => everybody(segments.get(key))) : audience.keys.some(key => everybody(segments.get(key))))

/** Warnings by id of the rule or rollout. They hinder nothing. */
export function warningsOf(draft: FlagDocument, segments: Map<string, Segment> | undefined): Map<string, string[]> {
  const variant = draft.flag?.type !== 'BOOLEAN_FLAG_TYPE'
  const noun = variant ? 'rule' : 'rollout'
  const items = variant
    ? (draft.rules ?? []).map(rule => ({ id: rule.id ?? '', audience: audienceOf(rule), whole: false, own: shareWarnings(rule, draft) }))
    : (draft.rollouts ?? []).map(rollout => {
        const { segment, threshold } = partsOf(rollout)
        const percent = fromPercent(threshold?.percentage ?? 0)
        const own = !threshold ? [] : percent === 0 ? ['0 %: it is for nobody.'] : percent === whole ? ['100 %: it is for everybody.'] : []
        return { id: rollout.id ?? '', audience: segment ? audienceOf(segment) : { keys: [], all: false }, whole: threshold !== undefined && percent === whole, own }
      })
  const result = new Map<string, string[]>()
  items.forEach((item, place) => {
    const said = [...item.own]
    const before = items.slice(0, place)
    const taken = before.findIndex(other => other.whole || segments && takesAll(other.audience, segments))
    const same = before.findIndex(other => covers(other.audience, item.audience))
    if (taken >= 0) said.push(`Nobody gets here: ${noun} ${taken + 1} is for everybody.`)
    else if (same >= 0) said.push(`Nobody gets here: ${noun} ${same + 1} is for the same people.`)
    if (segments) {
      for (const key of item.audience.keys) {
        if (!segments.has(key)) said.push(`There is no segment ${key}.`)
        else if (everybody(segments.get(key))) said.push(`${segments.get(key)?.name || key} has no constraints: everybody is in it.`)
      }
    }
    if (said.length) result.set(item.id, said)
  })
  return result
}

const audienceOf = (holder: { segmentKeys?: string[], segmentOperator?: string }): Audience =>
  ({ keys: holder.segmentKeys ?? [], all: holder.segmentOperator === 'AND_SEGMENT_OPERATOR' })

function shareWarnings(rule: Rule, draft: FlagDocument): string[] {
  return (rule.distributions ?? []).flatMap(d => fromPercent(d.rollout ?? 0) === 0 ? [`${variantOf(draft.flag?.variants, d)?.key ?? 'A variant'} gets 0 %: nobody.`] : [])
}
