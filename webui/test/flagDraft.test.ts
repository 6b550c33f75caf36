import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent } from 'vue'
import type { FlagDocument } from '@/api/client'
import type { FlagDraft } from '@/lib/flagDraft'

// A server with one flag that guards its writes as the real one does.
let stored: FlagDocument | undefined
let revision = 0
const writes: { ifMatch: string | null, create: string | null, comment: string | null, body: FlagDocument }[] = []

function put(document: FlagDocument): FlagDocument {
  revision++
  stored = structuredClone({ ...document, etag: `"1-${revision}"`, revision })
  stored.rules = stored.rules?.map((rule, place) => ({ ...rule, id: rule.id ?? `r${revision}-${place}` }))
  return stored
}
const reply = (status: number, body?: unknown) => new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })

async function serve(input: RequestInfo | URL): Promise<Response> {
  const request = input as Request
  if (request.url.includes('/revisions')) return reply(200, { revisions: [{ author: 'ben' }] })
  if (!request.url.endsWith('/flags/f/document')) return reply(200, {})
  const { headers } = request
  if (request.method === 'GET') {
    if (!stored) return reply(404, { code: 5, message: 'flag not found' })
    return headers.get('If-None-Match') === stored.etag ? reply(304) : reply(200, stored)
  }
  const body = await request.json() as FlagDocument
  writes.push({ ifMatch: headers.get('If-Match'), create: headers.get('If-None-Match'), comment: headers.get('Burgee-Comment'), body })
  if (headers.get('If-Match') !== null && headers.get('If-Match') !== stored?.etag) {
    return reply(412, { message: 'changed', details: [{ '@type': 'type.googleapis.com/burgee.v1.Document', ...stored ? { flag: stored } : {} }] })
  }
  if (body.flag?.name === 'refused') return reply(400, { message: 'no', details: [{ fieldViolations: [{ field: 'document.flag.variants[0].key', description: 'must be another' }] }] })
  return reply(200, put(body))
}
vi.stubGlobal('fetch', serve) // before the client is made
const { useFlagDraft } = await import('@/lib/flagDraft')

async function open() {
  let state!: FlagDraft
  const wrapper = mount(defineComponent({ setup() { state = useFlagDraft('default', 'f'); return () => null } }))
  await flushPromises()
  return { state, close: () => wrapper.unmount() }
}
const rename = (state: FlagDraft, name: string) => state.edit(copy => { copy.flag!.name = name })
const others = (edit: (document: FlagDocument) => void) => {
  const copy = structuredClone(stored!)
  edit(copy)
  put(copy)
}
/** fetch answers a few turns of the event loop later. */
const settle = async () => { for (let turn = 0; turn < 5; turn++) await flushPromises() }

beforeEach(() => {
  sessionStorage.clear()
  writes.length = 0
  put({
    flag: { key: 'f', name: 'F', type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ id: 'v1', key: 'red' }] },
    rules: [{ id: 'r1', segmentKey: 's', distributions: [] }, { id: 'r2', segmentKey: 't', distributions: [] }], tags: []
  })
})
let close = () => {}
afterEach(() => close())

async function start() {
  const opened = await open()
  close = opened.close
  await settle()
  return opened.state
}

describe('the draft of a flag', () => {
  it('says what was changed, and saves it with one guarded write', async () => {
    const state = await start()
    expect(state.changed.value).toBe(false)
    rename(state, 'G')
    state.edit(copy => { copy.rules!.reverse() })
    expect(state.sentences.value).toEqual(['name “F” → “G”', 'rule 1 moves to 2'])
    state.comment.value = 'naïve'
    const etag = stored!.etag
    expect(await state.save()).toBe('saved')
    expect(writes).toMatchObject([{ ifMatch: etag, comment: 'na%C3%AFve', body: { flag: { name: 'G' }, rules: [{ id: 'r2' }, { id: 'r1' }] } }])
    expect([state.changed.value, state.comment.value]).toEqual([false, ''])
  })
  it('is no change once it is changed back', async () => {
    const state = await start()
    rename(state, 'G')
    rename(state, 'F')
    expect([state.changed.value, state.sentences.value]).toEqual([false, []])
  })
  it('does not send what cannot be', async () => {
    const state = await start()
    rename(state, ' ')
    expect(state.problems.value).toEqual([])
    expect(await state.save()).toBe('invalid')
    expect(state.errors.value.get('flag.name')).toBe('Give it a name.')
    expect(writes).toEqual([])
  })
  it('shows at its field what the server refuses', async () => {
    const state = await start()
    rename(state, 'refused')
    expect(await state.save()).toBe('invalid')
    expect(state.problems.value).toEqual([{ path: 'flag.variants[0].key', tab: 'variants', message: 'must be another' }])
    rename(state, 'taken')
    expect(state.problems.value).toEqual([])
  })
  it('never writes over what somebody else saved', async () => {
    const state = await start()
    rename(state, 'mine')
    others(document => { document.flag!.name = 'theirs'; document.flag!.description = 'theirs' })
    expect(await state.save()).toBe('conflict')
    expect(stored!.flag!.name).toBe('theirs')
    expect(state.merged.value!.conflicts).toMatchObject([{ label: 'Name', base: 'F', theirs: 'theirs', mine: 'mine' }])
    expect(await state.save()).toBe('conflict')
    expect(writes).toHaveLength(1)
    expect(await state.saveMerged(() => 'mine')).toBe('saved')
    expect(stored!.flag).toMatchObject({ name: 'mine', description: 'theirs' })
  })
  it('takes over by itself what somebody else saved while nothing is changed, and marks it', async () => {
    const state = await start()
    others(document => { document.rules![1]!.segmentKey = 'u' })
    await state.refresh()
    expect(state.draft.value!.rules![1]!.segmentKeys).toEqual(['u'])
    expect([...state.fresh.value]).toEqual(['r2'])
  })
  it('asks before it takes both', async () => {
    const state = await start()
    rename(state, 'mine')
    others(document => { document.rules!.pop() })
    await state.refresh()
    await settle()
    expect([state.author.value, state.draft.value!.rules!.length, state.merged.value!.conflicts.length]).toEqual(['ben', 2, 0])
    state.takeBoth()
    expect([state.draft.value!.flag!.name, state.draft.value!.rules!.length]).toEqual(['mine', 1])
    expect(await state.save()).toBe('saved')
  })
  it('discards mine for theirs', async () => {
    const state = await start()
    rename(state, 'mine')
    others(document => { document.flag!.name = 'theirs' })
    await state.refresh()
    state.discard()
    expect([state.draft.value!.flag!.name, state.changed.value, state.theirs.value]).toEqual(['theirs', false, undefined])
  })
  it('survives the page, on top of what was saved meanwhile', async () => {
    const first = await open()
    await settle()
    rename(first.state, 'mine')
    first.close()
    others(document => { document.flag!.description = 'theirs' })
    const state = await start()
    expect(state.draft.value!.flag).toMatchObject({ name: 'mine', description: 'theirs' })
    expect(state.sentences.value).toEqual(['name “F” → “mine”'])
    state.discard()
    close()
    expect(sessionStorage.length).toBe(0)
  })
  it('keeps its changes while something else is written at once', async () => {
    const state = await start()
    rename(state, 'mine')
    await state.writeThrough(document => ({ ...document, tags: ['new'] }))
    expect([stored!.flag!.name, stored!.tags]).toEqual(['F', ['new']])
    expect([state.draft.value!.flag!.name, state.draft.value!.tags, state.theirs.value]).toEqual(['mine', ['new'], undefined])
  })
  it('makes a deleted flag anew', async () => {
    const state = await start()
    rename(state, 'mine')
    stored = undefined
    await state.refresh()
    expect(state.gone.value).toBe(true)
    expect(await state.save()).toBe('saved')
    expect(writes).toMatchObject([{ ifMatch: null, create: '*', body: { flag: { name: 'mine' } } }])
    expect(JSON.stringify(writes[0]!.body)).not.toContain('"id"')
  })
})
