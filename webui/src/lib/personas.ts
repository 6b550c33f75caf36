// People to try flags on: kept in this browser, for all namespaces.
import { ref, watch, type Ref } from 'vue'
import type { Subject } from './contexts'

export interface Persona extends Subject {
  name: string
}

const most = 100

function kept<T>(key: string, check: (value: unknown) => value is T): Ref<T[]> {
  const name = `burgee.${key}`
  let list: T[] = []
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(name) ?? '[]')
    if (Array.isArray(stored)) list = stored.filter(check)
  } catch { /* forbidden, or not ours */ }
  const value = ref(list) as Ref<T[]>
  watch(value, now => {
    try { localStorage.setItem(name, JSON.stringify(now)) } catch { /* forbidden or full */ }
  }, { deep: true, flush: 'sync' })
  return value
}

function isPersona(value: unknown): value is Persona {
  if (typeof value !== 'object' || value === null) return false
  const { name, entityId, context } = value as Partial<Persona>
  return typeof name === 'string' && typeof entityId === 'string' && typeof context === 'object' && context !== null &&
    Object.values(context).every(one => typeof one === 'string')
}

export const personas = kept('personas', isPersona)
/** The entities that were tried last, the newest first. */
export const recentEntities = kept('entities', (value): value is string => typeof value === 'string')

/** Keeps a persona, in the place of one of the same name. */
export function savePersona(persona: Persona) {
  const others = personas.value.filter(other => other.name !== persona.name)
  personas.value = [...others, { name: persona.name, entityId: persona.entityId, context: { ...persona.context } }].sort((a, b) => a.name.localeCompare(b.name)).slice(0, most)
}

export function deletePersona(name: string) {
  personas.value = personas.value.filter(persona => persona.name !== name)
}

/** Remembers an entity that was tried. */
export function rememberEntity(entityId: string) {
  if (entityId === '' || recentEntities.value[0] === entityId) return
  recentEntities.value = [entityId, ...recentEntities.value.filter(other => other !== entityId)].slice(0, 8)
}

/** The personas as a JSON array that reads as contexts elsewhere. */
export const personasText = () => JSON.stringify(personas.value, undefined, 2)
