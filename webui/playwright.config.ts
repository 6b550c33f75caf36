import { defineConfig } from '@playwright/test'

// One real server for all journeys: the built binary on a database of its own (e2e/serve.mjs).
const port = Number(process.env.E2E_PORT ?? 18097)
const baseURL = `http://127.0.0.1:${port}`

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'e2e/.results',
  fullyParallel: false,
  workers: 1, // two cores: one browser at a time
  forbidOnly: true,
  retries: 0, // a test that fails now and then is a defect
  timeout: 60_000,
  expect: { timeout: 7_000 },
  reporter: [['list']],
  use: {
    baseURL,
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    locale: 'en-GB',
    timezoneId: 'UTC',
    contextOptions: { reducedMotion: 'reduce' },
    permissions: ['clipboard-read', 'clipboard-write'],
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', // Debian's: nothing is downloaded
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
    }
  },
  projects: [
    { name: 'desktop', use: { viewport: { width: 1280, height: 800 } } },
    { name: 'dark', grep: /@a11y/, use: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' } },
    { name: 'phone', grep: /@responsive/, use: { viewport: { width: 360, height: 740 }, hasTouch: true } }
  ],
  webServer: {
    command: 'node e2e/serve.mjs',
    url: `${baseURL}/health`,
    env: { PORT: String(port) },
    reuseExistingServer: false,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 5_000 },
    timeout: 20_000
  }
})
