import { type FormEvent, useEffect, useRef, useState } from 'react'
import { Dialog } from '../parts/Dialog'
import { Icon } from '../parts/Icon'
import { Scene } from '../parts/Scene'
import { chosen } from './arriving'
import { useOffer } from './offer'

/** Files, folders and texts: chosen, if they are not dropped. */
export function WaysIn({ isLarge }: { readonly isLarge: boolean }) {
  const [isPasting, setPasting] = useState(false)
  return (
    <section className="ways" data-state={isLarge ? 'large' : 'small'} aria-labelledby="ways-title">
      <Scene />
      <div className="ways-text">
        <h2 id="ways-title">Drop documents anywhere</h2>
        <p className="soft">
          {isLarge && 'PDF, Word, slides, sheets, web pages, mail, books or text. '}
          Each can be asked as soon as its bar is full.
        </p>
      </div>
      <div className="line ways-buttons">
        <Choose id="choose-files" isFolder={false} />
        <Choose id="choose-folder" isFolder />
        <button type="button" onClick={() => setPasting(true)}>
          <Icon name="paste" /> Paste text
        </button>
      </div>
      {isPasting && <PasteText onClose={() => setPasting(false)} />}
    </section>
  )
}

function Choose({ id, isFolder }: { readonly id: string; readonly isFolder: boolean }) {
  const offer = useOffer()
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    input.current?.toggleAttribute('webkitdirectory', isFolder)
  }, [isFolder])
  return (
    <>
      <button
        type="button"
        id={id}
        data-kind={isFolder ? undefined : 'primary'}
        onClick={() => input.current?.click()}
      >
        <Icon name={isFolder ? 'folder' : 'plus'} /> {isFolder ? 'Choose a folder' : 'Choose files'}
      </button>
      <input
        ref={input}
        id={isFolder ? 'folder' : 'files'}
        type="file"
        multiple
        hidden
        aria-label={isFolder ? 'Folder' : 'Files'}
        onChange={({ currentTarget }) => {
          offer.files(chosen(currentTarget.files ?? []))
          currentTarget.value = ''
        }}
      />
    </>
  )
}

function PasteText({ onClose }: { readonly onClose: () => void }) {
  const offer = useOffer()
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    offer.text(String(new FormData(event.currentTarget).get('text')))
    onClose()
  }
  return (
    <Dialog label="Paste text" onClose={onClose}>
      <form onSubmit={submit}>
        <label htmlFor="text">Text to make searchable</label>
        <textarea id="text" name="text" rows={9} required data-first />
        <div className="line">
          <button type="submit" data-kind="primary">
            Send
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  )
}
