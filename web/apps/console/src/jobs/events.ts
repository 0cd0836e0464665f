import type { Frame, Job, Stage } from '@headrace/client'
import { useEffect, useRef, useState } from 'react'
import { server } from '../server'

interface EventPage {
  readonly events: readonly Frame[]
  readonly nextCursor: string | null
}

const PAGE = 1000

export interface EventLog {
  readonly events: readonly Frame[]
  /** Whether it was read at all; before, nobody can tell that there is nothing. */
  readonly isRead: boolean
}

/** All events of a job that are kept, and each later one: read on from the last whenever there is news. */
export function useEvents(jobId: string, lastEventId: string | null, isLost: boolean): EventLog {
  const [events, setEvents] = useState<readonly Frame[]>([])
  const [isRead, setRead] = useState(false)
  const place = useRef<{ after: string | null; isReading: boolean }>({ after: null, isReading: false })
  useEffect(() => {
    const here = place.current
    if (isLost || here.isReading || (lastEventId !== null && here.after === lastEventId)) return
    here.isReading = true
    const read = async (): Promise<void> => {
      for (;;) {
        const query = { after: here.after, limit: PAGE }
        const page = await server.request<EventPage>('GET', `jobs/${jobId}/events`, { query })
        if (page.events.length) setEvents((all) => [...all, ...page.events])
        here.after = page.nextCursor ?? here.after
        setRead(true)
        if (page.events.length < PAGE) return
      }
    }
    void read()
      .catch(() => undefined)
      .finally(() => {
        here.isReading = false
      })
  }, [jobId, lastEventId, isLost, events.length])
  return { events, isRead }
}

export interface Span {
  readonly stage: Stage
  readonly seconds: number
  readonly isNow: boolean
}

/** How long the job stood in each stage; what is missing from the log is missing here. */
export function spans(events: readonly Frame[], job: Job, now: number): readonly Span[] {
  const marks: { stage: Stage; at: number }[] = [{ stage: 'received', at: Date.parse(job.createdAt) }]
  for (const { type, stage, timestamp } of events) {
    const isMove = type.startsWith('job.') && stage !== null && stage !== marks.at(-1)?.stage
    if (isMove) marks.push({ stage, at: Date.parse(timestamp) })
  }
  const end = job.completedAt ? Date.parse(job.completedAt) : now
  const isEnded = job.completedAt !== null
  return marks
    .filter(({ stage }) => !['completed', 'failed', 'cancelled'].includes(stage))
    .map(({ stage, at }, index) => {
      const until = marks[index + 1]?.at ?? end
      return {
        stage,
        seconds: Math.max(0, (until - at) / 1000),
        isNow: !isEnded && index === marks.length - 1,
      }
    })
}
