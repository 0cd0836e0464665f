import type { components } from './api.js'
import type { Camel } from './camel.js'
import type { HeadraceError } from './errors.js'

type Schemas = components['schemas']

export type JobStatus = Schemas['Job']['status']
export type JobType = Schemas['Job']['job_type']
export type Stage = Schemas['Job']['stage']
export type JobStats = Camel<Schemas['Job']['stats']>
export type ProcessingStatus = Schemas['Document']['processing_status']
export type WorkspaceState = Schemas['Workspace']['status']
export type Document = Camel<Schemas['Document']>
export type JobDocument = Camel<Schemas['JobDocument']>
export type Workspace = Camel<Schemas['Workspace']>
export type IngestReply = Camel<Schemas['JobReply']>
export type IngestStatus = Camel<Schemas['QueueStatus']>
export type JobView = Camel<Schemas['Job']>

/** An event as the log holds it. What only some types have is optional. */
export type Frame = Camel<Schemas['Frame']> & {
  /** Of a user's snapshot: the jobs that have not ended. */
  readonly jobs?: readonly Frame[]
  readonly processingStatus?: ProcessingStatus
  readonly processingError?: string | null
  readonly chunkCount?: number | null
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly workspaceStatus?: WorkspaceState
  readonly statusMessage?: string | null
}

/** The document's own view of an event. */
export interface DocumentStatus {
  readonly documentId: string
  readonly jobId: string | null
  readonly userId: string
  readonly workspaceId: string | null
  readonly status: ProcessingStatus
  readonly error: string | null
  readonly chunkCount: number | null
  readonly metadata: Readonly<Record<string, unknown>>
  readonly eventId: string
  readonly timestamp: string
}

/** The workspace's own view of an event. */
export interface WorkspaceStatus {
  readonly workspaceId: string
  readonly userId: string
  readonly status: WorkspaceState
  readonly message: string | null
  readonly eventId: string
  readonly timestamp: string
}

/** A job as its newest event left it. */
export interface Job extends Omit<JobView, 'progressPercent'> {
  /** 0-100; never falls within an attempt, and is 100 only when it can be searched. */
  readonly percent: number
  /** What was asked of it and is not in the log yet. */
  readonly asked: 'cancel' | 'pause' | 'resume' | 'retry' | null
  /** When something was last heard of it, as `Date.now()`. */
  readonly heardAt: number
  /** The usual time between two of its events; null until it can be told. */
  readonly usualMs: number | null
}

export interface JobState {
  readonly job: Job | null
  readonly isLoading: boolean
  readonly error: HeadraceError | null
}

export type Transport = 'sse' | 'websocket' | 'poll'

export interface Connection {
  readonly state: 'idle' | 'connecting' | 'live' | 'catching-up' | 'reconnecting' | 'polling' | 'stopped'
  readonly transport: Transport | null
  /** Catching up: how many events have come so far. */
  readonly behind: number
  /** How many events the last catching up brought. */
  readonly caughtUp: number
  /** Reconnecting: when, as `Date.now()`. */
  readonly retryAt: number | null
  /** Why it stopped, or what failed last. */
  readonly error: HeadraceError | null
  /** Whether this tab holds the stream that all tabs share. */
  readonly isHolder: boolean
}

export interface DocumentFilter {
  readonly workspace?: string
  readonly status?: ProcessingStatus
}

export interface Handlers {
  /** Every event that speaks of a job's way: `job.*`. */
  onJobEvent?(event: Frame): void
  onDocumentStatus?(view: DocumentStatus): void
  onWorkspaceStatus?(view: WorkspaceStatus): void
  /** Events are missing: what you have gathered from them is void. */
  onReset?(): void
  /** Every event, snapshots and resets too. */
  onEvent?(frame: Frame): void
}

export interface FollowHandlers {
  onEvent(frame: Frame): void
  onState?(connection: Connection): void
  /** The job has ended, and its last event was told. */
  onEnd?(): void
  /** Go on after this event id. */
  after?: string
}

export interface ClientOptions {
  /** Where the server is; by default the folder of the page. */
  readonly url?: string
  readonly token?: string | (() => string | Promise<string>)
  /** A ticket for a stream, from a back end of your own. */
  readonly ticket?: (jobId: string | null) => Promise<string>
  readonly credentials?: RequestCredentials
  /** In the order in which they are tried. */
  readonly transports?: readonly Transport[]
  /** One stream for all tabs. A name keeps groups of tabs apart. */
  readonly shared?: boolean | string
  /** Stores tell their listeners at most this often. */
  readonly notifyMs?: number
  readonly uploadsAtOnce?: number
  readonly fetch?: typeof fetch
}
