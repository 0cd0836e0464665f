import { Http, type RequestOptions } from './http.js'
import { Jobs } from './jobs.js'
import { type ListStore, PagedList } from './list.js'
import { Position } from './position.js'
import { SharedStream } from './shared.js'
import { type Lifetime, Notifier, pause, type Store, Value } from './store.js'
import { IDLE, Stream } from './stream.js'
import type {
  ClientOptions,
  Connection,
  Document,
  DocumentFilter,
  DocumentStatus,
  FollowHandlers,
  Frame,
  Handlers,
  IngestReply,
  IngestStatus,
  Job,
  JobDocument,
  JobState,
  Workspace,
  WorkspaceStatus,
} from './types.js'
import { type Upload, type Uploadable, type UploadHandle, type UploadOptions, Uploads } from './uploads.js'

const NOTIFY_MS = 100
/** The stream outlives its last subscriber by so much: a page that changes its view does not open it anew. */
const LINGER_MS = 1_000
const CLAIMED = 'headrace claimed'
const MOST_CLAIMS = 200
const HIDDEN_MS = 1_500

/** Everything that a page wants of one server. */
export class Client {
  readonly connection: Store<Connection>
  readonly jobs: ListStore<Job>
  readonly uploads: Store<readonly Upload[]>
  readonly #http: Http
  readonly #notifier: Notifier
  readonly #connection: Value<Connection>
  readonly #jobs: Jobs
  readonly #uploads: Uploads
  readonly #stream: SharedStream
  readonly #handlers = new Set<Handlers>()
  readonly #documents = new Map<string, PagedList<Document, Document>>()
  readonly #jobDocuments = new Map<string, PagedList<JobDocument, JobDocument>>()
  #workspaces: PagedList<Workspace, Workspace> | null = null
  #users = 0
  #isOpen = false
  #closing: ReturnType<typeof setTimeout> | undefined

  constructor(options: ClientOptions) {
    this.#http = new Http(options)
    this.#notifier = new Notifier(options.notifyMs ?? NOTIFY_MS)
    this.#connection = new Value<Connection>(IDLE, this.#notifier, this.#lifetime)
    this.connection = this.#connection
    this.#jobs = new Jobs(this.#http, this.#notifier, this.#lifetime)
    this.jobs = this.#jobs.list
    this.#uploads = new Uploads(
      this.#http,
      this.#notifier,
      (jobId) => void this.#jobs.read(jobId).catch(() => undefined),
    )
    this.uploads = this.#uploads.store
    this.#stream = new SharedStream(this.#http, {
      frames: (frames) => frames.forEach(this.#hear),
      state: (connection) => this.#connection.set(connection),
    })
  }

  job(jobId: string): Store<JobState> {
    return this.#jobs.store(jobId)
  }

  documents(filter: DocumentFilter = {}): ListStore<Document> {
    return kept(this.#documents, JSON.stringify([filter.workspace, filter.status]), () =>
      this.#list<Document>('documents', 'documents', (one) => one.documentId, { ...filter }),
    )
  }

  jobDocuments(jobId: string): ListStore<JobDocument> {
    return kept(this.#jobDocuments, jobId, () =>
      this.#list<JobDocument>(`jobs/${jobId}/documents`, 'documents', (one) => one.documentId, {
        limit: 1000,
      }),
    )
  }

  workspaces(): ListStore<Workspace> {
    this.#workspaces ??= this.#list<Workspace>('workspaces', 'workspaces', (one) => one.workspaceId, {})
    return this.#workspaces
  }

  /** Tells every event once and in order, from now on until the returned function is called. */
  on(handlers: Handlers): () => void {
    this.#handlers.add(handlers)
    this.#lifetime.start()
    return () => {
      if (this.#handlers.delete(handlers)) this.#lifetime.stop()
    }
  }

  /** Follows one job by a stream of its own, as with a ticket that opens no other. */
  follow(jobId: string, { onEvent, onState, onEnd, after }: FollowHandlers): () => void {
    const position = new Position()
    position.eventId = after ?? null
    const stream = new Stream(this.#http, { jobId }, () => position.eventId, {
      frames: (frames) => {
        for (const frame of frames) if (position.accept(frame)) onEvent(frame)
      },
      state: (connection) => onState?.(connection),
      end: () => onEnd?.(),
    })
    stream.start()
    return () => stream.stop()
  }

  startUpload(what: Uploadable, options?: UploadOptions): UploadHandle {
    return this.#uploads.start(what, options)
  }

  stopUpload(id: string): void {
    this.#uploads.stop(id)
  }

  /** Sends again what has failed, under the same key. */
  retryUpload(id: string): void {
    this.#uploads.retry(id)
  }

  dismissUpload(id: string): void {
    this.#uploads.dismiss(id)
  }

  /** Ingests a document again that is there already. */
  triggerIngest(resourceId: string, { force = false } = {}): Promise<IngestReply> {
    return this.request('POST', `resource/ingest/${encodeURIComponent(resourceId)}`, { body: { force } })
  }

  getIngestStatus(jobId: string): Promise<IngestStatus> {
    return this.request('GET', `resource/ingest/status/${encodeURIComponent(jobId)}`)
  }

  cancelJob(jobId: string): Promise<Job> {
    return this.#jobs.ask(jobId, 'cancel')
  }

  retryJob(jobId: string): Promise<Job> {
    return this.#jobs.ask(jobId, 'retry')
  }

  pauseJob(jobId: string): Promise<Job> {
    return this.#jobs.ask(jobId, 'pause')
  }

  resumeJob(jobId: string): Promise<Job> {
    return this.#jobs.ask(jobId, 'resume')
  }

  /** Any route of the server, with its answer in camelCase. */
  request<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
    return this.#http.request<T>(method, path, options)
  }

  /** True in one of the browser's tabs only, if possible one that is seen: to say something once. */
  async claim(name: string): Promise<boolean> {
    if (globalThis.document?.hidden) await pause(HIDDEN_MS)
    const take = (): boolean => {
      try {
        const claimed = JSON.parse(localStorage.getItem(CLAIMED) ?? '[]') as string[]
        if (claimed.includes(name)) return false
        localStorage.setItem(CLAIMED, JSON.stringify([...claimed, name].slice(-MOST_CLAIMS)))
      } catch {
        // no storage: then each tab says it
      }
      return true
    }
    return globalThis.navigator?.locks ? navigator.locks.request(CLAIMED, take) : take()
  }

  retryNow(): void {
    this.#stream.now()
  }

  /** Lets go of the stream, whoever is subscribed. */
  close(): void {
    clearTimeout(this.#closing)
    if (this.#isOpen) this.#stream.stop()
    this.#isOpen = false
  }

  get #lifetime(): Lifetime {
    return {
      start: () => {
        this.#users += 1
        clearTimeout(this.#closing)
        if (!this.#isOpen) this.#stream.start()
        this.#isOpen = true
      },
      stop: () => {
        this.#users -= 1
        if (!this.#users) this.#closing = setTimeout(() => this.close(), LINGER_MS)
      },
    }
  }

  #list<T>(
    path: string,
    name: string,
    id: (item: T) => string,
    query: RequestOptions['query'],
  ): PagedList<T, T> {
    return new PagedList<T, T>(this.#http, this.#notifier, this.#lifetime, {
      path,
      name,
      query,
      id,
      adopt: (view) => view,
    })
  }

  readonly #hear = (frame: Frame): void => {
    this.#jobs.apply(frame)
    const isState = frame.type === 'snapshot' || frame.type === 'reset'
    this.#showDocument(frame, isState)
    this.#showWorkspace(frame, isState)
    for (const handlers of this.#handlers) tell(handlers, frame)
  }

  #showDocument(frame: Frame, isState: boolean): void {
    const { documentId, processingStatus, processingError = null, timestamp: updatedAt } = frame
    const isTold = processingStatus !== undefined && documentId !== null
    for (const list of this.#documents.values()) {
      const isThere =
        isTold &&
        list.change(documentId, (one) => {
          const { chunkCount = one.chunkCount, metadata = one.metadata } = frame
          return { ...one, processingStatus, processingError, chunkCount, metadata, updatedAt }
        })
      if (isState || isTold !== isThere || frame.type === 'job.received') list.refreshSoon()
    }
    for (const [jobId, list] of this.#jobDocuments) if (isState || frame.jobId === jobId) list.refreshSoon()
  }

  #showWorkspace(
    { workspaceId, workspaceStatus: status, statusMessage = null }: Frame,
    isState: boolean,
  ): void {
    const isTold = status !== undefined && workspaceId !== null
    const isThere =
      isTold && this.#workspaces?.change(workspaceId, (one) => ({ ...one, status, statusMessage }))
    if (isState || isTold !== isThere) this.#workspaces?.refreshSoon()
  }
}

function tell(handlers: Handlers, frame: Frame): void {
  handlers.onEvent?.(frame)
  if (frame.type === 'reset') handlers.onReset?.()
  else if (frame.type.startsWith('job.')) handlers.onJobEvent?.(frame)
  const { processingStatus, workspaceStatus } = frame
  if (processingStatus) {
    const view = { ...frame, status: processingStatus, error: frame.processingError }
    handlers.onDocumentStatus?.(view as DocumentStatus)
  } else if (workspaceStatus) {
    const view = { ...frame, status: workspaceStatus, message: frame.statusMessage }
    handlers.onWorkspaceStatus?.(view as WorkspaceStatus)
  }
}

function kept<T>(map: Map<string, T>, name: string, make: () => T): T {
  let found = map.get(name)
  if (found === undefined) map.set(name, (found = make()))
  return found
}

export function createClient(options: ClientOptions = {}): Client {
  return new Client(options)
}

let shared: Client | undefined
let configured: ClientOptions = {}

/** The options of the default client. To be called before it is first used. */
export function configure(options: ClientOptions): void {
  if (shared) throw new Error('the default client is in use already: call configure() before')
  configured = options
}

/** One client for all who do not bring their own. */
export function defaultClient(): Client {
  shared ??= createClient(configured)
  return shared
}

/** `startUpload` of the default client. */
export function startUpload(what: Uploadable, options?: UploadOptions): UploadHandle {
  return defaultClient().startUpload(what, options)
}

/** `triggerIngest` of the default client. */
export function triggerIngest(resourceId: string, options?: { force?: boolean }): Promise<IngestReply> {
  return defaultClient().triggerIngest(resourceId, options)
}

/** `getIngestStatus` of the default client. */
export function getIngestStatus(jobId: string): Promise<IngestStatus> {
  return defaultClient().getIngestStatus(jobId)
}
