import type { FormEvent } from 'react'
import { Dialog } from '../parts/Dialog'
import { server, useStore } from '../server'
import { bytes, plural } from '../words'
import { send, type Sorted } from './arriving'

/** Before anything is sent: how many, how big, what is left out and why. */
export function Preflight({ sorted, onClose }: { readonly sorted: Sorted; readonly onClose: () => void }) {
  const { kept, skipped } = sorted
  const { items } = useStore(server.workspaces())
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    send(kept, String(new FormData(event.currentTarget).get('collection') ?? '').trim())
    onClose()
  }
  return (
    <Dialog label="Before sending" onClose={onClose}>
      <form onSubmit={submit} data-part="preflight">
        <h2>
          {kept.length
            ? `Send ${plural(kept.length, 'file')}, ${bytes(sorted.bytes)}?`
            : 'Nothing to send here'}
        </h2>
        <p className="soft">{kinds(sorted)}</p>
        {skipped.length > 0 && <SkippedList sorted={sorted} />}
        {kept.length > 0 && (
          <>
            <label htmlFor="collection">Into which workspace</label>
            <input
              id="collection"
              name="collection"
              list="collections"
              placeholder="the default one"
              maxLength={255}
            />
            <datalist id="collections">
              {items.map((one) => (
                <option key={one.workspaceId} value={one.name} />
              ))}
            </datalist>
          </>
        )}
        <div className="line">
          {kept.length > 0 && (
            <button type="submit" data-kind="primary" data-first>
              Send {plural(kept.length, 'file')}
            </button>
          )}
          <button type="button" onClick={onClose}>
            {kept.length ? 'Not now' : 'Close'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function SkippedList({ sorted: { skipped } }: { readonly sorted: Sorted }) {
  return (
    <details className="notice" open={skipped.length <= 5}>
      <summary>{plural(skipped.length, 'file')} left out</summary>
      <ul className="skipped">
        {skipped.slice(0, 200).map((one) => (
          <li key={one.path}>
            <b>{one.path}</b> {one.why}
          </li>
        ))}
        {skipped.length > 200 && <li>and {skipped.length - 200} more</li>}
      </ul>
    </details>
  )
}

/** "31 pdf · 12 docx · 7 md" */
function kinds({ kept }: Sorted): string {
  const counts = new Map<string, number>()
  for (const { file } of kept) {
    const kind = /\.(\w{1,8})$/.exec(file.name)?.[1]?.toLowerCase() ?? 'other'
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8)
  return sorted.map(([kind, count]) => `${count} ${kind}`).join(' · ')
}
