import { HeadraceError, type Upload } from '@headrace/client'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { UploadRow } from '../src/inbox/UploadRow'
import { Segments, type Stages } from '../src/parts/Segments'
import { lineOf } from '../src/parts/Sparkline'
import { VirtualList, windowOf } from '../src/parts/VirtualList'

afterEach(cleanup)

test('a line goes from the left to the right, with the highest figure at the top', () => {
  expect(lineOf([])).toBeNull()
  expect(lineOf([3])).toBeNull()
  expect(lineOf([0, 10])).toBe('M0.0,34.0L136.0,0.0')
  expect(lineOf([0, 0, 0])).toBe('M0.0,34.0L68.0,34.0L136.0,34.0') // nothing happens: no division by it
})

test('a bar of stages is as full as its work is done, and empty before any of it is', () => {
  const widths = (stages: Stages) => {
    const { container } = render(<Segments stages={stages} label="Documents" />)
    return [...container.querySelectorAll<HTMLElement>('i')].map((one) => [
      one.dataset.stage,
      one.style.width,
    ])
  }

  expect(widths({ counts: { received: 300 }, done: { received: 0 } })).toEqual([])
  expect(
    widths({
      counts: { completed: 1, indexing: 2, failed: 1 },
      done: { completed: 1, indexing: 1, failed: 1 },
    }),
  ).toEqual([
    ['completed', '25%'],
    ['indexing', '25%'],
    ['failed', '25%'],
  ])
  expect(screen.getByRole('img', { name: 'Documents: 1 ready, 2 embedding, 1 failed' })).toBeDefined()
})

test.each([
  ['sending', '50'],
  ['sent', null], // received is not done: how far the work is, nobody knows yet
  ['failed', undefined],
] as const)('an upload that is %s shows %s percent', (state, percent) => {
  const upload = { id: '1', name: 'a.txt', size: 2, sentBytes: 1, progress: 0.5, state, error: null }
  render(<UploadRow upload={upload as unknown as Upload} />)

  expect(screen.queryByRole('progressbar')?.getAttribute('aria-valuenow')).toBe(percent)
})

test.each([
  [0, 'the server does not answer', true],
  [401, 'log in', true], // with another token it may be taken
  [409, 'the workspace is being deleted', true],
  [429, 'too many requests', true],
  [500, 'something broke', true],
  [503, 'the disk is full', true],
  [400, 'no document in the body', false],
  [403, 'not yours', false],
  [404, 'no such workspace', false],
  [413, 'larger than 10 MB', false],
  [415, 'no document of a type that can be read', false],
  [422, 'metadata must be an object', false],
] as const)(
  'an upload refused with %d (%s) says so once; that it is sent again is offered: %s',
  (status, told, is) => {
    const error = new HeadraceError(told, status)
    const upload = { id: '1', name: 'a.txt', size: 2, sentBytes: 1, progress: 0.5, state: 'failed', error }
    render(<UploadRow upload={upload as unknown as Upload} />)

    expect(screen.getAllByText(told)).toHaveLength(1)
    expect(screen.queryByRole('button', { name: 'Send again' }) !== null).toBe(is)
    expect(screen.getByRole('button', { name: 'Dismiss a.txt' })).toBeDefined()
  },
)

test.each([
  [0, 100, [0, 26]],
  [10 * 50, 100, [4, 30]],
  [100 * 50, 100, [80, 100]],
  [9_000 * 50, 20, [0, 20]],
  [0, 0, [0, 0]],
] as const)('scrolled by %d, of %d rows those in sight are there', (top, count, shown) => {
  expect(windowOf(top, 50, 14, count)).toEqual(shown)
})

test('of ten thousand rows a few are in the page, each with its place, and the end asks for more', () => {
  const items = Array.from({ length: 10_000 }, (_, at) => `row ${at}`)
  let asked = 0
  render(
    <VirtualList
      items={items}
      rowHeight={50}
      mostRows={14}
      label="Rows"
      idOf={(item) => item}
      row={(item) => item}
      onEnd={() => (asked += 1)}
    />,
  )
  const list = screen.getByRole('group', { name: 'Rows' })
  expect(screen.getAllByRole('listitem')).toHaveLength(26)
  expect(asked).toBe(0)

  list.scrollTop = 9_990 * 50
  fireEvent.scroll(list)

  const rows = screen.getAllByRole('listitem')
  expect(rows.at(-1)?.textContent).toBe('row 9999')
  expect(rows.at(-1)?.getAttribute('aria-posinset')).toBe('10000')
  expect(rows.length).toBeLessThan(30)
  expect(asked).toBeGreaterThan(0)
})
