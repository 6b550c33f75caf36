// What the form of a new flag holds, what is wrong with it, and the document that it makes.
import type { FieldError, FlagDocument } from '@/api/client'
import { keyProblem } from './key'

export interface NewVariant {
  /** Names the row of the form; the server never sees it. */
  id: number
  key: string
  name: string
}

export interface NewFlag {
  type: 'boolean' | 'variant'
  name: string
  key: string
  description: string
  tags: string[]
  variants: NewVariant[]
  /** id of the row of the default variant; nothing for none. */
  defaultVariant: number | undefined
}

/** Messages at the fields; variants by id, and what belongs to no field. */
export interface Problems {
  name?: string
  key?: string
  description?: string
  tags?: string
  variants: Record<number, string>
  other: string[]
}

export const none = (): Problems => ({ variants: {}, other: [] })
export const hasProblems = (p: Problems) => !!(p.name || p.key || p.description || p.tags || p.other.length || Object.keys(p.variants).length)

export const emptyFlag = (type: NewFlag['type'], tags: string[] = []): NewFlag => ({
  type, name: '', key: '', description: '', tags, variants: [{ id: 1, key: 'control', name: '' }, { id: 2, key: 'treatment', name: '' }], defaultVariant: 1
})

/** The variants that are meant: a row without anything is none. */
const filled = (flag: NewFlag) => flag.type === 'boolean' ? [] : flag.variants.filter(variant => variant.key.trim() !== '' || variant.name.trim() !== '')

export function problemsOf(flag: NewFlag): Problems {
  const problems = none()
  if (flag.name.trim() === '') problems.name = 'Give it a name.'
  problems.key = keyProblem(flag.key.trim()) || undefined
  const seen = new Set<string>()
  for (const variant of filled(flag)) {
    const key = variant.key.trim()
    if (key === '') problems.variants[variant.id] = 'Give it a key.'
    else if (seen.has(key)) problems.variants[variant.id] = `There is another ${key}.`
    seen.add(key)
  }
  return problems
}

export function documentOf(flag: NewFlag): FlagDocument {
  const variants = filled(flag)
  const chosen = variants.find(variant => variant.id === flag.defaultVariant)
  return {
    flag: {
      key: flag.key.trim(), name: flag.name.trim(), description: flag.description.trim(), enabled: false,
      type: flag.type === 'boolean' ? 'BOOLEAN_FLAG_TYPE' : 'VARIANT_FLAG_TYPE',
      variants: variants.map(variant => ({ key: variant.key.trim(), name: variant.name.trim() })),
      ...chosen ? { defaultVariant: { key: chosen.key.trim() } } : {}
    },
    tags: flag.tags
  }
}

/** Puts what the server found wrong at the fields. */
export function problemsFrom(flag: NewFlag, fields: FieldError[]): Problems {
  const problems = none()
  const variants = filled(flag)
  for (const { path, message } of fields) {
    const place = path.replace(/^document\./, '').replace(/^flag\./, '')
    const row = variants[Number(/^variants\[(\d+)\]/.exec(place)?.[1])]
    if (place === 'name' || place === 'key' || place === 'description') problems[place] = sentence(message)
    else if (place.startsWith('tags')) problems.tags = sentence(message)
    else if (row) problems.variants[row.id] = sentence(message)
    else problems.other.push(`${place}: ${message}`)
  }
  return problems
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
