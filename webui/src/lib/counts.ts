// Counts of evaluations as the plots and tables need them.
import type { components } from '@/api/schema'
import type { FlagDocument } from '@/api/client'
import { variantOf } from './words'

export type Counts = components['schemas']['burgee.v1.GetCountsResponse']

export interface Line {
  name: string
  counts: number[]
  total: number
}

export const ranges = [
  { id: '1h', label: '1 hour', seconds: 3600 }, { id: '6h', label: '6 hours', seconds: 21600 }, { id: '24h', label: '24 hours', seconds: 86400 },
  { id: '7d', label: '7 days', seconds: 604800 }, { id: '30d', label: '30 days', seconds: 2592000 }
] as const

const reasons: Record<string, string> = {
  MATCH_EVALUATION_REASON: 'a rule matched', DEFAULT_EVALUATION_REASON: 'default', FLAG_DISABLED_EVALUATION_REASON: 'turned off', UNKNOWN_EVALUATION_REASON: 'nothing decided'
}

/** Joins series by answer, or by reason; the most frequent first. */
export function lines(counts: Counts, by: 'value' | 'reason'): Line[] {
  const joined = new Map<string, Line>()
  for (const series of counts.series ?? []) {
    const name = by === 'value' ? series.value || 'no variant' : reasons[String(series.reason)] ?? String(series.reason)
    const line = joined.get(name) ?? { name, counts: (counts.starts ?? []).map(() => 0), total: 0 }
    joined.set(name, line)
    ;(series.counts ?? []).forEach((n, place) => { line.counts[place] = (line.counts[place] ?? 0) + Number(n) })
    line.total += Number(series.total ?? 0)
  }
  return [...joined.values()].sort((a, b) => b.total - a.total || a.name.localeCompare(b.name))
}

export interface Fit {
  rule: number
  total: number
  shares: { name: string, expected: number, observed: number }[]
  /** Whether chance alone hardly explains the difference (p < 0.001). */
  suspicious: boolean
}

/** Chi-square that chance exceeds in 1 of 1,000 cases, by degrees of freedom from 1. */
const limits = [10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12, 27.88, 29.59]

/** Compares what the rules of a variant flag promise with what was given. */
export function fits(counts: Counts, document: FlagDocument): Fit[] {
  return (document.rules ?? []).flatMap((rule, place) => {
    const promised = (rule.distributions ?? []).filter(d => (d.rollout ?? 0) > 0)
    if (promised.length < 2) return []
    const given = new Map<string, number>()
    for (const series of counts.series ?? []) {
      if (series.ruleId === rule.id) given.set(series.value ?? '', (given.get(series.value ?? '') ?? 0) + Number(series.total ?? 0))
    }
    const total = [...given.values()].reduce((a, b) => a + b, 0)
    if (total < 100) return []
    const sum = promised.reduce((all, d) => all + (d.rollout ?? 0), 0)
    const shares = promised.map(d => ({ name: variantOf(document.flag?.variants, d)?.key ?? '', expected: (d.rollout ?? 0) / Math.max(sum, 100), observed: 0 }))
    for (const share of shares) share.observed = (given.get(share.name) ?? 0) / total
    const square = shares.reduce((all, s) => all + (s.observed - s.expected) ** 2 / s.expected * total, 0)
    return [{ rule: place + 1, total, shares, suspicious: square > (limits[shares.length - 2] ?? 30 + 2 * shares.length) }]
  })
}

/** Rows for a table or a file of comma-separated values, which no spreadsheet takes for formulas. */
export function csv(starts: string[], columns: Line[]): string {
  const cell = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`
  return [['time', ...columns.map(c => c.name)].map(cell).join(','), ...starts.map((start, place) => [cell(start), ...columns.map(c => String(c.counts[place] ?? 0))].join(','))].join('\r\n')
}
