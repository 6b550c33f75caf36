// Somebody who does anything: whatever is pressed and typed, nothing breaks and the server stays well.
import type { Locator, Page } from '@playwright/test'
import { expect, test } from './fixtures'

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  return () => {
    seed = seed + 0x6D2B79F5 | 0
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
}

const texts = ['', 'new-checkout', '"; DROP TABLE flags; --', '<img src=x onerror=alert(1)>', '{"a": [1, }', 'größer 🚀 علم', '-1', '100,5', 'x'.repeat(1200), '( [ \\ *']
const keys = ['Escape', 'Enter', 'Tab', 'Control+s', 'Control+k', 'ArrowDown', 'Alt+ArrowUp', 'j', 'x', 't', '/', '?', 'Control+Enter']

/** Does one thing to one control. The name of what it did is for the report. */
async function act(page: Page, control: Locator, random: () => number): Promise<string> {
  const what = await control.evaluate((element: HTMLElement) => ({ tag: element.tagName, type: (element as HTMLInputElement).type, name: element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 40) ?? '' }))
  const quick = { timeout: 1500 }
  if (what.tag === 'SELECT') {
    const values = await control.locator('option:not([disabled])').evaluateAll(options => options.map(option => (option as HTMLOptionElement).value))
    const value = values[Math.floor(random() * values.length)]
    if (value !== undefined) await control.selectOption(value, quick)
  } else if (what.tag === 'TEXTAREA' || what.tag === 'INPUT' && !['checkbox', 'radio', 'range', 'file'].includes(what.type)) {
    const text = texts[Math.floor(random() * texts.length)]!
    await control.fill(['date', 'datetime-local'].includes(what.type) ? '' : text, quick)
    if (random() < 0.4) await page.keyboard.press('Enter')
  } else await control.click(quick)
  return `${what.tag.toLowerCase()} ${what.name}`
}

test('E50 a monkey at the keyboard breaks nothing', async ({ page, seed, guard }, info) => {
  const actions = Number(process.env.E2E_ACTIONS ?? 60)
  const start = Number(process.env.E2E_SEED ?? 20)
  test.setTimeout(60_000 + actions * 2500)
  guard.allow(/status of 4\d\d/) // what it asks for may be refused, never fail
  await seed.segment('beta')
  for (const key of ['layout', 'theme']) await seed.variantFlag(key, 'beta')
  await seed.flag('promo', { rollouts: [{ threshold: { percentage: 20, value: true } }], tags: ['release'] })
  const failed: string[] = []
  page.on('response', response => { if (response.status() >= 500) failed.push(`${response.status()} ${response.request().method()} ${response.url()}`) })
  page.on('dialog', dialog => void dialog.accept())

  const random = numbers(start)
  const begin = ['flags', 'flags/layout/rules', 'flags/layout/variants', 'flags/layout/settings', 'flags/promo/rules', 'flags/theme/code', 'flags/new?type=variant', 'segments', 'segments/beta', 'playground?flag=layout&entity=ana', 'history']
  const goSomewhere = () => page.goto(`/ns/${seed.ns}/${begin[Math.floor(random() * begin.length)]}`)
  const done: string[] = []
  await goSomewhere()
  for (let n = 0; n < actions; n++) {
    // Not beyond its own namespace: other journeys are there.
    if (!page.url().includes(`/ns/${seed.ns}/`) || random() < 0.08) await goSomewhere()
    const chance = random()
    if (chance < 0.12) {
      const key = keys[Math.floor(random() * keys.length)]!
      await page.keyboard.press(key)
      done.push(key)
      continue
    }
    const dialog = page.locator('dialog[open]')
    const within = await dialog.count() > 0 ? dialog.last() : page.locator('body')
    const all = within.locator('button:enabled, main a, input:enabled, select:enabled, textarea:enabled').and(page.locator(':visible')).and(page.locator(':not([aria-haspopup=listbox]):not([type=file])'))
    const count = await all.count()
    if (count === 0) { await goSomewhere(); continue }
    // What is covered or gone in the same moment is no control for anybody.
    done.push(await act(page, all.nth(Math.floor(random() * count)), random).catch((error: Error) => `nothing: ${error.message.split('\n')[0]}`))
    await expect(page.getByRole('main')).toBeVisible()
  }
  await info.attach('actions', { body: done.join('\n'), contentType: 'text/plain' })
  expect(failed).toEqual([])
  expect(done.filter(one => !one.startsWith('nothing')).length, done.join('\n')).toBeGreaterThan(actions / 2)
  await page.goto(`/ns/${seed.ns}/flags`)
  await expect(page.getByRole('heading', { level: 1, name: 'Flags' })).toBeVisible()
  expect((await page.request.get('/health')).ok()).toBe(true)
})
