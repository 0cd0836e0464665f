import { HeadraceError, problem, toError } from './errors.js'
import type { Http } from './http.js'
import { createValue, type Notifier, pause, type Store } from './store.js'

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
const STOPPED = new HeadraceError('stopped', 0, 'stopped')

/** What this tab sends. Kept for the tab's session, so that a reload finds each upload, or the job that it became. */
export interface Uploads {
  readonly store: Store<readonly Upload[]>
  start(what: Uploadable, options?: UploadOptions): UploadHandle
  stop(id: string): void
  /** Sends again what has failed or was stopped, under the same key. */
  retry(id: string): void
  dismiss(id: string): void
}

export function createUploads(http: Http, notifier: Notifier, onJob: (jobId: string) => void): Uploads {
  const place = `headrace uploads ${http.base}`
  const works = new Map<string, Work>()
  let queue: string[] = []
  let sending = 0
  const store = createValue(remembered(place), notifier)
  const { getSnapshot } = store

  const get = (id: string): Upload | undefined => getSnapshot().find((one) => one.id === id)
  const others = (id: string): Upload[] => getSnapshot().filter((one) => one.id !== id)

  function change(id: string, told: Partial<Upload>): void {
    store.set(getSnapshot().map((one) => (one.id === id ? { ...one, ...told } : one)))
    if (told.state) remember(place, getSnapshot())
  }

  function enqueue(id: string): void {
    change(id, { state: 'waiting', error: null })
    queue.push(id)
    next()
  }

  function next(): void {
    while (sending < (http.options.uploadsAtOnce ?? 3)) {
      const id = queue.shift()
      const work = works.get(id ?? '')
      if (id === undefined || !work) return
      sending += 1
      void send(id, work).finally(() => {
        sending -= 1
        next()
      })
    }
  }

  async function send(id: string, work: Work): Promise<void> {
    const { signal } = work.stopped
    change(id, { state: 'sending' })
    try {
      const jobId = await untilThere(id, work, signal)
      change(id, { state: 'sent', jobId, progress: 1, error: null })
      works.delete(id)
      onJob(jobId)
      work.resolve({ jobId, uploadId: jobId })
    } catch (caught) {
      if (signal.aborted) return
      const error = toError(caught)
      change(id, { state: 'failed', error })
      work.reject(error)
    }
  }

  /** A repeat under the same key is the same job, so what broke on its way is sent again. */
  async function untilThere(id: string, work: Work, signal: AbortSignal): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        const headers = { ...(await http.headers()), 'Idempotency-Key': id }
        const reply = JSON.parse(await post(http, work, headers, signal, (share) => moved(id, work, share)))
        return reply.job_id ?? reply.upload_id
      } catch (caught) {
        const error = toError(caught)
        const isPassing = [0, 429, 503].includes(error.status)
        if (!isPassing || attempt === MOST_ATTEMPTS || signal.aborted) throw error
        change(id, { error })
        await pause(error.retryAfterMs || 2 ** attempt * 500 * (0.5 + Math.random() / 2))
        if (signal.aborted) throw error
      }
    }
  }

  function moved(id: string, work: Work, progress: number): void {
    const upload = get(id)
    if (!upload || progress <= upload.progress) return
    const told = { sentBytes: Math.round(progress * upload.size), progress }
    change(id, told)
    work.onProgress?.({ ...upload, ...told })
  }

  /** Whether an upload that the page was left in has arrived all the same. */
  async function find(id: string): Promise<void> {
    const query = { idempotency_key: id }
    const { jobs } = await http.request<{ jobs: { jobId: string }[] }>('GET', 'jobs', { query })
    const jobId = jobs[0]?.jobId
    if (jobId && get(id)?.state === 'interrupted') change(id, { state: 'sent', jobId, progress: 1 })
  }

  function start(what: Uploadable, options: UploadOptions = {}): UploadHandle {
    const { id = newId(), onProgress } = options
    const { path, body, ...facts } = prepare(what, options)
    const promise = new Promise<UploadReply>((resolve, reject) => {
      works.set(id, { path, body, onProgress, resolve, reject, stopped: new AbortController() })
    })
    promise.catch(() => undefined) // the store tells it, too: nobody has to wait
    store.set([{ id, ...facts, startedAt: Date.now(), ...UNSENT }, ...others(id)])
    enqueue(id)
    notifier.flush() // a row is there as soon as the file has been dropped
    return Object.assign(promise, { id, stop: () => stop(id) })
  }

  function stop(id: string): void {
    queue = queue.filter((one) => one !== id)
    const work = works.get(id)
    if (!work) return
    work.stopped.abort()
    change(id, { state: 'stopped', error: STOPPED })
    work.reject(STOPPED)
  }

  for (const { id, state } of getSnapshot()) if (state === 'interrupted') find(id).catch(() => undefined)

  return {
    store,
    start,
    stop,
    retry(id) {
      const work = works.get(id)
      if (!work || !/failed|stopped/.test(get(id)?.state ?? '')) return
      work.stopped = new AbortController()
      enqueue(id)
    },
    dismiss(id) {
      stop(id)
      works.delete(id)
      store.set(others(id))
      remember(place, getSnapshot())
    },
  }
}

function remember(place: string, uploads: readonly Upload[]): void {
  try {
    sessionStorage.setItem(place, JSON.stringify(uploads))
  } catch {
    // none, no room, or not allowed: a reload will not find them
  }
}

function remembered(place: string): readonly Upload[] {
  try {
    const uploads = JSON.parse(sessionStorage.getItem(place) ?? '[]') as Upload[]
    return uploads.map((one) => ({ ...one, error: null, state: one.jobId ? one.state : 'interrupted' }))
  } catch {
    return []
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
  const add = (name: string, value: string | false | undefined): void => {
    if (value) form.append(name, value)
  }
  add('collection_name', collectionName)
  add('metadata', metadata && JSON.stringify(metadata))
  add('force_recreate', forceRecreate && 'true')
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
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}
