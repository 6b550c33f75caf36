import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { lastNamespace } from './lib/namespace'

const routes: RouteRecordRaw[] = [
  { path: '/', name: 'home', component: () => import('./views/HomeView.vue') },
  { path: '/welcome', name: 'welcome', component: () => import('./views/welcome/WelcomeView.vue'), meta: { title: 'Welcome' } },
  {
    path: '/ns/:ns', redirect: to => ({ name: 'flags', params: to.params }), children: [
      { path: 'flags', name: 'flags', component: () => import('./views/flags/FlagsView.vue'), meta: { title: 'Flags', section: 'flags' } },
      { path: 'flags/new', name: 'new-flag', component: () => import('./views/flags/NewFlagView.vue'), meta: { title: 'New flag', section: 'flags' } },
      { path: 'flags/:key', redirect: to => ({ name: 'flag', params: { ...to.params, tab: 'rules' } }) },
      { path: 'flags/:key/:tab(rules|variants|analytics|history|code|settings)', name: 'flag', component: () => import('./views/flag/FlagView.vue'), meta: { section: 'flags' } },
      { path: 'segments', name: 'segments', component: () => import('./views/segments/SegmentsView.vue'), meta: { title: 'Segments', section: 'segments' } },
      { path: 'segments/new', name: 'new-segment', component: () => import('./views/segments/NewSegmentView.vue'), meta: { title: 'New segment', section: 'segments' } },
      { path: 'segments/:key', redirect: to => ({ name: 'segment', params: { ...to.params, tab: 'constraints' } }) },
      { path: 'segments/:key/:tab(constraints|used-by|history|settings)', name: 'segment', component: () => import('./views/segment/SegmentView.vue'), meta: { section: 'segments' } },
      { path: 'playground', name: 'playground', component: () => import('./views/playground/PlaygroundView.vue'), meta: { title: 'Playground', section: 'playground' } },
      { path: 'history', name: 'history', component: () => import('./views/history/HistoryView.vue'), meta: { title: 'History', section: 'history' } }
    ]
  },
  { path: '/settings', redirect: { name: 'settings', params: { tab: 'appearance' } } },
  { path: '/settings/:tab(appearance|namespaces|data|about)', name: 'settings', component: () => import('./views/settings/SettingsView.vue'), meta: { title: 'Settings', section: 'settings' } },
  { path: '/:path(.*)*', name: 'nowhere', component: () => import('./views/NowhereView.vue'), meta: { title: 'Page not found' } }
]

export const router = createRouter({
  history: createWebHistory(new URL('.', document.baseURI).pathname),
  routes,
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? undefined : { top: 0 })
})

router.afterEach(to => {
  if (typeof to.params.ns === 'string') lastNamespace.value = to.params.ns
})

declare module 'vue-router' {
  interface RouteMeta {
    /** Title of the page, where the view does not set one itself. */
    title?: string
    /** Which entry of the navigation it belongs to. */
    section?: 'flags' | 'segments' | 'playground' | 'history' | 'settings'
  }
}
