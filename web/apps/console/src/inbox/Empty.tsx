import { Code } from '../parts/Code'

/** Three ways to begin. */
export function Empty() {
  const url = new URL('ingest', document.baseURI).href
  return (
    <section className="card empty stack" aria-labelledby="empty-title">
      <h2 id="empty-title">Nothing here yet. Three ways to begin</h2>
      <ol className="stack">
        <li>
          <h3>Drop a file on this page</h3>
          <p className="soft small">
            Or a whole folder. You will see what is sent, and what is left out, before it goes.
          </p>
        </li>
        <li>
          <h3>Take the tour with sample documents</h3>
          <Code text="headrace demo" label="Copy the command" />
        </li>
        <li>
          <h3>Send one from a terminal</h3>
          <Code text={`curl -F file=@handbook.pdf ${url}`} label="Copy the line" />
        </li>
      </ol>
    </section>
  )
}
