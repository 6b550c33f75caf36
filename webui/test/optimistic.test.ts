import { afterEach, describe, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/client'
import { ChangedMeanwhile, useOptimistic, type Outcome } from '@/lib/optimistic'

/** A server with one value, whose answers come when the test says so. */
function stage(first = false) {
  const server = { value: first }
  const waiting: { value: boolean, seen: boolean, answer: () => void, fail: (error: unknown) => void }[] = []
  const settled: boolean[] = []
  const said: Outcome<boolean>[] = []
  const switches = useOptimistic<boolean, { on: boolean }>({
    write: (_, value, seen) => new Promise((resolve, reject) => waiting.push({
      value, seen, answer: () => { server.value = value; resolve({ on: value }) }, fail: reject
    })),
    read: () => Promise.resolve({ on: server.value }),
    valueOf: answer => answer.on,
    settle: (_, answer) => settled.push(answer.on),
    said: (_, outcome) => said.push(outcome)
  })
  return { server, waiting, settled, said, switches }
}

afterEach(() => vi.useRealTimers())

describe('a value that is shown before the server has it', () => {
  test('is shown at once and settled by the answer', async () => {
    const { switches, waiting, settled, said } = stage()
    const done = switches.set('a', true, false)
    expect(switches.pending('a')).toBe(true)
    expect(switches.busy('b')).toBe(false)
    waiting[0]!.answer()
    await done
    expect(switches.pending('a')).toBeUndefined()
    expect(settled).toEqual([true])
    expect(said).toEqual([{ kind: 'done', value: true, before: false }])
  })

  test('of quick changes the last one counts, and writes never overlap', async () => {
    const { switches, waiting, server, said } = stage()
    const done = switches.set('a', true, false)
    void switches.set('a', false, true)
    void switches.set('a', true, false)
    void switches.set('a', false, true)
    expect(waiting).toHaveLength(1)
    waiting[0]!.answer()
    await vi.waitFor(() => expect(waiting).toHaveLength(2))
    expect(waiting[1]).toMatchObject({ value: false, seen: true })
    waiting[1]!.answer()
    await done
    expect(server.value).toBe(false)
    expect(said).toEqual([{ kind: 'done', value: false, before: false }])
  })

  test('there and back while a write runs needs no other one', async () => {
    const { switches, waiting, said } = stage()
    const done = switches.set('a', true, false)
    void switches.set('a', false, true)
    void switches.set('a', true, false)
    waiting[0]!.answer()
    await done
    expect(waiting).toHaveLength(1)
    expect(said).toEqual([{ kind: 'done', value: true, before: false }])
  })

  test('a failed write gives back the old value', async () => {
    const { switches, waiting, settled, said } = stage()
    const done = switches.set('a', true, false)
    waiting[0]!.fail(new ApiError(500, 'full'))
    await done
    expect(switches.pending('a')).toBeUndefined()
    expect(settled).toEqual([])
    expect(said[0]).toMatchObject({ kind: 'failed', error: { message: 'full' } })
  })

  test('somebody who was faster is shown, not overwritten', async () => {
    const { switches, waiting, settled, said } = stage()
    const done = switches.set('a', true, false)
    waiting[0]!.fail(new ChangedMeanwhile({ on: true }))
    await done
    expect(settled).toEqual([true])
    expect(said).toEqual([{ kind: 'changed', value: true }])
  })

  test('without an answer the server is asked what it has', async () => {
    vi.useFakeTimers()
    const { switches, server, settled, said } = stage()
    const done = switches.set('a', true, false)
    server.value = true // it arrived, its answer did not
    await vi.advanceTimersByTimeAsync(9_999)
    expect(switches.busy('a')).toBe(true)
    await vi.advanceTimersByTimeAsync(1)
    await done
    expect(settled).toEqual([true])
    expect(said).toEqual([{ kind: 'unknown' }])
  })
})
