import { toError } from './errors.js'
import type { Http } from './http.js'
import { isGap, news, type Place } from './position.js'
import { isHidden, onReturn, pause } from './store.js'
import { IDLE, type Listener, openStream, type Stream } from './stream.js'
import type { Connection, Frame } from './types.js'

/** A visible tab that has heard nothing for so long asks whether the holder is still there. */
const ASK_MS = 20_000
const ANSWER_MS = 3_000
const FILL_AGAIN_MS = 2_000
const PAGE = 1000
/** So many letters of a token tell groups of tabs apart, and nobody the token. */
const TOLD = 6

type Message =
  | { kind: 'frames'; frames: readonly Frame[] }
  | { kind: 'state'; connection: Connection; after: string | null }
  | { kind: 'hello' | 'now' }

/**
 * The stream of all the user's events, one for all tabs: who gets the lock holds it and tells the others.
 *
 * Each tab keeps its own position. So it goes on exactly when it becomes the holder, and sees when it has missed something.
 * Without locks or channels (an old browser, plain HTTP from another machine) each tab has a stream of its own.
 */
export interface SharedStream extends Stream {
  start(): void
}

/** `heard` is told every event once and in order, snapshots and resets too. */
export function createSharedStream(http: Http, heard: Listener): SharedStream {
  const { shared = true, token } = http.options
  const who = typeof shared === 'string' ? shared : typeof token === 'string' ? token.slice(-TOLD) : ''
  const name = `headrace ${http.base} ${who}`
  const locks = globalThis.navigator?.locks
  const place: Place = { at: null }
  let channel: BroadcastChannel | undefined
  let stream: Stream | undefined
  let connection = IDLE
  let release: (() => void) | undefined
  let waiting: AbortController | undefined
  let gone: AbortController | undefined
  let heardAt = 0
  let timer: ReturnType<typeof setInterval> | undefined
  let held: Frame[] | null = null

  const post = (message: Message): void => channel?.postMessage(message)
  const postState = (): void => {
    const { error } = connection
    // a copy, since an error on its way to another tab loses what is our own of it
    const told = { ...connection, error: error && { ...error } } as Connection
    post({ kind: 'state', connection: told, after: place.at })
  }

  function tell(told: Connection, isHolder: boolean): void {
    connection = { ...told, isHolder }
    heard.state?.(connection)
  }

  function take(frames: readonly Frame[]): void {
    const fresh = news(place, frames)
    if (fresh.length) heard.frames(fresh)
  }

  function hold(): void {
    stream = openStream(http, null, () => place.at, {
      frames(frames) {
        take(frames)
        post({ kind: 'frames', frames })
      },
      state(told) {
        tell(told, true)
        postState()
      },
    })
  }

  function drop(): void {
    stream?.stop()
    release?.()
    stream = release = undefined
  }

  /** Wait for the lock, and hold the stream for as long as we have it. */
  function queue(isStolen = false): void {
    const { signal } = (waiting = new AbortController())
    locks
      .request(name, isStolen ? { steal: true } : { signal }, async () => {
        if (signal.aborted) return
        hold()
        await new Promise<void>((resolve) => (release = resolve))
      })
      .catch(() => {
        if (signal.aborted) return
        drop() // another tab took it, since this one did not answer
        queue()
      })
  }

  function hear(message: Message): void {
    const { kind } = message
    if (stream) {
      if (kind === 'hello') postState()
      if (kind === 'now') stream.now()
      return
    }
    heardAt = Date.now()
    if (kind === 'state') {
      place.at ??= message.after
      tell(message.connection, false)
    } else if (kind === 'frames') listen(message.frames)
  }

  /** Frames from another tab; what this one missed while it slept is read from the server before them. */
  function listen(frames: readonly Frame[]): void {
    if (held) held.push(...frames)
    else if (frames[0] && isGap(place, frames[0])) {
      held = [...frames]
      void fill()
    } else take(frames)
  }

  async function fill(): Promise<void> {
    for (let count = PAGE; count === PAGE && channel;) {
      try {
        const query = { after: place.at, limit: PAGE }
        const { events } = await http.request<{ events: Frame[] }>('GET', 'events', { query })
        count = events.length
        take(events)
      } catch (error) {
        if (toError(error).isFinal) break
        await pause(FILL_AGAIN_MS)
      }
    }
    const rest = held ?? []
    held = null
    take(rest)
  }

  /** A holder that the browser has frozen answers nothing, and keeps the lock: take it. */
  function look(): void {
    const asked = Date.now()
    if (stream || isHidden() || asked - heardAt < ASK_MS) return
    post({ kind: 'hello' })
    setTimeout(() => {
      if (!channel || stream || heardAt >= asked) return
      waiting?.abort()
      queue(true)
    }, ANSWER_MS)
  }

  return {
    start() {
      if (!shared || !locks || !globalThis.BroadcastChannel) return hold()
      gone = new AbortController()
      channel = new BroadcastChannel(name)
      channel.onmessage = (event: MessageEvent<Message>) => hear(event.data)
      tell({ ...IDLE, state: 'connecting' }, false)
      post({ kind: 'hello' })
      heardAt = Date.now()
      timer = setInterval(look, ASK_MS / 2)
      onReturn(look, gone.signal)
      queue()
    },
    stop() {
      waiting?.abort()
      drop()
      channel?.close()
      channel = undefined
      clearInterval(timer)
      gone?.abort()
      tell(IDLE, false)
    },
    now() {
      if (stream) stream.now()
      else post({ kind: 'now' })
    },
  }
}
