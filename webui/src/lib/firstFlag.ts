// The flag of the welcome: a boolean flag that says true to everybody, to nobody, or to a share of the users.
import type { FlagDocument } from '@/api/client'

/** The users that the welcome shows. The code that it offers asks for the first of them. */
export const people: readonly string[] = Array.from({ length: 20 }, (_, place) => `user-${place + 1}`)

export const firstFlag = (key: string, name: string): FlagDocument => ({ flag: { key, name, type: 'BOOLEAN_FLAG_TYPE', enabled: false } })

/** How many percent of the users get true. Nothing for a flag that has other rollouts than one percentage. */
export function shareOf(document: FlagDocument): number | undefined {
  const rollouts = document.rollouts ?? []
  const enabled = document.flag?.enabled ?? false
  if (rollouts.length === 0) return enabled ? 100 : 0
  const threshold = (rollouts[0] as { threshold?: { percentage?: number, value?: boolean } }).threshold
  if (rollouts.length > 1 || !threshold?.value || enabled) return undefined
  return Math.round(threshold.percentage ?? 0)
}

/** The same flag with another share: one rollout by percentage over a default of false, or no rollout where all get the same. */
export function withShare(document: FlagDocument, share: number): FlagDocument {
  const all = share >= 100
  const old = document.rollouts?.length === 1 ? document.rollouts[0]?.id : undefined
  return {
    ...document, flag: { ...document.flag, enabled: all },
    rollouts: all || share <= 0 ? [] : [{ ...old ? { id: old } : {}, type: 'THRESHOLD_ROLLOUT_TYPE', threshold: { percentage: share, value: true } }]
  }
}

/** "Everyone gets true." */
export function shareWords(share: number): string {
  if (share <= 0) return 'Everyone gets false.'
  if (share >= 100) return 'Everyone gets true.'
  return `${share} % of users get true, the others get false.`
}

/** Whether a context of a given user gets true, as an explanation of the server says. */
export interface Seen {
  answer: boolean
  why: string
}
