import { HeadraceError, toError } from './errors.js'
import type { Http } from './http.js'
import type { Connection, Frame, Transport } from './types.js'
import { type Link, type Target, WIRES } from './wires.js'

export const IDLE: Connection = {
  state: 'idle',
  transport: null,
  behind: 0,
  caughtUp: 0,
  retryAt: null,
  error: null,
  isHolder: false,
}

/** Longer than that without the first byte, and something holds the stream back. */
const OPEN_MS = 8_000
/** Three of the server's heartbeats. */
const SILENT_MS = 45_000
/** Caught up when nothing more has come for so long. */
const QUIET_MS = 250
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
const LOWER_MS = 60_000
const LONGEST_LOWER_MS = 600_000

export interface Listener {
  frames(frames: readonly Frame[]): void
  state(connection: Connection): void
  end?(): void
}

/**
 * One connection to the log that comes back by itself, where the last one ended.
 *
 * A way that does not work while the server answers otherwise is left for the next one; the first is tried again later.
 */
export class Stream {
  #connection = IDLE
  #rung = 0
  #failures = 0
  #firstPauseMs = FIRST_PAUSE_MS
  #loweredAt = 0
  #lowerMs = LOWER_MS
  #isStopped = false
  #heardAt = 0
  #attempt: AbortController | null = null
  #wake: (() => void) | null = null
  #quiet: ReturnType<typeof setTimeout> | undefined

  /** `after` is asked for before each attempt. */
  constructor(
    readonly http: Http,
    readonly target: Target,
    readonly after: () => string | null,
    readonly listener: Listener,
  ) {}

  start(): void {
    void this.#run()
    globalThis.addEventListener?.('online', this.now)
    globalThis.addEventListener?.('pageshow', this.#look)
    globalThis.document?.addEventListener('visibilitychange', this.#look)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#quiet)
    globalThis.removeEventListener?.('online', this.now)
    globalThis.removeEventListener?.('pageshow', this.#look)
    globalThis.document?.removeEventListener('visibilitychange', this.#look)
    this.#attempt?.abort(new HeadraceError('stopped'))
    this.#wake?.()
  }

  /** Do not wait for the pause to end; start anew after a stop. */
  readonly now = (): void => {
    if (this.#connection.state === 'stopped') void this.#run()
    this.#wake?.()
  }

  /** After a sleep a connection may be dead without anybody having been told. */
  readonly #look = (): void => {
    if (globalThis.document?.hidden) return
    if (this.#connection.transport === 'sse' && Date.now() - this.#heardAt > SILENT_MS) {
      this.#attempt?.abort(new HeadraceError('the stream fell silent'))
    }
    this.now()
  }

  get #transports(): readonly Transport[] {
    return this.http.options.transports ?? ['sse', 'websocket', 'poll']
  }

  async #run(): Promise<void> {
    this.#tell({ state: 'connecting', error: null, retryAt: null })
    while (!this.#isStopped) {
      try {
        await this.#follow()
        if (this.#isStopped) return
        this.#tell({ state: 'stopped', transport: null, error: null })
        this.listener.end?.()
        return
      } catch (error) {
        if (this.#isStopped) return
        const final = await this.#recover(toError(error)).catch(toError)
        if (!final) continue
        this.#tell({ state: 'stopped', transport: null, error: final, retryAt: null })
        return
      }
    }
  }

  /** One connection, until it ends. */
  async #follow(): Promise<void> {
    if (this.#isDue()) this.#climb()
    const transport = this.#transports[this.#rung] ?? 'poll'
    const attempt = (this.#attempt = new AbortController())
    const after = this.after()
    let watchdog: ReturnType<typeof setTimeout> | undefined
    const expect = (ms: number): void => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => attempt.abort(new HeadraceError('the stream is silent')), ms)
    }
    let isOpen = false
    const link: Link = {
      after,
      signal: attempt.signal,
      alive: () => {
        this.#heardAt = Date.now()
        if (transport === 'sse') expect(SILENT_MS)
        else clearTimeout(watchdog)
        if (!isOpen) this.#opened(transport)
        isOpen = true
      },
      frames: (frames) => {
        if (isOpen && after !== null && transport !== 'poll') this.#count(frames.length)
        this.listener.frames(frames)
      },
      retry: (ms) => (this.#firstPauseMs = ms),
      isDue: () => this.#isDue(),
    }
    if (transport !== 'poll') expect(OPEN_MS)
    try {
      await WIRES[transport](this.http, this.target, link)
    } catch (error) {
      throw attempt.signal.aborted ? attempt.signal.reason : error
    } finally {
      clearTimeout(watchdog)
      clearTimeout(this.#quiet)
      attempt.abort()
      if (isOpen) this.#failures = 0
    }
  }

  #opened(transport: Transport): void {
    const state = transport === 'poll' ? 'polling' : 'live'
    this.#tell({ state, transport, behind: 0, retryAt: null, error: null })
    this.#quiet = setTimeout(() => (this.#quiet = undefined), QUIET_MS)
  }

  /** Frames that come right after a reconnection are those that were missed. */
  #count(count: number): void {
    if (this.#quiet === undefined) return
    clearTimeout(this.#quiet)
    this.#tell({ state: 'catching-up', behind: this.#connection.behind + count })
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      this.#tell({ state: 'live', behind: 0, caughtUp: this.#connection.behind })
    }, QUIET_MS)
  }

  /** Waits until it makes sense to come again; answers with the error after which it does not. */
  async #recover(error: HeadraceError): Promise<HeadraceError | null> {
    if (error.isFinal || error.status === 400) return error
    this.#failures += 1
    if (this.#failures > 1 && this.#rung < this.#transports.length - 1 && (await this.#isReachable())) {
      this.#rung += 1
      this.#failures = 0
      this.#loweredAt = Date.now()
      return null
    }
    if (this.#rung > 0 && this.#failures === 1) return null
    const pause = Math.min(LONGEST_PAUSE_MS, this.#firstPauseMs * 2 ** Math.max(0, this.#failures - 1))
    await this.#rest(Math.max(error.retryAfterMs, pause * (0.5 + Math.random() / 2)), error)
    return null
  }

  async #rest(ms: number, error: HeadraceError): Promise<void> {
    this.#tell({ state: 'reconnecting', transport: null, retryAt: Date.now() + ms, error })
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = null
  }

  /** Whether the server answers a plain request; what it refuses, it would refuse a stream too. */
  async #isReachable(): Promise<boolean> {
    const { jobId } = this.target
    try {
      await this.http.request('GET', jobId ? `jobs/${jobId}` : 'jobs', { query: jobId ? {} : { limit: 1 } })
      return true
    } catch (error) {
      if (toError(error).isFinal) throw error
      return false
    }
  }

  #isDue(): boolean {
    return this.#rung > 0 && Date.now() - this.#loweredAt > this.#lowerMs
  }

  /** Tries the best way again; one failure sends it back. */
  #climb(): void {
    this.#rung = 0
    this.#failures = 1
    this.#lowerMs = Math.min(LONGEST_LOWER_MS, this.#lowerMs * 2)
  }

  #tell(change: Partial<Connection>): void {
    this.#connection = { ...this.#connection, ...change }
    if (!this.#isStopped) this.listener.state(this.#connection)
  }
}
