import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { curlOf, httpOf, shellQuote } from '@/lib/curl'
import { pick, random } from './random'

const url = 'http://127.0.0.1:8080/evaluate/v1/variant'
const pieces = ["'", '"', '\\', '$HOME', '`id`', '$(id)', '!', '\n', ' ', ';', '&&', '*', '~', '#', 'é', '😀', '<img onerror>', "'\\''", '\t', '{a,b}', '%s', '@', '-d']

/** The words that a shell gives to curl. */
function wordsOf(commands: string[]): string[][] {
  const script = `curl() { for word; do printf '%s\\0' "$word"; done; printf 'END\\0'; }\n${commands.join('\n')}\n`
  const words = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0')
  const all: string[][] = [[]]
  for (const word of words.slice(0, -1)) word === 'END' ? all.push([]) : all.at(-1)!.push(word)
  return all.slice(0, -1)
}

describe('curl', () => {
  it('reaches the program whatever is in it', () => {
    const next = random(3)
    const text = () => Array.from({ length: Math.floor(next() * 8) }, () => pick(next, pieces)).join('')
    const bodies = Array.from({ length: 300 }, () => ({ flagKey: text(), entityId: text(), context: { [text()]: text() } }))
    const got = wordsOf(bodies.map(body => curlOf(url, body)))
    expect(got).toHaveLength(bodies.length)
    bodies.forEach((body, place) => {
      const words = got[place]!
      expect(words.slice(0, 5)).toEqual(['-sS', url, '-H', 'Content-Type: application/json', '--data-binary'])
      expect(words).toHaveLength(6)
      expect(JSON.parse(words[5]!)).toEqual(body)
    })
  })
  it('quotes any text as one word', () => {
    const next = random(4)
    const texts = Array.from({ length: 300 }, () => Array.from({ length: Math.floor(next() * 6) }, () => pick(next, pieces)).join(''))
    expect(wordsOf(texts.map(text => `curl ${shellQuote(text)}`))).toEqual(texts.map(text => [text]))
  })
  it('counts bytes in the HTTP request', () => {
    const [head, body] = httpOf(url, { entityId: 'é😀' }).split('\n\n')
    expect(head).toContain('Host: 127.0.0.1:8080')
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body!)}`)
  })
})
