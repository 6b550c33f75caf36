// Segments: every comparison there is, whom they take in, and the flags that depend on them.
import type { Page } from '@playwright/test'
import { expect, noAxeViolations, test } from './fixtures'

const bar = (page: Page) => page.getByRole('region', { name: 'Unsaved changes' })
async function save(page: Page) {
  await page.keyboard.press('Control+s')
  await expect(bar(page)).toBeHidden()
}

const text = ['eq', 'neq', 'empty', 'notempty', 'prefix', 'suffix', 'contains', 'notcontains', 'isoneof', 'isnotoneof']
const number = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'present', 'notpresent', 'isoneof', 'isnotoneof']
const time = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'present', 'notpresent']
const comparisons: [type: string, property: string, operators: string[], value: string, list: string[]][] = [
  ['STRING_COMPARISON_TYPE', 'country', text, 'DE', ['DE', 'größer, "x"']],
  ['NUMBER_COMPARISON_TYPE', 'age', number, '18.5', ['1', '2.5']],
  ['BOOLEAN_COMPARISON_TYPE', 'beta', ['true', 'false', 'present', 'notpresent'], '', []],
  ['DATETIME_COMPARISON_TYPE', 'since', time, '2026-01-02T03:04:05', []],
  ['ENTITY_ID_COMPARISON_TYPE', 'entityId', ['eq', 'neq', 'contains', 'notcontains', 'isoneof', 'isnotoneof'], 'ana', ['ana', 'ben']]
]
const noValue = new Set(['empty', 'notempty', 'present', 'notpresent', 'true', 'false'])

for (const [type, property, operators, value, list] of comparisons) {
  test(`E25 every comparison of ${type} is written, saved and shown again`, async ({ page, seed }) => {
    test.setTimeout(60_000)
    await seed.segment('all', [])
    await page.goto(`/ns/${seed.ns}/segments/all`)
    const constraints = page.getByRole('region', { name: 'Constraints' })
    const wanted: Record<string, string>[] = []
    for (const operator of operators) {
      await constraints.getByRole('button', { name: 'Add constraint' }).click()
      await constraints.getByLabel('Type', { exact: true }).selectOption(type)
      if (type !== 'ENTITY_ID_COMPARISON_TYPE') await constraints.getByRole('combobox', { name: 'Property' }).fill(property)
      await constraints.getByLabel('Comparison').selectOption(operator)
      if (operator.endsWith('oneof')) {
        for (const item of list) {
          await constraints.getByLabel('Values').pressSequentially(item.replace(',', ''))
          await page.keyboard.press('Enter')
        }
      } else if (!noValue.has(operator)) await constraints.getByLabel('Value', { exact: true }).fill(value)
      await constraints.getByRole('button', { name: 'Done' }).click()
      const items = list.map(item => type.startsWith('NUMBER') ? Number(item) : item.replace(',', ''))
      wanted.push({ type, property, operator, value: operator.endsWith('oneof') ? JSON.stringify(items) : noValue.has(operator) ? '' : type.startsWith('DATETIME') ? `${value}Z` : value })
    }
    const shown = await constraints.getByRole('listitem').allInnerTexts()
    await save(page)
    const saved = (await seed.get('segments/all/document') as unknown as { segment: { constraints: unknown[] } }).segment.constraints
    expect(saved.length).toBe(wanted.length)
    expect(saved).toMatchObject(wanted)
    await page.reload()
    await expect(constraints.getByRole('listitem')).toHaveCount(wanted.length)
    expect(await constraints.getByRole('listitem').allInnerTexts()).toEqual(shown)
    await expect(bar(page)).toBeHidden() // what was saved is no change
  })
}

test('E25 a hundred values are pasted, a hundred and one do not fit @a11y', async ({ page, seed }) => {
  await seed.segment('beta', [{ type: 'STRING_COMPARISON_TYPE', property: 'country', operator: 'eq', value: 'c-1' }])
  await page.goto(`/ns/${seed.ns}/segments/beta`)
  await page.getByRole('button', { name: 'Edit country is c-1' }).click()
  await page.getByLabel('Comparison').selectOption('isoneof')
  const values = page.getByLabel('Values')
  const paste = async (lines: string[]) => {
    await page.evaluate(copied => navigator.clipboard.writeText(copied), lines.join('\n'))
    await values.focus()
    await page.keyboard.press('Control+v')
  }
  await paste(Array.from({ length: 100 }, (_, n) => `c-${n + 1}`).concat('c-1', 'c-2')) // twice is once
  await expect(page.getByText('100 of 100', { exact: true })).toBeVisible()
  await noAxeViolations(page)
  await paste(['c-101', 'c-102'])
  await expect(page.getByRole('main').getByText('No more than 100 fit.')).toBeVisible()
  await page.getByRole('button', { name: 'Done' }).click()
  await save(page)
  const saved = (await seed.get('segments/beta/document') as unknown as { segment: { constraints: { operator: string, value: string }[] } }).segment.constraints[0]!
  expect(saved.operator).toBe('isoneof')
  expect(JSON.parse(saved.value)).toEqual(Array.from({ length: 100 }, (_, n) => `c-${n + 1}`))
})

test('E25 what is not finished is told where it is', async ({ page, seed }) => {
  await seed.segment('beta', [])
  await page.goto(`/ns/${seed.ns}/segments/beta`)
  await page.getByRole('button', { name: 'Add constraint' }).click()
  await page.getByLabel('Type', { exact: true }).selectOption('NUMBER_COMPARISON_TYPE')
  await page.getByLabel('Value', { exact: true }).fill('many')
  await page.keyboard.press('Control+s')
  await expect(bar(page).getByRole('alert')).toContainText('Constraint 1 is not finished.')
  await expect(page.getByRole('combobox', { name: 'Property' })).toHaveAccessibleDescription('Say which property to look at.')
  await expect(page.getByLabel('Value', { exact: true })).toHaveAccessibleDescription('This is no number.')
  await page.getByRole('combobox', { name: 'Property' }).fill('age')
  await page.getByLabel('Value', { exact: true }).fill('12,5')
  await save(page)
  expect(await seed.get('segments/beta/document')).toMatchObject({ segment: { constraints: [{ property: 'age', operator: 'eq', value: '12.5' }] } })
})

test('E26 the preview reads JSON, lines of JSON and CSV, follows the draft, and says what fails @a11y', async ({ page, seed }) => {
  await seed.segment('germans', [
    { type: 'STRING_COMPARISON_TYPE', property: 'country', operator: 'eq', value: 'DE' },
    { type: 'NUMBER_COMPARISON_TYPE', property: 'age', operator: 'gte', value: '18' }
  ])
  await page.goto(`/ns/${seed.ns}/segments/germans`)
  const preview = page.getByRole('region', { name: 'Preview' })
  const contexts = preview.getByLabel('Paste contexts')
  const people: [string, string, number][] = [['ana', 'DE', 30], ['ben', 'FR', 40], ['cy', 'DE', 12]]
  const objects = people.map(([entityId, country, age]) => ({ entityId, country, age }))
  const result = (name: string) => preview.getByRole('listitem').filter({ hasText: name })
  for (const pasted of [
    JSON.stringify(objects, null, 2), objects.map(one => JSON.stringify(one)).join('\n'), `entityId,country,age\n${people.map(one => one.join(',')).join('\n')}\n`, `userId;country;age\r\n${people.map(one => one.join(';')).join('\r\n')}`
  ]) {
    await contexts.fill('')
    await expect(preview.getByText(/match$/)).toHaveCount(0)
    await contexts.fill(pasted)
    await expect(preview.getByText('1 of 3 match')).toBeVisible()
    await expect(result('ana')).toContainText('matches')
    await expect(result('ben')).toContainText('country is DE: it is “FR”')
    await expect(result('cy')).toContainText('age is at least 18: it is “12”')
  }
  await noAxeViolations(page)
  await contexts.fill('[{"country": "DE"},\n {"country": }]')
  await expect(contexts).toHaveAttribute('aria-invalid', 'true')
  await expect(contexts).toHaveAccessibleDescription(/Line 2, column 14/)
  await contexts.fill(JSON.stringify(objects))

  await page.getByLabel('How many constraints must hold').selectOption('ANY_MATCH_TYPE')
  await expect(preview.getByText('3 of 3 match')).toBeVisible()
  await page.getByRole('button', { name: 'Remove age is at least 18' }).click()
  await expect(preview.getByText('2 of 3 match')).toBeVisible()
  expect(await seed.get('segments/germans/document')).toMatchObject({ segment: { matchType: 'ALL_MATCH_TYPE' } }) // a draft, nothing saved
})

test('E27 a segment that flags use: shown, not deleted, and what a change does is said', async ({ page, seed, guard }) => {
  guard.allow(/status of 404/)
  await seed.segment('beta')
  await seed.segment('lonely')
  for (const key of ['checkout', 'layout']) await seed.flag(key, { flag: { name: `The ${key}` }, rollouts: [{ segment: { segmentKeys: ['beta'], value: true } }] })
  await page.goto(`/ns/${seed.ns}/segments?used=used`)
  await expect(page.getByRole('row').filter({ hasText: 'beta' })).toContainText('2 flags')
  await expect(page.getByText('lonely')).toHaveCount(0)
  await page.getByRole('link', { name: '2 flags' }).click()
  const users = page.getByRole('region', { name: 'Used by' })
  await expect(users.getByRole('row').filter({ hasText: 'The checkout' })).toContainText('rollout 1')
  await expect(users.getByRole('link', { name: 'The layout' })).toBeVisible()
  await page.getByRole('link', { name: 'Settings' }).last().click()
  await expect(page.getByText('2 flags use it.')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Delete segment' })).toHaveCount(0)

  await page.getByLabel(/^Description/).fill('other words')
  await expect(bar(page)).toContainText('description nothing → “other words”')
  await expect(bar(page)).not.toContainText('flags change')
  await page.getByRole('link', { name: /^Constraints/ }).click()
  await page.getByRole('button', { name: 'Remove plan is pro' }).click()
  await expect(bar(page)).toContainText('− plan is pro')
  await expect(bar(page)).toContainText('2 flags change: The checkout, The layout')
  await bar(page).getByRole('button', { name: 'Discard' }).click()
  await expect(page.getByRole('region', { name: 'Constraints' })).toContainText('plan')

  await page.goto(`/ns/${seed.ns}/segments/lonely/settings`)
  await page.getByRole('button', { name: 'Delete segment' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByRole('button', { name: 'Keep it' })).toBeFocused()
  await dialog.getByRole('button', { name: 'Delete segment' }).click()
  await expect(page).toHaveURL(/segments$/)
  await expect(page.getByRole('link', { name: 'lonely' })).toHaveCount(0)
  expect((await page.request.get(`/api/v1/namespaces/${seed.ns}/segments/lonely/document`)).status()).toBe(404)
  expect(await seed.get('segments/beta/document')).toMatchObject({ segment: { key: 'beta' } })
})
