import type { Frame, Job } from '@headrace/client'
import { describe, expect, test } from 'vitest'
import { sort } from '../src/inbox/arriving'
import { countJob, summary } from '../src/inbox/batch'
import { spans } from '../src/jobs/events'
import { secondsLeft } from '../src/jobs/Timeline'
import { href, parse } from '../src/route'
import { pieces } from '../src/search/marks'

test('before anything is sent it is told what is left out, and why', () => {
  const file = (name: string, size = 5, type = '') => new File([new Uint8Array(size)], name, { type })
  const arrivals = [
    file('a.pdf'),
    file('.git/config'),
    file('empty.txt', 0),
    file('song.mp3'),
    file('clip', 5, 'video/mp4'),
    file('b.md'),
  ]
  const { kept, skipped, bytes } = sort(arrivals.map((one) => ({ file: one, path: one.name })))

  expect(kept.map(({ path }) => path)).toEqual(['a.pdf', 'b.md'])
  expect(skipped.map(({ why }) => why)).toEqual(['hidden', 'empty', 'not a document', 'not a document'])
  expect(bytes).toBe(10)
})

test('a stage lasts until the next one begins, and the last one until now', () => {
  const at = (second: number) => new Date(second * 1000).toISOString()
  const job = { createdAt: at(0), completedAt: null } as unknown as Job
  const move = (stage: string, second: number) =>
    ({ type: 'job.stage', stage, timestamp: at(second) }) as Frame

  const found = spans([move('extracting', 2), move('extracting', 3), move('indexing', 5)], job, 9_000)

  expect(found).toEqual([
    { stage: 'received', seconds: 2, isNow: false },
    { stage: 'extracting', seconds: 3, isNow: false },
    { stage: 'indexing', seconds: 4, isNow: true },
  ])
})

test('what is marked are the places that the server names, counted in code points', () => {
  const marked = (text: string, spans: [number, number][] | undefined, question = '') =>
    pieces(text, spans, question)
      .filter((one) => one.isMarked)
      .map((one) => one.text)

  expect(marked('🌊 water wheel', [[2, 7]])).toEqual(['water'])
  expect(marked('water wheel', [[6, 11], [0, 5], [3, 8]])).toEqual(['water', 'wheel']) // prettier-ignore
  expect(marked('The waters of the mill', undefined, 'water?')).toEqual(['waters'])
  expect(marked('nothing of it', undefined, '?!')).toEqual([])
})

test('an address leads back to where it was made', () => {
  const { room, id, query } = parse(href('jobs', 'a/b', { status: 'failed' }))
  expect([room, id, query.get('status')]).toEqual(['jobs', 'a/b', 'failed'])
  expect(parse('').room).toBe('inbox')
  expect(parse('#/jobs/%E0%A4%A').id).toBe('%E0%A4%A') // cut in the middle of a letter
})

describe('a batch', () => {
  const job = {
    status: 'running', stage: 'indexing', progress: 0.5, totalItems: 10, processedItems: 3, failedItems: 1,
    etaSeconds: null, stats: {},
  } as unknown as Job // prettier-ignore

  test('has nothing of a cancelled job ready', () => {
    expect(summary([job], false).ready).toBe(2)
    expect(summary([{ ...job, status: 'cancelled', stage: 'cancelled' }], false).ready).toBe(0)
  })

  test.each([
    [{}, [['failed', 1, 1], ['completed', 2, 1], ['indexing', 7, 2 / 7]]],
    [{ stage: 'received', progress: 0, processedItems: 0, failedItems: 0 }, [['failed', 0, 1], ['completed', 0, 1], ['received', 10, 0]]],
    [{ status: 'cancelled', stage: 'cancelled' }, [['failed', 1, 1], ['cancelled', 9, 1]]],
  ] as [Partial<Job>, [string, number, number][]][])('counts what stands where, and how far: %j', (change, counted) => {
    const found: [string, number, number][] = []
    countJob({ ...job, ...change }, (...one) => void found.push(one))
    expect(found).toEqual(counted)
  }) // prettier-ignore
})

test('what is left of a job is as free on its line as time is left', () => {
  const job = { status: 'running', etaSeconds: 30, progress: 0.2 } as Job
  expect(secondsLeft(job, 10)).toBe(30)
  expect(secondsLeft({ ...job, etaSeconds: null }, 10)).toBe(40)
  expect(secondsLeft({ ...job, etaSeconds: null, progress: 0 }, 10)).toBe(1_000) // as good as empty
  expect(secondsLeft({ ...job, status: 'failed' }, 10)).toBe(0)
})
