// The page of the list of flags that the address names.
import { computed, onBeforeUnmount, onMounted, shallowRef, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { api, call, type FlagDocument } from '@/api/client'
import { readPage, type FlagPage } from '@/lib/flagList'
import { withDocument } from '@/lib/flags'
import { readView, writeView, type FlagView } from '@/lib/flagView'
import { useNamespace } from '@/lib/namespace'
import { useResource } from '@/lib/resource'

export function useFlagList() {
  const route = useRoute()
  const router = useRouter()
  const ns = useNamespace()
  const view = computed(() => readView(route.query))
  const tokens = new Map<string, Map<number, string>>()

  const question = computed(() => JSON.stringify([ns.value, { ...view.value, page: 1 }]))
  const key = computed(() => route.name === 'flags' ? `flags ${ns.value} ${JSON.stringify(view.value)}` : undefined)
  const list = useResource<FlagPage>(key, signal => {
    const known = tokens.get(question.value) ?? new Map<number, string>()
    tokens.set(question.value, known)
    return readPage(view.value, asked => call(api.GET('/api/v1/namespaces/{namespace_key}/flag-summaries', {
      params: { path: { namespace_key: ns.value }, query: asked }, signal
    })), known)
  })

  // The rows of the question before stay until the answer is there, but never those of another namespace.
  const before = shallowRef<{ ns: string, page: FlagPage }>()
  watch(list.data, page => { if (page) before.value = { ns: ns.value, page } }, { immediate: true })
  const page = computed(() => list.data.value ?? (before.value?.ns === ns.value && !list.error.value ? before.value.page : undefined))

  let wanted: FlagView | undefined
  /** Shows another view; from its first page unless it says which. */
  function change(part: Partial<FlagView>, replace = false) {
    // The address changes a moment later; what is asked for meanwhile adds to it.
    const next = wanted = { ...wanted ?? view.value, page: 1, ...part }
    const to = { query: writeView(next) }
    void (replace ? router.replace(to) : router.push(to)).finally(() => { if (wanted === next) wanted = undefined })
  }

  // A page behind the last one comes of deleting, or of an old address.
  watch(list.data, answer => {
    if (answer && answer.flags.length === 0 && answer.total > 0) change({ page: Math.max(1, Math.min(view.value.page - 1, Math.ceil(answer.total / view.value.per))) }, true)
  })

  function refresh() {
    tokens.clear()
    return list.reload()
  }

  /** Takes over what the server has of a flag, without moving its row. */
  function settle(namespace: string, document: FlagDocument) {
    if (namespace !== ns.value || !list.data.value) return
    list.set({ ...list.data.value, flags: list.data.value.flags.map(flag => flag.key === document.flag?.key ? withDocument(flag, document) : flag) })
  }

  const shown = () => { if (document.visibilityState === 'visible' && !list.loading.value) void list.reload() }
  onMounted(() => document.addEventListener('visibilitychange', shown))
  onBeforeUnmount(() => document.removeEventListener('visibilitychange', shown))

  return { ns, view, page, change, refresh, settle, error: list.error, loading: list.loading }
}
