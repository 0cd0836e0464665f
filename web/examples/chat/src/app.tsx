import { ConnectionPill, ResourceList, Toaster, UploadResourceModal } from '@headrace/react'
import { useState } from 'react'
import { Chat } from './chat.js'

/** Documents on the left, questions to those that are selected on the right. */
export function App() {
  const [isOpen, setIsOpen] = useState(false)
  const [selected, setSelected] = useState<readonly string[]>([])
  return (
    <>
      <header>
        <h1>Chat with your documents</h1>
        <ConnectionPill />
      </header>
      <main>
        <aside>
          <button type="button" onClick={() => setIsOpen(true)}>
            Add a document
          </button>
          <ResourceList selected={selected} onSelect={setSelected} />
        </aside>
        <Chat documentIds={selected} />
      </main>
      <UploadResourceModal open={isOpen} onClose={() => setIsOpen(false)} />
      <Toaster />
    </>
  )
}
