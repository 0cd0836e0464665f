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
export class Http {
  readonly base: string
  readonly #fetch: typeof fetch

  constructor(readonly options: ClientOptions) {
    const url = options.url ?? '.'
    // while a server renders the page there is no address yet, and nothing is asked for
    const page = globalThis.document?.baseURI ?? 'http://localhost/'
    this.base = new URL(/[./]$/.test(url) ? url : `${url}/`, page).href
    this.#fetch = options.fetch ?? ((...args) => globalThis.fetch(...args))
  }

  url(path: string, query: RequestOptions['query'] = {}): string {
    const made = new URL(path, this.base)
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined) made.searchParams.set(name, String(value))
    }
    return made.href
  }

  async headers(): Promise<Record<string, string>> {
    const { token } = this.options
    const secret = typeof token === 'function' ? await token() : token
    return secret ? { Authorization: `Bearer ${secret}` } : {}
  }

  /** The answer, if it is a good one. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const { body, query, signal } = options
    const headers: Record<string, string> = {
      Accept: 'application/json',
      ...(await this.headers()),
      ...options.headers,
    }
    const isJson = body !== undefined && typeof body !== 'string' && !(body instanceof FormData)
    if (isJson) headers['Content-Type'] = 'application/json'
    const init: RequestInit = { method, headers, credentials: this.options.credentials ?? 'same-origin' }
    if (method === 'GET') init.cache = 'no-store'
    if (body !== undefined) init.body = isJson ? JSON.stringify(body) : (body as FormData | string)
    if (signal) init.signal = signal
    const answer = await this.#fetch(this.url(path, query), init)
    if (!answer.ok) throw problem(answer.status, await answer.text(), answer.headers.get('Retry-After'))
    return answer
  }

  /** The JSON of the answer, with its names in camelCase. */
  async request<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
    try {
      const text = await (await this.send(method, path, options)).text()
      return camel(text ? JSON.parse(text) : null) as T
    } catch (error) {
      if (error instanceof SyntaxError) throw new HeadraceError('something that is not the server answered')
      throw options?.signal?.aborted ? error : toError(error)
    }
  }

  /** The address of a stream. A WebSocket cannot send headers, so it shows a ticket where a token is in use. */
  async streamUrl(
    path: string,
    jobId: string | null,
    after: string | null,
    isHeaderless: boolean,
  ): Promise<string> {
    const { ticket, token } = this.options
    let shown: string | null = null
    if (ticket) shown = await ticket(jobId)
    else if (token && isHeaderless) {
      const body = jobId ? { job_id: jobId } : {}
      shown = (await this.request<{ ticket: string }>('POST', 'tickets', { body })).ticket
    }
    return this.url(path, { after, ticket: shown })
  }
}
