export type { components, paths } from './api.js'
export type { Camel } from './camel.js'
export {
  type Client,
  configure,
  createClient,
  defaultClient,
  getIngestStatus,
  startUpload,
  triggerIngest,
} from './client.js'
export { type FieldError, HeadraceError } from './errors.js'
export type { RequestOptions } from './http.js'
export type { ListState, ListStore } from './list.js'
export type { Store } from './store.js'
export type * from './types.js'
export type {
  Upload,
  Uploadable,
  UploadDocument,
  UploadHandle,
  UploadOptions,
  UploadReply,
} from './uploads.js'
export { counter, isEnded, quietSeconds, SIGNS, STAGES } from './words.js'
