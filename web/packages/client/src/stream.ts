import { type HeadraceError, toError } from './errors.js'
import type { Http } from './http.js'
import { onReturn, safely } from './store.js'
import type { Connection, Frame } from './types.js'
import { broken, WIRES } from './wires.js'

export const IDLE: Connection = {
  state: 'idle',
  transport: null,
  error: null,
  retryAt: null,
  behind: 0,
  caughtUp: 0,
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
  state?: ((connection: Connection) => void) | undefined
  end?: (() => void) | undefined
}

export interface Stream {
  /** Do not wait for the pause to end; start anew after a stop. */
  now(): void
  stop(): void
}

/**
 * One connection to the log, of a job or with null of all, that comes back by itself, where the last one ended.
 *
 * A way that does not work while the server answers otherwise is left for the next one; the first is tried again later.
 * `after` is asked for before each attempt.
 */
export function openStream(
  http: Http,
  jobId: string | null,
  after: () => string | null,
  listener: Listener,
): Stream {
  const { transports = ['sse', 'websocket', 'poll'] } = http.options
  const gone = new AbortController()
  let connection = IDLE
  let rung = 0
  let failures = 0
  let firstPauseMs = FIRST_PAUSE_MS
  let loweredAt = 0
  let lowerMs = LOWER_MS
  let heardAt = 0
  let attempt: AbortController | undefined
  let wake: (() => void) | undefined
  let quiet: ReturnType<typeof setTimeout> | undefined

  function tell(change: Partial<Connection>): void {
    connection = { ...connection, error: null, retryAt: null, ...change }
    if (!gone.signal.aborted) safely(() => listener.state?.(connection))
  }

  async function run(): Promise<void> {
    tell({ state: 'connecting' })
    while (!gone.signal.aborted) {
      const error = await follow().then(() => null, toError)
      if (gone.signal.aborted) return
      const final = error && (await recover(error).catch(toError))
      if (error && !final) continue
      tell({ state: 'stopped', transport: null, error: final })
      if (!error) safely(() => listener.end?.())
      return
    }
  }

  /** One connection, until it ends. */
  async function follow(): Promise<void> {
    if (isDue()) {
      // tries the best way again; one failure sends it back
      rung = 0
      failures = 1
      lowerMs = Math.min(LONGEST_LOWER_MS, lowerMs * 2)
    }
    const transport = transports[rung] ?? 'poll'
    const own = (attempt = new AbortController())
    const { signal } = own
    const from = after()
    let isOpen = false
    let watchdog: ReturnType<typeof setTimeout> | undefined
    const expect = (ms: number): void => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => own.abort(broken()), ms)
    }
    if (transport !== 'poll') expect(OPEN_MS)
    try {
      await WIRES[transport](http, jobId, {
        after: from,
        signal,
        alive() {
          heardAt = Date.now()
          if (transport === 'sse') expect(SILENT_MS)
          else clearTimeout(watchdog)
          if (isOpen) return
          isOpen = true
          tell({
            state: transport === 'poll' ? 'polling' : 'live',
            transport,
            behind: 0,
          })
          quiet = setTimeout(() => (quiet = undefined), QUIET_MS)
        },
        frames(frames) {
          if (isOpen && from !== null && transport !== 'poll') count(frames.length)
          listener.frames(frames)
        },
        retry: (ms) => (firstPauseMs = ms),
        isDue,
      })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      clearTimeout(watchdog)
      clearTimeout(quiet)
      own.abort()
      if (isOpen) failures = 0
    }
  }

  /** Frames that come right after a reconnection are those that were missed. */
  function count(more: number): void {
    if (quiet === undefined) return
    clearTimeout(quiet)
    tell({ state: 'catching-up', behind: connection.behind + more })
    quiet = setTimeout(() => {
      quiet = undefined
      tell({ state: 'live', behind: 0, caughtUp: connection.behind })
    }, QUIET_MS)
  }

  /** Waits until it makes sense to come again; answers with the error after which it does not. */
  async function recover(error: HeadraceError): Promise<HeadraceError | null> {
    if (error.isFinal) return error
    failures += 1
    if (failures > 1 && rung < transports.length - 1 && (await isReachable())) {
      rung += 1
      failures = 0
      loweredAt = Date.now()
    } else if (!rung || failures > 1) {
      const pause = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** (failures - 1))
      await rest(Math.max(error.retryAfterMs, pause * (0.5 + Math.random() / 2)), error)
    }
    return null
  }

  function rest(ms: number, error: HeadraceError): Promise<void> {
    tell({ state: 'reconnecting', transport: null, error, retryAt: Date.now() + ms })
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Whether the server answers a plain request; what it refuses, it would refuse a stream too. */
  function isReachable(): Promise<boolean> {
    const asked = http.request('GET', jobId ? `jobs/${jobId}` : 'jobs?limit=1')
    return asked.then(
      () => true,
      (error: HeadraceError) => {
        if (error.isFinal) throw error
        return false
      },
    )
  }

  function isDue(): boolean {
    return rung > 0 && Date.now() - loweredAt > lowerMs
  }

  function now(): void {
    if (connection.state === 'stopped') void run()
    wake?.()
  }

  /** After a sleep a connection may be dead without anybody having been told. */
  function look(): void {
    if (connection.transport === 'sse' && Date.now() - heardAt > SILENT_MS) attempt?.abort(broken())
    now()
  }

  void run()
  onReturn(look, gone.signal)
  return {
    now,
    stop() {
      clearTimeout(quiet)
      gone.abort()
      attempt?.abort()
      wake?.()
    },
  }
}
