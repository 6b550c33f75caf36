// Making flags, from the form to what is saved.
import { expect, noAxeViolations, test } from './fixtures'

test('E03 a boolean flag by keyboard only @smoke', async ({ page, seed }) => {
  await page.goto(`/ns/${seed.ns}/flags`)
  await expect(page.getByText('Flags switch behaviour without a deployment.')).toBeVisible()
  await page.keyboard.press('n')
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused()
  await page.keyboard.type('Größe, neu')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(new RegExp(`/ns/${seed.ns}/flags/grosse-neu/rules`))
  expect(await seed.flagDocument('grosse-neu')).toMatchObject({ flag: { name: 'Größe, neu', enabled: false, type: 'BOOLEAN_FLAG_TYPE' } })
})

test('E04 a variant flag with three variants, an attachment and an even split, and another one', async ({ page, seed }) => {
  await seed.segment('beta')
  await page.goto(`/ns/${seed.ns}/flags/new`)
  await page.getByText('One of several answers').click()
  const name = page.getByLabel('Name', { exact: true })
  await name.fill('First')
  await page.getByRole('button', { name: 'Create another' }).click()
  await expect(page.getByRole('region', { name: 'Messages' })).toContainText('first was created.')
  await expect(name).toBeFocused()
  await expect(name).toHaveValue('')
  expect(await seed.flagDocument('first')).toMatchObject({ flag: { type: 'VARIANT_FLAG_TYPE', variants: [{ key: 'control' }, { key: 'treatment' }], defaultVariant: { key: 'control' } } })

  await name.fill('Layout')
  await page.getByLabel('Name of variant 2').press('Tab')
  await expect(page.getByLabel('Key of variant 3')).toBeFocused()
  await page.keyboard.type('treatment')
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page.getByText('There is another treatment.')).toBeVisible()
  await expect(page.getByLabel('Key of variant 3')).toBeFocused()
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

test('E05 the key follows the name until it is edited; what it cannot be, and a taken one, is told', async ({ page, seed, guard }) => {
  guard.allow(/status of 409/)
  await seed.flag('new-checkout')
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
  await name.fill('New Checkout')
  await expect(key).toHaveValue('new-checkout')
  await expect(page.getByText('There is a flag with this key.')).toBeVisible()
  await expect(page.getByRole('link', { name: 'Open the flag new-checkout' })).toBeVisible()
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(key).toBeFocused()
  await expect(key).toHaveAttribute('aria-invalid', 'true')
  await key.fill('checkout-2')
  await expect(page.getByText('This key is free.')).toBeVisible()
  await name.fill('Another name')
  await expect(key).toHaveValue('checkout-2')
  // Taken between the question and the answer.
  await seed.flag('checkout-2')
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page.getByText('There is a flag with this key.')).toBeVisible()
  await expect(name).toHaveValue('Another name')
  await page.getByRole('link', { name: 'Flags', exact: true }).first().click()
  await page.getByRole('dialog', { name: 'Leave this page?' }).getByRole('button', { name: 'Stay' }).click()
  await expect(name).toHaveValue('Another name')
})

test('E06 what is missing, too long or refused by the server stands at its field @a11y', async ({ page, seed, guard }) => {
  guard.allow(/status of 400/)
  await page.goto(`/ns/${seed.ns}/flags/new`)
  await page.getByRole('button', { name: 'Create flag' }).click()
  const name = page.getByLabel('Name', { exact: true })
  await expect(name).toBeFocused()
  await expect(name).toHaveAccessibleDescription('Give it a name.')
  await name.fill('Checkout')
  await expect(name).not.toHaveAttribute('aria-invalid', 'true')
  await page.getByLabel(/^Description/).fill('stays')
  // The browser knows the limits of the server.
  const tags = page.getByLabel(/^Tags/)
  await tags.evaluate((field, text) => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text', text)
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, cancelable: true }))
  }, `ops\n${'t'.repeat(65)}\n`)
  await expect(page.getByRole('main').getByText('1 left out: no more than 64 characters fit.')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Remove ops' })).toBeVisible()
  // What only the server knows: here it really gets a tag that is too long.
  const writes = '**/flags/checkout/document'
  await page.route(writes, route => route.request().method() === 'PUT' ? route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON() as object, tags: ['t'.repeat(65)] }) }) : route.continue())
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(tags).toHaveAttribute('aria-invalid', 'true')
  await expect(tags).toHaveAccessibleDescription(/64/)
  await expect(page.getByLabel(/^Description/)).toHaveValue('stays')
  await page.unroute(writes)
  expect((await page.request.get(`/api/v1/namespaces/${seed.ns}/flags/checkout/document`)).status()).toBe(404)
  // What belongs to no field of the form is told above it.
  await page.route(writes, route => route.fulfill({ status: 400, json: {
    code: 3, message: 'invalid', details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: 'document.flag.description', description: 'is too long' }, { field: 'document.flag.metadata', description: 'is strange' }] }]
  } }))
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page.getByLabel('Description')).toHaveAccessibleDescription('Is too long.')
  await expect(page.getByRole('alert').filter({ hasText: 'metadata: is strange' })).toBeVisible()
  await noAxeViolations(page)
  await page.unroute(writes)
  await page.getByRole('button', { name: 'Create flag' }).click()
  await expect(page).toHaveURL(/flags\/checkout\/rules/)
  expect(await seed.flagDocument('checkout')).toMatchObject({ flag: { description: 'stays' }, tags: ['ops'] })
})
