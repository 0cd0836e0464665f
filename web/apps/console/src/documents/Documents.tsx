import type { Document, DocumentFilter, ProcessingStatus } from '@headrace/client'
import { memo, useMemo, useState } from 'react'
import { Empty } from '../inbox/Empty'
import { Badge } from '../parts/Badge'
import { Dialog } from '../parts/Dialog'
import { useLost } from '../parts/lost'
import { Trouble } from '../parts/Trouble'
import { VirtualList } from '../parts/VirtualList'
import { go, href, replace } from '../route'
import { server, useStore } from '../server'
import { ago, bytes, number, plural } from '../words'
import { useBulk } from './bulk'
import { clearChosen, toggle, useChosen } from './chosen'

const STATUSES: readonly ProcessingStatus[] = ['pending', 'processing', 'ready', 'failed']
const ROWS = 14

/** Every document; filters are in the address. */
export function Documents({ query }: { readonly query: URLSearchParams }) {
  const status = STATUSES.find((one) => one === query.get('status'))
  const workspace = query.get('workspace') ?? ''
  const filter = useMemo<DocumentFilter>(
    () => ({ ...(status && { status }), ...(workspace && { workspace }) }),
    [status, workspace],
  )
  const list = server.documents(filter)
  const { items, isLoading, hasMore, error } = useStore(list)
  const isFiltered = Boolean(status ?? workspace)
  return (
    <div className="stack">
      <div className="spread">
        <h1>Documents</h1>
        <Filters status={status} workspace={workspace} />
      </div>
      <Trouble error={error} />
      {items.length > 0 && <Bulk filter={filter} count={items.length} hasMore={hasMore} />}
      {items.length > 0 && (
        <div className="card flush">
          <VirtualList
            items={items}
            rowHeight={58}
            mostRows={ROWS}
            label="Documents"
            idOf={(one) => one.documentId}
            row={(one) => <Row one={one} />}
            onEnd={() => hasMore && !isLoading && void list.loadMore()}
          />
        </div>
      )}
      {!items.length &&
        !isLoading &&
        !error &&
        (isFiltered ? <p className="soft">None matches.</p> : <Empty />)}
      <AskChosen />
    </div>
  )
}

function Filters({ status, workspace }: { readonly status: string | undefined; readonly workspace: string }) {
  const { items } = useStore(server.workspaces())
  const set = (change: Readonly<Record<string, string>>): void =>
    replace(href('documents', null, { status: status ?? '', workspace, ...change }))
  return (
    <div className="line">
      <select
        aria-label="Status"
        value={status ?? ''}
        onChange={(event) => set({ status: event.target.value })}
      >
        <option value="">Any status</option>
        {STATUSES.map((one) => (
          <option key={one} value={one}>
            {one[0]?.toUpperCase() + one.slice(1)}
          </option>
        ))}
      </select>
      <select
        aria-label="Workspace"
        value={workspace}
        onChange={(event) => set({ workspace: event.target.value })}
      >
        <option value="">Every workspace</option>
        {items.map((one) => (
          <option key={one.workspaceId} value={one.workspaceId}>
            {one.name}
          </option>
        ))}
      </select>
    </div>
  )
}

interface BulkProps {
  readonly filter: DocumentFilter
  readonly count: number
  readonly hasMore: boolean
}

function Bulk({ filter, count, hasMore }: BulkProps) {
  const [bulk, run] = useBulk(filter)
  const [isSure, setSure] = useState(false)
  const isBusy = useLost() !== null || bulk !== null
  const what = hasMore ? 'all that match' : `all ${number(count)}`
  return (
    <div className="spread">
      <p className="soft small figures">
        {bulk
          ? `${bulk.doing}: ${bulk.done}${bulk.failed ? `, ${bulk.failed} refused` : ''}`
          : `${hasMore ? 'The newest ' : ''}${plural(count, 'document')}${hasMore ? '; scroll for more' : ''}`}
      </p>
      <div className="line">
        <button
          type="button"
          data-kind="quiet"
          disabled={isBusy}
          onClick={() => run('Sent anew', (one) => server.triggerIngest(one.documentId, { force: true }))}
        >
          Ingest {what} again
        </button>
        <button type="button" data-kind="quiet" disabled={isBusy} onClick={() => setSure(true)}>
          Delete {what}
        </button>
      </div>
      {isSure && (
        <Dialog label="Delete documents" onClose={() => setSure(false)}>
          <div>
            <h2>Delete {what}?</h2>
            <p className="soft">
              They can no longer be found, and their bytes are forgotten. This cannot be undone.
            </p>
            <div className="line">
              <button
                type="button"
                data-kind="danger"
                onClick={() => {
                  setSure(false)
                  run('Deleted', (one) => server.request('DELETE', `documents/${one.documentId}`))
                }}
              >
                Delete
              </button>
              <button type="button" data-first onClick={() => setSure(false)}>
                Keep them
              </button>
            </div>
          </div>
        </Dialog>
      )}
    </div>
  )
}

const Row = memo(function Row({ one }: { readonly one: Document }) {
  const chosen = useChosen()
  const isReady = one.processingStatus === 'ready'
  return (
    <div className="document" data-part="document" data-state={one.processingStatus}>
      <input
        type="checkbox"
        aria-label={`Ask ${one.filename}`}
        title={isReady ? 'Ask this document' : 'It can be asked once it is ready'}
        disabled={!isReady}
        checked={isReady && chosen.has(one.documentId)}
        onChange={() => toggle(one.documentId, one.filename)}
      />
      <div className="document-name">
        {one.jobId ? <a href={href('jobs', one.jobId)}>{one.filename}</a> : <b>{one.filename}</b>}
        <span className={one.processingError ? 'error small' : 'soft small figures'}>
          {one.processingError ??
            [
              bytes(one.size),
              one.chunkCount === null ? '' : plural(one.chunkCount, 'chunk'),
              ago(one.updatedAt),
            ]
              .filter(Boolean)
              .join(' · ')}
        </span>
      </div>
      <Badge state={one.processingStatus} />
    </div>
  )
})

function AskChosen() {
  const chosen = useChosen()
  if (!chosen.size) return null
  return (
    <div className="chosen card" role="region" aria-label="Chosen documents">
      <b>{plural(chosen.size, 'document')} chosen</b>
      <button
        type="button"
        data-kind="primary"
        onClick={() => go(href('search', null, { documents: [...chosen.keys()].join(' ') }))}
      >
        Ask {chosen.size === 1 ? 'it' : 'them'}
      </button>
      <button type="button" data-kind="quiet" onClick={clearChosen}>
        Choose none
      </button>
    </div>
  )
}
