// Times as people read them: relative in text, absolute where it matters, in the zone of their choice.
import { clock } from './theme'

const units: [Intl.RelativeTimeFormatUnit, number][] = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]]

/** "3 hours ago", "just now". */
export function relative(time: string | undefined, now = Date.now()): string {
  if (!time) return ''
  const seconds = (Date.parse(time) - now) / 1000
  const words = new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' })
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit)
  }
  return 'just now'
}

/** "22 Nov 2026, 14:03:12 UTC". */
export function absolute(time: string | undefined): string {
  if (!time) return ''
  return new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'medium', timeStyle: 'medium', ...(clock.value === 'utc' ? { timeZone: 'UTC' } : {})
  }).format(new Date(time)) + (clock.value === 'utc' ? ' UTC' : '')
}

/** "Today", "Yesterday", "Friday, 20 November 2026". */
export function day(time: string, now = new Date()): string {
  const zone = clock.value === 'utc' ? { timeZone: 'UTC' } : {}
  const key = (date: Date) => new Intl.DateTimeFormat('en-CA', zone).format(date)
  const then = new Date(time)
  if (key(then) === key(now)) return 'Today'
  if (key(then) === key(new Date(now.getTime() - 86400000))) return 'Yesterday'
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', ...zone }).format(then)
}

const numbers = new Intl.NumberFormat('en-GB')
export const count = (n: number) => numbers.format(n)
/** "1 flag", "2 flags". */
export const many = (n: number, one: string, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`
