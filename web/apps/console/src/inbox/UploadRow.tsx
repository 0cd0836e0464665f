import type { Upload } from '@headrace/client'
import { Badge } from '../parts/Badge'
import { Bar } from '../parts/Bar'
import { Icon } from '../parts/Icon'
import { server } from '../server'
import { bytes, doingUpload } from '../words'

const BADGES: Readonly<Record<Upload['state'], string>> = {
  waiting: 'Waiting',
  sending: 'Sending',
  sent: 'Received',
  failed: 'Not sent',
  stopped: 'Stopped',
  interrupted: 'Interrupted',
}

/** What is on its way to the server. */
export function UploadRow({ upload }: { readonly upload: Upload }) {
  const { state, name, error } = upload
  const isMoving = state === 'waiting' || state === 'sending'
  const isBad = state === 'failed' || state === 'interrupted'
  return (
    <article className="card job" data-part="upload" data-state={state} aria-label={name}>
      <div className="job-head">
        <span className="sign">
          <Icon name="up" />
        </span>
        <h3>{name}</h3>
        <span className="soft small figures">{bytes(upload.size)}</span>
        <Badge state={isBad ? 'failed' : state === 'sending' ? 'running' : 'pending'} text={BADGES[state]} />
      </div>
      {(isMoving || state === 'sent') && (
        <Bar
          label={`Sending ${name}`}
          share={state === 'sent' ? null : upload.progress}
          state={state}
          text={doingUpload(upload)}
        />
      )}
      <div className="job-foot">
        <p className={isBad ? 'error small' : 'soft small figures'}>{doingUpload(upload)}</p>
        <div className="line">
          {state === 'failed' && (!error?.isFinal || error.status === 401) && (
            <button type="button" onClick={() => server.retryUpload(upload.id)}>
              Send again
            </button>
          )}
          {isMoving ? (
            <button
              type="button"
              data-kind="quiet"
              onClick={() => server.stopUpload(upload.id)}
              aria-label={`Stop ${name}`}
            >
              Stop
            </button>
          ) : (
            state !== 'sent' && (
              <button
                type="button"
                data-kind="quiet"
                onClick={() => server.dismissUpload(upload.id)}
                aria-label={`Dismiss ${name}`}
              >
                Dismiss
              </button>
            )
          )}
        </div>
      </div>
    </article>
  )
}
