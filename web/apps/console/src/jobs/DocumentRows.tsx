import type { JobDocument } from '@headrace/client'
import { memo } from 'react'
import { Sign } from '../parts/Sign'
import { VirtualList } from '../parts/VirtualList'
import { server, useStore } from '../server'
import { doingDocument } from '../words'

/** The documents of a job, however many. */
export function DocumentRows({ jobId, mostRows }: { readonly jobId: string; readonly mostRows: number }) {
  const list = server.jobDocuments(jobId)
  const { items, isLoading, hasMore, error } = useStore(list)
  if (!items.length) {
    return <p className="soft small">{isLoading ? 'Asking…' : (error?.message ?? 'No documents.')}</p>
  }
  return (
    <VirtualList
      items={items}
      rowHeight={44}
      mostRows={mostRows}
      label="Documents of this job"
      idOf={(item) => item.documentId}
      row={(item) => <DocumentRow item={item} />}
      onEnd={() => hasMore && !isLoading && void list.loadMore()}
    />
  )
}

const DocumentRow = memo(function DocumentRow({ item }: { readonly item: JobDocument }) {
  return (
    <div className="item" data-state={item.status} data-stage={item.stage}>
      <Sign stage={item.stage} />
      <span className="item-name">{item.filename}</span>
      <span className="item-channel" aria-hidden="true">
        <i style={{ width: `${item.progress * 100}%` }} />
      </span>
      <span className="item-doing soft small figures">{doingDocument(item)}</span>
    </div>
  )
})
