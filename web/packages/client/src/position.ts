import type { Frame } from './types.js'

// An event id is `<epoch>-<number>`; the numbers of a stream have no gaps.

/** Whether a frame tells a state, not a change: it counts whatever came before. */
export const isState = ({ type }: Frame): boolean => type === 'snapshot' || type === 'reset'

const numberOf = (eventId: string): number => Number(eventId.split('-')[1])

/** Whether an event id comes after another one; one of another epoch always does. */
export function isLater(eventId: string, than: string | null): boolean {
  if (than === null || than.split('-')[0] !== eventId.split('-')[0]) return true
  return numberOf(eventId) > numberOf(than)
}

/** Up to where somebody has read. */
export interface Place {
  at: string | null
}

/** Those of the frames that were not told before; the place goes on with them. */
export const news = (place: Place, frames: readonly Frame[]): Frame[] =>
  frames.filter((frame) => {
    const isNew = isState(frame) || isLater(frame.eventId, place.at)
    if (isNew) place.at = frame.eventId
    return isNew
  })

/** Whether events before this frame are missing. Only for a stream of all events. */
export const isGap = ({ at }: Place, frame: Frame): boolean =>
  at !== null && !isState(frame) && numberOf(frame.eventId) > numberOf(at) + 1
