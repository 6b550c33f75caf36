// Two people changed one segment: what only one of them changed is taken, the rest is put before the one who saves last. What a constraint
// demands is one thing, since half of mine and half of theirs would be what nobody wanted.
import type { Constraint, SegmentDocument } from '@/api/client'
import { merge, settle, type Conflict } from './merge'
import { constraintWords } from './words'

export type Side = 'theirs' | 'mine'

/** One thing that both changed differently, in words. */
export interface SegmentConflict {
  id: string
  label: string
  base: string
  theirs: string
  mine: string
}

export interface MergedSegment {
  conflicts: SegmentConflict[]
  /** A document on top of theirs. */
  settle: (choice: (id: string) => Side) => SegmentDocument
}

type Demand = [type: Constraint['type'], property: string, operator: string, value: string]
interface Item { id: string, description: string, demand: Demand }
interface Shape { name: string, description: string, matchType: string, constraints: Item[] }

function shapeOf({ segment }: SegmentDocument): Shape {
  return {
    name: segment?.name ?? '', description: segment?.description ?? '', matchType: segment?.matchType ?? 'ALL_MATCH_TYPE',
    constraints: (segment?.constraints ?? []).map(one => ({ id: one.id ?? '', description: one.description ?? '', demand: [one.type, one.property ?? '', one.operator ?? '', one.value ?? ''] }))
  }
}

/** Merges documents whose constraints all have ids, new ones made-up ones. */
export function mergeSegments(base: SegmentDocument, theirs: SegmentDocument, mine: SegmentDocument): MergedSegment {
  const merged = merge(shapeOf(base), shapeOf(theirs), shapeOf(mine))
  const known = new Map([base, mine, theirs].flatMap(document => document.segment?.constraints ?? []).map(one => [one.id, one]))
  return {
    conflicts: merged.conflicts.map(conflictWords),
    settle: choice => {
      const shape = settle(merged, conflict => choice(conflict.path.join('.')))
      return {
        ...theirs,
        segment: {
          ...theirs.segment, name: shape.name, description: shape.description, matchType: shape.matchType as NonNullable<SegmentDocument['segment']>['matchType'],
          constraints: shape.constraints.map(({ id, description, demand: [type, property, operator, value] }) => ({ ...known.get(id), id, description, type, property, operator, value }))
        }
      }
    }
  }
}

function conflictWords(conflict: Conflict): SegmentConflict {
  const last = conflict.path.at(-1) ?? ''
  const item = last.startsWith('[')
  const words = (value: unknown): string => {
    if (value === undefined || value === '') return item ? 'deleted' : 'nothing'
    if (item) return demandWords((value as Item).demand)
    if (last === 'demand') return demandWords(value as Demand)
    return last === 'matchType' ? value === 'ANY_MATCH_TYPE' ? 'any constraint is enough' : 'all constraints must hold' : String(value)
  }
  const inside = conflict.path[0] === 'constraints'
  const label = !inside ? { name: 'Name', description: 'Description', matchType: 'How many must hold' }[last] ?? last : last === 'description' ? 'Note of a constraint' : 'Constraint'
  return { id: conflict.path.join('.'), label, base: words(conflict.base), theirs: words(conflict.theirs), mine: words(conflict.mine) }
}

const demandWords = ([type, property, operator, value]: Demand) => constraintWords({ type, property, operator, value })
