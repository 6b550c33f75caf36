import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'burgee-constraints-'))
afterAll(() => rmSync(folder, { recursive: true }))

const key = { minLength: 1, pattern: '^[a-z]*$' }
const schemas = {
  'flipt.CreateFlagRequest': { properties: { key } },
  'flipt.CreateSegmentRequest': { properties: { key } },
  'flipt.CreateNamespaceRequest': { properties: { key } },
  'burgee.v1.FlagDocument': { properties: { tags: { maxItems: 3, items: { maxLength: 5 } } } },
  'burgee.v1.ListFlagSummariesRequest': { properties: { search: { maxLength: 7 }, limit: { maximum: 9 } } },
  'burgee.v1.PreviewSegmentRequest': { properties: { contexts: { maxItems: 11 } } }
}

/** Runs the script; JSON is YAML too. */
function run(document: unknown, before?: string, ...flags: string[]) {
  const [source, target] = [join(folder, 'openapi.yaml'), join(folder, 'constraints.ts')]
  writeFileSync(source, JSON.stringify({ components: { schemas: document } }))
  writeFileSync(target, before ?? '')
  const { status, stderr } = spawnSync(process.execPath, ['scripts/constraints.mjs', ...flags, source, target], { encoding: 'utf8' })
  return { status, said: stderr, written: readFileSync(target, 'utf8') }
}

describe('the constraints of the forms', () => {
  it('are what the OpenAPI document of the server says', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/constraints.mjs', '--check'], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('carry patterns, lengths and numbers of fields and of the parts of lists', () => {
    const { status, written } = run(schemas)
    expect(status).toBe(0)
    for (const line of ['key = { minLength: 1, pattern: /^[a-z]*$/ }', 'tags = { maxItems: 3 }', 'tag = { maxLength: 5 }', 'search = { maxLength: 7 }', 'page = { maximum: 9 }', 'contexts = { maxItems: 11 }']) {
      expect(written).toContain(`export const ${line}\n`)
    }
  })

  it('are noticed when they are old, and left alone', () => {
    const { written } = run(schemas)
    expect(run(schemas, written, '--check').status).toBe(0)
    const changed = { ...schemas, 'burgee.v1.PreviewSegmentRequest': { properties: { contexts: { maxItems: 12 } } } }
    expect(run(changed, written, '--check')).toEqual({ status: 1, said: expect.stringContaining('make generate') as string, written })
  })

  it.each([
    ['a field that is gone', { 'burgee.v1.PreviewSegmentRequest': {} }, 'no field burgee.v1.PreviewSegmentRequest.contexts'],
    ['a field without constraints', { 'burgee.v1.FlagDocument': { properties: { tags: { maxItems: 3, items: {} } } } }, 'nothing of the field burgee.v1.FlagDocument.tags[]'],
    ['keys that differ', { 'flipt.CreateSegmentRequest': { properties: { key: { pattern: '^x$' } } } }, 'different constraints']
  ])('refuse %s', (_, part, message) => {
    expect(run({ ...schemas, ...part })).toEqual({ status: 1, said: expect.stringContaining(message) as string, written: '' })
  })
})
