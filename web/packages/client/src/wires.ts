import { camel } from './camel.js'
import { HeadraceError, problem } from './errors.js'
import type { Http } from './http.js'
import { pause } from './store.js'
import type { Frame, Transport } from './types.js'

/** What is followed: a job, or with null all of the user's. */
export interface Target {
  readonly jobId: string | null
}

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

/** Follows until the job has ended (resolves), or the connection is lost (rejects). */
export type Wire = (http: Http, target: Target, link: Link) => Promise<void>

const POLL_SECONDS = 20

const path = (target: Target): string => (target.jobId ? `jobs/${target.jobId}/events` : 'events')
const toFrame = (text: string): Frame => camel(JSON.parse(text)) as Frame

/** Server-sent events, read from fetch(): it sends headers and tells the status, which EventSource does not. */
const sse: Wire = async (http, target, link) => {
  const url = await http.streamUrl(path(target), target.jobId, link.after, false)
  const headers = { Accept: 'text/event-stream' }
  const answer = await http.send('GET', url, { headers, signal: link.signal })
  if (answer.status === 204) return
  const kind = answer.headers.get('Content-Type') ?? ''
  if (!answer.body || !kind.startsWith('text/event-stream'))
    throw new HeadraceError(`a stream came as ${kind}`)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new HeadraceError('the stream ended')
    link.alive()
    const blocks = (rest + value).replace(/\r\n?/g, '\n').split('\n\n')
    rest = blocks.pop() ?? ''
    const frames: Frame[] = []
    for (const block of blocks) {
      const data: string[] = []
      for (const line of block.split('\n')) {
        const [, name, text = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
        if (name === 'data') data.push(text)
        else if (name === 'retry') link.retry(Number(text))
      }
      if (data.length) frames.push(toFrame(data.join('\n')))
    }
    if (frames.length) link.frames(frames)
  }
}

const websocket: Wire = async (http, target, link) => {
  const name = target.jobId ? `ws/${target.jobId}` : 'ws'
  const url = await http.streamUrl(name, target.jobId, link.after, true)
  await new Promise<void>((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'))
    link.signal.addEventListener('abort', () => {
      socket.onmessage = null
      socket.close()
      reject(link.signal.reason)
    })
    socket.onopen = link.alive
    socket.onmessage = (message) => link.frames([toFrame(String(message.data))])
    socket.onclose = ({ code, reason }) => {
      if (code === 1000) resolve()
      else if (code > 4000) reject(problem(code - 4000, `{"detail":${JSON.stringify(reason)}}`, null))
      else reject(new HeadraceError('the connection broke'))
    }
  })
}

/** Pages of the same log. The server answers when something is new, or after a while. */
const poll: Wire = async (http, target, link) => {
  let { after } = link
  for (;;) {
    const asked = Date.now()
    const query = { after, wait: after && POLL_SECONDS }
    const page = await http.request<{ events: Frame[]; nextCursor: string | null }>('GET', path(target), {
      query,
      signal: link.signal,
    })
    link.alive()
    link.frames(page.events)
    after = page.nextCursor ?? after
    if (page.events.length) continue
    if (target.jobId && (await hasEnded(http, target.jobId))) return
    if (link.isDue()) throw new HeadraceError('polled long enough')
    if (Date.now() - asked < 1000) await pause(2000)
  }
}

async function hasEnded(http: Http, jobId: string): Promise<boolean> {
  const job = await http.request<{ completedAt: string | null }>('GET', `jobs/${jobId}`)
  return job.completedAt !== null
}

export const WIRES: Record<Transport, Wire> = { sse, websocket, poll }
