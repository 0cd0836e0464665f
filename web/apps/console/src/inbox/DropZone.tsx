import { type ReactNode, useEffect, useMemo, useState } from 'react'
import { go, href, parse } from '../route'
import { type Arrival, chosen, dropped, SEPARATE, send, sendText, sort, type Sorted } from './arriving'
import { type Offer, OfferContext } from './offer'
import { Preflight } from './Preflight'

/** The whole window takes files, folders and texts. */
export function DropZone({ children }: { readonly children: ReactNode }) {
  const [isOver, setOver] = useState(false)
  const [sorted, setSorted] = useState<Sorted | null>(null)
  const offer = useMemo<Offer>(() => {
    const toInbox = (): void => {
      if (parse(location.hash).room !== 'inbox') go(href('inbox'))
    }
    return {
      files(arrivals) {
        const found = sort(arrivals)
        toInbox()
        if (found.skipped.length || found.kept.length > SEPARATE) setSorted(found)
        else send(found.kept, '')
      },
      text(text) {
        toInbox()
        sendText(text)
      },
    }
  }, [])
  useWindowDrop(offer, setOver)
  return (
    <OfferContext value={offer}>
      {children}
      {isOver && (
        <div className="veil" aria-hidden="true">
          <p>Let go to make them searchable</p>
        </div>
      )}
      {sorted && <Preflight sorted={sorted} onClose={() => setSorted(null)} />}
    </OfferContext>
  )
}

function useWindowDrop(offer: Offer, setOver: (isOver: boolean) => void): void {
  useEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving
    let depth = 0
    const carries = ({ dataTransfer }: DragEvent): boolean =>
      [...(dataTransfer?.types ?? [])].some((type) => type === 'Files' || type === 'text/plain')
    const drop = async (event: DragEvent): Promise<void> => {
      event.preventDefault()
      depth = 0
      setOver(false)
      const transfer = event.dataTransfer
      if (!transfer) return
      const text = transfer.getData('text/plain')
      if (transfer.files.length || transfer.items.length > (text ? 1 : 0))
        offer.files(await dropped(transfer))
      else if (text.trim()) offer.text(text)
    }
    addEventListener('dragenter', (event) => carries(event) && setOver(++depth > 0), { signal })
    addEventListener('dragleave', () => setOver(--depth > 0), { signal })
    addEventListener('dragover', (event) => event.preventDefault(), { signal })
    addEventListener('drop', (event) => void drop(event), { signal })
    addEventListener('paste', (event) => paste(event, offer), { signal })
    return () => leaving.abort()
  }, [offer, setOver])
}

function paste(event: ClipboardEvent, offer: Offer): void {
  if (event.target instanceof Element && event.target.closest('input, textarea')) return
  const files: Arrival[] = chosen(event.clipboardData?.files ?? [])
  const text = event.clipboardData?.getData('text/plain') ?? ''
  if (files.length) offer.files(files)
  else if (text.trim()) offer.text(text)
}
