import { Dialog } from '../parts/Dialog'
import { KEYS } from './keys'

export function Help({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog label="Keyboard help" onClose={onClose}>
      <div>
        <h2>By keyboard</h2>
        <dl className="keys">
          {KEYS.map(([keys, meaning]) => (
            <div key={keys} style={{ display: 'contents' }}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
        <p className="soft small">Everything else is reached with Tab, and done with Enter or Space.</p>
        <div className="line">
          <button type="button" data-kind="primary" onClick={onClose}>
            Close
          </button>
          <a className="button" href="docs">
            The API
          </a>
        </div>
      </div>
    </Dialog>
  )
}
