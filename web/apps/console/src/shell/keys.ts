import { useEffect } from 'react'
import { go, href } from '../route'

export const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'Search'],
  ['u', 'Choose files to send'],
  ['g i', 'Inbox'],
  ['g d', 'Documents'],
  ['g j', 'Jobs'],
  ['g s', 'Search'],
  ['g w', 'Workspaces'],
  ['g y', 'System'],
  ['?', 'This help'],
]

const ROOMS: Readonly<Record<string, string>> = {
  i: 'inbox',
  d: 'documents',
  j: 'jobs',
  s: 'search',
  w: 'workspaces',
  y: 'system',
}
const PAUSE_MS = 1_200

/** Single keys, while nobody is typing. */
export function useKeys(onHelp: () => void): void {
  useEffect(() => {
    let goneAt = 0
    const hear = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const room = ROOMS[event.key]
      if (Date.now() - goneAt < PAUSE_MS && room) go(href(room))
      else if (event.key === '/') document.getElementById('ask')?.focus()
      else if (event.key === 'u') document.getElementById('choose-files')?.click()
      else if (event.key === '?') onHelp()
      else if (event.key === 'g') {
        goneAt = Date.now()
        return
      } else return
      goneAt = 0
      event.preventDefault()
    }
    addEventListener('keydown', hear)
    return () => removeEventListener('keydown', hear)
  })
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('input:not([type=checkbox]), textarea, select, dialog') !== null
  )
}
