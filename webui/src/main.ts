import { ConfigProgrammatic } from 'buefy'
import { createApp } from 'vue'
import App from './App.vue'
import { startTheme } from './lib/theme'
import { router } from './router'
import './styles/tokens.css'
import './styles/main.scss'
import './styles/app.css'

startTheme()

// After an update of the server the chunks of this page are gone: load the new page, but once only.
window.addEventListener('vite:preloadError', event => {
  const key = 'burgee.reloaded'
  if (sessionStorage.getItem(key) === location.pathname) return
  sessionStorage.setItem(key, location.pathname)
  event.preventDefault()
  location.reload()
})

// Without the fallthrough of old versions the id of an input lands on the input, where its label finds it. The parts of Buefy are imported
// where they are used: as a plugin it would bring all of them.
ConfigProgrammatic.setOptions({ defaultCompatFallthrough: false })
createApp(App).use(router).mount('#app')
