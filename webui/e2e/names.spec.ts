// Every control has a name; a read-only server offers none that writes; a new version of the server is told and loses nothing.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'
import { expect, noAxeViolations, Seed, test } from './fixtures'

/** Everything that is to be looked at: a flag of each type, a segment, tags, variants with JSON. */
async function furnish(seed: Seed) {
  await seed.segment('beta')
  await seed.variantFlag('layout', 'beta')
  await seed.flag('promo', { flag: { name: 'Promotion', metadata: { owner: 'ana' } }, rollouts: [{ segment: { segmentKeys: ['beta'], value: true } }, { threshold: { percentage: 20, value: true } }], tags: ['release'] })
  await seed.post('/evaluate/v1/variant', { namespaceKey: seed.ns, flagKey: 'layout', entityId: 'ana', context: { plan: 'pro' } })
}

const pages = (ns: string) => [
  ...['flags', 'flags/layout/rules', 'flags/layout/variants', 'flags/layout/analytics', 'flags/layout/history', 'flags/layout/code', 'flags/layout/settings', 'flags/promo/rules', 'flags/nowhere',
    'segments', 'segments/beta/constraints', 'segments/beta/used-by', 'segments/beta/history', 'segments/beta/settings', 'history', 'playground', 'playground?flag=layout&entity=ana&ctx=%7B%22plan%22%3A%22pro%22%7D',
    'playground?flag=layout&mode=compare', 'playground?mode=all', 'flags/new?type=variant', 'segments/new'].map(path => `/ns/${ns}/${path}`),
  '/settings/appearance', '/settings/namespaces', '/settings/data', '/settings/about', '/welcome'
]

/** Opens a page and waits for what it shows. */
async function visit(page: Page, path: string) {
  await page.goto(path)
  await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.locator('main [aria-busy="true"]')).toHaveCount(0)
  await expect(page.locator('main .skeleton')).toHaveCount(0)
}

const controls = /^\s*- (button|link|textbox|searchbox|combobox|checkbox|radio|switch|slider|spinbutton|tab|menuitem|option|dialog|region|navigation|table|img)(?: \[[^\]]*\])*:?\s*$/

test('E49 every control of every page has a role and a name @a11y', async ({ page, seed, guard }) => {
  test.setTimeout(120_000)
  guard.allow(/status of 404/)
  await furnish(seed)
  const nameless: string[] = []
  for (const path of pages(seed.ns)) {
    await visit(page, path)
    nameless.push(...(await page.locator('body').ariaSnapshot()).split('\n').filter(line => controls.test(line)).map(line => `${path.replace(seed.ns, '…')}: ${line.trim()}`))
    expect(await page.getByRole('heading', { level: 1 }).count(), path).toBe(1)
    await expect(page, path).toHaveTitle(/\S.* · Burgee$/)
  }
  expect(nameless).toEqual([])
  await visit(page, `/ns/${seed.ns}/flags`)
  await expect(page.locator('body')).toMatchAriaSnapshot(`
    - navigation "Main":
      - link "Burgee"
      - button /Namespace/
      - button "Search or jump to"
      - list:
        - listitem:
          - link "Flags"
        - listitem:
          - link "Segments"
        - listitem:
          - link "Playground"
        - listitem:
          - link "History"
  `)
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - heading "Flags" [level=1]
    - link "New flag"
    - search "Flags":
      - searchbox "Search flags"
      - combobox "Type"
      - combobox "Status"
    - table /Flags of the namespace/:
      - rowgroup:
        - row:
          - columnheader "Select all flags of this page"
          - columnheader "On"
          - columnheader "Flag"
  `)
  await visit(page, `/ns/${seed.ns}/flags/layout/rules`)
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - navigation "Breadcrumb"
    - heading "layout" [level=1]
    - switch "Flag" [checked]
    - navigation "Parts of the flag":
      - link /Rules/
      - link /Variants/
    - list "Rules":
      - listitem "Rule 1 of 1":
        - button "Move rule 1 up" [disabled]
        - button "Edit rule 1"
    - button "Add rule"
    - region "Otherwise":
      - combobox "Default variant"
  `)
})

test('E49 no page breaks a rule of accessibility @a11y', async ({ page, seed, guard }) => {
  test.setTimeout(180_000)
  guard.allow(/status of 404/)
  await furnish(seed)
  const broken: string[] = []
  for (const path of pages(seed.ns)) {
    await visit(page, path)
    await noAxeViolations(page).catch((error: Error) => broken.push(`${path.replace(seed.ns, '…')}: ${error.message.replace(/\u001b\[\d+m/g, '').split('\n').filter(line => /^\s*[+] /.test(line)).join('\n')}`))
  }
  expect(broken.join('\n\n')).toBe('')
})

test('E45 no page is wider than a phone, whatever its names are @responsive', async ({ page, seed, guard }) => {
  test.setTimeout(120_000)
  guard.allow(/status of 404/)
  await furnish(seed)
  const long = 'x'.repeat(200)
  await seed.flag(long, { flag: { name: `<img src=x onerror="document.title='broken'"> ${'Long'.repeat(240)}`, description: 'y'.repeat(1000) }, tags: ['t'.repeat(64), 'عربي', '🚀'] })
  await seed.segment(long, [{ type: 'STRING_COMPARISON_TYPE', property: 'علم الميزة', operator: 'eq', value: 'z'.repeat(300) }])
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 740 })
    const wide: string[] = []
    for (const path of [...pages(seed.ns), `/ns/${seed.ns}/flags/${long}/rules`, `/ns/${seed.ns}/segments/${long}/constraints`]) {
      await visit(page, path)
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (over > 0) wide.push(`${path.replace(seed.ns, '…')}: ${over} px`)
    }
    expect(wide, `${width} px`).toEqual([])
  }
})

const freePort = () => new Promise<number>(resolve => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address() as AddressInfo
    probe.close(() => resolve(port))
  })
})

/** A server of this test on a database of this test. */
async function serve(db: string, ...flags: string[]): Promise<{ url: string, end: () => Promise<void> }> {
  const binary = process.env.BURGEE_BINARY ?? fileURLToPath(new URL('../../bin/burgee', import.meta.url))
  const [http, grpc] = [await freePort(), await freePort()]
  const server: ChildProcess = spawn(binary, ['serve', '--http', `127.0.0.1:${http}`, '--grpc', `127.0.0.1:${grpc}`, '--db', db, '--log-level', 'warn', ...flags], { stdio: 'inherit' })
  const ended = new Promise<void>(resolve => server.once('exit', () => resolve()))
  const url = `http://127.0.0.1:${http}`
  await expect.poll(() => fetch(`${url}/health`).then(answer => answer.ok, () => false)).toBe(true)
  return { url, end: () => { server.kill('SIGTERM'); return ended } }
}

const writing = /^(new |create|save|delete|add |edit |turn |archive|put back|import|move |duplicate|undo|bring back|change the name|select |try \d|remove|choose a features)/i
// What fills in fields of this page, and the way to the page of exports.
const harmless = /^(save as persona|add property|remove .* property|add .* and you get |import and export$)/i

test('E42 a read-only server shows everything and offers no write', async ({ browser, playwright }) => {
  test.setTimeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'burgee-e2e-'))
  const db = join(folder, 'burgee.db')
  let server = await serve(db)
  try {
    const request = await playwright.request.newContext({ baseURL: server.url })
    const seed = new Seed(request, 'default')
    await furnish(seed)
    await request.dispose()
    await server.end()
    server = await serve(db, '--read-only')

    const context = await browser.newContext({ baseURL: server.url, viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', error => errors.push(String(error)))
    const writes: string[] = []
    page.on('request', sent => { if (['PUT', 'DELETE', 'PATCH'].includes(sent.method()) || sent.method() === 'POST' && !/\/(explain|batch|boolean|variant|segment-previews)$/.test(new URL(sent.url()).pathname)) writes.push(sent.url()) })
    const found: string[] = []
    for (const path of pages('default')) {
      await visit(page, path)
      await expect(page.getByText('This server is read-only')).not.toHaveCount(0)
      const names = (await page.getByRole('main').ariaSnapshot()).split('\n')
        .filter(line => !line.includes('[disabled]')).flatMap(line => /^\s*- (?:button|link|switch|checkbox) "((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? [])
      found.push(...names.filter(name => writing.test(name) && !harmless.test(name)).map(name => `${path}: ${name}`))
      if (!path.includes('playground')) expect(await page.getByRole('main').getByRole('switch').and(page.locator(':enabled')).count(), path).toBe(0)
    }
    expect(found).toEqual([])
    await page.goto('/ns/default/flags')
    await expect(page.getByRole('row').filter({ hasText: 'layout' })).toBeVisible()
    await page.keyboard.press('n')
    await expect(page).toHaveURL(/flags$/)
    await page.goto('/ns/default/playground?flag=layout&entity=ana&ctx=%7B%22plan%22%3A%22pro%22%7D')
    await expect(page.getByRole('region', { name: 'Result', exact: true })).toContainText('a rule matched')
    expect(writes).toEqual([])
    expect(errors).toEqual([])
    expect((await context.request.put('/api/v1/namespaces/default/flags/layout/document', { data: {} })).ok()).toBe(false)
    await context.close()
  } finally {
    await server.end()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('E48 a new version is told, its missing parts are loaded again once, and a draft is kept', async ({ page, seed, guard }) => {
  guard.allow(/ERR_FAILED|dynamically imported module|Couldn't resolve component/) // of the moment before the page is loaded anew
  await seed.flag('promo')
  await page.clock.install()
  let version = '1.0.0'
  await page.route('**/meta/info', async route => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, json: { ...await answer.json() as object, version } })
  })
  await page.goto(`/ns/${seed.ns}/flags/promo/settings`)
  await page.getByLabel(/^Description/).fill('not saved yet')
  const asked = page.waitForResponse('**/meta/info')
  await page.clock.runFor(61_000)
  await asked
  const notice = page.getByRole('status').filter({ hasText: 'The server was updated.' })
  await expect(notice).toHaveCount(0) // it is the same one
  version = '1.1.0'
  await expect(async () => { // the minute to the next question begins when the last one is answered
    await page.clock.runFor(61_000)
    await expect(notice).toBeVisible({ timeout: 1000 })
  }).toPass()
  await expect(page.getByLabel(/^Description/)).toHaveValue('not saved yet') // it does not load itself anew
  page.on('dialog', dialog => void dialog.accept()) // the browser asks, since there are unsaved changes
  await notice.getByRole('button', { name: 'Reload' }).click()
  await expect(notice).toHaveCount(0)
  await expect(page.getByLabel(/^Description/)).toHaveValue('not saved yet')
  await page.getByRole('region', { name: 'Unsaved changes' }).getByRole('button', { name: 'Discard' }).click()

  // A part that is not there any more.
  await page.evaluate(() => { (window as unknown as { before?: boolean }).before = true })
  let gone = true
  await page.route('**/assets/PlaygroundView-*.js', route => gone ? route.abort() : route.continue())
  await page.getByRole('link', { name: 'Playground' }).first().click()
  await expect.poll(() => page.evaluate(() => (window as unknown as { before?: boolean }).before).catch(() => true)).toBeUndefined()
  gone = false
  await page.getByRole('link', { name: 'Playground' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'Playground' })).toBeVisible()
})
