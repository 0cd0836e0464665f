import { Legend, Segments, type Stages } from '../parts/Segments'
import { STAGE_NAMES } from '../words'

/** A job in work may be in any stage. */
const NAMES = { ...STAGE_NAMES, indexing: 'Working' }

/** How many jobs have ended, and how; the rest of the bar is what is still to be done. */
export function QueueBar({ queue }: { readonly queue: Stages }) {
  return (
    <>
      <Segments stages={queue} label="Jobs" names={NAMES} />
      <Legend counts={queue.counts} names={NAMES} />
    </>
  )
}
