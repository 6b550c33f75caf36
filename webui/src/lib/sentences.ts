// What has changed between two versions of a document, as sentences: for the bar above unsaved changes, and for the history.
import type { Constraint, FlagDocument, NamespaceDocument, Rollout, Rule, SegmentDocument, Variant } from '@/api/client'
import { same } from './merge'
import { constraintWords, rolloutWords, ruleWords, segmentWords, splitWords, variantOf } from './words'

const quote = (text: string | undefined) => text ? `“${text}”` : 'nothing'

export function flagSentences(before: FlagDocument | undefined, after: FlagDocument | undefined): string[] {
  if (!before || !after) return [before ? 'deleted' : 'created']
  const said: string[] = []
  const [a, b] = [before.flag ?? {}, after.flag ?? {}]
  if ((a.enabled ?? false) !== (b.enabled ?? false)) {
    said.push(b.type === 'BOOLEAN_FLAG_TYPE' ? `default value ${a.enabled ?? false} → ${b.enabled ?? false}` : b.enabled ? 'turned on' : 'turned off')
  }
  if (!same(a.name, b.name)) said.push(`name ${quote(a.name)} → ${quote(b.name)}`)
  if (!same(a.description, b.description)) said.push(`description ${quote(a.description)} → ${quote(b.description)}`)
  if (a.type !== b.type) said.push('another type')
  said.push(...variantSentences(a.variants ?? [], b.variants ?? []))
  if (!same(a.defaultVariant?.key, b.defaultVariant?.key)) said.push(`otherwise ${a.defaultVariant?.key ?? 'no variant'} → ${b.defaultVariant?.key ?? 'no variant'}`)
  said.push(...listSentences('rule', before.rules ?? [], after.rules ?? [], rule => rule.id, (rule, doc) => ruleWords(rule, doc.flag?.variants),
    (x, y) => ruleChanges(x, y, before, after), before, after))
  said.push(...listSentences('rollout', before.rollouts ?? [], after.rollouts ?? [], rollout => rollout.id, rolloutWords, rolloutChanges, before, after))
  said.push(...metadataSentences(a.metadata, b.metadata))
  said.push(...tagSentences(before.tags ?? [], after.tags ?? []))
  if (!before.archivedAt !== !after.archivedAt) said.push(after.archivedAt ? 'archived' : 'put back into service')
  return said
}

function variantSentences(before: Variant[], after: Variant[]): string[] {
  const said: string[] = []
  const find = (list: Variant[], variant: Variant) => list.find(v => v.id && v.id === variant.id) ?? list.find(v => v.key === variant.key)
  for (const variant of before) if (!find(after, variant)) said.push(`− variant ${variant.key}`)
  for (const variant of after) {
    const was = find(before, variant)
    if (!was) said.push(`+ variant ${variant.key}`)
    else {
      if (was.key !== variant.key) said.push(`variant ${was.key} → ${variant.key}`)
      if (!same(was.name, variant.name)) said.push(`variant ${variant.key}: name ${quote(was.name)} → ${quote(variant.name)}`)
      if (!same(was.description, variant.description)) said.push(`variant ${variant.key}: other description`)
      if (!same(was.attachment, variant.attachment)) said.push(`variant ${variant.key}: other attachment`)
    }
  }
  return said
}

function listSentences<T>(noun: string, before: T[], after: T[], id: (item: T) => string | undefined, words: (item: T, doc: FlagDocument) => string,
  changes: (before: T, after: T) => string[], docBefore: FlagDocument, docAfter: FlagDocument): string[] {
  const said: string[] = []
  const find = (list: T[], item: T) => list.findIndex(other => id(other) && id(other) === id(item))
  before.forEach((item, place) => { if (find(after, item) < 0) said.push(`− ${noun} ${place + 1}: ${words(item, docBefore)}`) })
  const kept = before.filter(item => find(after, item) >= 0).map(id)
  const order = after.filter(item => find(before, item) >= 0).map(id)
  after.forEach((item, place) => {
    const was = find(before, item)
    if (was < 0) said.push(`+ ${noun} ${place + 1}: ${words(item, docAfter)}`)
    else said.push(...changes(before[was]!, item).map(text => `${noun} ${place + 1}: ${text}`))
  })
  for (const moved of movedItems(kept, order)) {
    said.push(`${noun} ${before.findIndex(item => id(item) === moved) + 1} moves to ${after.findIndex(item => id(item) === moved) + 1}`)
  }
  return said
}

/** The fewest items that were moved: all that are not of the longest run that kept its order. */
function movedItems<T>(before: T[], after: T[]): T[] {
  const places = after.map(item => before.indexOf(item))
  const best: number[][] = []
  for (let i = 0; i < places.length; i++) {
    let longest: number[] = []
    for (let j = 0; j < i; j++) if (places[j]! < places[i]! && best[j]!.length > longest.length) longest = best[j]!
    best.push([...longest, i])
  }
  const stayed = new Set(best.reduce((a, b) => b.length > a.length ? b : a, []))
  return after.filter((_, i) => !stayed.has(i))
}

function ruleChanges(before: Rule, after: Rule, docBefore: FlagDocument, docAfter: FlagDocument): string[] {
  const said: string[] = []
  if (segmentWords(before) !== segmentWords(after)) said.push(`if in ${segmentWords(before) || 'no segment'} → ${segmentWords(after) || 'no segment'}`)
  const name = (doc: FlagDocument) => (d: NonNullable<Rule['distributions']>[number]) => variantOf(doc.flag?.variants, d)?.key ?? d.variantId ?? ''
  const [a, b] = [before.distributions ?? [], after.distributions ?? []]
  const [namesBefore, namesAfter] = [a.map(name(docBefore)), b.map(name(docAfter))]
  if (namesBefore.join('\n') === namesAfter.join('\n')) {
    const changed = b.flatMap((d, i) => Math.abs((d.rollout ?? 0) - (a[i]!.rollout ?? 0)) < 0.001 ? [] : [`${namesAfter[i]} ${round(a[i]!.rollout)} % → ${round(d.rollout)} %`])
    if (changed.length) said.push(changed.join(', '))
  } else {
    said.push(`serve ${splitWords(docBefore.flag?.variants, a)} → ${splitWords(docAfter.flag?.variants, b)}`)
  }
  return said
}

const round = (n: number | undefined) => Math.round((n ?? 0) * 100) / 100

function rolloutChanges(before: Rollout, after: Rollout): string[] {
  const said = rolloutWords(before) === rolloutWords(after) ? [] : [`${rolloutWords(before)} → ${rolloutWords(after)}`]
  if (!same(before.description, after.description)) said.push('other description')
  return said
}

function metadataSentences(before: object | null | undefined, after: object | null | undefined): string[] {
  const [a, b] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().flatMap(name => {
    if (!(name in b)) return [`− metadata ${name}`]
    if (!(name in a)) return [`+ metadata ${name}: ${JSON.stringify(b[name])}`]
    return JSON.stringify(a[name]) === JSON.stringify(b[name]) ? [] : [`metadata ${name}: ${JSON.stringify(a[name])} → ${JSON.stringify(b[name])}`]
  })
}

function tagSentences(before: string[], after: string[]): string[] {
  const added = after.filter(tag => !before.includes(tag)).map(tag => `+ ${tag}`)
  const gone = before.filter(tag => !after.includes(tag)).map(tag => `− ${tag}`)
  return added.length + gone.length ? [`tags ${[...added, ...gone].join(', ')}`] : []
}

export function segmentSentences(before: SegmentDocument | undefined, after: SegmentDocument | undefined): string[] {
  if (!before || !after) return [before ? 'deleted' : 'created']
  const said: string[] = []
  const [a, b] = [before.segment ?? {}, after.segment ?? {}]
  if (!same(a.name, b.name)) said.push(`name ${quote(a.name)} → ${quote(b.name)}`)
  if (!same(a.description, b.description)) said.push(`description ${quote(a.description)} → ${quote(b.description)}`)
  if (a.matchType !== b.matchType) said.push(b.matchType === 'ANY_MATCH_TYPE' ? 'any constraint is enough' : 'all constraints must hold')
  const find = (list: Constraint[], constraint: Constraint) => list.find(c => c.id && c.id === constraint.id)
  for (const constraint of a.constraints ?? []) if (!find(b.constraints ?? [], constraint)) said.push(`− ${constraintWords(constraint)}`)
  for (const constraint of b.constraints ?? []) {
    const was = find(a.constraints ?? [], constraint)
    if (!was) said.push(`+ ${constraintWords(constraint)}`)
    else if (constraintWords(was) !== constraintWords(constraint)) said.push(`${constraintWords(was)} → ${constraintWords(constraint)}`)
    else if (!same(was.description, constraint.description)) said.push(`${constraintWords(constraint)}: other description`)
  }
  return said
}

export function namespaceSentences(before: NamespaceDocument | undefined, after: NamespaceDocument | undefined): string[] {
  if (!before || !after) return [before ? 'deleted' : 'created']
  const said: string[] = []
  const [a, b] = [before.namespace ?? {}, after.namespace ?? {}]
  if (!same(a.name, b.name)) said.push(`name ${quote(a.name)} → ${quote(b.name)}`)
  if (!same(a.description, b.description)) said.push(`description ${quote(a.description)} → ${quote(b.description)}`)
  if (!same(before.color, after.color)) said.push(`colour ${before.color || 'none'} → ${after.color || 'none'}`)
  if (!same(before.production, after.production)) said.push(after.production ? 'marked as production' : 'no longer marked as production')
  return said
}
