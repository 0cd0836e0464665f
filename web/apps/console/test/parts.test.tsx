import { fireEvent, render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { lineOf } from '../src/parts/Sparkline'
import { VirtualList, windowOf } from '../src/parts/VirtualList'

test('a line goes from the left to the right, with the highest figure at the top', () => {
  expect(lineOf([])).toBeNull()
  expect(lineOf([3])).toBeNull()
  expect(lineOf([0, 10])).toBe('M0.0,34.0L136.0,0.0')
  expect(lineOf([0, 0, 0])).toBe('M0.0,34.0L68.0,34.0L136.0,34.0') // nothing happens: no division by it
})

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
