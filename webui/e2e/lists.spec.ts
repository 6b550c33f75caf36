// Long lists: 2,000 flags stay quick.
import type { Page } from '@playwright/test'
import { expect, test } from './fixtures'

/** Milliseconds from an event of a person to the next picture, the best of some tries: what else the machine does is left out. */
async function best(page: Page, tries: number, act: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < tries; n++) {
    await page.evaluate(() => {
      const marks = window as unknown as { took?: number }
      marks.took = undefined
      const begin = () => {
        const from = performance.now()
        setTimeout(() => requestAnimationFrame(() => { void document.body.offsetHeight; marks.took = performance.now() - from }))
      }
      for (const kind of ['click', 'input']) document.addEventListener(kind, begin, { capture: true, once: true })
    })
    await act()
    times.push(await page.waitForFunction(() => (window as unknown as { took?: number }).took).then(handle => handle.jsonValue()) as number)
  }
  return Math.min(...times)
}

test('E13 2,000 flags: shown, searched, sorted, paged and switched without a wait', async ({ page, seed, request }) => {
  test.setTimeout(90_000)
  const flags = Array.from({ length: 2000 }, (_, n) => ({
    key: `flag-${n}`, name: `Flag ${String(n).padStart(4, '0')}`, description: `Number ${n} of many`, type: 'BOOLEAN_FLAG_TYPE', enabled: n % 2 === 0
  }))
  const answer = await request.post('/api/v1/import', {
    headers: { 'Content-Type': 'application/json' }, data: JSON.stringify({ version: '1.4', namespace: { key: seed.ns, name: seed.ns }, flags })
  })
  expect(answer.ok(), await answer.text()).toBe(true)

  const begun = Date.now()
  await page.goto(`/ns/${seed.ns}/flags?sort=name`)
  await expect(page.getByText('1–25 of 2,000')).toBeVisible()
  expect(Date.now() - begun).toBeLessThan(5000) // a loaded machine, a cold browser: the budget of an idle one is 500 ms
  expect(await page.locator('[data-row]').count()).toBe(25)

  const search = page.getByLabel('Search flags')
  const row = page.locator('[data-row]').first()
  let letter = 0
  const slowest = {
    search: await best(page, 5, () => search.pressSequentially('flag '[letter++]!)),
    sort: await best(page, 5, () => page.getByRole('button', { name: 'Updated' }).click()),
    page: await (async () => {
      await page.goto(`/ns/${seed.ns}/flags?sort=name`)
      await expect(row).toHaveAttribute('data-key', 'flag-0')
      return best(page, 5, () => page.getByRole('button', { name: 'Next page' }).click())
    })(),
    toggle: await best(page, 5, () => row.getByRole('switch').click())
  }
  for (const [what, took] of Object.entries(slowest)) expect(took, `${what}: milliseconds to the next picture`).toBeLessThan(100)

  await page.goto(`/ns/${seed.ns}/flags?sort=name&per=100&page=20`)
  await expect(page.getByText('1,901–2,000 of 2,000')).toBeVisible()
  await expect(page.locator('[data-row]').last()).toHaveAttribute('data-key', 'flag-1999')
  await search.fill('number 1234')
  await expect(page.getByText('1–1 of 1')).toBeVisible()
  await expect(row).toHaveAttribute('data-key', 'flag-1234')
})

test('E14 an answer that is not JSON, and a server that is busy for a moment', async ({ page, seed, guard }) => {
  guard.allow(/status of 503/)
  await seed.flag('a')
  await page.route('**/flag-summaries?**', route => route.fulfill({ status: 200, contentType: 'text/html', body: '<title>Sign in to the proxy</title>' }))
  await page.goto(`/ns/${seed.ns}/flags`)
  await expect(page.getByRole('alert')).toContainText('not JSON')
  await page.unroute('**/flag-summaries?**')
  await page.route('**/flag-summaries?**', route => route.fulfill({ status: 503, json: { code: 14, message: 'busy' } }), { times: 1 })
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByRole('alert')).toContainText('busy')
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByRole('switch', { name: 'a on' })).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
})
