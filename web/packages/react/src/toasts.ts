import type { Client } from '@headrace/client'
import { useEffect, useState } from 'react'
import { useStatusUpdates } from './hooks.js'
import { useHeadrace } from './provider.js'

export interface Toast {
  readonly id: string
  readonly title: string
  /** Which jobs it speaks of. */
  readonly jobIds: readonly string[]
}

/** Jobs that become ready within this time share one toast. */
const GROUP_MS = 2_000

/** What has become ready: "Resource Ready!" once per job in all of the browser's tabs. */
export function useToasts(): { toasts: readonly Toast[]; dismiss(id: string): void } {
  const client = useHeadrace()
  const [toasts, setToasts] = useState<readonly Toast[]>([])
  const [group] = useState(() => new Group((toast) => setToasts((before) => [...before, toast])))
  useEffect(() => () => group.close(), [group])
  useStatusUpdates({
    onJobEvent: ({ type, jobId, stats }) => {
      // the provisioning of a workspace is a job, too, but makes nothing ready to be asked
      if (type === 'job.completed' && jobId !== null && stats?.documentsProcessed)
        void group.add(client, jobId)
    },
  })
  return { toasts, dismiss: (id) => setToasts((before) => before.filter((toast) => toast.id !== id)) }
}

/** Gathers what becomes ready at about the same time. */
class Group {
  #jobIds: string[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(readonly show: (toast: Toast) => void) {}

  async add(client: Client, jobId: string): Promise<void> {
    if (!(await client.claim(`ready ${jobId}`))) return
    this.#jobIds.push(jobId)
    this.#timer ??= setTimeout(() => this.#flush(), GROUP_MS)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #flush(): void {
    const jobIds = this.#jobIds
    this.#jobIds = []
    this.#timer = undefined
    const title = jobIds.length === 1 ? 'Resource Ready!' : `${jobIds.length} Resources Ready!`
    this.show({ id: jobIds[0] ?? '', title, jobIds })
  }
}
