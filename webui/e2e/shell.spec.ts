import { expect, noAxeViolations, test } from './fixtures'

test('E44 palette and shortcuts, which can be switched off @a11y', async ({ page, seed }) => {
  await seed.flag('new-checkout', { flag: { name: 'New checkout' } })
  await page.goto(`/ns/${seed.ns}/history`)
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused()
  await page.keyboard.press('Control+k')
  const palette = page.getByRole('dialog', { name: 'Search or jump to' })
  await palette.getByRole('combobox').fill('new che')
  await expect(palette.getByRole('option').first()).toContainText('New checkout')
  await noAxeViolations(page)
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(new RegExp(`/ns/${seed.ns}/flags/new-checkout/rules`))

  await page.goto(`/ns/${seed.ns}/history`)
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused()
  await page.keyboard.press('?')
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await expect(help).toBeVisible()
  await noAxeViolations(page)
  await page.keyboard.press('Escape')
  await expect(help).toBeHidden()
  await page.keyboard.press('g')
  await page.keyboard.press('s')
  await expect(page).toHaveURL(new RegExp(`/ns/${seed.ns}/segments`))

  await page.goto(`/ns/${seed.ns}/history`)
  await page.getByLabel('Author').click()
  await page.keyboard.type('gf')
  await expect(page).toHaveURL(/history/) // nothing while somebody types
  await page.goto('/settings/appearance')
  await page.getByRole('group', { name: 'Single letters as shortcuts' }).getByLabel('Off').check()
  await page.goto(`/ns/${seed.ns}/history`)
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused()
  await page.keyboard.press('?')
  await page.keyboard.press('Control+k')
  await expect(palette).toBeVisible()
  await expect(help).toBeHidden()
})

test('E46 headers on everything, no scripts of others, names as text @smoke', async ({ page, seed, request, baseURL }) => {
  for (const path of ['/', '/api/v1/namespaces', '/theme-init.js', '/health']) {
    const headers = (await request.get(path)).headers()
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['x-frame-options']).toBe('DENY')
  }
  const evil = '<img src=x onerror=alert(1)>'
  await seed.segment('evil')
  await seed.flag('evil', { flag: { name: evil, description: evil, metadata: { [evil]: evil } }, tags: [evil] })
  page.on('dialog', () => { throw new Error('a script of a name ran') })
  for (const path of ['flags', 'flags/evil/rules', 'flags/evil/settings', 'flags/evil/code', 'history', 'playground?flag=evil', 'segments']) {
    await page.goto(`${baseURL}/ns/${seed.ns}/${path}`)
    await expect(page.locator('main h1')).toBeVisible()
    expect(await page.locator('img[src="x"]').count(), path).toBe(0)
  }
  await page.goto(`/ns/${seed.ns}/flags`)
  await expect(page.getByRole('link', { name: evil })).toBeVisible()
})

test('E47 deep links, missing pages and missing assets', async ({ page, request, guard }) => {
  guard.allow(/404/)
  expect((await request.get('/assets/missing.js')).status()).toBe(404)
  await page.goto('/no/such/page')
  await expect(page.getByRole('heading', { name: 'There is no such page.' })).toBeVisible()
  await page.getByRole('link', { name: 'Go to the flags' }).click()
  await expect(page).toHaveURL(/\/(ns\/|welcome)/)
})

test('E45 the drawer at 360 px @responsive', async ({ page, seed }) => {
  await page.setViewportSize({ width: 360, height: 740 })
  await page.goto(`/ns/${seed.ns}/history`)
  await page.getByRole('button', { name: 'Open the menu' }).click()
  await page.getByRole('link', { name: 'Settings' }).click()
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible()
  await noAxeViolations(page)
})
