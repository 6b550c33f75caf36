// Switches act at once, and tell the truth in the end.
import type { Page } from '@playwright/test'
import { expect, test } from './fixtures'

const toggle = (page: Page, key: string) => page.getByRole('switch', { name: `${key} on` })
const messages = (page: Page) => page.getByRole('region', { name: 'Messages' })
const isWrite = (url: URL) => url.pathname.endsWith('/document')

test('E09 a switch is shown before the server answers, is announced, and survives a reload @smoke', async ({ page, seed }) => {
  for (const key of ['a', 'b', 'c']) await seed.flag(key)
  await page.goto(`/ns/${seed.ns}/flags?sort=-updated`)
  let answer = () => {}
  const answered = new Promise<void>(resolve => { answer = resolve })
  await page.route(isWrite, async route => {
    if (route.request().method() === 'PUT') await answered
    await route.continue()
  })
  await toggle(page, 'a').click()
  await expect(toggle(page, 'a')).toBeChecked()
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: false } })
  await expect(messages(page)).toBeEmpty() // nothing is said before it is true
  answer()
  await expect(messages(page)).toContainText('a is on.')
  await expect(page.locator('.shell > [aria-live="polite"]')).toContainText('a is on.')
  await expect(page.locator('[data-row]').last()).toHaveAttribute('data-key', 'a') // the row stays where it was
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: true } })
  await page.unroute(isWrite)
  await page.reload()
  await expect(toggle(page, 'a')).toBeChecked()
  await expect(page.locator('[data-row]').first()).toHaveAttribute('data-key', 'a')
})

test('E10 a switch that fails shows what the server has', async ({ page, seed, guard }) => {
  guard.allow(/status of 500|ERR_FAILED/)
  await seed.flag('a')
  await page.goto(`/ns/${seed.ns}/flags`)
  await page.route(isWrite, route => route.request().method() === 'PUT' ? route.fulfill({ status: 500, json: { code: 13, message: 'the disk is full' } }) : route.fallback())
  await toggle(page, 'a').click()
  await expect(messages(page)).toContainText('a stays as it was: the disk is full')
  await expect(toggle(page, 'a')).not.toBeChecked()
  await page.unroute(isWrite)
  // The write arrives, its answer does not.
  await page.route(isWrite, async route => {
    if (route.request().method() !== 'PUT') return route.fallback()
    await route.fetch()
    await route.abort()
  })
  await toggle(page, 'a').click()
  await expect(messages(page)).toContainText('it is not known whether a was changed')
  await expect(toggle(page, 'a')).toBeChecked()
  await page.unroute(isWrite)
})

test('E10 ten seconds without an answer: not known, then what the server has', async ({ page, seed, guard }) => {
  guard.allow(/ERR_FAILED|ERR_ABORTED/)
  await seed.flag('a')
  await page.clock.install()
  await page.goto(`/ns/${seed.ns}/flags`)
  await expect(toggle(page, 'a')).not.toBeChecked()
  await page.clock.pauseAt(Date.now() + 60_000) // from here on time passes only when it is told to
  let asked = () => {}
  const sent = new Promise<void>(resolve => { asked = resolve })
  await page.route(isWrite, route => route.request().method() === 'PUT' ? asked() : route.continue()) // no answer
  await toggle(page, 'a').click()
  await sent
  await expect(toggle(page, 'a')).toBeChecked()
  await page.clock.runFor(9_000)
  await expect(toggle(page, 'a')).toBeChecked()
  await page.clock.runFor(1_500)
  await expect(messages(page)).toContainText('it is not known whether a was changed')
  await expect(toggle(page, 'a')).not.toBeChecked()
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: false } })
})

test('E11 a switch is taken back, and of quick clicks the last one counts', async ({ page, seed }) => {
  for (const key of ['a', 'b']) await seed.flag(key)
  await page.goto(`/ns/${seed.ns}/flags`)
  await toggle(page, 'a').click()
  await expect(messages(page)).toContainText('a is on.')
  await messages(page).getByRole('button', { name: 'Undo' }).click()
  await expect(messages(page)).toContainText('a is off.')
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: false } })
  // The first write waits until all clicks are done.
  let writes = 0
  let release = () => {}
  const clicked = new Promise<void>(resolve => { release = resolve })
  await page.route(isWrite, async route => {
    if (route.request().method() === 'PUT' && ++writes === 1) await clicked
    await route.continue()
  })
  await toggle(page, 'b').dblclick()
  await toggle(page, 'b').click()
  await expect(toggle(page, 'b')).toBeChecked()
  release()
  await expect(messages(page)).toContainText('b is on.')
  expect(writes).toBe(1) // what was wanted in between is never written
  expect(await seed.flagDocument('b')).toMatchObject({ flag: { enabled: true } })
})

test('E11 two tabs: the second is told, and the last change counts', async ({ page, seed, context }) => {
  await seed.flag('a')
  const other = await context.newPage()
  for (const tab of [page, other]) {
    await tab.goto(`/ns/${seed.ns}/flags`)
    await expect(toggle(tab, 'a')).not.toBeChecked()
  }
  await toggle(other, 'a').click()
  await expect(messages(other)).toContainText('a is on.')
  await seed.put('flags/a', { ...await seed.flagDocument('a') as object, tags: ['theirs'] })
  await toggle(page, 'a').click() // it still shows the state of before
  await expect(messages(page)).toContainText('Somebody turned a on a moment ago.')
  await expect(toggle(page, 'a')).toBeChecked()
  await toggle(page, 'a').click()
  await expect(messages(page)).toContainText('a is off.')
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: false }, tags: ['theirs'] })
  await other.reload()
  await expect(toggle(other, 'a')).not.toBeChecked()
  await other.close()
})

test('E11 on the page of a flag: at once, undone, and past a draft that stays', async ({ page, seed }) => {
  await seed.flag('a')
  await page.goto(`/ns/${seed.ns}/flags/a/settings`)
  await page.getByLabel(/^Description/).fill('mine')
  const value = page.getByRole('switch', { name: 'Default value' })
  await value.click()
  await expect(messages(page)).toContainText('a answers true.')
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: true, description: '' } })
  await messages(page).getByRole('button', { name: 'Undo' }).click()
  await expect(messages(page)).toContainText('a answers false.')
  await expect(value).not.toBeChecked()
  await expect(page.getByLabel(/^Description/)).toHaveValue('mine')
  await page.keyboard.press('Control+s')
  await expect(messages(page)).toContainText('a saved.')
  expect(await seed.flagDocument('a')).toMatchObject({ flag: { enabled: false, description: 'mine' } })
})
