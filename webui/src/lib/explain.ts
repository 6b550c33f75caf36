// Explanations of the server for inputs that change while people type: asked a moment later, and never mixed up.
import { onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { api, ApiError, call, type ExplainResponse } from '@/api/client'
import type { components } from '@/api/schema'
import { noAnswer } from './server'

export type ExplainRequest = components['schemas']['burgee.v1.ExplainRequest']

/** Explains what `request` returns: by itself a moment after each change while `auto` is true, and by `run`. */
export function useExplain(request: () => ExplainRequest | undefined, auto: Ref<boolean>, wait = 300) {
  const explanation = shallowRef<ExplainResponse>()
  const error = shallowRef<ApiError>()
  const running = ref(false)
  /** Whether the inputs were changed since the answer was asked for. */
  const old = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking: AbortController | undefined

  async function run() {
    clearTimeout(timer)
    asking?.abort()
    const body = request()
    if (!body) {
      explanation.value = error.value = undefined
      return
    }
    const mine = asking = new AbortController()
    running.value = true
    old.value = false
    try {
      const answer = await call(api.POST('/api/v1/explain', { body, signal: mine.signal }))
      if (mine.signal.aborted) return
      explanation.value = answer
      error.value = undefined
    } catch (cause) {
      if (mine.signal.aborted) return
      error.value = cause instanceof ApiError ? cause : new ApiError(0, String(cause))
      noAnswer(error.value)
    } finally {
      if (asking === mine) running.value = false
    }
  }

  let flag = ''
  watch([() => JSON.stringify(request()), auto], () => {
    clearTimeout(timer)
    const body = request()
    const now = JSON.stringify([body?.namespaceKey, body?.flagKey])
    if (now !== flag) explanation.value = error.value = undefined // what was said of another flag is of no use
    old.value = explanation.value !== undefined
    // Another flag is evaluated at once: its properties are to be filled in.
    if (auto.value || now !== flag) timer = setTimeout(() => void run(), now === flag ? wait : 0)
    flag = now
  }, { immediate: true })
  onScopeDispose(() => {
    clearTimeout(timer)
    asking?.abort()
  })
  return { explanation, error, running, old, run }
}
