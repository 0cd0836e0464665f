'use client'

import { type Client, defaultClient } from '@headrace/client'
import { createContext, type ReactNode, useContext } from 'react'

const Given = createContext<Client | null>(null)

export interface HeadraceProviderProps {
  client: Client
  children?: ReactNode
}

/** Gives the hooks and components below it a client of your own. */
export function HeadraceProvider({ client, children }: HeadraceProviderProps) {
  return <Given.Provider value={client}>{children}</Given.Provider>
}

/** The client of the nearest provider; without one the default client. */
export function useHeadrace(): Client {
  const given = useContext(Given)
  return given ?? defaultClient()
}
