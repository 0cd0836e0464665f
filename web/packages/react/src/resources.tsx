import type { Document, DocumentFilter } from '@headrace/client'
import { useState } from 'react'
import { useAnnouncements } from './announce.js'
import { useDocuments } from './hooks.js'
import { LoadingSpinner, StatusBadge } from './parts.js'
import { bytes } from './words.js'

export interface ResourceListProps {
  filter?: DocumentFilter
  /** The ids of those that are selected for chat; without it the list keeps them itself. */
  selected?: readonly string[]
  onSelect?: (documentIds: readonly string[]) => void
}

/** The user's documents, each with its state. It can be selected for chat as soon as it is ready, and not before. */
export function ResourceList({ filter, selected, onSelect }: ResourceListProps) {
  const { documents, isLoading, error, hasMore, loadMore } = useDocuments(filter)
  const [own, setOwn] = useState<readonly string[]>([])
  useAnnouncements()
  const chosen = selected ?? own
  const toggle = (id: string): void => {
    const next = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]
    setOwn(next)
    onSelect?.(next)
  }
  return (
    <section
      className="headrace-resources"
      data-part="resource-list"
      aria-label="Resources"
      aria-busy={isLoading}
    >
      {error ? <p role="alert">{error.message}</p> : null}
      {isLoading && !documents.length ? <LoadingSpinner label="Loading resources" /> : null}
      {!isLoading && !error && !documents.length ? <p data-part="empty">No resources yet.</p> : null}
      <ul>
        {documents.map((one) => (
          <Resource
            key={one.documentId}
            document={one}
            isChosen={chosen.includes(one.documentId)}
            onToggle={toggle}
          />
        ))}
      </ul>
      {hasMore ? (
        <button type="button" onClick={() => void loadMore()}>
          More resources
        </button>
      ) : null}
    </section>
  )
}

interface ResourceProps {
  document: Document
  isChosen: boolean
  onToggle: (documentId: string) => void
}

function Resource({ document, isChosen, onToggle }: ResourceProps) {
  const { documentId, filename, size, processingStatus, processingError } = document
  const isReady = processingStatus === 'ready'
  return (
    <li data-part="resource" data-state={processingStatus}>
      <label>
        <input
          type="checkbox"
          checked={isReady && isChosen}
          disabled={!isReady}
          aria-label={`Select ${filename} for chat`}
          onChange={() => onToggle(documentId)}
        />
        <span data-part="title">{filename}</span>
      </label>
      <span data-part="size">{bytes(size)}</span>
      {processingStatus === 'processing' ? <LoadingSpinner size="sm" label="Processing…" /> : null}
      <StatusBadge status={processingStatus} message={processingError} size="sm" />
    </li>
  )
}
