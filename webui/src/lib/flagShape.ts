// A flag as it is edited: each fact stands in one place, every item has a name of its own, and what only the server sets is left out.
import type { Distribution, FlagDocument, Rollout, Rule, Variant } from '@/api/client'
import type { components } from '@/api/schema'
import { evenSplit, toPercent } from './distribution'
import { segmentKeys } from './words'

export type RolloutSegment = components['schemas']['flipt.RolloutSegment']
export type RolloutThreshold = components['schemas']['flipt.RolloutThreshold']
export type SegmentOperator = components['schemas']['flipt.SegmentOperator']
/** What a rollout serves and whom: one of the two is there. */
export interface RolloutParts { segment?: RolloutSegment, threshold?: RolloutThreshold }

export const partsOf = (rollout: Rollout) => rollout as RolloutParts

const fresh = 'new:'
let made = 0

/** Names an item that the server has no id for yet. */
export const newId = () => `${fresh}${Date.now().toString(36)}-${++made}`
export const isNew = (id: string | undefined) => id === undefined || id === '' || id.startsWith(fresh)

/** Makes a draft of what the server sent. Drafts of equal documents are equal. */
export function toDraft(document: FlagDocument): FlagDocument {
  const flag = document.flag ?? {}
  return {
    flag: {
      key: flag.key, namespaceKey: flag.namespaceKey, type: flag.type, name: flag.name ?? '', description: flag.description ?? '', enabled: flag.enabled ?? false,
      createdAt: flag.createdAt, updatedAt: flag.updatedAt,
      variants: (flag.variants ?? []).map(variant => ({
        id: variant.id || newId(), key: variant.key ?? '', name: variant.name ?? '', description: variant.description ?? '', attachment: variant.attachment ?? ''
      })),
      ...flag.defaultVariant?.key ? { defaultVariant: { key: flag.defaultVariant.key } } : {},
      metadata: flag.metadata ?? {}
    },
    rules: (document.rules ?? []).map(rule => ({
      id: rule.id || newId(), segmentKeys: segmentKeys(rule), segmentOperator: rule.segmentOperator ?? 'OR_SEGMENT_OPERATOR',
      distributions: (rule.distributions ?? []).map(d => ({ id: d.id || newId(), variantId: d.variantId ?? '', rollout: d.rollout ?? 0 }))
    })),
    rollouts: (document.rollouts ?? []).map(draftRollout),
    tags: document.tags ?? [],
    ...document.archivedAt ? { archivedAt: document.archivedAt } : {},
    etag: document.etag, revision: document.revision
  }
}

function draftRollout(rollout: Rollout): Rollout {
  const { segment, threshold } = partsOf(rollout)
  const own = { id: rollout.id || newId(), description: rollout.description ?? '' }
  if (segment) return segmentRollout(own, { segmentKeys: segmentKeys(segment), segmentOperator: segment.segmentOperator, value: segment.value })
  return thresholdRollout(own, threshold ?? {})
}

export function segmentRollout(own: { id?: string, description?: string }, segment: RolloutSegment): Rollout {
  return {
    id: own.id, description: own.description, type: 'SEGMENT_ROLLOUT_TYPE',
    segment: { segmentKeys: segment.segmentKeys ?? [], segmentOperator: segment.segmentOperator ?? 'OR_SEGMENT_OPERATOR', value: segment.value ?? false }
  }
}

export function thresholdRollout(own: { id?: string, description?: string }, threshold: RolloutThreshold): Rollout {
  return {
    id: own.id, description: own.description, type: 'THRESHOLD_ROLLOUT_TYPE',
    threshold: { percentage: threshold.percentage ?? 0, value: threshold.value ?? false }
  }
}

/** Makes of a draft what the server takes: new items without id, their variants named by key. A rollout of another kind than the one that the
 * server has of its id is a new one too, since a rollout cannot change its kind. */
export function toDocument(draft: FlagDocument, base?: FlagDocument): FlagDocument {
  const flag = draft.flag ?? {}
  const keys = new Map((flag.variants ?? []).map(variant => [variant.id, variant.key]))
  const own = (id: string | undefined) => isNew(id) ? {} : { id }
  const kinds = new Map((base?.rollouts ?? []).map(rollout => [rollout.id, rollout.type]))
  const otherKind = (rollout: Rollout) => kinds.has(rollout.id) && kinds.get(rollout.id) !== rollout.type
  return {
    flag: {
      key: flag.key, name: flag.name, description: flag.description, enabled: flag.enabled, type: flag.type,
      variants: (flag.variants ?? []).map(v => ({ ...own(v.id), key: v.key, name: v.name, description: v.description, attachment: v.attachment })),
      ...flag.defaultVariant?.key ? { defaultVariant: { key: flag.defaultVariant.key } } : {},
      ...Object.keys(flag.metadata ?? {}).length ? { metadata: flag.metadata } : {}
    },
    rules: (draft.rules ?? []).map(rule => ({
      ...own(rule.id), segmentKeys: rule.segmentKeys, segmentOperator: rule.segmentOperator,
      distributions: (rule.distributions ?? []).map(d => ({ ...own(d.id), variantId: isNew(d.variantId) ? keys.get(d.variantId) ?? d.variantId : d.variantId, rollout: d.rollout }))
    })),
    rollouts: (draft.rollouts ?? []).map(rollout => {
      const { id, ...rest } = rollout
      return { ...otherKind(rollout) ? {} : own(id), ...rest }
    }),
    tags: draft.tags
  }
}

/** A rule that serves one variant to nobody yet. */
export function newRule(variants: Variant[]): Rule {
  return { id: newId(), segmentKeys: [], segmentOperator: 'OR_SEGMENT_OPERATOR', distributions: variants[0] ? [share(variants[0].id, 100)] : [] }
}

export const newRollout = (): Rollout => thresholdRollout({ id: newId(), description: '' }, { percentage: 50, value: true })

export const share = (variantId: string | undefined, rollout: number): Distribution => ({ id: newId(), variantId, rollout })

/** The same rule once more, with names of its own. */
export const copyRule = (rule: Rule): Rule => ({ ...structuredClone(rule), id: newId(), distributions: (rule.distributions ?? []).map(d => share(d.variantId, d.rollout ?? 0)) })
export const copyRollout = (rollout: Rollout): Rollout => ({ ...structuredClone(rollout), id: newId() })

/** Shares of all variants, as equal as they can be; those that were there keep their names. */
export function evenShares(variants: Variant[], before: Distribution[]): Distribution[] {
  const even = evenSplit(variants.length)
  return variants.map((variant, place) => {
    const was = before.find(d => d.variantId === variant.id)
    return was ? { ...was, rollout: toPercent(even[place]!) } : share(variant.id, toPercent(even[place]!))
  })
}

/** Places of the rules, counted from 1, that serve a variant. */
export const rulesWith = (draft: FlagDocument, variantId: string | undefined) =>
  (draft.rules ?? []).flatMap((rule, place) => rule.distributions?.some(d => d.variantId === variantId) ? [place + 1] : [])

/** Moves an item of a list. */
export function moved<T>(list: T[], from: number, to: number): T[] {
  const next = [...list]
  const [item] = next.splice(from, 1)
  if (item !== undefined) next.splice(to, 0, item)
  return next
}
