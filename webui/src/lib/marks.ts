// Where the words of a search stand in a text.

export interface Part {
  text: string
  marked: boolean
}

/** Cuts a text into parts, those that a word of the search matches being marked. Words are plain text, never patterns. */
export function markParts(text: string, search: string): Part[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const lower = text.toLowerCase()
  // Few letters change their length in lower case; marks would then stand in wrong places.
  if (words.length === 0 || lower.length !== text.length) return [{ text, marked: false }]
  const hits = new Uint8Array(text.length)
  for (const word of words) {
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + 1)) hits.fill(1, at, at + word.length)
  }
  const parts: Part[] = []
  for (let from = 0, to = 1; to <= text.length; to++) {
    if (to < text.length && hits[to] === hits[from]) continue
    parts.push({ text: text.slice(from, to), marked: hits[from] === 1 })
    from = to
  }
  return parts
}
