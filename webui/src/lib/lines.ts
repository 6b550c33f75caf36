// The difference of two texts, line by line: the fewest lines that go and come.

export interface LinePart {
  kind: 'same' | 'gone' | 'new'
  lines: string[]
}

/** How many pairs of lines are compared at most; beyond that, what differs is one block that goes and one that comes. */
const patience = 4_000_000

export function lineParts(before: string, after: string): LinePart[] {
  const a = before === '' ? [] : before.split('\n')
  const b = after === '' ? [] : after.split('\n')
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const parts: LinePart[] = []
  const add = (kind: LinePart['kind'], lines: string[]) => {
    if (lines.length === 0) return
    const last = parts.at(-1)
    if (last?.kind === kind) last.lines.push(...lines)
    else parts.push({ kind, lines: [...lines] })
  }
  add('same', a.slice(0, start))
  middle(a.slice(start, a.length - end), b.slice(start, b.length - end), add)
  add('same', a.slice(a.length - end))
  return parts
}

/** Walks along the longest common run of lines. */
function middle(a: string[], b: string[], add: (kind: LinePart['kind'], lines: string[]) => void) {
  if (a.length * b.length > patience) {
    add('gone', a)
    add('new', b)
    return
  }
  // longest[i][j] is the length of the longest common run of a from i and b from j.
  const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i]![j] = a[i] === b[j] ? longest[i + 1]![j + 1]! + 1 : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!)
    }
  }
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      add('same', [a[i]!])
      i++
      j++
    } else if (longest[i + 1]![j]! >= longest[i]![j + 1]!) add('gone', [a[i++]!])
    else add('new', [b[j++]!])
  }
  add('gone', a.slice(i))
  add('new', b.slice(j))
}
