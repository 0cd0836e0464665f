import type { Frame } from './types.js'

/** Where a reader stands in a stream. An event id is `<epoch>-<number>`; numbers have no gaps. */
export class Position {
  eventId: string | null = null

  get number(): number {
    return numberOf(this.eventId)
  }

  /** Whether events between the last one and this are missing. Only for a stream of all events. */
  misses(frame: Frame): boolean {
    return (
      this.eventId !== null &&
      !isState(frame) &&
      isLater(frame.eventId, this.eventId) &&
      numberOf(frame.eventId) > this.number + 1
    )
  }

  /** Goes on to the frame; false when it was told before. */
  accept(frame: Frame): boolean {
    if (!isState(frame) && this.eventId !== null && !isLater(frame.eventId, this.eventId)) return false
    this.eventId = frame.eventId
    return true
  }
}

/** A frame that tells a state, not a change: it counts whatever came before. */
const isState = (frame: Frame): boolean => frame.type === 'snapshot' || frame.type === 'reset'

export const numberOf = (eventId: string | null): number => Number(eventId?.split('-')[1] ?? 0)

/** Whether an event id comes after another one; one of another epoch always does. */
export function isLater(eventId: string, than: string | null): boolean {
  if (than === null || eventId.split('-')[0] !== than.split('-')[0]) return true
  return numberOf(eventId) > numberOf(than)
}
