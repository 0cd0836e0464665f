import { useEffect, useLayoutEffect, useRef } from 'react'

/** How far down each entry of the history was, by the mark that it bears. */
const tops = new Map<number, number>()

function markOf(state: unknown): number | undefined {
  return (state as { readonly mark?: number } | null)?.mark
}

/**
 * Another page begins at its top, with the keyboard in it; the way back leads to where one was. Browsers know how to do
 * so only where a page is whole before its script has run.
 */
export function useArrival(page: string): void {
  const before = useRef(page)
  const here = useRef(0)
  useEffect(() => {
    const note = (): void => void tops.set(here.current, scrollY)
    // no event of a scroll has come yet where one leaves at once; before the page is drawn it is where it was
    const leave = (): void => void (history.state === null && note())
    addEventListener('scroll', note, { passive: true })
    addEventListener('hashchange', leave, { capture: true })
    return () => {
      removeEventListener('scroll', note)
      removeEventListener('hashchange', leave, { capture: true })
    }
  }, [])
  useLayoutEffect(() => {
    const known = markOf(history.state)
    here.current = known ?? Date.now()
    if (known === undefined) history.replaceState({ mark: here.current }, '')
    if (before.current === page) return
    before.current = page
    if (document.activeElement === document.body)
      document.getElementById('room')?.focus({ preventScroll: true })
    const top = tops.get(here.current) ?? (known === undefined ? 0 : null)
    if (top !== null) scrollTo(0, top)
  }, [page])
}
