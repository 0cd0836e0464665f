'use client'

export { getIngestStatus, startUpload, triggerIngest } from '@headrace/client'
export { ConnectionPill } from './connection.js'
export {
  type IngestionStatus,
  type Uploading,
  useConnection,
  useDocuments,
  useIngestionStatus,
  useJobDocuments,
  useJobs,
  useStatusUpdates,
  useUpload,
} from './hooks.js'
export { IngestionProgress, JobManager, type JobManagerProps, JobProgress, stepsOf } from './jobs.js'
export {
  type BadgeStatus,
  LoadingSpinner,
  type LoadingSpinnerProps,
  ProgressBar,
  type ProgressBarProps,
  ProgressIndicator,
  type ProgressIndicatorProps,
  StatusBadge,
  type StatusBadgeProps,
  type Step,
} from './parts.js'
export { HeadraceProvider, type HeadraceProviderProps, useHeadrace } from './provider.js'
export { ResourceList, type ResourceListProps } from './resources.js'
export { Toaster } from './toaster.js'
export { type Toast, useToasts } from './toasts.js'
export {
  DocumentUpload,
  type DocumentUploadProps,
  UploadResourceModal,
  type UploadResourceModalProps,
} from './upload.js'
export { jobText, STAGE_NAMES, timeLeft } from './words.js'
