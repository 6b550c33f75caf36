// A segment of the server and what is changed of it: the draft, what others save meanwhile, and the one write.
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch } from 'vue'
import { api, ApiError, call, type SegmentDocument } from '@/api/client'
import { keepDraft, keptDraft, useAutokeep } from './draft'
import { same } from './merge'
import { useResource } from './resource'
import { mergeSegments, type Side } from './segmentMerge'
import { documentOf, draftOf, sameMatching, unfinished, type SegmentDraft } from './segmentDraft'
import { currentSegment, flagsOf, listUses, readSegment, writeSegment } from './segments'
import { segmentSentences } from './sentences'
import { noAnswer } from './server'
import { many } from './time'
import { toast } from './toast'

/** Edits one segment for as long as the component is there: another segment is another component. */
export function useSegmentEditor(ns: string, key: string) {
  const name = () => `segment ${ns} ${key}`
  const stored = useResource(name, signal => readSegment(ns, key, signal))
  const uses = useResource(() => `segment ${ns} ${key} uses`, signal => listUses(ns, key, signal))

  /** What the draft was begun from. */
  const base = shallowRef<SegmentDocument>()
  const draft = ref<SegmentDraft>()
  /** Whether it was deleted while it was looked at. */
  const gone = computed(() => base.value !== undefined && stored.error.value?.status === 404)
  /** What somebody else has saved while there is a draft. */
  const newer = shallowRef<SegmentDocument>()
  const author = ref('')
  /** Whether what both changed is to be looked at. */
  const conflict = ref(false)
  const comment = ref('')
  const saving = ref(false)
  const error = shallowRef<ApiError>()
  /** Whether unfinished rows are to be told of: after the first try to save. */
  const checked = ref(false)

  const edited = computed(() => base.value && draft.value ? documentOf(base.value, draft.value) : undefined)
  const unedited = computed(() => base.value && documentOf(base.value, draftOf(base.value)))
  const sentences = computed(() => edited.value && !same(unedited.value, edited.value) ? segmentSentences(unedited.value, edited.value) : [])
  const changed = computed(() => sentences.value.length > 0)
  const problems = computed(() => draft.value ? unfinished(draft.value) : new Map())
  /** Says which flags answer differently once this is saved, where any may. */
  const effect = computed(() => {
    if (!unedited.value || !edited.value || sameMatching(unedited.value, edited.value)) return ''
    const flags = flagsOf(uses.data.value ?? [], true)
    return flags.length === 0 ? '' : `${many(flags.length, 'flag')} ${flags.length === 1 ? 'changes' : 'change'}: ${flags.map(flag => flag.name).join(', ')}`
  })

  function begin(document: SegmentDocument) {
    base.value = document
    draft.value = draftOf(document)
    newer.value = undefined
    checked.value = false
    error.value = undefined
  }

  // Rows that the server has not named yet are named for the merge, so that lists are merged by row.
  const named = (document: SegmentDocument, rows: string[]): SegmentDocument => ({
    ...document, segment: { ...document.segment, constraints: document.segment?.constraints?.map((constraint, place) => ({ ...constraint, id: constraint.id || rows[place] })) }
  })
  const unnamed = (document: SegmentDocument): SegmentDocument => ({
    ...document, segment: { ...document.segment, constraints: document.segment?.constraints?.map(({ id, ...constraint }) => id?.startsWith('new ') ? constraint : { id, ...constraint }) }
  })

  watch(stored.data, document => {
    if (!document) return
    if (!base.value) {
      begin(document)
      const kept = keptDraft<SegmentDocument>(name())
      if (kept) {
        base.value = kept.base
        draft.value = draftOf(unnamed(kept.draft))
      }
    }
    if (document.etag === base.value?.etag) return
    if (changed.value) newer.value = document
    else begin(document)
  }, { immediate: true })

  const mine = () => edited.value && draft.value && named(edited.value, draft.value.constraints.map(constraint => constraint.row))
  function keep() {
    const document = mine()
    if (!base.value || !document) return
    keepDraft(name(), changed.value ? { etag: base.value.etag ?? '', base: base.value, draft: document } : undefined)
  }
  useAutokeep(() => [draft.value, base.value], keep)

  const merged = computed(() => {
    const document = mine()
    return newer.value && base.value && document ? mergeSegments(base.value, newer.value, document) : undefined
  })

  /** Puts the draft on top of what somebody else has saved. Without a choice theirs stands where both changed the same. */
  function takeBoth(choice: (id: string) => Side = () => 'theirs') {
    const document = merged.value?.settle(choice)
    conflict.value = false
    if (!newer.value || !document) return
    begin(newer.value)
    draft.value = draftOf(unnamed(document))
  }

  /** What would be saved on top of theirs with a choice, in sentences. */
  const preview = (choice: (id: string) => Side): string[] =>
    merged.value && newer.value ? segmentSentences(documentOf(newer.value, draftOf(newer.value)), merged.value.settle(choice)) : []

  function discard() {
    const document = newer.value ?? base.value
    conflict.value = false
    comment.value = ''
    if (document) begin(document)
    keepDraft(name(), undefined)
  }

  /** Saves the draft; the answer is whether that was done. */
  async function save(): Promise<boolean> {
    if (!edited.value || !changed.value || saving.value) return false
    checked.value = true
    error.value = undefined
    if (problems.value.size > 0 || edited.value.segment?.name === '') return false
    if (newer.value) {
      conflict.value = true
      return false
    }
    saving.value = true
    try {
      const saved = await writeSegment(ns, key, gone.value ? withoutIds(edited.value) : edited.value, gone.value ? undefined : base.value?.etag, comment.value)
      begin(saved)
      stored.set(saved)
      stored.error.value = undefined
      comment.value = ''
      keepDraft(name(), undefined)
      toast(`Segment ${key} saved.`)
      return true
    } catch (cause) {
      const current = currentSegment(cause)
      const failed = cause instanceof ApiError ? cause : new ApiError(0, String(cause))
      if (current) {
        newer.value = current
        void findAuthor()
        conflict.value = true
      } else {
        noAnswer(failed)
        if (failed.stale) void stored.reload()
        error.value = failed
      }
      return false
    } finally {
      saving.value = false
    }
  }

  async function saveMerged(choice: (id: string) => Side): Promise<boolean> {
    takeBoth(choice)
    return changed.value ? save() : true
  }

  async function findAuthor() {
    author.value = ''
    try {
      const list = await call(api.GET('/api/v1/revisions', { params: { query: { namespaceKey: ns, kind: 'segment', key, limit: 1 } } }))
      author.value = list.revisions?.[0]?.author ?? ''
    } catch { /* it is somebody then */ }
  }
  watch(newer, document => { if (document) void findAuthor() })

  // What others save is looked for while the page is seen.
  const look = () => { if (document.visibilityState === 'visible' && !saving.value) void stored.reload() }
  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    timer = setInterval(look, 15000)
    window.addEventListener('focus', look)
  })
  onBeforeUnmount(() => {
    clearInterval(timer)
    window.removeEventListener('focus', look)
  })

  return {
    stored, uses, base, draft, edited, changed, sentences, effect, problems, checked, newer, author, conflict, merged, comment, gone, saving, error,
    preview, save, saveMerged, discard, takeBoth
  }
}

const withoutIds = (document: SegmentDocument): SegmentDocument => ({
  ...document, segment: { ...document.segment, constraints: document.segment?.constraints?.map(({ id: _, ...constraint }) => constraint) }
})
