// Segments of the server: listed, read, written, deleted. Every write is guarded by the ETag of what it replaces.
import { api, ApiError, call, type FlagSummary, type Segment, type SegmentDocument, type SegmentUse } from '@/api/client'
import { forget } from './resource'

const path = '/api/v1/namespaces/{namespace_key}/segments/{key}/document'

export const readSegment = (ns: string, key: string, signal?: AbortSignal): Promise<SegmentDocument> =>
  call(api.GET(path, { params: { path: { namespace_key: ns, key } }, signal }))

/** Replaces a segment in the state that an ETag names, or makes a new one without. */
export async function writeSegment(ns: string, key: string, body: SegmentDocument, etag?: string, comment = ''): Promise<SegmentDocument> {
  const headers: Record<string, string> = etag === undefined ? { 'If-None-Match': '*' } : { 'If-Match': etag }
  if (comment.trim() !== '') headers['Burgee-Comment'] = encodeURIComponent(comment.trim())
  const answer = await call(api.PUT(path, { params: { path: { namespace_key: ns, key } }, headers, body }))
  forgetSegments(ns)
  return answer
}

export async function deleteSegment(ns: string, key: string, etag: string | undefined): Promise<void> {
  await call(api.POST('/api/v1/edits', { body: { edits: [{ namespaceKey: ns, key, ifMatch: etag, deleteSegment: {} }] } }))
  forgetSegments(ns)
}

/** Forgets what was read of the segments of a namespace: it is old. */
export function forgetSegments(ns: string) {
  forget(`segments ${ns} `)
  forget(`segment ${ns} `)
}

/** The document that a conflict carries. */
export function currentSegment(error: unknown): SegmentDocument | undefined {
  if (!(error instanceof ApiError)) return undefined
  return error.details.find(detail => detail['@type']?.endsWith('burgee.v1.Document'))?.segment as SegmentDocument | undefined
}

/** All segments of a namespace, in the order of creation. */
export async function listSegments(ns: string, signal?: AbortSignal): Promise<Segment[]> {
  const all: Segment[] = []
  let pageToken: string | undefined
  do {
    const page = await call(api.GET('/api/v1/namespaces/{namespace_key}/segments', { params: { path: { namespace_key: ns }, query: { limit: 1000, pageToken } }, signal }))
    all.push(...page.segments ?? [])
    pageToken = page.nextPageToken || undefined
  } while (pageToken)
  return all
}

/** All flags of a namespace as rows; archived ones only when they are asked for. */
export async function listSummaries(ns: string, archived: boolean, signal?: AbortSignal): Promise<FlagSummary[]> {
  const all: FlagSummary[] = []
  let pageToken: string | undefined
  do {
    const page = await call(api.GET('/api/v1/namespaces/{namespace_key}/flag-summaries', {
      params: { path: { namespace_key: ns }, query: { limit: 1000, pageToken, archived: archived ? 'ARCHIVED_FILTER_INCLUDED' : undefined } }, signal
    }))
    all.push(...page.flags ?? [])
    pageToken = page.nextPageToken || undefined
  } while (pageToken)
  return all
}

export async function listUses(ns: string, key: string, signal?: AbortSignal): Promise<SegmentUse[]> {
  return (await call(api.GET('/api/v1/namespaces/{namespace_key}/segments/{key}/uses', { params: { path: { namespace_key: ns, key } }, signal }))).uses ?? []
}

/** The flags of uses, each once; those that evaluate are the ones in service. */
export function flagsOf(uses: SegmentUse[], inService: boolean): { key: string, name: string }[] {
  const flags = new Map(uses.filter(use => !inService || !use.archived).map(use => [use.flagKey ?? '', { key: use.flagKey ?? '', name: use.flagName || use.flagKey || '' }]))
  return [...flags.values()]
}
