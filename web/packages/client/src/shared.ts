import { toError } from './errors.js'
import type { Http, RequestOptions } from './http.js'
import { Position } from './position.js'
import { pause } from './store.js'
import { IDLE, Stream } from './stream.js'
import type { Connection, Frame } from './types.js'

/** A visible tab that has heard nothing for so long asks whether the holder is still there. */
const ASK_MS = 20_000
const ANSWER_MS = 3_000
const FILL_AGAIN_MS = 2_000
const PAGE = 1000

type Message =
  | { kind: 'frames'; frames: readonly Frame[] }
  | { kind: 'state'; connection: Connection; after: string | null }
  | { kind: 'hello' | 'now' }

export interface Heard {
  /** Every event once and in order, snapshots and resets too. */
  frames(frames: readonly Frame[]): void
  state(connection: Connection): void
}

/**
 * The stream of all the user's events, one for all tabs: who gets the lock holds it and tells the others.
 *
 * Each tab keeps its own position. So it goes on exactly when it becomes the holder, and sees when it has missed something.
 * Without locks or channels (an old browser, plain HTTP from another machine) each tab has a stream of its own.
 */
export class SharedStream {
  readonly #position = new Position()
  readonly #name: string
  #channel: BroadcastChannel | null = null
  #stream: Stream | null = null
  #connection = IDLE
  #release: (() => void) | null = null
  #waiting: AbortController | null = null
  #heardAt = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #held: Frame[] | null = null

  constructor(
    readonly http: Http,
    readonly heard: Heard,
  ) {
    const { shared, token } = http.options
    const who = typeof shared === 'string' ? shared : typeof token === 'string' ? hash(token) : ''
    this.#name = `headrace ${http.base} ${who}`
  }

  start(): void {
    const { shared = true } = this.http.options
    const locks = globalThis.navigator?.locks
    if (!shared || !locks || !globalThis.BroadcastChannel) return this.#hold()
    this.#channel = new BroadcastChannel(this.#name)
    this.#channel.onmessage = (event: MessageEvent<Message>) => this.#hear(event.data)
    this.#tell({ ...IDLE, state: 'connecting' })
    this.#post({ kind: 'hello' })
    this.#heardAt = Date.now()
    this.#timer = setInterval(this.#look, ASK_MS / 2)
    globalThis.document?.addEventListener('visibilitychange', this.#look)
    this.#queue()
  }

  stop(): void {
    this.#waiting?.abort()
    this.#drop()
    this.#channel?.close()
    this.#channel = null
    clearInterval(this.#timer)
    globalThis.document?.removeEventListener('visibilitychange', this.#look)
    this.#tell(IDLE)
  }

  now(): void {
    if (this.#stream) this.#stream.now()
    else this.#post({ kind: 'now' })
  }

  /** Wait for the lock, and hold the stream for as long as we have it. */
  #queue(isStolen = false): void {
    const waiting = (this.#waiting = new AbortController())
    const options = isStolen ? { steal: true } : { signal: waiting.signal }
    const held = navigator.locks.request(this.#name, options, async () => {
      if (waiting.signal.aborted) return
      this.#hold()
      await new Promise<void>((resolve) => (this.#release = resolve))
    })
    held.catch(() => {
      if (waiting.signal.aborted) return
      this.#drop() // another tab took it, since this one did not answer
      this.#queue()
    })
  }

  #hold(): void {
    this.#stream = new Stream(this.http, { jobId: null }, () => this.#position.eventId, {
      frames: (frames) => {
        this.#take(frames)
        this.#post({ kind: 'frames', frames })
      },
      state: (connection) => {
        this.#tell({ ...connection, isHolder: true })
        this.#post({ kind: 'state', connection, after: this.#position.eventId })
      },
    })
    this.#stream.start()
  }

  #drop(): void {
    this.#stream?.stop()
    this.#stream = null
    this.#release?.()
    this.#release = null
  }

  #hear(message: Message): void {
    if (this.#stream) {
      if (message.kind === 'hello')
        this.#post({ kind: 'state', connection: this.#connection, after: this.#position.eventId })
      else if (message.kind === 'now') this.#stream.now()
      return
    }
    this.#heardAt = Date.now()
    if (message.kind === 'state') {
      this.#position.eventId ??= message.after
      this.#tell({ ...message.connection, isHolder: false })
    } else if (message.kind === 'frames') this.#listen(message.frames)
  }

  /** Frames from another tab; what this one missed while it slept is read from the server before them. */
  #listen(frames: readonly Frame[]): void {
    if (this.#held) this.#held.push(...frames)
    else if (frames[0] && this.#position.misses(frames[0])) {
      this.#held = [...frames]
      void this.#fill()
    } else this.#take(frames)
  }

  async #fill(): Promise<void> {
    const query = (): NonNullable<RequestOptions['query']> => ({ after: this.#position.eventId, limit: PAGE })
    for (let count = PAGE; count === PAGE && this.#channel;) {
      try {
        const page = await this.http.request<{ events: Frame[] }>('GET', 'events', { query: query() })
        count = page.events.length
        this.#take(page.events)
      } catch (error) {
        if (toError(error).isFinal) break
        await pause(FILL_AGAIN_MS)
      }
    }
    const held = this.#held ?? []
    this.#held = null
    this.#take(held)
  }

  #take(frames: readonly Frame[]): void {
    const fresh = frames.filter((frame) => this.#position.accept(frame))
    if (fresh.length) this.heard.frames(fresh)
  }

  /** A holder that the browser has frozen answers nothing, and keeps the lock: take it. */
  readonly #look = (): void => {
    if (this.#stream || globalThis.document?.hidden || Date.now() - this.#heardAt < ASK_MS) return
    const asked = Date.now()
    this.#post({ kind: 'hello' })
    setTimeout(() => {
      if (!this.#channel || this.#stream || this.#heardAt >= asked) return
      this.#waiting?.abort()
      this.#queue(true)
    }, ANSWER_MS)
  }

  #post(message: Message): void {
    this.#channel?.postMessage(message)
  }

  #tell(connection: Connection): void {
    this.#connection = connection
    this.heard.state(connection)
  }
}

/** Tells groups of tabs apart by their tokens, without showing one. */
function hash(text: string): string {
  let made = 5381
  for (const letter of text) made = (made * 33 + letter.charCodeAt(0)) >>> 0
  return made.toString(36)
}
