// What every journey has: a guard that fails it on anything a user or a security policy would not like, a namespace of its own, and the API
// to prepare it with.
import AxeBuilder from '@axe-core/playwright'
import { test as base, expect, type APIRequestContext, type Page } from '@playwright/test'

export { expect }

/** Prepares data through the REST API, in one namespace. */
export class Seed {
  constructor(private readonly request: APIRequestContext, readonly ns: string) {}

  async post(path: string, data: unknown): Promise<Record<string, unknown>> {
    const answer = await this.request.post(path, { data })
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true)
    return await answer.json() as Record<string, unknown>
  }

  /** Makes a flag what a document says. */
  async flag(key: string, document: Record<string, unknown> = {}) {
    const { flag, ...rest } = document as { flag?: Record<string, unknown> }
    await this.put(`flags/${key}`, { flag: { name: key, type: 'BOOLEAN_FLAG_TYPE', ...flag }, ...rest })
  }

  /** A variant flag, turned on, with variants of 50 % each for a segment. */
  async variantFlag(key: string, segment?: string, variants = ['control', 'treatment']) {
    if (segment) await this.segment(segment)
    await this.flag(key, {
      flag: { name: key, type: 'VARIANT_FLAG_TYPE', enabled: true, variants: variants.map(v => ({ key: v, name: v })) },
      rules: segment ? [{ segmentKey: segment, distributions: variants.map(v => ({ variantId: v, rollout: Math.floor(10000 / variants.length) / 100 })) }] : []
    })
  }

  async segment(key: string, constraints: Record<string, unknown>[] = [{ type: 'STRING_COMPARISON_TYPE', property: 'plan', operator: 'eq', value: 'pro' }]) {
    await this.put(`segments/${key}`, { segment: { name: key, matchType: 'ALL_MATCH_TYPE', constraints } })
  }

  async put(path: string, data: unknown, headers: Record<string, string> = {}) {
    const answer = await this.request.put(`/api/v1/namespaces/${this.ns}/${path}/document`, { data, headers })
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true)
    return await answer.json() as Record<string, unknown>
  }

  async get(path: string): Promise<Record<string, never>> {
    const answer = await this.request.get(`/api/v1/namespaces/${this.ns}/${path}`)
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true)
    return await answer.json() as Record<string, never>
  }

  flagDocument(key: string): Promise<unknown> { return this.get(`flags/${key}/document`) }
}

let spaces = 0

export const test = base.extend<{ guard: { allow(pattern: RegExp): void }, seed: Seed }>({
  // Fails a journey on a violation of the security policy, an uncaught error, a console error that it did not announce, or a request that leaves
  // the server.
  guard: [async ({ page, baseURL }, use) => {
    const bad: string[] = []
    const allowed: RegExp[] = []
    page.on('console', message => { if (message.type() === 'error') bad.push(`console: ${message.text()}`) })
    page.on('pageerror', error => bad.push(`uncaught: ${String(error)}`))
    page.on('request', request => { if (!request.url().startsWith(baseURL!) && !/^(data|blob):/.test(request.url())) bad.push(`outside: ${request.url()}`) })
    await page.addInitScript(() => document.addEventListener('securitypolicyviolation',
      event => console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)))
    await use({ allow: pattern => { allowed.push(pattern) } })
    expect(bad.filter(line => !allowed.some(pattern => pattern.test(line)))).toEqual([])
  }, { auto: true }],
  seed: async ({ request }, use, info) => {
    const ns = `e2e-${info.project.name}-${process.pid}-${++spaces}`
    const answer = await request.put(`/api/v1/namespaces/${ns}/document`, { data: { namespace: { name: ns } } })
    expect(answer.ok(), await answer.text()).toBe(true)
    await use(new Seed(request, ns))
  }
})

/** Holds a page, or a part of it, to WCAG 2.2 AA as far as a program can. */
export async function noAxeViolations(page: Page, include?: string) {
  let builder = new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
  if (include) builder = builder.include(include)
  const found = await builder.analyze()
  expect(found.violations.map(v => `${v.id}: ${v.nodes.map(n => `${n.target.join(' ')} ${n.failureSummary ?? ''}`).join('; ')}`)).toEqual([])
}
