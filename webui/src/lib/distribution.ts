// Shares of a split, counted in hundredths of a percent so that sums are exact.

export const whole = 10000

/** Shares of n that are as equal as they can be and sum to 100 %: 33.34, 33.33, 33.33. */
export function evenSplit(n: number): number[] {
  if (n === 0) return []
  const least = Math.floor(whole / n)
  const rest = whole - least * n
  return Array.from({ length: n }, (_, place) => least + (place < rest ? 1 : 0))
}

/** Gives what is missing to 100 % to the shares that are not locked, in proportion, or evenly where they are all zero. */
export function fillRest(shares: number[], locked: boolean[]): number[] {
  const free = shares.map((_, place) => place).filter(place => !locked[place])
  const fixed = shares.reduce((sum, share, place) => sum + (locked[place] ? share : 0), 0)
  const room = whole - fixed
  if (free.length === 0 || room < 0) return shares
  const now = free.reduce((sum, place) => sum + shares[place]!, 0)
  const wanted = free.map((place, i) => now === 0 ? evenSplit(free.length)[i]! * room / whole : shares[place]! * room / now)
  const floors = wanted.map(Math.floor)
  let left = room - floors.reduce((sum, share) => sum + share, 0)
  const order = wanted.map((share, i) => [share - floors[i]!, i] as const).sort((a, b) => b[0] - a[0])
  for (const [, i] of order) {
    if (left === 0) break
    floors[i]!++
    left--
  }
  const result = [...shares]
  free.forEach((place, i) => { result[place] = floors[i]! })
  return result
}

/** 33.34 of 3334; a share of the server is a float of single precision. */
export const toPercent = (share: number) => share / 100
export const fromPercent = (percent: number) => Math.round(percent * 100)

/** Reads "33,3", "33.3 %". Nothing for what is no number from 0 to 100. */
export function parsePercent(text: string): number | undefined {
  const trimmed = text.trim().replace(/%$/, '').trim().replace(',', '.')
  if (!/^\d{1,3}(\.\d*)?$|^\.\d+$/.test(trimmed)) return undefined
  const share = Math.round(Number(trimmed) * 100)
  return share <= whole ? share : undefined
}

/** "33.34 %". */
export const percentText = (share: number) => `${(share / 100).toLocaleString('en-GB', { maximumFractionDigits: 2 })} %`
