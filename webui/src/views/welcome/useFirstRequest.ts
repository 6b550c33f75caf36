// Waits for the first evaluation of a flag by a program.
import { onBeforeUnmount, ref, watch, type Ref } from 'vue'
import { api, ApiError, call } from '@/api/client'

const every = 1000

export interface FirstRequest {
  /** When this page learned of it. */
  at: Date
  /** What was answered; the server tells some seconds later. */
  answer?: string
}

export function useFirstRequest(ns: Ref<string>, key: Ref<string>) {
  const request = ref<FirstRequest>()
  /** Why it cannot be known. */
  const unknowable = ref('')
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = false

  async function tick() {
    clearTimeout(timer)
    const asked = key.value
    if (asked === '' || gone) return
    try {
      const counts = await call(api.GET('/api/v1/counts', { params: { query: { namespaceKey: ns.value, flagKey: asked } } }))
      if (asked !== key.value) return
      if (counts.evaluatedAt) request.value ??= { at: new Date() }
      const answer = counts.series?.[0]?.value
      if (request.value && answer) {
        request.value = { ...request.value, answer }
        return
      }
    } catch (error) {
      if (error instanceof ApiError && error.status !== 0) {
        unknowable.value = error.message
        return
      }
    }
    timer = setTimeout(() => void tick(), every)
  }

  watch(key, () => {
    request.value = undefined
    unknowable.value = ''
    void tick()
  }, { immediate: true })
  onBeforeUnmount(() => {
    gone = true
    clearTimeout(timer)
  })
  return { request, unknowable }
}
