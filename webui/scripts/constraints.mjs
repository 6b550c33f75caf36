// Writes src/api/constraints.ts: what the OpenAPI document says of the fields that the forms use. So the browser and the server cannot differ.
//   node scripts/constraints.mjs [DOCUMENT [FILE]]   --check writes nothing and fails when the file says something else
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { load } from 'js-yaml'

/** The constraints by their names here, and the fields that have them; of several fields they are the same. A part of a list ends in []. */
const wanted = {
  key: ['flipt.CreateFlagRequest.key', 'flipt.CreateSegmentRequest.key', 'flipt.CreateNamespaceRequest.key'],
  tags: ['burgee.v1.FlagDocument.tags'],
  tag: ['burgee.v1.FlagDocument.tags[]'],
  search: ['burgee.v1.ListFlagSummariesRequest.search'],
  page: ['burgee.v1.ListFlagSummariesRequest.limit'],
  contexts: ['burgee.v1.PreviewSegmentRequest.contexts']
}
const words = ['minLength', 'maxLength', 'pattern', 'enum', 'minItems', 'maxItems', 'minimum', 'maximum']

function constraintsOf(document, field) {
  const [, message, member, list] = /^(.+)\.([^.]+?)(\[\])?$/.exec(field)
  const property = document.components?.schemas?.[message]?.properties?.[member]
  const schema = list ? property?.items : property
  if (!schema) throw new Error(`the OpenAPI document has no field ${field}`)
  const found = words.filter(word => schema[word] !== undefined).map(word => `${word}: ${word === 'pattern' ? new RegExp(schema.pattern) : JSON.stringify(schema[word])}`)
  if (found.length === 0) throw new Error(`the OpenAPI document says nothing of the field ${field}`)
  return `{ ${found.join(', ')} }`
}

function written(document) {
  const lines = Object.entries(wanted).map(([name, fields]) => {
    const [first, ...others] = fields.map(field => constraintsOf(document, field))
    if (others.some(other => other !== first)) throw new Error(`the OpenAPI document has different constraints for ${fields.join(', ')}`)
    return `/** ${fields.join(', ')} */\nexport const ${name} = ${first}\n`
  })
  return `// Made by scripts/constraints.mjs from gen/openapi.yaml: never by hand.\n\n${lines.join('\n')}`
}

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true })
const [source = new URL('../../gen/openapi.yaml', import.meta.url), target = new URL('../src/api/constraints.ts', import.meta.url)] = positionals
try {
  const text = written(load(readFileSync(source, 'utf8')))
  if (!values.check) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text) throw new Error('src/api/constraints.ts is not what gen/openapi.yaml says: make generate')
} catch (error) {
  console.error(`constraints: ${error.message}`)
  process.exitCode = 1
}
