// Revisions as people read them.
import type { components } from '@/api/schema'
import type { FlagDocument, NamespaceDocument, Revision, SegmentDocument } from '@/api/client'
import { flagSentences, namespaceSentences, segmentSentences } from './sentences'

export type RevisedDocument = components['schemas']['burgee.v1.RevisedDocument']
export type AnyDocument = components['schemas']['burgee.v1.Document']
export type DocumentChange = components['schemas']['burgee.v1.DocumentChange']

/** "Ana", or how it was made when nobody said who. */
export function authorOf(revision: Revision): string {
  if (revision.author) return revision.author
  return revision.method?.startsWith('/') ? 'Somebody' : 'The server'
}

const verbs: Record<string, string> = { DOCUMENT_ACTION_CREATED: 'created', DOCUMENT_ACTION_UPDATED: 'changed', DOCUMENT_ACTION_DELETED: 'deleted' }

/** "changed flag checkout", "created 12 flags and 3 segments". */
export function whatWords(revision: Revision): string {
  const changes = revision.changes ?? []
  const total = revision.changeCount ?? changes.length
  if (total === 0) return { restore: 'restored a backup', fold: 'folded old history', init: 'began the history' }[revision.method ?? ''] ?? 'changed nothing'
  if (total === 1) return `${verbs[changes[0]!.action ?? '']} ${changes[0]!.kind} ${changes[0]!.key}`
  const groups = new Map<string, number>()
  for (const change of changes) {
    const name = `${verbs[change.action ?? '']} ${change.kind}`
    groups.set(name, (groups.get(name) ?? 0) + 1)
  }
  if (total > changes.length) return `changed ${total} documents`
  return [...groups].map(([name, n]) => n === 1 ? `${name.replace(' ', ' a ')}` : `${name.replace(' ', ` ${n} `)}s`).join(', ')
}

/** What a revision says beside what it changed. */
export function noteWords(revision: Revision): string {
  if (Number(revision.reverts ?? 0) > 0) return `undoes revision ${revision.reverts}`
  if (Number(revision.restores ?? 0) > 0) return `brings back revision ${revision.restores}`
  return ''
}

/** Sentences about one document of a revision. */
export function documentSentences(documents: RevisedDocument): string[] {
  const [before, after] = [documents.before as AnyDocument | undefined, documents.after as AnyDocument | undefined]
  const kind = after?.kind ?? before?.kind
  if (kind === 'flag') return flagSentences(partOf<FlagDocument>(before, 'flag'), partOf<FlagDocument>(after, 'flag'))
  if (kind === 'segment') return segmentSentences(partOf<SegmentDocument>(before, 'segment'), partOf<SegmentDocument>(after, 'segment'))
  return namespaceSentences(partOf<NamespaceDocument>(before, 'namespace'), partOf<NamespaceDocument>(after, 'namespace'))
}

function partOf<T>(document: AnyDocument | undefined, kind: 'flag' | 'segment' | 'namespace'): T | undefined {
  return (document as Record<string, unknown> | undefined)?.[kind] as T | undefined
}

/** A document as JSON with sorted lines to compare: without what the server keeps for itself. */
export function documentText(document: AnyDocument | undefined): string {
  const part = document && (partOf(document, 'flag') ?? partOf(document, 'segment') ?? partOf(document, 'namespace'))
  return part ? JSON.stringify(part, (name, value: unknown) => ['etag', 'revision'].includes(name) ? undefined : value, 2) : ''
}

/** Where a document is looked at. */
export function linkOf(change: { namespaceKey?: string, kind?: string, key?: string }) {
  const params = { ns: change.namespaceKey ?? '', key: change.key ?? '' }
  if (change.kind === 'flag') return { name: 'flag', params: { ...params, tab: 'rules' } }
  if (change.kind === 'segment') return { name: 'segment', params: { ...params, tab: 'constraints' } }
  return { name: 'flags', params: { ns: change.key ?? '' } }
}
