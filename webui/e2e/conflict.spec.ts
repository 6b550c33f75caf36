// Two people change one flag or one segment: nothing is written over unseen, and nothing is lost.
import type { Page } from '@playwright/test'
import { expect, noAxeViolations, test, type Seed } from './fixtures'

interface Saved { flag: { name: string, description: string, enabled: boolean }, rules: { segmentKey?: string, segmentKeys?: string[] }[], tags: string[], etag: string }
const bar = (page: Page) => page.getByRole('region', { name: 'Unsaved changes' })
const dialog = (page: Page) => page.getByRole('dialog', { name: 'Somebody else saved first' })
const document = async (seed: Seed) => await seed.flagDocument('layout') as Saved

/** What somebody else does meanwhile. */
async function ben(seed: Seed, change: (document: Saved) => void) {
  const now = await document(seed)
  change(now)
  await seed.put('flags/layout', now, { 'If-Match': now.etag, 'Burgee-Author': 'ben' })
}

async function open(page: Page, seed: Seed) {
  await seed.variantFlag('layout', 'beta')
  await page.goto(`/ns/${seed.ns}/flags/layout/settings`)
  await page.getByLabel(/^Description/).fill('mine')
}

test('E21 two people save: changes of other things are merged @smoke', async ({ page, seed, guard }) => {
  guard.allow(/status of 412/)
  await open(page, seed)
  await ben(seed, now => { now.flag.name = 'Theirs' })
  await page.keyboard.press('Control+s')
  await expect(dialog(page)).toContainText('ben saved another version')
  await expect(dialog(page)).toContainText('name “layout” → “Theirs”')
  await expect(dialog(page)).toContainText('description nothing → “mine”')
  expect((await document(seed)).flag).toMatchObject({ name: 'Theirs', description: '' }) // nothing is written yet
  await dialog(page).getByRole('button', { name: 'Save merged' }).click()
  await expect(dialog(page)).toBeHidden()
  await expect(bar(page)).toBeHidden()
  expect((await document(seed)).flag).toMatchObject({ name: 'Theirs', description: 'mine' })
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Theirs')
})

test('E21 both change the same: each is asked for, and the older one is never lost unseen @a11y', async ({ page, seed, guard }) => {
  guard.allow(/status of 412/)
  await open(page, seed)
  await page.getByLabel('Name', { exact: true }).fill('My name')
  await ben(seed, now => { now.flag.description = 'theirs'; now.flag.name = 'Their name'; now.tags = ['ben'] })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(dialog(page)).toContainText('You both changed 2 things')
  await noAxeViolations(page)
  await dialog(page).getByRole('button', { name: 'Save merged' }).click()
  await expect(dialog(page).getByRole('alert')).toContainText('Choose a side for each.')
  expect((await document(seed)).flag.description).toBe('theirs')
  await dialog(page).getByRole('group', { name: 'Description' }).getByRole('radio', { name: /Mine/ }).check()
  await dialog(page).getByRole('group', { name: 'Name' }).getByRole('radio', { name: /Theirs/ }).check()
  await dialog(page).getByRole('button', { name: 'Save merged' }).click()
  await expect(dialog(page)).toBeHidden()
  await expect(bar(page)).toBeHidden()
  expect(await document(seed)).toMatchObject({ flag: { name: 'Their name', description: 'mine' }, tags: ['ben'] })

  // Theirs is taken.
  await page.getByLabel(/^Description/).fill('mine again')
  await ben(seed, now => { now.flag.description = 'theirs again' })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await dialog(page).getByRole('button', { name: 'Discard mine' }).click()
  await expect(dialog(page)).toBeHidden()
  await expect(page.getByLabel(/^Description/)).toHaveValue('theirs again')
  await expect(bar(page)).toBeHidden()

  // It was deleted meanwhile: saving makes it anew, with everything.
  await page.getByLabel(/^Description/).fill('back')
  await seed.post('/api/v1/edits', { edits: [{ namespaceKey: seed.ns, key: 'layout', deleteFlag: {} }] })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page)).toContainText('Somebody deleted this flag.')
  await page.getByRole('button', { name: 'Save as a new flag' }).click()
  await expect(bar(page)).toBeHidden()
  const again = await document(seed)
  expect(again).toMatchObject({ flag: { name: 'Their name', description: 'back' } })
  expect(again.rules.length).toBe(1)
})

test('E21 a segment that two people save', async ({ page, seed, guard }) => {
  guard.allow(/status of 412/)
  await seed.segment('beta')
  await page.goto(`/ns/${seed.ns}/segments/beta/settings`)
  await page.getByLabel(/^Description/).fill('mine')
  const theirs = await seed.get('segments/beta/document') as unknown as { segment: { name: string }, etag: string }
  theirs.segment.name = 'Theirs'
  await seed.put('segments/beta', theirs, { 'If-Match': theirs.etag, 'Burgee-Author': 'ben' })
  await page.keyboard.press('Control+s')
  await expect(dialog(page)).toContainText('ben saved another version')
  await dialog(page).getByRole('button', { name: 'Save merged' }).click()
  await expect(dialog(page)).toBeHidden()
  await expect(bar(page)).toBeHidden()
  expect(await seed.get('segments/beta/document')).toMatchObject({ segment: { name: 'Theirs', description: 'mine', constraints: [{ property: 'plan' }] } })
})

/** Lets the page look again at what the server has. */
async function look(page: Page) {
  const answer = page.waitForResponse('**/flags/layout/document')
  await page.clock.runFor(15_500)
  await (await answer).finished()
}

test('E22 what somebody else saves appears by itself, and beside a draft as a question', async ({ page, seed }) => {
  await page.clock.install()
  await seed.variantFlag('layout', 'beta')
  await seed.segment('staff')
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  const rules = page.getByRole('list', { name: 'Rules' })
  await expect(rules).toContainText(/If in\s+beta/, { useInnerText: true })
  await page.clock.pauseAt(Date.now() + 60_000) // from here on time passes only when it is told to
  await ben(seed, now => { now.rules[0]!.segmentKey = 'staff'; now.rules[0]!.segmentKeys = [] })
  await look(page)
  await expect(rules).toContainText(/If in\s+staff/, { useInnerText: true })
  await expect(page.getByRole('listitem', { name: 'Rule 1 of 1' })).toHaveClass(/fresh/)
  await page.clock.runFor(3_500)
  await expect(page.getByRole('listitem', { name: 'Rule 1 of 1' })).not.toHaveClass(/fresh/)
  await expect(bar(page)).toBeHidden()

  await page.getByRole('combobox', { name: 'Default variant' }).selectOption('treatment')
  await ben(seed, now => { now.flag.name = 'Theirs' })
  await look(page)
  await expect(bar(page)).toContainText('ben saved a newer version. Your changes touch other things.')
  await expect(bar(page)).toContainText('otherwise no variant → treatment')
  await bar(page).getByRole('button', { name: 'Take both' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Theirs')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page)).toBeHidden()
  expect(await document(seed)).toMatchObject({ flag: { name: 'Theirs', defaultVariant: { key: 'treatment' } } })
})
