import { STAGES, type Stage } from '@headrace/client'
import { number, STAGE_NAMES } from '../words'

export type Counts = Readonly<Partial<Record<Stage, number>>>

/** How many stand in which stage, and how much of them is done: 300 that are done by half are 150. */
export interface Stages {
  readonly counts: Counts
  readonly done: Counts
}

type Names = Readonly<Record<Stage, string>>

/** Downstream first: what is ready stands on the left, what waits on the right. */
const ORDER: readonly Stage[] = ['completed', ...[...STAGES].reverse(), 'failed', 'cancelled']

interface SegmentsProps {
  readonly stages: Stages
  readonly label: string
  readonly names?: Names
}

/** A bar that is full when all is done, in the colours of the stages that what is done so far has reached. */
export function Segments({ stages: { counts, done }, label, names = STAGE_NAMES }: SegmentsProps) {
  const total = ORDER.reduce((sum, stage) => sum + (counts[stage] ?? 0), 0)
  const text = ORDER.filter((stage) => counts[stage])
    .map((stage) => `${number(counts[stage] ?? 0)} ${names[stage].toLowerCase()}`)
    .join(', ')
  return (
    <div className="segments" role="img" aria-label={`${label}: ${text || 'nothing yet'}`}>
      {ORDER.filter((stage) => done[stage]).map((stage) => (
        <i key={stage} data-stage={stage} style={{ width: `${((done[stage] ?? 0) / total) * 100}%` }} />
      ))}
    </div>
  )
}

export function Legend({ counts, names = STAGE_NAMES }: { readonly counts: Counts; readonly names?: Names }) {
  return (
    <ul className="legend">
      {ORDER.filter((stage) => counts[stage]).map((stage) => (
        <li key={stage} data-stage={stage}>
          <i aria-hidden="true" />
          {names[stage]} <b>{number(counts[stage] ?? 0)}</b>
        </li>
      ))}
    </ul>
  )
}
