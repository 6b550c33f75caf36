// The namespaces of the server, and the one that was looked at last.
import { computed, ref, watch } from 'vue'
import { useRoute } from 'vue-router'
import { api, call, type NamespaceDocument } from '@/api/client'
import { useResource } from './resource'

let stored = 'default'
try { stored = localStorage.getItem('burgee.namespace') ?? 'default' } catch { /* storage may be forbidden */ }
export const lastNamespace = ref(stored)
watch(lastNamespace, now => {
  try { localStorage.setItem('burgee.namespace', now) } catch { /* forbidden */ }
})

/** The namespace that the address names, or the last one that was looked at. */
export function useNamespace() {
  const route = useRoute()
  return computed(() => typeof route.params.ns === 'string' ? route.params.ns : lastNamespace.value)
}

/** Counts up when namespaces were changed, so that everybody who shows them asks again. */
export const namespacesChanged = ref(0)

/** All namespaces with their colours and production marks. */
export function useNamespaces() {
  return useResource(() => `namespaces ${namespacesChanged.value}`, async signal => {
    const all: NamespaceDocument[] = []
    let pageToken: string | undefined
    do {
      const page = await call(api.GET('/api/v1/namespaces', { params: { query: { limit: 100, pageToken } }, signal }))
      const documents = await Promise.all((page.namespaces ?? []).map(n =>
        call(api.GET('/api/v1/namespaces/{key}/document', { params: { path: { key: n.key ?? '' } }, signal }))))
      all.push(...documents)
      pageToken = page.nextPageToken || undefined
    } while (pageToken)
    return all
  })
}
