import { expect, noAxeViolations, test } from './fixtures'

test('E34 history tells changes in words, with filters and permalinks @smoke @a11y', async ({ page, seed }) => {
  await seed.segment('beta')
  await seed.variantFlag('checkout', 'beta', ['control', 'wide'])
  const document = await seed.flagDocument('checkout') as { rules: { distributions: { rollout: number }[] }[], etag: string }
  document.rules[0]!.distributions[0]!.rollout = 75
  document.rules[0]!.distributions[1]!.rollout = 25
  await seed.put('flags/checkout', document, { 'If-Match': document.etag, 'Burgee-Author': 'Ana', 'Burgee-Comment': encodeURIComponent('less risk, größer') })

  await page.goto(`/ns/${seed.ns}/history`)
  await expect(page.getByRole('heading', { name: 'History', level: 1 })).toBeFocused()
  const newest = page.getByRole('listitem').filter({ hasText: 'Ana changed flag checkout' })
  await expect(newest).toContainText('“less risk, größer”')
  await newest.getByRole('button', { name: /Ana changed flag checkout/ }).click()
  await expect(newest).toContainText('rule 1: control 50 % → 75 %, wide 50 % → 25 %')
  await newest.getByRole('button', { name: 'Line by line' }).click()
  await expect(newest.getByRole('group', { name: 'Changes line by line' })).toContainText('"rollout": 75')
  await noAxeViolations(page)

  await page.getByLabel('Kind').selectOption('Segments')
  await expect(page.getByText('created segment beta')).toBeVisible()
  await expect(newest).toHaveCount(0)
  await expect(page).toHaveURL(/kind=segment/)
  await page.reload()
  await expect(page.getByText('created segment beta')).toBeVisible()
  await page.getByRole('button', { name: 'Clear the filters' }).click()
  await page.getByLabel('Author').fill('Ana')
  await page.getByLabel('Author').press('Enter')
  await expect(newest).toBeVisible()
  await expect(page.getByText('created segment beta')).toHaveCount(0)
})

test('E35 a change is undone after a look, a conflict is told, a deleted flag comes back', async ({ page, seed, guard }) => {
  guard.allow(/status of 412/) // what depends on a later change
  await seed.flag('promo', { flag: { description: 'first' } })
  await seed.flag('promo', { flag: { description: 'second' } })
  await page.goto(`/ns/${seed.ns}/history?key=promo&kind=flag`)
  const items = page.getByRole('listitem').filter({ hasText: /flag promo/ })
  await items.first().getByRole('button', { name: /changed flag promo/ }).click()
  await items.first().getByRole('button', { name: 'Undo this change' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('"second" → "first"')
  await dialog.getByLabel('Comment (optional)').fill('back')
  await dialog.getByRole('button', { name: 'Undo the change' }).click()
  await expect(page.getByText(/which undoes revision/)).toBeVisible()
  expect((await seed.flagDocument('promo') as { flag: { description: string } }).flag.description).toBe('first')

  // The creation cannot be undone below a later change of the same flag… nothing differs from it any more, so change it again.
  await seed.flag('promo', { flag: { description: 'third' } })
  await page.reload()
  const created = items.filter({ hasText: 'created flag promo' })
  await created.getByRole('button', { name: /created flag promo/ }).click()
  await created.getByRole('button', { name: 'Undo this change' }).click()
  await expect(dialog).toContainText('later changes depend on it')
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  await seed.post('/api/v1/edits', { edits: [{ namespaceKey: seed.ns, key: 'promo', deleteFlag: {} }] })
  await page.reload()
  const deleted = items.filter({ hasText: 'deleted flag promo' })
  await deleted.getByRole('button', { name: /deleted flag promo/ }).click()
  await deleted.getByRole('button', { name: 'Undo this change' }).click()
  await dialog.getByRole('button', { name: 'Undo the change' }).click()
  await expect(dialog).toBeHidden()
  expect((await seed.flagDocument('promo') as { flag: { description: string } }).flag.description).toBe('third')
})
