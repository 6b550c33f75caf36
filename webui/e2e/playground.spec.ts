// The playground says what the evaluation says, and why.
import { execFileSync } from 'node:child_process'
import type { APIRequestContext, Page } from '@playwright/test'
import { expect, noAxeViolations, test } from './fixtures'

const result = (page: Page, name = 'Result') => page.getByRole('region', { name, exact: true })
const entity = (page: Page) => page.getByRole('combobox', { name: 'Entity id' })

interface Answer { match: boolean, reason: string, variantKey: string, variantAttachment: string, enabled: boolean }
async function evaluate(request: APIRequestContext, kind: 'variant' | 'boolean', ns: string, flagKey: string, entityId: string, context: Record<string, string> = {}): Promise<Answer> {
  const answer = await request.post(`/evaluate/v1/${kind}`, { data: { namespaceKey: ns, flagKey, entityId, context } })
  expect(answer.ok(), await answer.text()).toBe(true)
  return await answer.json() as Answer
}

/** The address of inputs. */
const address = (ns: string, query: Record<string, string>) => `/ns/${ns}/playground?${new URLSearchParams(query).toString()}`

test('E28 verdicts: a match, the default, turned off, no such flag, the wrong context @smoke @a11y', async ({ page, seed, request, guard }) => {
  guard.allow(/status of 404/)
  await seed.segment('beta')
  await seed.variantFlag('layout', 'beta')
  await seed.flag('off', { flag: { type: 'VARIANT_FLAG_TYPE', enabled: false, variants: [{ key: 'x' }], defaultVariant: { key: 'x' } } })
  await seed.flag('promo', { flag: { enabled: true } })
  await page.goto(`/ns/${seed.ns}/playground`)
  const flag = page.getByRole('combobox', { name: 'Flag' })
  await flag.fill('lay')
  await page.getByRole('option', { name: 'layout' }).click()
  await entity(page).fill('ana')
  await page.getByRole('combobox', { name: 'Value of plan' }).fill('pro')
  let answer = await evaluate(request, 'variant', seed.ns, 'layout', 'ana', { plan: 'pro' })
  expect(answer.match).toBe(true)
  await expect(result(page)).toContainText(`${answer.variantKey}a rule matched`)
  await noAxeViolations(page)

  await page.getByRole('combobox', { name: 'Value of plan' }).fill('free') // the wrong context
  answer = await evaluate(request, 'variant', seed.ns, 'layout', 'ana', { plan: 'free' })
  expect(answer.match).toBe(false)
  await expect(result(page)).toContainText('no variantno rule matched')
  await result(page).getByRole('button', { name: 'Use “pro”' }).click()
  await expect(result(page)).toContainText('a rule matched')

  await flag.fill('promo')
  await page.getByRole('option', { name: 'promo' }).click()
  expect((await evaluate(request, 'boolean', seed.ns, 'promo', 'ana')).enabled).toBe(true)
  await expect(result(page)).toContainText('truedefault')
  await flag.fill('off')
  await page.getByRole('option', { name: 'off' }).click()
  expect(await evaluate(request, 'variant', seed.ns, 'off', 'ana')).toMatchObject({ variantKey: 'x', reason: 'FLAG_DISABLED_EVALUATION_REASON' })
  await expect(result(page)).toContainText('xturned off')

  await page.goto(address(seed.ns, { flag: 'nowhere', entity: 'ana' }))
  await expect(result(page).getByRole('alert')).toContainText('not found')
})

test('E29 the tree of why, down to the constraint and the bucket, as the server explains it @a11y', async ({ page, seed, request }) => {
  await seed.segment('adults', [{ type: 'NUMBER_COMPARISON_TYPE', property: 'age', operator: 'gte', value: '18' }, { type: 'STRING_COMPARISON_TYPE', property: 'country', operator: 'eq', value: 'DE' }])
  await seed.segment('everyone', [])
  await seed.flag('layout', {
    flag: { type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ key: 'a' }, { key: 'b' }] },
    rules: [{ segmentKey: 'adults', distributions: [{ variantId: 'a', rollout: 100 }] }, { segmentKey: 'everyone', distributions: [{ variantId: 'a', rollout: 30 }, { variantId: 'b', rollout: 70 }] }]
  })
  const question = { namespaceKey: seed.ns, flagKey: 'layout', entityId: 'ana', context: { age: '12', country: 'DE' } }
  const explained = await (await request.post('/api/v1/explain', { data: question })).json() as { summary: string, answer: { variantKey: string }, rules: { bucket?: { bucket: number, buckets: number } }[] }
  await page.goto(address(seed.ns, { flag: 'layout', entity: 'ana', ctx: JSON.stringify(question.context) }))
  await expect(result(page).getByRole('status')).toHaveText(explained.summary)
  const step = (name: string) => result(page).getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) }).first()
  await expect(step('Rule 1')).toContainText('not matched')
  const constraint = step('Rule 1').getByRole('listitem').filter({ hasText: 'age is at least 18' }).last()
  await expect(constraint).toContainText('fails')
  await expect(constraint).toContainText('it is “12”')
  await expect(step('Rule 2')).toContainText('decided')
  const { bucket, buckets } = explained.rules[1]!.bucket!
  await expect(step('Rule 2')).toContainText(`Bucket ${bucket} of ${buckets} falls to ${explained.answer.variantKey}`)
  await expect(step('Rule 2')).toContainText('0–30 %')
  await noAxeViolations(page)

  await result(page).getByRole('tab', { name: 'Response' }).click()
  const shown = JSON.parse(await result(page).getByRole('group', { name: 'Code' }).innerText()) as Answer
  const answer = await evaluate(request, 'variant', seed.ns, 'layout', 'ana', question.context)
  expect(shown).toMatchObject({ match: answer.match, reason: answer.reason, variantKey: answer.variantKey, segmentKeys: ['everyone'] })
})

test('E30 JSON contexts: where an error is, duplicates, format, numbers as text, and an address to share', async ({ page, seed }) => {
  await seed.segment('beta')
  await seed.variantFlag('layout', 'beta')
  await page.goto(address(seed.ns, { flag: 'layout', entity: 'ana' }))
  await page.getByRole('group', { name: 'How to edit the context' }).getByRole('button', { name: 'JSON' }).click()
  const json = page.getByRole('textbox', { name: 'JSON', exact: true })
  await json.fill('{\n  "plan": "pro"\n  "age": 7\n}')
  await expect(json).toHaveAccessibleDescription(/Line 3, column 3/)
  await json.fill('{"plan":"free","plan":"pro","age":7,"nested":{"a":[1]},"gone":null}')
  await expect(page.getByText(/Line 1, column 16: .*plan.*twice/i)).toBeVisible()
  await expect(page.getByText('A context holds texts: age, nested, gone are sent as text, null is left out.')).toBeVisible()
  await page.getByRole('button', { name: 'Format' }).click()
  await expect(json).toHaveValue(/^\{\n {2}"plan": "pro",/)
  await expect(result(page)).toContainText('a rule matched')
  await expect(page).toHaveURL(/ctx=/)
  const query = new URL(page.url()).searchParams
  expect([...query.keys()].sort()).toEqual(['ctx', 'entity', 'flag'])
  expect(JSON.parse(query.get('ctx')!)).toEqual({ plan: 'pro', age: '7', nested: '{"a":[1]}' })

  const verdict = await result(page).getByRole('status').innerText()
  const other = await page.context().newPage()
  await other.goto(page.url())
  await expect(result(other).getByRole('status')).toHaveText(verdict)
  await expect(other.getByRole('combobox', { name: 'Value of plan' })).toHaveValue('pro')
  await other.close()
})

test('E31 two beside each other, every flag for one, and people who are kept @a11y', async ({ page, seed, request }) => {
  await seed.segment('beta')
  await seed.flag('layout', {
    flag: { type: 'VARIANT_FLAG_TYPE', enabled: true, variants: [{ key: 'a' }, { key: 'b' }], defaultVariant: { key: 'b' } }, rules: [{ segmentKey: 'beta', distributions: [{ variantId: 'a', rollout: 100 }] }]
  })
  for (const key of ['promo', 'search']) await seed.flag(key, { flag: { enabled: key === 'promo' } })
  await page.goto(address(seed.ns, { flag: 'layout', entity: 'ana', ctx: '{"plan":"pro"}' }))
  await page.getByRole('button', { name: 'Save as persona' }).click()
  await page.getByRole('textbox', { name: 'Name of the persona' }).fill('Ana, pro')
  await page.keyboard.press('Enter')

  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(page.getByText('Both go the same way.')).toBeVisible()
  await page.getByRole('group', { name: 'Right' }).getByRole('combobox', { name: 'Value of plan' }).fill('free')
  await expect(page.getByText('First difference. Rule 1: “plan is pro” holds on the left only.')).toBeVisible()
  await expect(result(page, 'Result, Left')).toContainText('aa rule matched')
  await expect(result(page, 'Result, Right')).toContainText('bdefault')
  await noAxeViolations(page)
  await page.reload()
  await expect(result(page, 'Result, Right')).toContainText('bdefault')

  await page.getByRole('button', { name: 'All flags' }).click()
  const table = page.getByRole('region', { name: 'All flags' })
  const row = (key: string) => table.getByRole('row').filter({ hasText: key })
  await expect(row('layout')).toContainText('a rule matched')
  for (const key of ['promo', 'search']) await expect(row(key)).toContainText(String((await evaluate(request, 'boolean', seed.ns, key, 'ana')).enabled))
  await noAxeViolations(page)
  await table.getByLabel('Differs from the default').check()
  await expect(row('promo')).toHaveCount(0)
  await expect(row('layout')).toBeVisible()

  await page.goto(address(seed.ns, { flag: 'layout', entity: 'somebody' }))
  await expect(result(page)).toContainText('default')
  await page.getByRole('button', { name: 'Personas', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Ana, pro' }).click()
  await expect(entity(page)).toHaveValue('ana')
  await expect(result(page)).toContainText('a rule matched')
})

test('E32 the copied curl gives the same answer, whatever the values are', async ({ page, seed, request }) => {
  const nasty = `O'Brien "quoted" $HOME \`id\` \\ größer 🚀 ; & | > \t%s`
  await seed.variantFlag('layout', 'beta')
  await seed.segment('beta', [{ type: 'STRING_COMPARISON_TYPE', property: 'name', operator: 'eq', value: nasty }])
  const lines = 'first\nsecond\'s line'
  const context = { name: nasty, lines, '$(id)': "''" }
  const answer = await evaluate(request, 'variant', seed.ns, 'layout', nasty, context)
  expect(answer.match).toBe(true)
  await page.goto(address(seed.ns, { flag: 'layout', entity: nasty, ctx: JSON.stringify(context) }))
  await result(page).getByRole('tab', { name: 'Request' }).click()
  await result(page).getByTitle('Copy the command').click()
  const command = await page.evaluate(() => navigator.clipboard.readText())
  expect(command).toContain('/evaluate/v1/variant')
  const got = JSON.parse(execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' })) as Answer
  expect(got).toMatchObject({ match: true, reason: answer.reason, variantKey: answer.variantKey })
  const http = await result(page).getByRole('group', { name: 'Code' }).last().innerText()
  const body = http.slice(http.indexOf('{'))
  expect(JSON.parse(body)).toEqual({ namespaceKey: seed.ns, flagKey: 'layout', entityId: nasty, context })
})
