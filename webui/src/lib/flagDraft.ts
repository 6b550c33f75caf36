// The draft of a flag: what was changed on the page and not saved. It says in sentences what that is, saves it with one guarded write, and
// never writes over what somebody else saved meanwhile.
import { computed, onBeforeUnmount, onMounted, ref, shallowRef } from 'vue'
import { api, ApiError, call, type FlagDocument } from '@/api/client'
import { keepDraft, keptDraft, useAutokeep, type KeptDraft } from './draft'
import { problemsOf, type Problem, type Tab } from './flagChecks'
import { currentFlag, forgetFlags, readFlag, writeFlag } from './flags'
import { mergeFlags, type MergedFlag, type Side } from './flagMerge'
import { toDocument, toDraft } from './flagShape'
import { same } from './merge'
import { flagSentences } from './sentences'
import { noAnswer } from './server'

export type Saved = 'saved' | 'invalid' | 'conflict' | 'failed'
export type FlagDraft = ReturnType<typeof useFlagDraft>

const freshFor = 3000
const pollEvery = 15_000

const tabOf = (path: string): Tab => path.startsWith('flag.variants') ? 'variants' : path.startsWith('r') || path.startsWith('flag.defaultVariant') ? 'rules' : 'settings'
const toApiError = (cause: unknown) => cause instanceof ApiError ? cause : new ApiError(0, String(cause))

/** Loads a flag and keeps a draft of it for as long as the component lives. The flag must stay the same. */
export function useFlagDraft(ns: string, key: string) {
  const name = `flag ${ns}/${key}`
  /** What the server has, as it sent it. */
  const stored = shallowRef<FlagDocument>()
  /** What the draft began from, and the draft. */
  const base = shallowRef<FlagDocument>()
  const draft = shallowRef<FlagDocument>()
  /** What somebody else saved since. */
  const theirs = shallowRef<FlagDocument>()
  const author = ref('')
  const gone = ref(false)
  const error = shallowRef<ApiError>()
  const saving = ref(false)
  const saveError = shallowRef<ApiError>()
  const refused = shallowRef<Problem[]>([])
  const tried = ref(false)
  const comment = ref('')
  /** What is being typed somewhere and is nothing yet, by path. */
  const unfinished = shallowRef<ReadonlyMap<string, Problem>>(new Map())
  /** Ids of what somebody else has just changed, for a short while. */
  const fresh = shallowRef<ReadonlySet<string>>(new Set())

  const changed = computed(() => !!base.value && !!draft.value && !same(base.value, draft.value))
  const sentences = computed(() => {
    if (!changed.value) return []
    const said = flagSentences(base.value, draft.value)
    return said.length > 0 ? said : ['small changes']
  })
  const merged = computed<MergedFlag | undefined>(() => theirs.value && base.value && draft.value ? mergeFlags(base.value, theirs.value, draft.value) : undefined)
  const problems = computed(() => tried.value && draft.value ? [...problemsOf(draft.value), ...unfinished.value.values(), ...refused.value] : [])
  const errors = computed(() => new Map(problems.value.map(problem => [problem.path, problem.message])))

  /** Changes a copy of the draft. */
  function edit(change: (copy: FlagDocument) => void) {
    if (!draft.value) return
    const copy = structuredClone(draft.value)
    change(copy)
    draft.value = copy
    refused.value = []
    saveError.value = undefined
  }

  /** Tells that a field holds what cannot be saved, or, without a message, that it does not any more. */
  function hold(path: string, tab: Tab, message: string) {
    const next = new Map(unfinished.value)
    if (message) next.set(path, { path, tab, message })
    else next.delete(path)
    unfinished.value = next
  }

  function begin(document: FlagDocument) {
    stored.value = document
    base.value = draft.value = toDraft(document)
    theirs.value = undefined
    gone.value = false
    refused.value = []
    saveError.value = undefined
    tried.value = false
  }

  function discard() {
    const latest = theirs.value
    comment.value = ''
    if (latest && stored.value) begin(stored.value)
    else if (base.value) {
      draft.value = base.value
      refused.value = []
      saveError.value = undefined
      tried.value = false
    }
    keepDraft(name, undefined)
  }

  async function load() {
    try {
      const document = await readFlag(ns, key)
      const kept = keptDraft<FlagDocument>(name)
      begin(document)
      if (kept) restore(kept)
      error.value = undefined
    } catch (cause) {
      error.value = toApiError(cause)
      noAnswer(error.value)
    }
  }

  /** Takes up a draft of before; what was saved since is put before its owner. */
  function restore(kept: KeptDraft<FlagDocument>) {
    const now = base.value!
    draft.value = kept.draft
    if (kept.etag === now.etag) return
    base.value = kept.base
    theirs.value = now
    if (merged.value?.conflicts.length === 0) takeBoth()
  }

  /** Takes over what the server has now: at once where nothing is lost by it, and otherwise as a question. */
  function adopt(document: FlagDocument, own = false) {
    if (document.etag === stored.value?.etag && !gone.value) return
    const before = base.value
    gone.value = false
    if (!changed.value) {
      begin(document)
      if (before && !own) mark(before, base.value!)
      return
    }
    stored.value = document
    theirs.value = toDraft(document)
    if (own && merged.value?.conflicts.length === 0) takeBoth()
    else if (!own) void findAuthor()
  }

  function takeBoth() {
    if (!merged.value || !theirs.value || merged.value.conflicts.length > 0) return
    const value = merged.value.settle(() => 'theirs')
    base.value = theirs.value
    draft.value = value
    theirs.value = undefined
  }

  async function findAuthor() {
    author.value = ''
    try {
      const list = await call(api.GET('/api/v1/revisions', { params: { query: { namespaceKey: ns, kind: 'flag', key, limit: 1 } } }))
      author.value = list.revisions?.[0]?.author ?? ''
    } catch { /* it is somebody then */ }
  }

  let markTimer: ReturnType<typeof setTimeout> | undefined
  function mark(before: FlagDocument, after: FlagDocument) {
    const old = new Map([...before.flag?.variants ?? [], ...before.rules ?? [], ...before.rollouts ?? []].map(item => [item.id, item]))
    const items = [...after.flag?.variants ?? [], ...after.rules ?? [], ...after.rollouts ?? []]
    fresh.value = new Set(items.filter(item => !same(old.get(item.id), item)).map(item => item.id ?? ''))
    clearTimeout(markTimer)
    markTimer = setTimeout(() => { fresh.value = new Set() }, freshFor)
  }

  /** Asks whether somebody else saved. What fails is tried again by the next one. */
  async function refresh() {
    const etag = stored.value?.etag
    if (!etag) return load()
    if (saving.value) return
    try {
      const document = await call(api.GET('/api/v1/namespaces/{namespace_key}/flags/{key}/document',
        { params: { path: { namespace_key: ns, key } }, headers: { 'If-None-Match': etag } }))
      if (!saving.value && stored.value?.etag === etag) adopt(document)
    } catch (cause) {
      const problem = toApiError(cause)
      if (problem.status === 404) gone.value = true
      noAnswer(problem)
    }
  }

  /** Saves the draft. A conflict leaves it as it is, with what somebody else saved beside it. */
  async function save(): Promise<Saved> {
    if (!draft.value || saving.value) return 'failed'
    tried.value = true
    saveError.value = undefined
    refused.value = []
    if (problems.value.length > 0) return 'invalid'
    if (theirs.value) return 'conflict'
    saving.value = true
    try {
      const body = toDocument(draft.value, base.value)
      begin(await writeFlag(ns, key, gone.value ? withoutIds(body) : body, gone.value ? undefined : base.value?.etag, undefined, comment.value.trim()))
      comment.value = ''
      keepDraft(name, undefined)
      return 'saved'
    } catch (cause) {
      return notSaved(toApiError(cause))
    } finally {
      saving.value = false
    }
  }

  function notSaved(problem: ApiError): Saved {
    const current = currentFlag(problem)
    if (problem.stale) {
      if (!current) gone.value = true
      else {
        stored.value = current
        theirs.value = toDraft(current)
        void findAuthor()
        return 'conflict'
      }
    }
    noAnswer(problem)
    saveError.value = problem
    refused.value = problem.fields.map(field => {
      const path = field.path.replace(/^document\./, '')
      return { path, tab: tabOf(path), message: field.message }
    })
    return problem.fields.length > 0 ? 'invalid' : 'failed'
  }

  /** Puts my changes on top of theirs, each conflict by choice, and saves that. */
  async function saveMerged(choice: (id: string) => Side): Promise<Saved> {
    if (!merged.value || !theirs.value) return 'failed'
    const value = merged.value.settle(choice)
    base.value = theirs.value
    draft.value = value
    theirs.value = undefined
    return changed.value ? save() : 'saved'
  }

  /** Changes the stored flag at once, past the draft, which keeps its own changes. */
  async function writeThrough(change: (document: FlagDocument) => FlagDocument): Promise<FlagDocument> {
    let document = stored.value!
    for (let tries = 1; ; tries++) {
      try {
        const answer = await writeFlag(ns, key, change(document), document.etag)
        adopt(answer, true)
        return answer
      } catch (cause) {
        const current = currentFlag(cause)
        if (!current || tries === 3) throw toApiError(cause)
        document = current
        adopt(current)
      }
    }
  }

  useAutokeep(() => draft.value, () => {
    if (!draft.value || !base.value) return // nothing was loaded: what was kept stays
    keepDraft(name, changed.value ? { etag: base.value.etag ?? '', base: base.value, draft: draft.value } : undefined)
  })

  const look = () => { if (document.visibilityState === 'visible') void refresh() }
  let poll: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    void load()
    poll = setInterval(look, pollEvery)
    window.addEventListener('focus', look)
    document.addEventListener('visibilitychange', look)
  })
  onBeforeUnmount(() => {
    clearInterval(poll)
    clearTimeout(markTimer)
    window.removeEventListener('focus', look)
    document.removeEventListener('visibilitychange', look)
  })

  return {
    ns, key, stored, base, draft, theirs, author, gone, error, saving, saveError, comment, fresh, changed, sentences, merged, problems, errors,
    unfinished, edit, hold, discard, load, refresh, save, saveMerged, takeBoth, adopt, writeThrough, forget: () => { discard(); forgetFlags(ns) }
  }
}

/** A document whose items are all new: the flag that they belonged to is gone. */
function withoutIds(body: FlagDocument): FlagDocument {
  const keys = new Map((body.flag?.variants ?? []).map(variant => [variant.id, variant.key]))
  return {
    ...body,
    flag: { ...body.flag, variants: body.flag?.variants?.map(({ id: _, ...variant }) => variant) },
    rules: body.rules?.map(({ id: _, ...rule }) => ({
      ...rule, distributions: rule.distributions?.map(d => ({ variantId: keys.get(d.variantId) ?? d.variantId, rollout: d.rollout }))
    })),
    rollouts: body.rollouts?.map(({ id: _, ...rollout }) => rollout)
  }
}
