import { camel } from './camel.js'
import { HeadraceError, problem, toError } from './errors.js'
import type { ClientOptions } from './types.js'

export interface RequestOptions {
  readonly body?: unknown
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Requests to one server, with what shows who asks. */
export interface Http {
  readonly options: ClientOptions
  readonly base: string
  url(path: string, query?: RequestOptions['query']): string
  headers(): Promise<Record<string, string>>
  /** The answer, if it is a good one. */
  send(method: string, path: string, options?: RequestOptions): Promise<Response>
  /** The JSON of the answer, with its names in camelCase. */
  request<T>(method: string, path: string, options?: RequestOptions): Promise<T>
  /** The address of a stream. A WebSocket cannot send headers, so it shows a ticket where a token is in use. */
  streamUrl(path: string, jobId: string | null, after: string | null, isHeaderless?: boolean): Promise<string>
}

export function createHttp(options: ClientOptions): Http {
  const {
    url: given = '.',
    token,
    ticket,
    credentials,
    fetch = (...args) => globalThis.fetch(...args),
  } = options
  // while a server renders the page there is no address yet, and nothing is asked for
  const page = globalThis.document?.baseURI ?? 'http://localhost/'
  const base = new URL(/[./]$/.test(given) ? given : `${given}/`, page).href

  const url: Http['url'] = (path, query = {}) => {
    const made = new URL(path, base)
    for (const name in query) {
      const value = query[name]
      if (value != null) made.searchParams.set(name, String(value))
    }
    return made.href
  }

  const headers: Http['headers'] = async () => {
    const secret = typeof token === 'function' ? await token() : token
    return secret ? { Authorization: `Bearer ${secret}` } : {}
  }

  const send: Http['send'] = async (method, path, { body, query, signal, headers: more } = {}) => {
    const told: Record<string, string> = { Accept: 'application/json', ...(await headers()), ...more }
    const init = { method, headers: told, credentials, cache: 'no-store', signal } as RequestInit
    if (typeof body === 'string' || body instanceof FormData) init.body = body
    else if (body !== undefined) {
      told['Content-Type'] = 'application/json'
      init.body = JSON.stringify(body)
    }
    const answer = await fetch(url(path, query), init)
    if (!answer.ok) throw problem(answer.status, await answer.text(), answer.headers.get('Retry-After'))
    return answer
  }

  const request: Http['request'] = async <T>(method: string, path: string, asked?: RequestOptions) => {
    try {
      const text = await (await send(method, path, asked)).text()
      return camel(text ? JSON.parse(text) : null) as T
    } catch (error) {
      if (error instanceof SyntaxError) throw new HeadraceError('another server answered')
      throw asked?.signal?.aborted ? error : toError(error)
    }
  }

  const streamUrl: Http['streamUrl'] = async (path, jobId, after, isHeaderless) => {
    let shown = await ticket?.(jobId)
    if (!ticket && token && isHeaderless) {
      const body = jobId ? { job_id: jobId } : {}
      shown = (await request<{ ticket: string }>('POST', 'tickets', { body })).ticket
    }
    return url(path, { after, ticket: shown })
  }

  return { options, base, url, headers, send, request, streamUrl }
}
