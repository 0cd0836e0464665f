import { useEffect, useState } from 'react'
import { DropZone } from '../inbox/DropZone'
import { Inbox } from '../inbox/Inbox'
import { useEnds } from '../inbox/ends'
import { JobPage } from '../jobs/JobPage'
import { Jobs } from '../jobs/Jobs'
import { Documents } from '../documents/Documents'
import { Search } from '../search/Search'
import { Workspaces } from '../workspaces/Workspaces'
import { System } from '../system/System'
import { useLost } from '../parts/lost'
import { type Route, useRoute } from '../route'
import { askAgain, server, useStore } from '../server'
import { useArrival } from './arrival'
import { Help } from './Help'
import { Login } from './Login'
import { Lost } from './Lost'
import { NotFound } from './NotFound'
import { Rail, ROOMS } from './Rail'
import { Toasts } from './Toasts'
import { Top } from './Top'
import { useKeys } from './keys'
import { useSameUser, useSession } from './session'

export function App() {
  const route = useRoute()
  const [isHelping, setHelping] = useState(false)
  useKeys(() => setHelping(true))
  useEnds()
  const { state, error } = useStore(server.connection)
  const mustLogIn = error?.status === 401
  useSameUser()
  useSession() // so that a later log-in knows whether it is the same user's
  const isLost = useLost() !== null
  useEffect(() => {
    if (state === 'live' || state === 'polling') askAgain()
  }, [state])
  useEffect(() => {
    document.title = `${ROOMS.find(({ room }) => room === route.room)?.name ?? 'No such page'} · Headrace`
  }, [route.room])
  useArrival(`${route.room}/${route.id}`)
  return (
    <DropZone>
      <a className="skip" href="#room" onClick={skip}>
        Skip to the content
      </a>
      <div className="shell" data-state={isLost ? 'lost' : 'live'}>
        <Top onHelp={() => setHelping(true)} />
        <Rail room={route.room} />
        <main className="room" id="room" tabIndex={-1}>
          <Lost />
          <Room route={route} />
        </main>
      </div>
      {isHelping && <Help onClose={() => setHelping(false)} />}
      {mustLogIn && <Login />}
      <Toasts />
    </DropZone>
  )
}

/** The address behind the `#` says where one is: a jump must not change it. */
function skip(event: { preventDefault(): void }): void {
  event.preventDefault()
  document.getElementById('room')?.focus()
}

function Room({ route }: { readonly route: Route }) {
  switch (route.room) {
    case 'jobs':
      return route.id ? <JobPage key={route.id} jobId={route.id} /> : <Jobs />
    case 'documents':
      return <Documents query={route.query} />
    case 'search':
      return <Search query={route.query} />
    case 'workspaces':
      return <Workspaces />
    case 'system':
      return <System />
    case 'inbox':
      return <Inbox />
    default:
      return <NotFound />
  }
}
