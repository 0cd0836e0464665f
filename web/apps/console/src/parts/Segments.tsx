import { STAGES, type Stage } from '@headrace/client'
import { number, STAGE_NAMES } from '../words'

export type Counts = Readonly<Partial<Record<Stage, number>>>

/** Downstream first: what is ready stands on the left, what waits on the right. */
const ORDER: readonly Stage[] = ['completed', ...[...STAGES].reverse(), 'failed', 'cancelled']

/** How many documents stand in which stage. */
export function Segments({ counts, label }: { readonly counts: Counts; readonly label: string }) {
  const present = ORDER.filter((stage) => counts[stage])
  const text = present
    .map((stage) => `${number(counts[stage] ?? 0)} ${STAGE_NAMES[stage].toLowerCase()}`)
    .join(', ')
  return (
    <div className="segments" role="img" aria-label={`${label}: ${text || 'nothing yet'}`}>
      {present.map((stage) => (
        <i key={stage} data-stage={stage} style={{ flexGrow: counts[stage] ?? 0 }} />
      ))}
    </div>
  )
}

export function Legend({ counts }: { readonly counts: Counts }) {
  return (
    <ul className="legend">
      {ORDER.filter((stage) => counts[stage]).map((stage) => (
        <li key={stage} data-stage={stage}>
          <i aria-hidden="true" />
          {STAGE_NAMES[stage]} <b>{number(counts[stage] ?? 0)}</b>
        </li>
      ))}
    </ul>
  )
}
