// Every pair of colours that stands on the page, in both themes, against WCAG 2.2 AA: 4.5 for text, 3 for edges of controls.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync('src/styles/tokens.css', 'utf8') // tests run in webui

const theme = (selector: string) => {
  const block = css.slice(css.indexOf(`${selector} {`)).split('}')[0]!
  return Object.fromEntries([...block.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6})/g)].map(match => [match[1]!, match[2]!]))
}
const light = theme(':root')
const themes = { light, dark: { ...light, ...theme('[data-theme="dark"]') } }

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map(at => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (high! + 0.05) / (low! + 0.05)
}

const text: [string, string][] = [
  ...['ink', 'ink-2'].flatMap(ink => ['bg', 'surface', 'surface-2'].map(ground => [ink, ground] as [string, string])),
  ['ink', 'accent-weak'], ['ink', 'ok-weak'], ['ink', 'bad-weak'], ['ink', 'warn-weak'],
  ['accent', 'surface'], ['accent', 'bg'], ['accent', 'accent-weak'], ['on-accent', 'accent'], ['on-accent', 'accent-hover'],
  ['ok', 'surface'], ['ok', 'ok-weak'], ['bad', 'surface'], ['bad', 'bad-weak'], ['warn', 'surface'], ['warn', 'warn-weak'],
  ['surface', 'ink'], ...['v0', 'v1', 'v2', 'v3', 'v4', 'v5'].map(v => [v, 'surface'] as [string, string])
]

describe.each(Object.entries(themes))('%s theme', (_, colours) => {
  it.each(text)('%s on %s can be read', (ink, ground) => {
    expect(contrast(colours[ink]!, colours[ground]!)).toBeGreaterThanOrEqual(4.5)
  })
  it.each(['surface', 'bg'])('edges of controls are seen on %s', ground => {
    expect(contrast(colours['line-strong']!, colours[ground]!)).toBeGreaterThanOrEqual(3)
  })
})
