import type { Job, Upload } from '@headrace/client'
import { describe, expect, test } from 'vitest'
import { ago, bytes, doing, doingUpload, duration, number, plural, timeLeft, wayOut } from '../src/words'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [9_949, '9.9 kB'],
  [12_345, '12 kB'],
  [1_500_000, '1.5 MB'],
  [3e12, '3.0 TB'],
])('%d bytes are %s', (count, text) => {
  expect(bytes(count)).toBe(text)
})

test('thousands stand apart by a thin space that does not break', () => {
  expect(number(1278)).toBe('1\u202f278')
  expect(plural(1, 'file')).toBe('1 file')
  expect(plural(1570, 'file')).toBe('1\u202f570 files')
})

test.each([
  [null, ''],
  [undefined, ''],
  [0, 'about 1 s left'],
  [7.4, 'about 7 s left'],
  [95, 'about 95 s left'],
  [100, 'about 2 min left'],
  [360, 'about 6 min left'],
  [7_200, 'about 2.0 h left'],
])('%s seconds left are said as "%s"', (seconds, text) => {
  expect(timeLeft(seconds)).toBe(text)
})

test.each([
  [0.04, '0.0 s'],
  [9.96, '10.0 s'],
  [42, '42 s'],
  [5_399, '90 min'],
  [5_400, '1.5 h'],
])('%d seconds took %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test('how long ago something was is told as people would', () => {
  const now = Date.parse('2026-01-15T10:30:00Z')
  expect(ago('2026-01-15T10:30:05Z', now)).toBe('just now') // clocks differ
  expect(ago('2026-01-15T10:20:00Z', now)).toBe('10 min ago')
  expect(ago('2026-01-14T20:30:00Z', now)).toBe('14 h ago')
  expect(ago('2026-01-02T10:30:00Z', now)).toBe('Jan 2, 2026')
})

describe('what a job does', () => {
  const job = {
    jobType: 'file_ingestion', status: 'running', stage: 'indexing', currentChunk: 420, totalChunks: 1278, asked: null, waitingFor: null, stats: { chunks: 5 },
    failedItems: 0, chunksCreated: 5, errorMessage: null, message: '',
  } as unknown as Job // prettier-ignore

  test.each([
    [{}, 'Embedding 420 of 1278 chunks'],
    [{ totalChunks: null }, 'Embedding'],
    [{ status: 'pending', waitingFor: '2 jobs are ahead in line' }, 'Waiting: 2 jobs are ahead in line'],
    [{ status: 'completed' }, '5 chunks · ready to be asked'],
    [{ status: 'completed', failedItems: 2 }, '5 chunks · ready to be asked · 2 failed'],
    [{ status: 'completed', jobType: 'workspace_provisioning' }, 'Done'],
    [{ jobType: 'task', processedItems: 2, totalItems: 5 }, '2 of 5 steps'],
    [{ jobType: 'task', totalItems: 0 }, 'At work'],
    [{ asked: 'cancel' }, 'Cancelling…'],
    [{ status: 'failed', errorMessage: 'the file is damaged' }, 'Nothing of it can be found'], // why stands below
    [{ status: 'failed', jobType: 'task', errorMessage: 'out of paper' }, 'Failed'],
    [{ status: 'cancelled' }, 'Cancelled; nothing of it can be found'],
    [{ status: 'cancelled', jobType: 'task' }, 'Cancelled'],
  ] as [Partial<Job>, string][])('%j is "%s"', (change, text) => {
    expect(doing({ ...job, ...change })).toBe(text)
  })
})

test('for every error there is a way out, also for one that is not known', () => {
  expect(wayOut('encrypted')).toContain('password')
  expect(wayOut('of_a_later_version')).toContain('Retry')
  expect(wayOut(null)).toContain('Retry')
})

test('a way out is said once: not where the message has one', () => {
  expect(wayOut('corrupt', 'the PDF is damaged; save it again and send it again')).toBe('')
  expect(wayOut('corrupt', 'the PDF is damaged')).toContain('save it again')
})

test.each([
  [{ state: 'sending' }, 'Sending 1.0 kB of 2.0 kB'],
  [{ state: 'sending', error: { status: 0 } }, 'The server does not answer; it is sent again in a moment'],
  [{ state: 'sending', error: { status: 503, message: 'busy' } }, 'Not taken yet: busy'],
  [{ state: 'sent' }, 'Received. You may close this tab.'],
])('an upload %j says "%s"', (change, text) => {
  expect(doingUpload({ sentBytes: 1_000, size: 2_000, error: null, ...change } as Upload)).toBe(text)
})
