import { camel } from './camel.js'
import { HeadraceError, toError } from './errors.js'
import type { Http } from './http.js'
import { pause } from './store.js'
import type { Frame, Job, Transport } from './types.js'

/** One connection's way to tell what happens. */
export interface Link {
  readonly after: string | null
  readonly signal: AbortSignal
  /** Something has come: the way is open. */
  alive(): void
  frames(frames: readonly Frame[]): void
  /** The server says how long to wait before coming back. */
  retry(ms: number): void
  /** Whether it is time to try a better way. */
  isDue(): boolean
}

/** Follows a job, or with null all of the user's, until the job has ended (resolves), or the connection is lost (rejects). */
export type Wire = (http: Http, jobId: string | null, link: Link) => Promise<void>

const POLL_SECONDS = 20

const path = (jobId: string | null): string => (jobId ? `jobs/${jobId}/events` : 'events')
export const broken = (): HeadraceError => toError(null)
const toFrame = (text: string): Frame => camel(JSON.parse(text)) as Frame

/** Server-sent events, read from fetch(): it sends headers and tells the status, which EventSource does not. */
const sse: Wire = async (http, jobId, link) => {
  const url = await http.streamUrl(path(jobId), jobId, link.after)
  const headers = { Accept: 'text/event-stream' }
  const answer = await http.send('GET', url, { headers, signal: link.signal })
  if (answer.status === 204) return
  const isStream = answer.headers.get('Content-Type')?.startsWith('text/event-stream')
  if (!answer.body || !isStream) throw broken() // somebody else answered
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw broken()
    link.alive()
    const lines = (rest + value).split(/\r?\n|\r/)
    rest = lines.pop() ?? ''
    const frames: Frame[] = []
    for (const line of lines) {
      const [, name, text = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
      if (name === 'data')
        frames.push(toFrame(text)) // each has one line
      else if (name === 'retry') link.retry(Number(text))
    }
    if (frames.length) link.frames(frames)
  }
}

const websocket: Wire = async (http, jobId, link) => {
  const name = jobId ? `ws/${jobId}` : 'ws'
  const url = await http.streamUrl(name, jobId, link.after, true)
  await new Promise<void>((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'))
    link.signal.addEventListener('abort', () => {
      socket.onmessage = null
      socket.close()
      reject(link.signal.reason)
    })
    socket.onopen = link.alive
    socket.onmessage = (message) => link.frames([toFrame(message.data)])
    socket.onclose = ({ code, reason }) => {
      if (code === 1000) resolve()
      else reject(code > 4000 ? new HeadraceError(reason, code - 4000, 'unexpected') : broken())
    }
  })
}

/** Pages of the same log. The server answers when something is new, or after a while. */
const poll: Wire = async (http, jobId, link) => {
  let { after } = link
  for (;;) {
    const asked = Date.now()
    const query = { after, wait: after && POLL_SECONDS }
    const page = await http.request<{ events: Frame[]; nextCursor: string | null }>('GET', path(jobId), {
      query,
      signal: link.signal,
    })
    link.alive()
    link.frames(page.events)
    after = page.nextCursor ?? after
    if (page.events.length) continue
    if (jobId && (await http.request<Job>('GET', `jobs/${jobId}`)).completedAt) return
    if (link.isDue()) throw broken() // so that the better way is tried
    await pause(asked + 2000 - Date.now())
  }
}

export const WIRES: Record<Transport, Wire> = { sse, websocket, poll }
