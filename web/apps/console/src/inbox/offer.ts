import { createContext, use } from 'react'
import type { Arrival } from './arriving'

export interface Offer {
  files(arrivals: readonly Arrival[]): void
  text(text: string): void
}

export const OfferContext = createContext<Offer>({ files: () => undefined, text: () => undefined })

/** To give something in, from wherever it comes. */
export function useOffer(): Offer {
  return use(OfferContext)
}
