import type {
  Client,
  Connection,
  Document,
  DocumentFilter,
  Handlers,
  HeadraceError,
  Job,
  JobDocument,
  JobState,
  JobStatus,
  ListState,
  ListStore,
  Stage,
  Store,
  Upload,
  Uploadable,
  UploadHandle,
  UploadOptions,
} from '@headrace/client'
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { useHeadrace } from './provider.js'

function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
}

export interface IngestionStatus {
  /** All that is known of it. */
  readonly job: Job | null
  readonly status: JobStatus | null
  readonly stage: Stage | null
  readonly percent: number
  /** Of the request; the job's own is `job.errorMessage`. */
  readonly error: HeadraceError | null
  readonly isLoading: boolean
  /** Everything of it can be searched. */
  readonly isReady: boolean
  readonly isFailed: boolean
  readonly isEnded: boolean
  cancel(): Promise<void>
  retry(): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
}

/** Where a job stands, live. Without an id nothing is asked for. */
export function useIngestionStatus(jobId: string | null | undefined): IngestionStatus {
  const client = useHeadrace()
  const { job, isLoading, error } = useStore(jobId ? client.job(jobId) : NO_JOB)
  const verbs = useMemo(() => verbsOf(client, jobId), [client, jobId])
  const status = job?.status ?? null
  return {
    job,
    status,
    stage: job?.stage ?? null,
    percent: job?.percent ?? 0,
    error,
    isLoading,
    isReady: status === 'completed',
    isFailed: status === 'failed',
    isEnded: status === 'completed' || status === 'failed' || status === 'cancelled',
    ...verbs,
  }
}

const NOTHING: JobState = { job: null, isLoading: false, error: null }
const NO_JOB: Store<JobState> = { subscribe: () => () => undefined, getSnapshot: () => NOTHING }

function verbsOf(client: Client, jobId: string | null | undefined) {
  const on = (verb: (jobId: string) => Promise<Job>) => async () => {
    if (jobId) await verb(jobId)
  }
  return {
    cancel: on((id) => client.cancelJob(id)),
    retry: on((id) => client.retryJob(id)),
    pause: on((id) => client.pauseJob(id)),
    resume: on((id) => client.resumeJob(id)),
  }
}

type Listed<Name extends string, T> = Omit<ListState<T>, 'items'> &
  Pick<ListStore<T>, 'loadMore' | 'refresh'> & { readonly [name in Name]: readonly T[] }

function useList<Name extends string, T>(name: Name, store: ListStore<T>): Listed<Name, T> {
  const { items, ...state } = useStore(store)
  const listed = { ...state, [name]: items, loadMore: store.loadMore, refresh: store.refresh }
  return listed as unknown as Listed<Name, T>
}

/** All of the user's jobs, newest first, live. */
export function useJobs(): Listed<'jobs', Job> {
  return useList('jobs', useHeadrace().jobs)
}

/** The documents of a job. */
export function useJobDocuments(jobId: string): Listed<'documents', JobDocument> {
  return useList('documents', useHeadrace().jobDocuments(jobId))
}

/** The user's documents, newest first, live. */
export function useDocuments(filter?: DocumentFilter): Listed<'documents', Document> {
  return useList('documents', useHeadrace().documents(filter))
}

export interface Uploading {
  readonly uploads: readonly Upload[]
  upload(what: Uploadable, options?: UploadOptions): UploadHandle
  stop(id: string): void
  retry(id: string): void
  dismiss(id: string): void
}

/** Sends files and texts; what this tab sends survives a reload. */
export function useUpload(defaults?: UploadOptions): Uploading {
  const client = useHeadrace()
  const given = useLatest(defaults)
  const upload = useCallback(
    (what: Uploadable, options?: UploadOptions) => client.startUpload(what, { ...given.current, ...options }),
    [client, given],
  )
  const verbs = useMemo(
    () => ({
      stop: (id: string) => client.stopUpload(id),
      retry: (id: string) => client.retryUpload(id),
      dismiss: (id: string) => client.dismissUpload(id),
    }),
    [client],
  )
  return { uploads: useStore(client.uploads), upload, ...verbs }
}

/** Tells every event once and in order for as long as the component lives. The handlers may change at each render. */
export function useStatusUpdates(handlers: Handlers): void {
  const client = useHeadrace()
  const latest = useLatest(handlers)
  useEffect(
    () =>
      client.on({
        onJobEvent: (event) => latest.current.onJobEvent?.(event),
        onDocumentStatus: (view) => latest.current.onDocumentStatus?.(view),
        onWorkspaceStatus: (view) => latest.current.onWorkspaceStatus?.(view),
        onReset: () => latest.current.onReset?.(),
        onEvent: (frame) => latest.current.onEvent?.(frame),
      }),
    [client, latest],
  )
}

/** How the page hears of what happens: live, catching up, reconnecting, polling or stopped. */
export function useConnection(): Connection & { retryNow(): void } {
  const client = useHeadrace()
  const connection = useStore(client.connection)
  const retryNow = useCallback(() => client.retryNow(), [client])
  return { ...connection, retryNow }
}

function useLatest<T>(value: T) {
  const latest = useRef(value)
  useEffect(() => {
    latest.current = value
  })
  return latest
}
