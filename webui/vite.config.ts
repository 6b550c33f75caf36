import vue from '@vitejs/plugin-vue'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

// A running server to develop against: `make ui-dev` with BURGEE=http://127.0.0.1:8080.
const server = process.env.BURGEE ?? 'http://127.0.0.1:8080'
const paths = ['/api', '/evaluate', '/internal', '/ofrep', '/meta', '/health', '/metrics', '/openapi.yaml']

/** Writes licences.txt: the licence of every package whose code, styles or letters are in the build. A package without one fails it. */
function licences(): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle(_, bundle) {
      const names = new Set(['bulma', 'buefy', '@fontsource-variable/inter']) // these are in the styles
      for (const part of Object.values(bundle)) {
        for (const id of part.type === 'chunk' ? part.moduleIds : []) {
          const found = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)
          if (found) names.add(found[1]!)
        }
      }
      const texts = [...names].sort().map(name => {
        const folder = fileURLToPath(new URL(`node_modules/${name}/`, import.meta.url))
        const { version } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as { version: string }
        const file = readdirSync(folder).find(entry => /^(un)?licen[cs]e(\.|$)/i.test(entry))
        if (!file) throw new Error(`${name} has no licence`)
        return `${name} ${version}\n\n${readFileSync(folder + file, 'utf8').trim()}\n`
      })
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source: `Licences of what is in this web application\n\n${texts.join(`\n${'='.repeat(80)}\n\n`)}` })
    }
  }
}

export default defineConfig({
  base: './', // the server says by <base> where it is, so one build serves below any path
  // In development nobody says it, so that addresses below the first level would ask in the wrong place.
  plugins: [vue(), licences(), { name: 'base', apply: 'serve', transformIndexHtml: html => html.replace('<head>', '<head><base href="/">') }],
  resolve: {
    alias: [
      { find: '@', replacement: fileURLToPath(new URL('src', import.meta.url)) },
      // The bundle of the package cannot be shaken; its modules can.
      { find: /^buefy$/, replacement: 'buefy/dist/esm/index.js' }
    ]
  },
  css: { preprocessorOptions: { scss: { quietDeps: true, silenceDeprecations: ['import', 'global-builtin', 'if-function', 'color-functions'] } } },
  build: { outDir: 'dist/app', emptyOutDir: true, assetsInlineLimit: 0, target: 'es2023', reportCompressedSize: false, modulePreload: { polyfill: false }, manifest: 'manifest.json',
    cssCodeSplit: false, // one file packs better than forty
    // What several pages share is one file, not thirty small ones.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'shared', test: /\/src\/(lib|components)\/(?!Revis|revis|Revert|Text|Differ|sentences|merge|Json|json|Conflict)/, minShareCount: 2, priority: 3 },
            { name: 'settings', test: /\/views\/settings\//, priority: 2 }
          ]
        }
      }
    }
  },
  server: { proxy: Object.fromEntries(paths.map(path => [path, { target: server, changeOrigin: true }])) },
  test: { environment: 'happy-dom', include: ['test/**/*.test.ts'] }
})
