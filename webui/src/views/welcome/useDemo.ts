// What each of twenty users gets from a flag, asked of the server again and again. It is asked to explain, which is the same evaluation but is
// not counted: so the first evaluation that is counted is that of the visitor's own program, and the numbers of the flag are no invention.
import { onBeforeUnmount, onMounted, ref, shallowRef, watch, type Ref } from 'vue'
import { api, call } from '@/api/client'
import { people, type Seen } from '@/lib/firstFlag'

const every = 1000

export function useDemo(ns: Ref<string>, key: Ref<string>, etag: Ref<string | undefined>, chosen: Ref<string>) {
  const seen = shallowRef<ReadonlyMap<string, Seen>>(new Map())
  const failed = ref(false)
  let position = ''
  let gone = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function explain(entityId: string): Promise<[string, Seen, string]> {
    const answer = await call(api.POST('/api/v1/explain', { body: { namespaceKey: ns.value, flagKey: key.value, entityId } }))
    return [entityId, { answer: answer.answer?.enabled ?? false, why: answer.summary ?? '' }, answer.position ?? '']
  }

  async function askAll() {
    const all = await Promise.all(people.map(explain))
    position = all[0]?.[2] ?? ''
    seen.value = new Map(all.map(([person, what]) => [person, what]))
  }

  /** Asks for the chosen user, and for all of them when the configuration is another one than before. */
  async function tick(all = false) {
    clearTimeout(timer)
    if (key.value !== '' && (all || document.visibilityState === 'visible')) {
      try {
        const [person, what, now] = await explain(chosen.value)
        if (all || now !== position || seen.value.size === 0) await askAll()
        else seen.value = new Map(seen.value).set(person, what)
        failed.value = false
      } catch {
        failed.value = true
      }
    }
    clearTimeout(timer)
    if (!gone) timer = setTimeout(() => void tick(), every)
  }

  watch([key, etag], ([now], [before]) => {
    if (now !== before) seen.value = new Map()
    void tick(true)
  })
  watch(chosen, () => void tick())
  onMounted(() => void tick(true))
  onBeforeUnmount(() => {
    gone = true
    clearTimeout(timer)
  })
  return { seen, failed }
}
