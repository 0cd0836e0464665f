import { useQuery } from '@tanstack/react-query'
import type { Stages } from '../parts/Segments'
import { every, server } from '../server'

interface Stats {
  readonly totalJobs: number
  readonly pending: number
  readonly running: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly paused: number
  readonly totalChunksCreated: number
}

const LOOK_MS = 5_000

export function useStats(): Stats | undefined {
  return useQuery({
    queryKey: ['stats'],
    queryFn: () => server.request<Stats>('GET', 'jobs/stats'),
    refetchInterval: every(LOOK_MS),
  }).data
}

/** The queue at a glance, in the colours of the stages. */
export function useQueue(): Stages | null {
  const stats = useStats()
  if (!stats?.totalJobs) return null
  const { completed, running, pending, paused, failed, cancelled } = stats
  const done = { completed, failed, cancelled }
  return { counts: { ...done, indexing: running, received: pending + paused }, done }
}
