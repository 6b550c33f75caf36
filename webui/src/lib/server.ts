// What the page knows of the server: its version, whether it may be written to, whether it answers at all.
import { ref, shallowRef } from 'vue'
import { api, call, type ApiError } from '@/api/client'

/** Answer of GET /meta/info, as far as the page uses it. */
export interface ServerInfo {
  version?: string
  commit?: string
  storage?: { type?: string, readOnly?: boolean }
}

const info = shallowRef<ServerInfo>()
/** When the server last answered, while it does not; nothing while it does. */
const lostSince = ref<Date>()
/** Whether the server is another version than the one that this page came from. */
const updated = ref(false)
let lastAnswer = new Date()
let asking: ReturnType<typeof setTimeout> | undefined

async function ask() {
  clearTimeout(asking)
  try {
    const now = await call(api.GET('/meta/info')) as ServerInfo
    if (info.value?.version && now.version !== info.value.version) updated.value = true
    info.value = now
    lastAnswer = new Date()
    lostSince.value = undefined
  } catch {
    lostSince.value ??= lastAnswer
  }
  // Often while it is lost, so that the bar goes away by itself; seldom otherwise.
  asking = setTimeout(ask, lostSince.value ? 5000 : 60000)
}

/** Tells that a call failed without an answer: the server is asked at once whether it is there. */
export function noAnswer(error: ApiError | undefined) {
  if (error?.status === 0 && !lostSince.value) void ask()
}

let started = false

export function useServer() {
  if (!started) {
    started = true
    void ask()
    window.addEventListener('online', () => void ask())
  }
  return { info, lostSince, updated, ask }
}
