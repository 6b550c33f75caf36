// The first minute, on an empty server of its own.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, noAxeViolations, test } from './fixtures'

const port = Number(process.env.E2E_PORT ?? 18097) + 40
test.use({ baseURL: process.env.E2E_WELCOME_URL ?? `http://127.0.0.1:${port}` })

let server: ChildProcess | undefined
test.beforeAll(async () => {
  if (process.env.E2E_WELCOME_URL) return
  server = spawn('node', [fileURLToPath(new URL('serve.mjs', import.meta.url))], { env: { ...process.env, PORT: String(port) }, stdio: 'inherit' })
  await expect.poll(async () => (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok ?? false).toBe(true)
})
test.afterAll(async () => {
  if (!server) return
  const ended = new Promise(resolve => server!.once('exit', resolve))
  server.kill('SIGTERM')
  await ended
})

test('E01 from an empty server to an evaluated flag @smoke @a11y', async ({ page }) => {
  const begun = Date.now()
  await page.goto('/')
  await expect(page).toHaveURL(/\/welcome$/)
  const main = page.getByRole('main')

  await main.getByLabel('Name of the flag').fill('First try')
  await page.keyboard.press('Enter')
  await main.getByRole('switch', { name: 'first-try on' }).click() // 1
  await expect(main.getByText('20 of these 20 users get true')).toBeVisible()
  await main.getByRole('button', { name: 'Try 20 %' }).click() // 2
  await expect(main.getByText('4 of these 20 users get true')).toBeVisible()
  await expect(main.getByText('Waiting for the first request')).toBeVisible()

  await main.getByRole('button', { name: 'Copy', exact: true }).click() // 3
  const command = await page.evaluate(() => navigator.clipboard.readText())
  expect(JSON.parse(execFileSync('/bin/sh', ['-c', command]).toString())).toMatchObject({ enabled: false, flagKey: 'first-try' })
  await expect(main.getByText('The first request has arrived')).toBeVisible()
  expect(Date.now() - begun).toBeLessThan(10_000)
  await noAxeViolations(page)
})

test('E02 the welcome that was skipped does not come back', async ({ page, request }) => {
  await request.delete('/api/v1/namespaces/default/flags/first-try')
  await page.goto('/')
  await page.getByRole('button', { name: 'Skip, show me the flags' }).click()
  await expect(page.getByText('Flags switch behaviour without a deployment.')).toBeVisible()
  await page.goto('/')
  await expect(page).toHaveURL(/\/ns\/default\/flags$/)
})
