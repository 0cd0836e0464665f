import { useState } from 'react'

/** A line to take to a terminal. */
export function Code({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard?.writeText(text).catch(() => undefined)
    setCopied(true)
    setTimeout(() => setCopied(false), 1500)
  }
  return (
    <div className="code">
      <pre tabIndex={0}>{text}</pre>
      <button type="button" data-kind="quiet" onClick={copy} aria-label={`${label}: ${text.slice(0, 40)}`}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}
