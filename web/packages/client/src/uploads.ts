import { HeadraceError, problem, toError } from './errors.js'
import type { Http } from './http.js'
import { type Notifier, pause, Value } from './store.js'

export interface UploadDocument {
  readonly content?: string
  readonly content_base64?: string
  readonly filename?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

export type Uploadable =
  | string
  | Blob
  | readonly File[]
  | FileList
  | {
      readonly documents: readonly (string | UploadDocument)[]
      readonly collection_name?: string
      readonly force_recreate?: boolean
    }

export interface UploadOptions {
  /** Continue an upload that was interrupted: the same key makes the same job. */
  readonly id?: string
  readonly collectionName?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly forceRecreate?: boolean
  readonly filename?: string
  readonly onProgress?: (upload: Upload) => void
}

export interface Upload {
  /** Made here; also the Idempotency-Key. */
  readonly id: string
  readonly name: string
  readonly fileCount: number
  readonly size: number
  readonly sentBytes: number
  readonly progress: number
  /** `interrupted`: the page was left before everything was sent. The files are needed again. */
  readonly state: 'waiting' | 'sending' | 'sent' | 'failed' | 'stopped' | 'interrupted'
  readonly jobId: string | null
  readonly error: HeadraceError | null
  readonly startedAt: number
}

export interface UploadReply {
  readonly jobId: string
  readonly uploadId: string
}

export interface UploadHandle extends Promise<UploadReply> {
  readonly id: string
  stop(): void
}

interface Work {
  readonly path: string
  readonly body: FormData | string
  readonly onProgress: ((upload: Upload) => void) | undefined
  readonly resolve: (reply: UploadReply) => void
  readonly reject: (error: HeadraceError) => void
  stopped: AbortController
}

const MOST_ATTEMPTS = 5
const STOPPED = new HeadraceError('stopped before everything was sent', 0, 'stopped')

/** What this tab sends. Kept for the tab's session, so that a reload finds each upload, or the job that it became. */
export class Uploads {
  readonly store: Value<readonly Upload[]>
  readonly #kept: string
  readonly #work = new Map<string, Work>()
  readonly #queue: string[] = []
  #sending = 0

  constructor(
    readonly http: Http,
    readonly notifier: Notifier,
    readonly onJob: (jobId: string) => void,
  ) {
    this.#kept = `headrace uploads ${http.base}`
    this.store = new Value<readonly Upload[]>(this.#remembered(), notifier)
    for (const { id, state } of this.store.getSnapshot()) if (state === 'interrupted') void this.#find(id)
  }

  start(what: Uploadable, options: UploadOptions = {}): UploadHandle {
    const { id = newId(), onProgress } = options
    const { name, fileCount, size, path, body } = prepare(what, options)
    const promise = new Promise<UploadReply>((resolve, reject) => {
      this.#work.set(id, { path, body, onProgress, resolve, reject, stopped: new AbortController() })
    })
    promise.catch(() => undefined) // the store tells it, too: nobody has to wait
    const known = { id, name, fileCount, size, startedAt: Date.now() }
    this.store.set([{ ...known, ...UNSENT }, ...this.store.getSnapshot().filter((one) => one.id !== id)])
    this.#enqueue(id)
    this.notifier.flush() // a row is there as soon as the file has been dropped
    return Object.assign(promise, { id, stop: () => this.stop(id) })
  }

  stop(id: string): void {
    const at = this.#queue.indexOf(id)
    if (at >= 0) this.#queue.splice(at, 1)
    const work = this.#work.get(id)
    work?.stopped.abort()
    if (work) this.#change(id, { state: 'stopped', error: STOPPED })
    work?.reject(STOPPED)
  }

  /** Sends again what has failed or was stopped, under the same key. */
  retry(id: string): void {
    const work = this.#work.get(id)
    const state = this.#get(id)?.state
    if (!work || (state !== 'failed' && state !== 'stopped')) return
    work.stopped = new AbortController()
    this.#enqueue(id)
  }

  dismiss(id: string): void {
    this.stop(id)
    this.#work.delete(id)
    this.store.set(this.store.getSnapshot().filter((one) => one.id !== id))
    this.#remember()
  }

  #enqueue(id: string): void {
    this.#change(id, { state: 'waiting', error: null })
    this.#queue.push(id)
    this.#next()
  }

  #next(): void {
    while (this.#sending < (this.http.options.uploadsAtOnce ?? 3)) {
      const id = this.#queue.shift()
      const work = this.#work.get(id ?? '')
      if (id === undefined || !work) return
      this.#sending += 1
      void this.#send(id, work).finally(() => {
        this.#sending -= 1
        this.#next()
      })
    }
  }

  async #send(id: string, work: Work): Promise<void> {
    const { signal } = work.stopped
    this.#change(id, { state: 'sending' })
    try {
      const jobId = await this.#untilThere(id, work, signal)
      this.#change(id, { state: 'sent', jobId, progress: 1, error: null })
      this.#work.delete(id)
      this.onJob(jobId)
      work.resolve({ jobId, uploadId: jobId })
    } catch (caught) {
      if (signal.aborted) return
      const error = toError(caught)
      this.#change(id, { state: 'failed', error })
      work.reject(error)
    }
  }

  /** A repeat under the same key is the same job, so what broke on its way is sent again. */
  async #untilThere(id: string, work: Work, signal: AbortSignal): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        const headers = { ...(await this.http.headers()), 'Idempotency-Key': id }
        const reply = JSON.parse(
          await post(this.http, work, headers, signal, (share) => this.#moved(id, share)),
        )
        return reply.job_id ?? reply.upload_id
      } catch (caught) {
        const error = toError(caught)
        const isPassing = [0, 429, 503].includes(error.status)
        if (!isPassing || attempt === MOST_ATTEMPTS || signal.aborted) throw error
        this.#change(id, { error })
        await pause(error.retryAfterMs || 2 ** attempt * 500 * (0.5 + Math.random() / 2))
        if (signal.aborted) throw error
      }
    }
  }

  #moved(id: string, share: number): void {
    const upload = this.#get(id)
    if (!upload || share <= upload.progress) return
    this.#change(id, { sentBytes: Math.round(share * upload.size), progress: share })
    this.#work.get(id)?.onProgress?.(this.#get(id) ?? upload)
  }

  /** Whether an upload that the page was left in has arrived all the same. */
  async #find(id: string): Promise<void> {
    const query = { idempotency_key: id }
    const found = this.http.request<{ jobs: { jobId: string }[] }>('GET', 'jobs', { query })
    const jobId = await found.then(({ jobs }) => jobs[0]?.jobId).catch(() => undefined)
    if (jobId && this.#get(id)?.state === 'interrupted')
      this.#change(id, { state: 'sent', jobId, progress: 1 })
  }

  #get(id: string): Upload | undefined {
    return this.store.getSnapshot().find((one) => one.id === id)
  }

  #change(id: string, change: Partial<Upload>): void {
    this.store.set(this.store.getSnapshot().map((one) => (one.id === id ? { ...one, ...change } : one)))
    if (change.state) this.#remember()
  }

  #remember(): void {
    try {
      sessionStorage.setItem(this.#kept, JSON.stringify(this.store.getSnapshot()))
    } catch {
      // none, no room, or not allowed: a reload will not find them
    }
  }

  #remembered(): readonly Upload[] {
    try {
      const uploads = JSON.parse(sessionStorage.getItem(this.#kept) ?? '[]') as Upload[]
      return uploads.map((one) => ({ ...one, error: null, state: one.jobId ? one.state : 'interrupted' }))
    } catch {
      return []
    }
  }
}

const UNSENT = { sentBytes: 0, progress: 0, state: 'waiting', jobId: null, error: null } as const

type Prepared = Pick<Upload, 'name' | 'fileCount' | 'size'> & Pick<Work, 'path' | 'body'>

function prepare(
  what: Uploadable,
  { collectionName, metadata, forceRecreate, filename }: UploadOptions,
): Prepared {
  if (typeof what === 'object' && 'documents' in what) {
    const body = JSON.stringify({ collection_name: collectionName, force_recreate: forceRecreate, ...what })
    const { length } = what.documents
    return { name: `${length} documents`, fileCount: length, size: body.length, path: 'upload', body }
  }
  const form = new FormData()
  if (collectionName) form.append('collection_name', collectionName)
  if (metadata) form.append('metadata', JSON.stringify(metadata))
  if (forceRecreate) form.append('force_recreate', 'true')
  const shared = { path: 'ingest/async', body: form }
  if (typeof what === 'string') {
    form.append('text_content', what)
    return { name: filename ?? 'Text', fileCount: 1, size: what.length, ...shared }
  }
  const files = (what instanceof Blob ? [what] : [...what]) as readonly Partial<File & { size: number }>[]
  let size = 0
  for (const file of files) {
    form.append('file', file as File, filename ?? file.name ?? 'document')
    size += file.size ?? 0
  }
  const { length } = files
  return {
    name: length > 1 ? `${length} files` : (filename ?? files[0]?.name ?? 'document'),
    fileCount: length,
    size,
    ...shared,
  }
}

/** fetch() does not tell how much of a body has been sent; XMLHttpRequest, where there is one, does. */
async function post(
  http: Http,
  { path, body }: Work,
  headers: Record<string, string>,
  signal: AbortSignal,
  moved: (share: number) => void,
): Promise<string> {
  if (typeof body === 'string') headers['Content-Type'] = 'application/json'
  if (http.options.fetch || !globalThis.XMLHttpRequest) {
    return (await http.send('POST', path, { body, headers, signal })).text()
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', http.url(path))
    request.withCredentials = http.options.credentials === 'include'
    for (const name in headers) request.setRequestHeader(name, headers[name] ?? '')
    request.upload.onprogress = ({ loaded, total }) => moved(loaded / total || 0)
    request.onload = () => {
      const { status, responseText } = request
      if (status < 300) resolve(responseText)
      else reject(problem(status, responseText, request.getResponseHeader('Retry-After')))
    }
    request.onerror = request.onabort = () => reject(toError(null))
    signal.addEventListener('abort', () => request.abort())
    request.send(body)
  })
}

/** 128 random bits. Not `crypto.randomUUID`: it is missing where the page came over plain HTTP from another machine. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')
}
