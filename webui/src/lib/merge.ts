// Three-way merging of documents: what only one side changed is taken; what both changed differently is a conflict for people.
// Items of lists are the same when they have the same id or key.

export type Value = unknown
export interface Conflict {
  /** Where: names and identities of items, such as ["rules", "[5f…]", "segmentKeys"]. */
  path: string[]
  base: Value
  theirs: Value
  mine: Value
}

/** A conflict in words, as the dialog about it shows it. */
export interface ConflictRow {
  id: string
  label: string
  base: string
  theirs: string
  mine: string
  /** Whether the words are lists, a line for each item. */
  lines?: boolean
}

export interface Merged<T> {
  /** The result, with their side where there are conflicts. */
  value: T
  conflicts: Conflict[]
}

/** What the server sets; a difference in it is none. */
const ignored = new Set(['createdAt', 'updatedAt', 'etag', 'revision', 'rank'])

export function same(a: Value, b: Value): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, place) => same(item, b[place]))
  if (isObject(a) && isObject(b)) {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(name => !ignored.has(name))
    return names.every(name => same(a[name], b[name]))
  }
  return blank(a) && blank(b)
}

/** Members that are absent, empty or zero say the same in the JSON of the server. */
function blank(value: Value): boolean {
  return value === undefined || value === null || value === '' || value === false || value === 0 || Array.isArray(value) && value.length === 0
}

function isObject(value: Value): value is Record<string, Value> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function merge<T>(base: T, theirs: T, mine: T): Merged<T> {
  const conflicts: Conflict[] = []
  const value = mergeValue(base, theirs, mine, [], conflicts) as T
  return { value, conflicts }
}

/** Puts a side of each conflict into a merged value, whose objects it may change. */
export function settle<T>(merged: Merged<T>, choose: (conflict: Conflict) => 'theirs' | 'mine'): T {
  const value = structuredClone(merged.value)
  for (const conflict of merged.conflicts) {
    if (choose(conflict) === 'mine') put(value, conflict.path, conflict.mine)
  }
  return value
}

function put(root: Value, path: string[], value: Value) {
  let at = root
  path.forEach((name, place) => {
    const last = place === path.length - 1
    if (Array.isArray(at)) {
      const index = at.findIndex(item => identity(item) === name)
      if (!last) at = at[index]
      else if (value === undefined) { if (index >= 0) at.splice(index, 1) }
      else if (index >= 0) at[index] = value
      else at.push(value)
    } else if (isObject(at)) {
      if (!last) at = at[name]
      else if (value === undefined) delete at[name]
      else at[name] = value
    }
  })
}

function mergeValue(base: Value, theirs: Value, mine: Value, path: string[], conflicts: Conflict[]): Value {
  if (same(mine, theirs)) return theirs
  if (same(base, mine)) return theirs
  if (same(base, theirs)) return mine
  if (isObject(theirs) && isObject(mine)) {
    const old = isObject(base) ? base : {}
    const result: Record<string, Value> = {}
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
      const member = ignored.has(name) ? theirs[name] : mergeValue(old[name], theirs[name], mine[name], [...path, name], conflicts)
      if (member !== undefined) result[name] = member
    }
    return result
  }
  if (isList(theirs) && isList(mine)) return mergeList(isList(base) ? base : [], theirs, mine, path, conflicts)
  conflicts.push({ path, base, theirs, mine })
  return theirs
}

type Item = Record<string, Value>

function isList(value: Value): value is Item[] {
  return Array.isArray(value) && value.length > 0 && value.every(item => isObject(item) && identity(item) !== undefined)
}

/** Names an item of a list: [id], or [key] where it has no id yet. */
export function identity(item: Value): string | undefined {
  if (!isObject(item)) return undefined
  const name = item.id || item.key
  return typeof name === 'string' && name !== '' ? `[${name}]` : undefined
}

function mergeList(base: Item[], theirs: Item[], mine: Item[], path: string[], conflicts: Conflict[]): Value[] {
  const index = (list: Item[]) => new Map(list.map(item => [identity(item)!, item]))
  const [inBase, inTheirs, inMine] = [index(base), index(theirs), index(mine)]
  const merged = new Map<string, Value>()
  for (const name of new Set([...inTheirs.keys(), ...inMine.keys()])) {
    const [was, their, my] = [inBase.get(name), inTheirs.get(name), inMine.get(name)]
    if (was && !their && my) { // they deleted it
      if (!same(was, my)) conflicts.push({ path: [...path, name], base: was, theirs: undefined, mine: my })
      continue
    }
    if (was && their && !my) { // I deleted it
      if (same(was, their)) continue
      conflicts.push({ path: [...path, name], base: was, theirs: their, mine: undefined })
      merged.set(name, their)
      continue
    }
    merged.set(name, mergeValue(was, their ?? my, my ?? their, [...path, name], conflicts))
  }
  return ordered(merged, [...inBase.keys()], [...inTheirs.keys()], [...inMine.keys()])
}

/** The order is mine if I changed it and theirs otherwise; items of the other side stand behind what they stood behind there. */
function ordered(items: Map<string, Value>, base: string[], theirs: string[], mine: string[]): Value[] {
  const common = (list: string[], other: string[]) => list.filter(name => other.includes(name)).join('\n')
  const moved = common(base, mine) !== common(mine, base)
  const [first, second] = moved ? [mine, theirs] : [theirs, mine]
  const order = first.filter(name => items.has(name))
  second.forEach((name, place) => {
    if (!items.has(name) || order.includes(name)) return
    const before = second.slice(0, place).findLast(other => order.includes(other))
    order.splice(before === undefined ? 0 : order.indexOf(before) + 1, 0, name)
  })
  return order.map(name => items.get(name))
}
