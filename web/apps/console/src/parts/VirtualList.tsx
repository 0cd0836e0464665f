import { type ReactNode, useEffect, useRef, useState } from 'react'

interface VirtualListProps<T> {
  readonly items: readonly T[]
  readonly rowHeight: number
  readonly label: string
  /** Its height in rows at most; what is more is scrolled. */
  readonly mostRows: number
  readonly idOf: (item: T) => string
  readonly row: (item: T) => ReactNode
  readonly onEnd?: () => void
}

const BEYOND = 6

/** Which rows are in the page: those in sight, and a few above and below; the last one is not among them. */
export function windowOf(top: number, rowHeight: number, mostRows: number, count: number): [number, number] {
  const last = Math.max(0, count - mostRows) // a list that got shorter has not been scrolled yet
  const first = Math.max(0, Math.min(last, Math.floor(top / rowHeight)) - BEYOND)
  return [first, Math.min(count, first + mostRows + 2 * BEYOND)]
}

/** Rows of one height, of which only those in sight are in the page. */
export function VirtualList<T>({ items, rowHeight, label, mostRows, idOf, row, onEnd }: VirtualListProps<T>) {
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const height = Math.min(items.length, mostRows) * rowHeight
  const [first, last] = windowOf(top, rowHeight, mostRows, items.length)
  const shown = items.slice(first, last)
  const isNearEnd = last >= items.length - BEYOND
  useEffect(() => {
    if (isNearEnd) onEnd?.()
  }, [isNearEnd, items.length, onEnd])
  return (
    <div
      ref={box}
      className="virtual"
      role="group"
      aria-label={label}
      tabIndex={items.length > mostRows ? 0 : undefined}
      style={{ height }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <ol style={{ height: items.length * rowHeight }}>
        {shown.map((item, at) => (
          <li
            key={idOf(item)}
            aria-setsize={items.length}
            aria-posinset={first + at + 1}
            style={{ height: rowHeight, transform: `translateY(${(first + at) * rowHeight}px)` }}
          >
            {row(item)}
          </li>
        ))}
      </ol>
    </div>
  )
}
