// Whom a flag was tried on last, kept in this browser: the page of a flag and the playground begin with it.
import { recentEntities } from './personas'

export interface Try {
  entityId: string
  /** JSON text of the context. */
  context: string
}

const key = 'burgee.try'

export function keptTry(): Try {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '{}')
    const { entityId, context } = (typeof stored === 'object' && stored !== null ? stored : {}) as Partial<Record<keyof Try, unknown>>
    return { entityId: typeof entityId === 'string' ? entityId : recentEntities.value[0] ?? '', context: typeof context === 'string' ? context : '' }
  } catch {
    return { entityId: recentEntities.value[0] ?? '', context: '' }
  }
}

export function keepTry(tried: Try) {
  try { localStorage.setItem(key, JSON.stringify(tried)) } catch { /* forbidden or full */ }
}
