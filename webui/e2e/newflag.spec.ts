// Making flags, from the form to what is saved.
import { expect, test } from './fixtures'

test('E04 a variant flag with three variants, an attachment and an even split', async ({ page, seed }) => {
  await seed.segment('beta')
  await page.goto(`/ns/${seed.ns}/flags/new?type=variant`)
  await page.getByLabel('Name', { exact: true }).fill('Layout')
  await page.getByRole('button', { name: 'Add variant' }).click()
  await page.getByLabel('Key of variant 3').fill('wide')
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Layout' })).toBeFocused()

  await page.getByRole('link', { name: /^Variants/ }).click()
  await page.getByRole('button', { name: 'Edit variant wide' }).click()
  await page.getByLabel(/^Attachment/).fill('{"columns": 3}')
  await page.getByRole('link', { name: /^Rules/ }).click()
  await page.getByRole('button', { name: 'Add rule' }).click()
  const rule = page.getByRole('listitem', { name: 'Rule 1 of 1' })
  await rule.getByRole('combobox', { name: 'Segment' }).fill('bet')
  await rule.getByRole('option', { name: /^beta/ }).click()
  await rule.getByLabel('Serve').selectOption('split')
  for (const [variant, share] of [['control', '33.34'], ['treatment', '33.33'], ['wide', '33.33']]) await expect(rule.getByLabel(`Percent of ${variant}`)).toHaveValue(share!)
  await expect(rule.getByText('Together 100 %.')).toBeVisible()
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(page.getByRole('region', { name: 'Unsaved changes' })).toBeHidden()

  const saved = await seed.flagDocument('layout') as { flag: { variants: { id: string, key: string, attachment: string }[] }, rules: { distributions: { variantId: string, rollout: number }[] }[] }
  const key = (id: string) => saved.flag.variants.find(variant => variant.id === id)?.key
  expect(saved.rules[0]!.distributions.map(d => [key(d.variantId), Math.round(d.rollout * 100)])).toEqual([['control', 3334], ['treatment', 3333], ['wide', 3333]])
  expect(JSON.parse(saved.flag.variants.find(variant => variant.key === 'wide')!.attachment)).toEqual({ columns: 3 })
})

test('E05 a key of a name with accents, and what a key cannot be', async ({ page, seed }) => {
  await page.goto(`/ns/${seed.ns}/flags/new`)
  const [name, key] = [page.getByLabel('Name', { exact: true }), page.getByLabel('Key', { exact: true })]
  for (const [said, made] of [['Crème brûlée (№ 5)', 'creme-brulee-no-5'], ['  --Größe,  NEU--  ', 'grosse-neu'], ['ﬁne 🚀 ½', 'fine-1-2'], ['علم', '']]) {
    await name.fill(said!)
    await expect(key).toHaveValue(made!)
  }
  await key.fill('two words')
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(key).toBeFocused()
  await expect(key).toHaveAccessibleDescription(/Use letters, digits/)
  await key.fill('') // an emptied key follows the name again
  await name.fill('Fresh start')
  await expect(key).toHaveValue('fresh-start')
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page).toHaveURL(new RegExp(`/ns/${seed.ns}/flags/fresh-start/rules`))
})

test('E06 fields that the server itself refuses are marked, and what was typed stays', async ({ page, seed, guard }) => {
  guard.allow(/status of 400/)
  await page.goto(`/ns/${seed.ns}/flags/new`)
  await page.getByLabel('Name', { exact: true }).fill('Checkout')
  const tags = page.getByLabel(/^Tags/)
  await tags.fill('t'.repeat(300))
  await page.getByLabel(/^Description/).fill('stays')
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(tags).toHaveAttribute('aria-invalid', 'true')
  await expect(tags).toHaveAccessibleDescription(/64/)
  await expect(page.getByLabel(/^Description/)).toHaveValue('stays')
  expect((await page.request.get(`/api/v1/namespaces/${seed.ns}/flags/checkout/document`)).status()).toBe(404)
  await page.getByRole('button', { name: /^Remove ttt/ }).click()
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page).toHaveURL(/flags\/checkout\/rules/)
  expect(await seed.flagDocument('checkout')).toMatchObject({ flag: { description: 'stays' } })
})
