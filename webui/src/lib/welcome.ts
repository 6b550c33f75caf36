// Whether the welcome was skipped: it does not come back then.
const key = 'burgee.welcome'

export function welcomeSkipped(): boolean {
  try { return localStorage.getItem(key) === 'skipped' } catch { return false }
}

export function skipWelcome() {
  try { localStorage.setItem(key, 'skipped') } catch { /* storage may be forbidden */ }
}
