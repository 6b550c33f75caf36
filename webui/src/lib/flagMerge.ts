// Two people changed one flag: what only one of them changed is taken, the rest is put before the one who saves last.
// Rules, rollouts and variants are the same by id. What a rule splits, whom it is for, and what a rollout serves are each one thing,
// since half of mine and half of theirs would be what nobody wanted; the order of a list is one thing too.
import type { FlagDocument, Rollout, Rule, Variant } from '@/api/client'
import { isNew, newId, segmentRollout, share, thresholdRollout, partsOf, type SegmentOperator } from './flagShape'
import { identity, merge, settle, type Conflict, type ConflictRow } from './merge'
import { rolloutWords, segmentWords, splitWords } from './words'

type Split = [variantId: string, percent: number][]
type Segments = [keys: string[], operator: string]
interface RuleShape { id: string, segments: Segments, split: Split }
interface RolloutShape { id: string, description: string, serves: unknown[] }
interface Shape {
  flag: { name?: string, description?: string, enabled?: boolean, otherwise: string, metadata: object, variants: Variant[] }
  rules: RuleShape[]
  rollouts: RolloutShape[]
  tags: Record<string, true>
}
type Ranked = 'rules' | 'rollouts'
export type Side = 'theirs' | 'mine'

export interface MergedFlag {
  conflicts: ConflictRow[]
  /** A draft on top of theirs. */
  settle: (choice: (id: string) => Side) => FlagDocument
}

export function mergeFlags(base: FlagDocument, theirs: FlagDocument, mine: FlagDocument): MergedFlag {
  const [b, t, m] = [shapeOf(base), shapeOf(theirs), shapeOf(mine)]
  const merged = merge(b, t, m)
  const words = wordsFor([mine, theirs, base])
  const orders = (['rules', 'rollouts'] as const).filter(list => orderDiffers(b[list], t[list], m[list]))
  const conflicts = merged.conflicts.map(conflict => words(conflict))
  for (const list of orders) {
    const line = (doc: FlagDocument) => (doc[list] ?? []).map((item, place) => `${place + 1}. ${itemWords(list, item, doc)}`).join('\n')
    conflicts.push({ id: `${list}.order`, label: `Order of the ${list}`, base: line(base), theirs: line(theirs), mine: line(mine), lines: true })
  }
  return {
    conflicts,
    settle: choice => {
      const value = settle(merged, conflict => choice(conflict.path.join('.')))
      for (const list of orders) {
        const order = (choice(`${list}.order`) === 'mine' ? m : t)[list].map(item => item.id)
        value[list] = inOrder(value[list] as { id: string }[], order) as never
      }
      return draftOf(value, theirs)
    }
  }
}

function shapeOf(doc: FlagDocument): Shape {
  const flag = doc.flag ?? {}
  return {
    flag: {
      name: flag.name, description: flag.description, enabled: flag.enabled, otherwise: flag.defaultVariant?.key ?? '', metadata: flag.metadata ?? {},
      variants: flag.variants ?? []
    },
    rules: (doc.rules ?? []).map(rule => ({
      id: rule.id ?? '', segments: [rule.segmentKeys ?? [], (rule.segmentKeys?.length ?? 0) > 1 ? rule.segmentOperator ?? '' : ''],
      split: (rule.distributions ?? []).map(d => [d.variantId ?? '', d.rollout ?? 0])
    })),
    rollouts: (doc.rollouts ?? []).map(rollout => {
      const { segment, threshold } = partsOf(rollout)
      return {
        id: rollout.id ?? '', description: rollout.description ?? '',
        serves: segment ? ['segment', segment.value ?? false, segment.segmentKeys ?? [], segment.segmentOperator ?? ''] : ['threshold', threshold?.value ?? false, threshold?.percentage ?? 0]
      }
    }),
    tags: Object.fromEntries((doc.tags ?? []).map(tag => [tag, true]))
  }
}

/** Makes a draft again. Items that theirs does not have any more come back as new ones. */
function draftOf(shape: Shape, theirs: FlagDocument): FlagDocument {
  const known = new Set([...theirs.flag?.variants ?? [], ...theirs.rules ?? [], ...theirs.rollouts ?? []].map(item => item.id))
  const renamed = new Map<string, string>()
  const idOf = (id: string | undefined) => {
    if (id === undefined || isNew(id) || known.has(id)) return id ?? newId()
    if (!renamed.has(id)) renamed.set(id, newId())
    return renamed.get(id)!
  }
  const variants = shape.flag.variants.map(variant => ({ ...variant, id: idOf(variant.id) }))
  const { otherwise, ...flag } = shape.flag
  return {
    ...theirs,
    flag: {
      ...theirs.flag, ...flag, metadata: flag.metadata as never, variants,
      defaultVariant: variants.some(variant => variant.key === otherwise) ? { key: otherwise } : undefined
    },
    rules: shape.rules.map(rule => ruleOf(rule, idOf(rule.id), theirs.rules?.find(r => r.id === rule.id), renamed)),
    rollouts: shape.rollouts.map(rollout => rolloutOf(rollout, idOf(rollout.id))),
    tags: Object.keys(shape.tags).sort()
  }
}

function ruleOf(rule: RuleShape, id: string, theirs: Rule | undefined, renamed: Map<string, string>): Rule {
  const [keys, operator] = rule.segments
  return {
    id, segmentKeys: keys, segmentOperator: (operator || 'OR_SEGMENT_OPERATOR') as SegmentOperator,
    distributions: rule.split.map(([variantId, percent]) => {
      const was = theirs?.distributions?.find(d => d.variantId === variantId)
      return { ...share(renamed.get(variantId) ?? variantId, percent), ...was ? { id: was.id } : {} }
    })
  }
}

function rolloutOf({ description, serves }: RolloutShape, id: string): Rollout {
  const [kind, value, what, operator] = serves
  return kind === 'segment'
    ? segmentRollout({ id, description }, { value: value as boolean, segmentKeys: what as string[], segmentOperator: operator as SegmentOperator })
    : thresholdRollout({ id, description }, { value: value as boolean, percentage: what as number })
}

/** Whether both put the items that all have into another order, and not into the same one. */
function orderDiffers(base: { id: string }[], theirs: { id: string }[], mine: { id: string }[]): boolean {
  const all = (list: { id: string }[]) => list.map(item => item.id).filter(id => [base, theirs, mine].every(side => side.some(item => item.id === id))).join('\n')
  const [b, t, m] = [all(base), all(theirs), all(mine)]
  return b !== t && b !== m && t !== m
}

/** Puts the items into an order; those that it does not name stand behind what they stood behind. */
export function inOrder<T extends { id: string }>(items: T[], order: string[]): T[] {
  const result = order.flatMap(id => items.find(item => item.id === id) ?? [])
  items.forEach((item, place) => {
    if (result.includes(item)) return
    const before = items.slice(0, place).findLast(other => result.includes(other))
    result.splice(before ? result.indexOf(before) + 1 : 0, 0, item)
  })
  return result
}

const itemWords = (list: Ranked, item: Rule | Rollout, doc: FlagDocument) => list === 'rules'
  ? `${segmentWords(item as Rule) || 'no segment'} → ${splitWords(doc.flag?.variants, (item as Rule).distributions)}` : rolloutWords(item as Rollout)

/** Tells conflicts in words: what they are about, and what stands on each side. */
function wordsFor(docs: FlagDocument[]) {
  const variants = docs.flatMap(doc => doc.flag?.variants ?? [])
  const place = (list: Ranked, name: string | undefined) => docs.map(doc => (doc[list] ?? []).findIndex(item => identity(item) === name)).find(at => at >= 0) ?? -1
  const label = ([list, name, member, part]: string[]): string => {
    if (list === 'flag' && name === 'variants') {
      const variant = variants.find(v => identity(v) === member)
      return `Variant ${variant?.key ?? ''}${part ? `: ${part}` : ''}`
    }
    if (list === 'flag') return { name: 'Name', description: 'Description', enabled: 'On or off', otherwise: 'Otherwise serve', metadata: `Metadata ${member ?? ''}` }[name ?? ''] ?? name ?? ''
    const noun = list === 'rules' ? 'Rule' : 'Rollout'
    const what = { segments: 'for whom', split: 'what it serves', serves: 'what it serves', description: 'description' }[member ?? '']
    return `${noun} ${place(list as Ranked, name) + 1}${what ? `: ${what}` : ''}`
  }
  const text = (path: string[], value: unknown): string => {
    if (value === undefined) return path.length === 2 || path[1] === 'variants' && path.length === 3 ? 'deleted' : 'nothing'
    const member = path[2]
    if (path[0] === 'rules' && member === 'split') return splitText(value as Split)
    if (path[0] === 'rules' && member === 'segments') return segmentsText(value as Segments)
    if (path[0] === 'rules' && path.length === 2) return `if in ${segmentsText((value as RuleShape).segments)}, serve ${splitText((value as RuleShape).split)}`
    if (path[0] === 'rollouts' && member === 'serves') return rolloutWords(rolloutOf({ id: '', description: '', serves: value as unknown[] }, ''))
    if (path[0] === 'rollouts' && path.length === 2) return rolloutWords(rolloutOf(value as RolloutShape, ''))
    if (path[1] === 'variants' && path.length === 3) return (value as Variant).key ?? ''
    if (path[1] === 'otherwise' && value === '') return 'no variant'
    return typeof value === 'string' ? value || 'nothing' : JSON.stringify(value)
  }
  const splitText = (split: Split) => splitWords(variants, split.map(([variantId, rollout]) => ({ variantId, rollout })))
  const segmentsText = ([keys, operator]: Segments) => segmentWords({ segmentKeys: keys, segmentOperator: operator }) || 'no segment'
  return ({ path, base, theirs, mine }: Conflict): ConflictRow =>
    ({ id: path.join('.'), label: label(path), base: text(path, base), theirs: text(path, theirs), mine: text(path, mine) })
}
