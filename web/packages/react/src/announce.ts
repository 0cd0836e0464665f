import type { Client, Frame, WorkspaceStatus } from '@headrace/client'
import { useEffect } from 'react'
import { useHeadrace } from './provider.js'

const QUARTERS = [25, 50, 75]
const GATHER_MS = 1_000
const MOST = 3

/** Tells a screen reader when jobs start, pass a quarter, become ready or fail: through one region for the whole page. */
export function useAnnouncements(): void {
  const client = useHeadrace()
  useEffect(() => {
    const announcer = shared.get(client) ?? new Announcer(client)
    shared.set(client, announcer)
    return announcer.use()
  }, [client])
}

const shared = new WeakMap<Client, Announcer>()

class Announcer {
  readonly #client: Client
  readonly #passed = new Map<string, number>()
  #waiting: string[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #users = 0
  #stop: (() => void) | undefined
  #region: HTMLElement | null = null

  constructor(client: Client) {
    this.#client = client
  }

  use(): () => void {
    if (this.#users++ === 0) {
      this.#region = makeRegion()
      this.#stop = this.#client.on({
        onJobEvent: (event) => this.#hear(event),
        onWorkspaceStatus: (view) => this.#hearWorkspace(view),
      })
    }
    return () => {
      if (--this.#users > 0) return
      this.#stop?.()
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#region?.remove()
    }
  }

  #hear({ type, jobId, progressPercent, errorMessage, totalItems, stats }: Frame): void {
    if (jobId === null || !totalItems) return // the making of a workspace, say, tells of itself
    const percent = progressPercent ?? 0
    const before = this.#passed.get(jobId) ?? 0
    const quarter = QUARTERS.findLast((one) => percent >= one && before < one)
    if (type === 'job.received') this.#say('Received')
    else if (type === 'job.completed') this.#say(readyText(stats?.documentsProcessed ?? 0))
    else if (type === 'job.failed') this.#say(`Failed: ${errorMessage ?? 'see the job'}`)
    else if (type === 'job.cancelled') this.#say('Cancelled')
    else if (quarter) this.#say(`${quarter} percent`)
    this.#passed.set(jobId, type === 'job.received' ? 0 : Math.max(before, percent))
  }

  #hearWorkspace({ status, message }: WorkspaceStatus): void {
    if (status === 'ready') this.#say('Workspace ready')
    else if (status === 'error') this.#say(`Workspace failed: ${message ?? 'see the workspace'}`)
  }

  /** What happens at about the same time is read out together, and not all of it when it is much. */
  #say(text: string): void {
    this.#waiting.push(text)
    this.#timer ??= setTimeout(() => {
      const more = this.#waiting.length - MOST
      const told = this.#waiting.slice(-MOST).join('. ')
      if (this.#region) this.#region.textContent = more > 0 ? `${told}. And ${more} more` : told
      this.#waiting = []
      this.#timer = undefined
    }, GATHER_MS)
  }
}

/** Work of other kinds makes no document ready. */
function readyText(documents: number): string {
  if (!documents) return 'Done'
  return documents === 1 ? 'Resource ready' : `${documents} resources ready`
}

function makeRegion(): HTMLElement {
  const region = document.createElement('div')
  region.className = 'headrace-hidden'
  region.dataset.part = 'live-region'
  region.setAttribute('role', 'status')
  region.setAttribute('aria-live', 'polite')
  document.body.append(region)
  return region
}
