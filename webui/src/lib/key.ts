// Keys: the names of things in programs.

/** What a key may be made of (the pattern of the contract). */
export const keyPattern = /^[-_,A-Za-z0-9]+$/

/** Makes a key of a name: "Größe, neu" becomes "grosse-neu". */
export function keyOf(name: string): string {
  return name.replaceAll('ß', 'ss').normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '')
}

/** Why a key cannot be, or nothing. */
export function keyProblem(key: string): string {
  if (key === '') return 'Give it a key.'
  if (!keyPattern.test(key)) return 'Use letters, digits, "_", "," or "-".'
  return ''
}
