import type { HeadraceError, Workspace } from '@headrace/client'
import { type FormEvent, useState } from 'react'
import { Badge } from '../parts/Badge'
import { Bar } from '../parts/Bar'
import { Dialog } from '../parts/Dialog'
import { Icon } from '../parts/Icon'
import { useLost } from '../parts/lost'
import { Trouble } from '../parts/Trouble'
import { href } from '../route'
import { server, useStore } from '../server'
import { ago, plural } from '../words'

/** Containers of documents, each with its settings. */
export function Workspaces() {
  const { items, isLoading, error } = useStore(server.workspaces())
  const isLost = useLost() !== null
  const [isMaking, setMaking] = useState(false)
  return (
    <div className="stack">
      <div className="spread">
        <h1>Workspaces</h1>
        <button type="button" data-kind="primary" disabled={isLost} onClick={() => setMaking(true)}>
          <Icon name="plus" /> New workspace
        </button>
      </div>
      {items.map((one) => (
        <Card key={one.workspaceId} one={one} />
      ))}
      {!items.length && <Trouble error={error} />}
      {!items.length && !isLoading && !error && (
        <p className="card soft">None yet. One is made with the first document that names it, or here.</p>
      )}
      {isMaking && <Make onClose={() => setMaking(false)} />}
    </div>
  )
}

function Card({ one }: { readonly one: Workspace }) {
  const [isOpen, setOpen] = useState(false)
  const [isSure, setSure] = useState(false)
  return (
    <article className="card stack" aria-label={one.name} data-part="workspace" data-state={one.status}>
      <div className="spread">
        <div className="line">
          <h2>{one.name}</h2>
          <Badge state={one.status} />
        </div>
        <div className="line">
          <a
            className="button"
            data-kind="quiet"
            href={href('documents', null, { workspace: one.workspaceId })}
          >
            {plural(one.documentCount, 'document')}
          </a>
          <button type="button" data-kind="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            Settings
          </button>
          <button
            type="button"
            data-kind="icon"
            aria-label={`Delete ${one.name}`}
            onClick={() => setSure(true)}
          >
            <Icon name="trash" />
          </button>
        </div>
      </div>
      {one.status === 'provisioning' && (
        <Bar
          label={`Making ${one.name}`}
          share={null}
          state="running"
          text={one.statusMessage ?? 'being made'}
        />
      )}
      <p className={one.status === 'error' ? 'error small' : 'soft small'}>
        {one.statusMessage || `Made ${ago(one.createdAt)}`}
      </p>
      {isOpen && <Settings one={one} />}
      {isSure && <Delete one={one} onClose={() => setSure(false)} />}
    </article>
  )
}

function Settings({ one }: { readonly one: Workspace }) {
  const config = one.ragConfig as Readonly<Record<string, unknown>>
  const [said, setSaid] = useState('')
  const save = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const rag_config = {
      chunk_size: Number(form.get('chunk_size')),
      chunk_overlap: Number(form.get('chunk_overlap')),
      search_mode: String(form.get('search_mode')),
      enrichment: form.has('enrichment'),
    }
    try {
      await server.request('PATCH', `workspaces/${one.workspaceId}`, { body: { rag_config } })
      setSaid('Saved: it holds for what is ingested from now on.')
      await server.workspaces().refresh()
    } catch (caught) {
      setSaid((caught as HeadraceError).message)
    }
  }
  return (
    <form className="settings" onSubmit={save}>
      <label>
        Chunk size, tokens
        <input
          name="chunk_size"
          type="number"
          min={16}
          max={256}
          defaultValue={Number(config.chunk_size ?? 256)}
        />
      </label>
      <label>
        Overlap, tokens
        <input
          name="chunk_overlap"
          type="number"
          min={0}
          max={128}
          defaultValue={Number(config.chunk_overlap ?? 0)}
        />
      </label>
      <label>
        Search
        <select name="search_mode" defaultValue={String(config.search_mode ?? 'hybrid')}>
          <option value="hybrid">Both ways</option>
          <option value="vector">By meaning</option>
          <option value="keyword">By keywords</option>
        </select>
      </label>
      <label className="line">
        <input name="enrichment" type="checkbox" defaultChecked={config.enrichment !== false} /> Enrich with
        title, language, keywords
      </label>
      <div className="line">
        <button type="submit">Save</button>
        <span className="soft small" role="status">
          {said}
        </span>
      </div>
    </form>
  )
}

function Make({ onClose }: { readonly onClose: () => void }) {
  const [error, setError] = useState('')
  const make = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const name = String(new FormData(event.currentTarget).get('name') ?? '').trim()
    try {
      await server.request('POST', 'workspaces', { body: { name } })
      await server.workspaces().refresh()
      onClose()
    } catch (caught) {
      setError((caught as HeadraceError).message)
    }
  }
  return (
    <Dialog label="New workspace" onClose={onClose}>
      <form onSubmit={make}>
        <h2>New workspace</h2>
        <label htmlFor="workspace-name">Name</label>
        <input id="workspace-name" name="name" required maxLength={255} data-first />
        {error && (
          <p className="notice" data-kind="bad" role="alert">
            {error}
          </p>
        )}
        <div className="line">
          <button type="submit" data-kind="primary">
            Make it
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function Delete({ one, onClose }: { readonly one: Workspace; readonly onClose: () => void }) {
  const [error, setError] = useState<HeadraceError | null>(null)
  const act = async (): Promise<void> => {
    try {
      await server.request('DELETE', `workspaces/${one.workspaceId}`)
      onClose()
      await server.workspaces().refresh()
    } catch (caught) {
      setError(caught as HeadraceError)
    }
  }
  return (
    <Dialog label={`Delete ${one.name}`} onClose={onClose}>
      <div>
        <h2>Delete {one.name}?</h2>
        <p className="soft">
          Its {plural(one.documentCount, 'document')} can no longer be found. This cannot be undone.
        </p>
        <Trouble error={error} />
        <div className="line">
          <button type="button" data-kind="danger" onClick={() => void act()}>
            Delete
          </button>
          <button type="button" data-first onClick={onClose}>
            Keep it
          </button>
        </div>
      </div>
    </Dialog>
  )
}
