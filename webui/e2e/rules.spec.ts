// The rules of a flag: made, moved, split, saved with one request, never lost by accident.
import type { Locator, Page } from '@playwright/test'
import { expect, noAxeViolations, test, type Seed } from './fixtures'

interface Saved {
  flag: { description: string, variants: { id: string, key: string }[] }
  rules: { segmentKey?: string, segmentKeys?: string[], distributions: { variantId: string, rollout: number }[] }[]
  rollouts: Record<string, unknown>[]
}
const saved = async (seed: Seed, key: string) => await seed.flagDocument(key) as Saved
const segmentsOf = (document: Saved) => document.rules.map(rule => [rule.segmentKey, ...rule.segmentKeys ?? []].find(Boolean))
const bar = (page: Page) => page.getByRole('region', { name: 'Unsaved changes' })
const card = (page: Page, place: number) => page.getByRole('list', { name: /^(Rules|Rollouts)$/ }).locator(':scope > li').nth(place - 1)
/** Whom a rule is for and what it serves; what its tooltips say is left out. */
const sentence = async (page: Page, place: number, words: RegExp) => await expect(card(page, place)).toContainText(words, { useInnerText: true })
const told = (page: Page) => page.locator('.shell > [aria-live="polite"]')
const isWrite = (url: URL) => url.pathname.includes('/flags/') && url.pathname.endsWith('/document')

/** A variant flag with one rule for each segment. */
async function flagWithRules(seed: Seed, key: string, segments: string[], variants = ['control', 'treatment']) {
  for (const segment of segments) await seed.segment(segment, [{ type: 'STRING_COMPARISON_TYPE', property: 'group', operator: 'eq', value: segment }])
  await seed.flag(key, {
    flag: { name: key, type: 'VARIANT_FLAG_TYPE', enabled: true, variants: variants.map(v => ({ key: v, name: v })) },
    rules: segments.map(segment => ({ segmentKey: segment, distributions: [{ variantId: variants[0], rollout: 100 }] }))
  })
}

async function save(page: Page) {
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page)).toBeHidden()
}

test('E15 a rule for a segment that is made on the way @smoke', async ({ page, seed }) => {
  await seed.variantFlag('layout')
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await page.getByRole('button', { name: 'Add rule' }).click()
  const box = card(page, 1).getByRole('combobox', { name: 'Segment' })
  await expect(box).toBeFocused()
  await box.fill('Beta testers')
  await card(page, 1).getByRole('option', { name: 'Create segment…' }).click()

  await expect(page).toHaveURL(/segments\/new/)
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Beta testers')
  await expect(page.getByLabel('Key', { exact: true })).toHaveValue('beta-testers')
  await page.getByRole('button', { name: 'Create segment' }).click()
  await page.getByRole('button', { name: 'Add constraint' }).click()
  await page.getByRole('combobox', { name: 'Property' }).fill('plan')
  await page.getByRole('combobox', { name: 'Value', exact: true }).fill('pro')
  await page.keyboard.press('Control+s')
  await expect(bar(page)).toBeHidden()
  await page.getByRole('link', { name: 'Back to the flag' }).click()

  await sentence(page, 1, /If in\s+Beta testers\s*,\s*serve\s+control/)
  await save(page)
  const document = await saved(seed, 'layout')
  expect(segmentsOf(document)).toEqual(['beta-testers'])
  expect(await seed.get('segments/beta-testers/document')).toMatchObject({ segment: { constraints: [{ property: 'plan', operator: 'eq', value: 'pro' }] } })
})

/** Drags by mouse, or by finger where there is no mouse. */
async function drag(page: Page, from: Locator, to: Locator, before: () => Promise<void> = async () => {}) {
  const [a, b] = [(await from.boundingBox())!, (await to.boundingBox())!]
  const [x, y, end] = [a.x + a.width / 2, a.y + a.height / 2, b.y + b.height / 2 + (b.y > a.y ? 8 : -8)]
  await page.mouse.move(x, y)
  await page.mouse.down()
  for (let step = 1; step <= 10; step++) await page.mouse.move(x, y + (end - y) * step / 10)
  await before()
  await page.mouse.up()
}

async function dragByFinger(page: Page, from: Locator, to: Locator) {
  const [a, b] = [(await from.boundingBox())!, (await to.boundingBox())!]
  const [x, y, end] = [a.x + a.width / 2, a.y + a.height / 2, b.y + b.height / 2 + (b.y > a.y ? 8 : -8)]
  const session = await page.context().newCDPSession(page)
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] })
  for (let step = 1; step <= 10; step++) await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x, y: y + (end - y) * step / 10 }] })
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await session.detach()
}

test('E16 rules are moved by buttons, keys, mouse and finger @a11y @responsive', async ({ page, seed }, info) => {
  await flagWithRules(seed, 'layout', ['one', 'two', 'three'])
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  const order = async (...wanted: string[]) => {
    for (const [place, name] of wanted.entries()) await sentence(page, place + 1, new RegExp(`If in\\s+${name}\\b`))
  }
  await order('one', 'two', 'three')
  await page.getByRole('button', { name: 'Move rule 3 up' }).click()
  await order('one', 'three', 'two')
  await expect(told(page)).toContainText('Rule 3 is now 2 of 3.')
  await expect(page.getByRole('button', { name: 'Move rule 2 up' })).toBeFocused()
  await page.keyboard.press('Alt+ArrowUp')
  await order('three', 'one', 'two')
  await expect(told(page)).toContainText('Rule 2 is now 1 of 3.')
  await page.keyboard.press('Alt+ArrowUp') // nothing is above it
  await page.keyboard.press('Alt+ArrowDown')
  await order('one', 'three', 'two')
  await expect(bar(page)).toContainText(/rule (3 moves to 2|2 moves to 3)/)

  const grip = (place: number) => card(page, place).getByTitle('Drag to move')
  if (info.project.name === 'phone') {
    await page.getByRole('heading', { level: 1 }).scrollIntoViewIfNeeded()
    await grip(1).scrollIntoViewIfNeeded()
    await dragByFinger(page, grip(1), card(page, 2))
  } else {
    await drag(page, grip(1), card(page, 2), () => page.keyboard.press('Escape'))
    await order('one', 'three', 'two') // Escape left it
    await drag(page, grip(1), card(page, 2))
  }
  await order('three', 'one', 'two')
  await expect(told(page)).toContainText('Rule 1 is now 2 of 3.')
  await noAxeViolations(page)
  await save(page)
  expect(segmentsOf(await saved(seed, 'layout'))).toEqual(['three', 'one', 'two'])
  await page.reload()
  await order('three', 'one', 'two')
})

test('E17 a split: even, filled, locked, in hundredths, and exactly 100 in the request', async ({ page, seed }) => {
  await flagWithRules(seed, 'layout', ['one'], ['a', 'b', 'c'])
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await page.getByRole('button', { name: 'Edit rule 1' }).click()
  const rule = card(page, 1)
  await rule.getByLabel('Serve').selectOption('split')
  const percent = (name: string) => rule.getByLabel(`Percent of ${name}`)
  const shares = async (...wanted: string[]) => { for (const [place, share] of wanted.entries()) await expect(percent('abc'[place]!)).toHaveValue(share) }
  await shares('33.34', '33.33', '33.33')
  await percent('a').fill('12,5') // a comma is as good as a point
  await expect(rule.getByText('Together 79.16 %: the other 20.84 % get no variant.')).toBeVisible()
  await percent('b').fill('99')
  await expect(rule.getByText(/Together 144.83 %: 44.83 % too much/)).toBeVisible()
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page).getByRole('alert')).toContainText('The shares are 144.83 % together.')
  await expect(bar(page)).toBeVisible()
  await percent('b').fill('0.01')
  await percent('b').blur()
  await rule.getByRole('button', { name: 'Lock b' }).click()
  await expect(percent('b')).toBeDisabled()
  await rule.getByRole('button', { name: 'Fill the rest' }).click()
  await expect(percent('b')).toHaveValue('0.01')
  await expect(rule.getByText('Together 100 %.')).toBeVisible()
  await rule.getByRole('button', { name: 'Split evenly' }).click()
  await rule.getByRole('button', { name: 'Lock b' }).click()
  await rule.getByRole('button', { name: 'Take c out of the split' }).click()
  await rule.getByRole('slider', { name: 'Share of a' }).fill('60')
  await rule.getByRole('button', { name: 'Fill the rest' }).click()
  await expect(rule.getByText('Together 100 %.')).toBeVisible()
  await rule.getByRole('button', { name: '+ c' }).click()
  await expect(page.getByText('c gets 0 %: nobody.')).toBeVisible()
  await percent('a').fill('33.33')
  await percent('a').blur()
  await percent('c').fill('33.34')
  await percent('c').blur()
  await percent('b').fill('33.33')
  const sent = page.waitForRequest(request => request.method() === 'PUT')
  await save(page)
  const body = (await sent).postDataJSON() as Saved
  const hundredths = (document: Saved) => document.rules[0]!.distributions.map(d => Math.round(d.rollout * 100))
  expect(hundredths(body).reduce((sum, share) => sum + share, 0)).toBe(10_000)
  const document = await saved(seed, 'layout')
  const byKey = Object.fromEntries(document.rules[0]!.distributions.map(d => [document.flag.variants.find(v => v.id === d.variantId)!.key, Math.round(d.rollout * 100)]))
  expect(byKey).toEqual({ a: 3333, b: 3333, c: 3334 })
})

test('E18 what a rule serves is changed, a rule is deleted, all of it told in words and discarded', async ({ page, seed }) => {
  await flagWithRules(seed, 'layout', ['one', 'two'])
  const before = await saved(seed, 'layout')
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await page.getByRole('button', { name: 'Edit rule 1' }).click()
  const serve = card(page, 1).getByLabel('Serve')
  await serve.selectOption('split')
  await expect(bar(page)).toContainText('rule 1: serve control → control 50 %, treatment 50 %')
  await serve.selectOption('treatment')
  await expect(bar(page)).toContainText('rule 1: serve control → treatment')
  await serve.selectOption('default')
  await sentence(page, 1, /serve\s+the default,\s+no variant/)
  await page.getByRole('button', { name: 'More for rule 2' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await expect(bar(page)).toContainText('− rule 2: if in two, serve control')
  await expect(bar(page)).toContainText('2 unsaved changes')
  await bar(page).getByRole('button', { name: 'Discard' }).click()
  await expect(bar(page)).toBeHidden()
  await sentence(page, 2, /If in\s+two\s*,\s*serve\s+control/)
  expect(await saved(seed, 'layout')).toEqual(before)

  // A rollout of a boolean flag: from a percentage to a segment and back, with nothing lost on the way.
  await seed.flag('promo', { rollouts: [{ threshold: { percentage: 20, value: true } }] })
  await page.setViewportSize({ width: 1440, height: 900 }) // with the draft tried beside it
  await page.goto(`/ns/${seed.ns}/flags/promo/rules`)
  await page.getByRole('button', { name: 'Edit rollout 1' }).click()
  const rollout = card(page, 1)
  await rollout.getByLabel('Segments').check()
  await rollout.getByRole('combobox', { name: 'Segment' }).fill('one')
  const tried = page.waitForResponse(answer => answer.url().endsWith('/api/v1/explain') && /segmentKeys":\["one"/.test(answer.request().postData() ?? ''))
  await rollout.getByRole('option', { name: /^one/ }).click()
  expect((await tried).ok()).toBe(true)
  await expect(bar(page)).toContainText('for 20 %, serve true → if in one, serve true')
  await rollout.getByLabel('A percentage of all').check()
  await expect(bar(page)).toBeHidden()
  await rollout.getByLabel('Segments').check()
  await expect(rollout.getByRole('list', { name: 'Chosen segments' })).toContainText('one')
  await save(page)
  expect((await saved(seed, 'promo')).rollouts).toMatchObject([{ segment: { value: true } }])
})

test('E19 saving is one request, and one that fails saves nothing @smoke', async ({ page, seed, guard }) => {
  guard.allow(/status of 500/)
  await flagWithRules(seed, 'layout', ['one', 'two'])
  const before = await saved(seed, 'layout')
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await page.getByRole('button', { name: 'Move rule 2 up' }).click()
  await page.getByRole('button', { name: 'Edit rule 1' }).click()
  await card(page, 1).getByLabel('Serve').selectOption('split')
  await page.getByRole('link', { name: 'Settings' }).last().click()
  await page.getByLabel(/^Description/).fill('all at once')
  await bar(page).getByLabel('Comment for the history (optional)').fill('größer')
  await page.route(isWrite, route => route.request().method() === 'PUT' ? route.fulfill({ status: 500, json: { code: 13, message: 'the disk is full' } }) : route.continue())
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page).getByRole('alert')).toContainText('the disk is full')
  expect(await saved(seed, 'layout')).toEqual(before)
  await expect(page.getByLabel(/^Description/)).toHaveValue('all at once')
  await page.unroute(isWrite)

  const writes: string[] = []
  page.on('request', request => { if (request.method() !== 'GET') writes.push(`${request.method()} ${new URL(request.url()).pathname}`) })
  await page.keyboard.press('Control+s')
  await expect(bar(page)).toBeHidden()
  expect(writes).toEqual([`PUT /api/v1/namespaces/${seed.ns}/flags/layout/document`])
  const after = await saved(seed, 'layout')
  expect(segmentsOf(after)).toEqual(['two', 'one'])
  expect(after.flag.description).toBe('all at once')
  expect(after.rules[0]!.distributions.map(d => d.rollout)).toEqual([50, 50])
  const history = await (await page.request.get(`/api/v1/revisions?namespaceKey=${seed.ns}&kind=flag&key=layout`)).json() as { revisions: { comment?: string }[] }
  expect(history.revisions.map(revision => revision.comment ?? '')).toEqual(['größer', ''])
})

// Of two rules that change places either one may be said to move.
const swapped = /rule (2 moves to 1|1 moves to 2)/

test('E20 a page with a draft is left only on purpose, and a reload keeps the draft', async ({ page, seed }) => {
  await flagWithRules(seed, 'layout', ['one', 'two'])
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await page.getByRole('button', { name: 'Move rule 2 up' }).click()
  const dialog = page.getByRole('dialog', { name: 'Leave with unsaved changes?' })
  await page.getByRole('link', { name: 'History' }).first().click()
  await dialog.getByRole('button', { name: 'Stay' }).click()
  await expect(page).toHaveURL(/layout\/rules/)
  await expect(bar(page)).toContainText(swapped)

  await page.getByRole('link', { name: 'Variants' }).click() // its own tabs are no leaving
  await expect(dialog).toBeHidden()
  await expect(bar(page)).toContainText(swapped)

  let asked = false
  page.on('dialog', question => { asked = question.type() === 'beforeunload'; void question.accept() })
  await page.reload()
  expect(asked).toBe(true)
  await expect(bar(page)).toContainText(swapped)
  await page.getByRole('link', { name: /^Rules/ }).click()
  await sentence(page, 1, /If in\s+two/)

  await page.getByRole('link', { name: 'Segments' }).first().click()
  await dialog.getByRole('button', { name: 'Discard changes' }).click()
  await expect(page).toHaveURL(/segments$/)
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await sentence(page, 1, /If in\s+one/)
  await expect(bar(page)).toBeHidden()

  await page.getByRole('button', { name: 'Move rule 2 up' }).click()
  await page.getByRole('link', { name: 'Playground' }).first().click()
  await dialog.getByRole('button', { name: 'Save and leave' }).click()
  await expect(page).toHaveURL(/playground/)
  expect(segmentsOf(await saved(seed, 'layout'))).toEqual(['two', 'one'])
})
