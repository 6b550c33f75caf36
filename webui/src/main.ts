import { ConfigProgrammatic } from 'buefy'
import { createApp } from 'vue'
import App from './App.vue'
import { startTheme } from './lib/theme'
import { router } from './router'
import './styles/tokens.css'
import './styles/main.scss'
import './styles/app.css'

startTheme()

// After an update of the server the chunks of this page are gone: load the page that was asked for anew, but not again and again.
let wanted = ''
router.beforeEach(to => { wanted = to.fullPath })
window.addEventListener('vite:preloadError', event => {
  const key = 'burgee.reloaded'
  if (Date.now() - Number(sessionStorage.getItem(key) ?? 0) < 60_000) return
  sessionStorage.setItem(key, String(Date.now()))
  event.preventDefault()
  location.assign(router.resolve(wanted).href)
})

// Without the fallthrough of old versions the id of an input lands on the input, where its label finds it. The parts of Buefy are imported
// where they are used: as a plugin it would bring all of them.
ConfigProgrammatic.setOptions({ defaultCompatFallthrough: false })
createApp(App).use(router).mount('#app')
