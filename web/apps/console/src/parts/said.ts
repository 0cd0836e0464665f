import { server } from '../server'

/** What is told in passing: toasts to the eye, sentences to a screen reader. */
export interface Said {
  readonly id: number
  readonly title: string
  readonly text: string
}

const TOGETHER_MS = 2_000
const STAYS_MS = 6_000

let toasts: readonly Said[] = []
let ready: string[] = []
let number = 0
const listeners = new Set<() => void>()

export function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function current(): readonly Said[] {
  return toasts
}

function show(next: readonly Said[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

export function toast(title: string, text: string): void {
  const said = { id: ++number, title, text }
  show([...toasts.slice(-2), said])
  setTimeout(() => show(toasts.filter((one) => one !== said)), STAYS_MS)
}

/** "Resource Ready!", once a job in all tabs together; those that come together are told together. */
export async function tellReady(jobId: string, name: () => string): Promise<void> {
  if (!(await server.claim(`ready ${jobId}`))) return
  ready.push(name())
  if (ready.length > 1) return
  setTimeout(() => {
    const names = ready
    ready = []
    toast(
      'Resource Ready!',
      names.length > 2 ? `${names.length} uploads can be asked now` : names.join(' and '),
    )
  }, TOGETHER_MS)
}

/** To the one polite live region. */
export function announce(text: string): void {
  const region = document.getElementById('live')
  if (region && region.textContent !== text) region.textContent = text
}
