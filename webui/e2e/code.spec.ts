import { execFileSync } from 'node:child_process'
import { expect, noAxeViolations, test } from './fixtures'

test('E33 code for each language, and the copied curl runs', async ({ page, seed }) => {
  await seed.segment('beta')
  await seed.variantFlag('layout', 'beta')
  await page.goto(`/ns/${seed.ns}/flags/layout/code`)
  const languages = page.getByRole('group', { name: 'Language' }).getByRole('button')
  await expect.poll(() => languages.count()).toBeGreaterThanOrEqual(9)
  for (const language of await languages.all()) {
    await language.click()
    await expect(page.getByRole('group', { name: 'Code' }).last()).toContainText('layout')
    await expect(page.getByRole('group', { name: 'Code' }).last()).toContainText(seed.ns)
  }
  await noAxeViolations(page, 'main')
  await languages.filter({ hasText: 'curl' }).click()
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  const answer = JSON.parse(execFileSync('sh', ['-c', copied], { encoding: 'utf8' })) as { match: boolean, variantKey: string, flagKey: string }
  expect(answer).toMatchObject({ match: true, flagKey: 'layout' })
  expect(['control', 'treatment']).toContain(answer.variantKey)
})

test('E36 evaluations are counted and plotted, as a table too @a11y', async ({ page, seed, request }) => {
  test.setTimeout(60_000) // counts are written each ten seconds
  await seed.segment('beta')
  await seed.variantFlag('layout', 'beta')
  const requests = Array.from({ length: 100 }, (_, n) => ({ namespaceKey: seed.ns, flagKey: 'layout', entityId: `user-${n}`, context: { plan: 'pro' } }))
  for (let batch = 0; batch < 5; batch++) expect((await request.post('/evaluate/v1/batch', { data: { requests } })).ok()).toBe(true)
  await page.goto(`/ns/${seed.ns}/flags/layout/analytics?range=1h`)
  const total = page.getByText('Evaluations', { exact: true }).locator('xpath=following-sibling::dd')
  await expect(total).toHaveText('500', { timeout: 40_000 })
  await expect(page.getByTestId('plot')).toBeVisible()
  await page.getByRole('button', { name: 'Show as table' }).click()
  const sums = page.getByRole('row', { name: /^Sum/ }).getByRole('cell')
  expect((await sums.allTextContents()).reduce((sum, text) => sum + Number(text), 0)).toBe(500)
  await page.getByRole('button', { name: 'By reason' }).click()
  await expect(page.getByRole('columnheader', { name: 'a rule matched' })).toBeVisible()
  await noAxeViolations(page, 'main')
})
