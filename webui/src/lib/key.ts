// Keys: the names of things in programs.
import { key as rule } from '@/api/constraints'

/** Makes a key of a name: "Größe, neu" becomes "grosse-neu". */
export function keyOf(name: string): string {
  return name.replaceAll('ß', 'ss').normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '')
}

/** Why a key cannot be, or nothing. */
export function keyProblem(key: string): string {
  if (key.length < rule.minLength) return 'Give it a key.'
  if (!rule.pattern.test(key)) return 'Use letters, digits, "_", "," or "-".'
  return ''
}
