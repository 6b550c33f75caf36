// Holds the build to its budget (gzip): the first page of a list, any other page, everything. Fails above it.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const root = new URL('../dist/app/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('manifest.json', root), 'utf8'))
const size = file => gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length / 1024

/** Every file of a chunk and of what it imports at once. */
function files(key, seen = new Set()) {
  if (seen.has(key)) return []
  seen.add(key)
  const chunk = manifest[key]
  return [chunk.file, ...(chunk.css ?? []), ...(chunk.imports ?? []).flatMap(other => files(other, seen))]
}
const sum = (list, kind) => list.filter(file => file.endsWith(kind)).reduce((total, file) => total + size(file), 0)

const entry = Object.keys(manifest).find(key => manifest[key].isEntry)
const shell = new Set(files(entry))
const list = new Set([...shell, ...files('src/views/flags/FlagsView.vue')])
const routes = Object.keys(manifest).filter(key => manifest[key].isDynamicEntry && key.endsWith('View.vue'))
const everything = new Set(Object.values(manifest).flatMap(chunk => [chunk.file, ...(chunk.css ?? [])]).filter(file => /\.(js|css)$/.test(file)))

const rows = [
  ['JS of the flag list', sum([...list], '.js'), 95],
  ['CSS', sum([...everything], '.css'), 42],
  ['all JS', sum([...everything], '.js'), 220]
]
for (const route of routes) {
  const own = new Set(files(route).filter(file => !shell.has(file) && !list.has(file)))
  rows.push([`JS of ${route.replace('src/', '')}`, sum([...own], '.js'), 35])
}
let failed = false
for (const [what, kilobytes, budget] of rows) {
  const over = kilobytes > budget
  failed ||= over
  if (over || budget > 35) console.log(`${over ? 'OVER ' : ''}${what}: ${kilobytes.toFixed(1)} KB of ${budget}`)
}
process.exit(failed ? 1 : 0)
