import type { Job } from '@headrace/client'
import { useQuery } from '@tanstack/react-query'
import { queries, server } from '../server'
import { plural } from '../words'

interface Items {
  readonly documents: readonly { readonly filename: string }[]
}

const KINDS: Readonly<Record<string, string>> = {
  workspace_provisioning: 'Make a workspace',
  workspace_deletion: 'Clear a workspace away',
  workspace_reembedding: 'Embed a workspace anew',
}

/** What people call a job: its first document, and how many more. */
export function useJobName(job: Job): string {
  const upload = server.uploads.getSnapshot().find((one) => one.jobId === job.jobId)
  const isWork = job.totalItems > 0 && !KINDS[job.jobType] && job.jobType !== 'task'
  const { data } = useQuery({
    queryKey: ['name', job.jobId],
    queryFn: () => server.request<Items>('GET', `jobs/${job.jobId}/documents`, { query: { limit: 1 } }),
    staleTime: Infinity,
    enabled: isWork && !upload,
  })
  if (upload) return upload.name
  const kind = KINDS[job.jobType]
  if (kind) return kind
  const first = data?.documents[0]?.filename
  if (!first) return job.message || (job.totalItems > 1 ? plural(job.totalItems, 'document') : 'Document')
  return job.totalItems > 1 ? `${first} and ${job.totalItems - 1} more` : first
}

/** The name where no component asks: what is known by now. */
export function nameOf(jobId: string): string {
  const upload = server.uploads.getSnapshot().find((one) => one.jobId === jobId)
  const known = queries.getQueryData<Items>(['name', jobId])?.documents[0]?.filename
  return upload?.name ?? known ?? 'Your document'
}
