// What is done with whole flags: read, switch, tag, copy, archive, delete. Every write is guarded by the ETag of what it replaces.
import { api, ApiError, call, type FlagDocument, type FlagSummary, type Rollout, type Rule } from '@/api/client'
import type { components } from '@/api/schema'
import { ChangedMeanwhile } from './optimistic'
import { forget } from './resource'

export type Edit = components['schemas']['burgee.v1.Edit']
const json = { 'Content-Type': 'application/json' }
const path = '/api/v1/namespaces/{namespace_key}/flags/{key}/document'

export const readFlag = (ns: string, key: string, signal?: AbortSignal): Promise<FlagDocument> =>
  call(api.GET(path, { params: { path: { namespace_key: ns, key } }, signal }))

/** Replaces a flag in the state that an ETag names, or makes a new one without. The comment is for the history. */
export async function writeFlag(ns: string, key: string, body: FlagDocument, etag?: string, signal?: AbortSignal, comment = ''): Promise<FlagDocument> {
  const guard: Record<string, string> = etag === undefined ? { 'If-None-Match': '*' } : { 'If-Match': etag }
  const said: Record<string, string> = comment === '' ? {} : { 'Burgee-Comment': encodeURIComponent(comment) }
  const answer = await call(api.PUT(path, { params: { path: { namespace_key: ns, key } }, headers: { ...json, ...guard, ...said }, body, signal }))
  forgetFlags(ns)
  return answer
}

/** Forgets the lists of flags of a namespace: they are old. */
export const forgetFlags = (ns: string) => forget(`flags ${ns} `)

/** The document that a conflict carries. */
export function currentFlag(error: unknown): FlagDocument | undefined {
  if (!(error instanceof ApiError)) return undefined
  return error.details.find(detail => detail['@type']?.endsWith('burgee.v1.Document'))?.flag as FlagDocument | undefined
}

/** Turns a flag on or off. What else was changed meanwhile stays; another state than the one that was seen is a ChangedMeanwhile. */
export async function setEnabled(ns: string, key: string, enabled: boolean, seen: boolean, signal?: AbortSignal): Promise<FlagDocument> {
  let document = await readFlag(ns, key, signal)
  for (let tries = 1; ; tries++) {
    if ((document.flag?.enabled ?? false) !== seen) throw new ChangedMeanwhile(document)
    try {
      return await writeFlag(ns, key, { ...document, flag: { ...document.flag, enabled } }, document.etag, signal)
    } catch (error) {
      const current = currentFlag(error)
      if (!(error instanceof ApiError) || !error.stale || !current || tries === 3) throw error
      document = current
    }
  }
}

/** The row of a list for a document that the server has just answered. */
export function withDocument(summary: FlagSummary, document: FlagDocument): FlagSummary {
  const flag = document.flag ?? {}
  return {
    ...summary, name: flag.name, description: flag.description, enabled: flag.enabled ?? false, tags: document.tags ?? [], archivedAt: document.archivedAt,
    variants: flag.variants?.length ?? 0, rules: document.rules?.length ?? 0, rollouts: document.rollouts?.length ?? 0,
    defaultVariantKey: flag.defaultVariant?.key ?? '', updatedAt: flag.updatedAt ?? summary.updatedAt, etag: document.etag
  }
}

/** A document of another flag with the same content: without what belongs to the first one alone. */
export function copyOf(document: FlagDocument, key: string, name: string): FlagDocument {
  const flag = document.flag ?? {}
  const keyById = new Map((flag.variants ?? []).map(variant => [variant.id, variant.key]))
  const rule = (old: Rule): Rule => ({
    segmentKeys: old.segmentKeys?.length ? old.segmentKeys : old.segmentKey ? [old.segmentKey] : [], segmentOperator: old.segmentOperator,
    distributions: (old.distributions ?? []).map(d => ({ variantId: keyById.get(d.variantId) ?? d.variantId, rollout: d.rollout }))
  })
  const rollout = (old: Rollout): Rollout => {
    const copy = { ...old }
    for (const own of ['id', 'namespaceKey', 'flagKey', 'rank', 'createdAt', 'updatedAt'] as const) delete copy[own]
    return copy
  }
  return {
    flag: {
      key, name, description: flag.description, enabled: flag.enabled, type: flag.type, ...flag.metadata ? { metadata: flag.metadata } : {},
      variants: (flag.variants ?? []).map(v => ({ key: v.key, name: v.name, description: v.description, attachment: v.attachment })),
      ...flag.defaultVariant ? { defaultVariant: { key: flag.defaultVariant.key } } : {}
    },
    rules: (document.rules ?? []).map(rule),
    rollouts: (document.rollouts ?? []).map(rollout),
    tags: document.tags ?? []
  }
}

/** What came of one of many edits: why it failed, or nothing. */
export interface EditResult {
  key: string
  problem?: string
}

type Send = (edits: Edit[]) => Promise<unknown>
const send: Send = edits => call(api.POST('/api/v1/edits', { body: { edits } }))

/** Carries out edits as one revision. Those that the server refuses are left out and told of; the others are carried out together. */
export async function editFlags(edits: Edit[], carryOut: Send = send): Promise<EditResult[]> {
  const problems = new Map<Edit, string>()
  let left = edits
  while (left.length > 0) {
    try {
      await carryOut(left)
      break
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const place = refused(error)
      if (place === undefined || !left[place]) throw error
      problems.set(left[place], error.stale ? 'It was changed a moment ago.' : error.message.replace(/^.*?edits\[\d+\][^:]*: /, ''))
      left = left.filter((_, other) => other !== place)
    }
  }
  for (const ns of new Set(edits.map(edit => edit.namespaceKey ?? ''))) forgetFlags(ns)
  return edits.map(edit => ({ key: edit.key ?? '', problem: problems.get(edit) }))
}

/** Which of the edits an error is about. */
function refused(error: ApiError): number | undefined {
  const place = /\bedits\[(\d+)\]/.exec(`${error.fields[0]?.path ?? ''} ${error.message}`)?.[1]
  return place === undefined ? undefined : Number(place)
}

/** Changes many flags by their present documents. One that `change` leaves as it is needs no edit. */
export async function changeFlags(ns: string, keys: string[], change: (document: FlagDocument) => FlagDocument | undefined): Promise<EditResult[]> {
  const results = new Map<string, EditResult>()
  const edits: Edit[] = []
  for (let from = 0; from < keys.length; from += 6) {
    await Promise.all(keys.slice(from, from + 6).map(async key => {
      try {
        const document = await readFlag(ns, key)
        const changed = change(document)
        if (changed) edits.push({ namespaceKey: ns, key, ifMatch: document.etag, replaceFlag: changed })
        results.set(key, { key })
      } catch (error) {
        if (!(error instanceof ApiError) || error.status === 0) throw error
        results.set(key, { key, problem: error.message })
      }
    }))
  }
  edits.sort((a, b) => keys.indexOf(a.key ?? '') - keys.indexOf(b.key ?? ''))
  for (const result of await editFlags(edits)) results.set(result.key, result)
  return keys.map(key => results.get(key) ?? { key })
}
