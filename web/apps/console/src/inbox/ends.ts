import { type Frame, isEnded } from '@headrace/client'
import { useEffect } from 'react'
import { nameOf } from '../jobs/name'
import { announce, tellReady } from '../parts/said'
import { queries, server } from '../server'

const QUARTERS = [25, 50, 75]

/** Tells of starts, quarters and ends, wherever in the page one is. */
export function useEnds(): void {
  useEffect(() => {
    const told = new Map<string, number>()
    return server.on({ onJobEvent: (frame) => hear(frame, told) })
  }, [])
}

function hear(frame: Frame, told: Map<string, number>): void {
  const { jobId, totalItems } = frame
  if (!jobId || !totalItems) return
  if (isEnded({ status: frame.status })) {
    told.delete(jobId)
    void end(frame, jobId)
    return
  }
  const quarter = QUARTERS.filter((one) => (frame.progressPercent ?? 0) >= one).length
  if (quarter <= (told.get(jobId) ?? -1)) return
  told.set(jobId, quarter)
  announce(quarter ? `${nameOf(jobId)}: ${QUARTERS[quarter - 1]} %` : `${nameOf(jobId)} has started`)
}

async function end({ status, failedItems, errorMessage }: Frame, jobId: string): Promise<void> {
  void queries.invalidateQueries({ queryKey: ['stats'] })
  if (status === 'completed') {
    announce(`${nameOf(jobId)} is ready${failedItems ? `, ${failedItems} failed` : ''}`)
    await tellReady(jobId, () => nameOf(jobId))
  } else announce(`${nameOf(jobId)} ${status}${errorMessage ? `: ${errorMessage}` : ''}`)
}
