// What a flag can serve, what it serves otherwise, and whether people get what the page promises.
import type { APIRequestContext, Page } from '@playwright/test'
import { expect, test } from './fixtures'

const bar = (page: Page) => page.getByRole('region', { name: 'Unsaved changes' })
async function save(page: Page) {
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page)).toBeHidden()
}

test('E23 variants are added, renamed and given JSON; one that is served is not deleted', async ({ page, seed }) => {
  await seed.variantFlag('layout', 'beta')
  await page.goto(`/ns/${seed.ns}/flags/layout/variants`)
  await page.getByRole('button', { name: 'Edit variant control' }).click()
  const form = page.locator('form').filter({ has: page.getByRole('button', { name: 'Delete variant' }) })
  await form.getByRole('button', { name: 'Delete variant' }).click()
  await expect(form.getByRole('alert')).toContainText('control is served by rule 1.')
  await form.getByLabel('Key', { exact: true }).fill('base')
  await expect(bar(page)).toContainText('variant control → base')

  const attachment = form.getByLabel(/^Attachment/)
  await attachment.fill('{\n  "columns": 3,\n  "wide": yes\n}')
  await expect(attachment).toHaveAttribute('aria-invalid', 'true')
  await expect(attachment).toHaveAccessibleDescription(/Line 3, column 11/)
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page).getByRole('alert')).toContainText('The attachment is not JSON.')
  await form.getByRole('button', { name: 'Line 3, column 11' }).click()
  await expect(attachment).toBeFocused()
  await attachment.fill('{"columns":3,"columns":4}')
  await expect(form.getByText(/Line 1, column \d+: .*twice/i)).toBeVisible()
  await attachment.fill('{"columns":3}')
  await form.getByRole('button', { name: 'Format' }).click()
  await expect(attachment).toHaveValue('{\n  "columns": 3\n}')
  await form.getByRole('button', { name: 'Done' }).click()

  await page.getByRole('button', { name: 'Add variant' }).click()
  const added = page.getByLabel('Key', { exact: true })
  await expect(added).toBeFocused()
  await added.fill('treatment')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(bar(page).getByRole('alert')).toContainText('There is another variant treatment.')
  await added.fill('wide')
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('radio', { name: 'Serve wide by default' }).check()
  await save(page)

  type Saved = { flag: { variants: { id: string, key: string, attachment: string }[], defaultVariant: { key: string } }, rules: { distributions: { variantId: string }[] }[] }
  let saved = await seed.flagDocument('layout') as Saved
  expect(saved.flag.variants.map(variant => variant.key)).toEqual(['base', 'treatment', 'wide'])
  expect(saved.flag.defaultVariant.key).toBe('wide')
  expect(JSON.parse(saved.flag.variants[0]!.attachment)).toEqual({ columns: 3 })
  expect(saved.rules[0]!.distributions.map(d => saved.flag.variants.find(v => v.id === d.variantId)!.key)).toEqual(['base', 'treatment'])

  await page.getByRole('button', { name: 'Edit variant wide' }).click()
  await page.getByRole('button', { name: 'Delete variant' }).click()
  await expect(page.getByRole('alert')).toContainText('wide is the default.')
  await page.getByRole('button', { name: 'Serve no variant by default' }).click()
  await page.getByRole('button', { name: 'Delete variant' }).click()
  await expect(bar(page)).toContainText('− variant wide')
  await save(page)
  saved = await seed.flagDocument('layout') as Saved
  expect(saved.flag.variants.map(variant => variant.key)).toEqual(['base', 'treatment'])
  expect(saved.flag.defaultVariant ?? null).toBeNull()
})

/** For how many of some people a boolean flag is true. */
async function countTrue(request: APIRequestContext, ns: string, flagKey: string, people: string[]): Promise<number> {
  const requests = people.map(entityId => ({ namespaceKey: ns, flagKey, entityId, context: {} }))
  const answer = await request.post('/evaluate/v1/batch', { data: { requests } })
  expect(answer.ok(), await answer.text()).toBe(true)
  const { responses } = await answer.json() as { responses: { booleanResponse: { enabled: boolean } }[] }
  return responses.filter(response => response.booleanResponse.enabled).length
}

test('E24 a default variant, a default value, and a rollout of 25 % that is one', async ({ page, seed, request }) => {
  await seed.variantFlag('layout')
  await page.goto(`/ns/${seed.ns}/flags/layout/rules`)
  await page.getByRole('combobox', { name: 'Default variant' }).selectOption('treatment')
  await expect(bar(page)).toContainText('otherwise no variant → treatment')
  await save(page)
  const evaluate = async (flagKey: string) => await (await request.post('/evaluate/v1/variant', { data: { namespaceKey: seed.ns, flagKey, entityId: 'ana', context: {} } })).json() as object
  expect(await evaluate('layout')).toMatchObject({ variantKey: 'treatment', reason: 'DEFAULT_EVALUATION_REASON' })

  await seed.flag('promo')
  await page.goto(`/ns/${seed.ns}/flags/promo/rules`)
  await page.getByRole('button', { name: 'Add rollout' }).click()
  await page.getByRole('textbox', { name: 'Percent', exact: true }).fill('25')
  await expect(page.getByRole('list', { name: 'Rollouts' })).toContainText('For 25 % of all, serve true')
  await save(page)
  expect(await seed.flagDocument('promo')).toMatchObject({ flag: { enabled: false }, rollouts: [{ threshold: { percentage: 25, value: true } }] })
  const deviation = Math.sqrt(1000 * 0.25 * 0.75)
  for (let round = 0; round < 4; round++) {
    const people = Array.from({ length: 1000 }, (_, n) => `person-${round}-${n}`)
    const on = await countTrue(request, seed.ns, 'promo', people)
    expect(Math.abs(on - 250), `${on} of 1,000`).toBeLessThan(3 * deviation)
  }
  await page.getByRole('switch', { name: 'Default value' }).click()
  await expect(page.getByRole('region', { name: 'Messages' })).toContainText('promo answers true.')
  expect(await countTrue(request, seed.ns, 'promo', Array.from({ length: 100 }, (_, n) => `person-${n}`))).toBe(100)
})
