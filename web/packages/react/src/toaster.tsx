import { useToasts } from './toasts.js'

/** Shows what has become ready, until it is dismissed or for so long. */
export function Toaster() {
  const { toasts, dismiss } = useToasts()
  return (
    <div className="headrace-toasts" data-part="toasts">
      {toasts.map(({ id, title }) => (
        <div key={id} data-part="toast" data-state="ready">
          <span aria-hidden="true">✅</span> {title}
          <button type="button" aria-label={`Dismiss: ${title}`} onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  )
}
