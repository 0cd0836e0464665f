import type { HeadraceError } from '@headrace/client'
import { useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { Icon } from '../parts/Icon'
import { Trouble } from '../parts/Trouble'
import { href, replace } from '../route'
import { server, useStore } from '../server'
import { plural } from '../words'
import { clearChosen, useChosen } from '../documents/chosen'
import { pieces } from './marks'

interface Hit {
  readonly documentId: string
  readonly chunkId: string
  readonly text: string
  readonly score: number
  readonly filename: string
  readonly page: number | null
  readonly heading?: string | null
  readonly highlights?: readonly (readonly [number, number])[]
}
interface Answer {
  readonly results: readonly Hit[]
  readonly tookMs: number
}

/** Passages that answer; the question is in the address. */
export function Search({ query }: { readonly query: URLSearchParams }) {
  const q = query.get('q') ?? ''
  const workspace = query.get('workspace') ?? ''
  const documents = query.get('documents') ?? ''
  const mode = query.get('mode') ?? ''
  const body = {
    query: q,
    top_k: 12,
    ...(mode && { mode }),
    ...(workspace && { workspace }),
    ...(documents && { document_ids: documents.split(' ') }),
  }
  const answer = useQuery({
    queryKey: ['search', body],
    queryFn: ({ signal }) => server.request<Answer>('POST', 'query', { body, signal }),
    enabled: q !== '',
  })
  return (
    <div className="stack">
      <h1>Search</h1>
      <Question key={q} q={q} workspace={workspace} documents={documents} mode={mode} />
      {documents && <Within documents={documents} q={q} />}
      <Trouble error={answer.error as HeadraceError | null} />
      {answer.isFetching && !answer.data && <p className="soft">Looking…</p>}
      {answer.data && <Found answer={answer.data} q={q} />}
      {!q && <p className="soft">Ask in your own words: passages are found by keywords and by meaning.</p>}
    </div>
  )
}

interface Asked {
  readonly q: string
  readonly workspace: string
  readonly documents: string
  readonly mode: string
}

function Question({ q, workspace, documents, mode }: Asked) {
  const { items } = useStore(server.workspaces())
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const get = (name: string): string => String(form.get(name) ?? '').trim()
    replace(
      href('search', null, { q: get('question'), workspace: get('workspace'), mode: get('mode'), documents }),
    )
  }
  return (
    <form className="question" onSubmit={submit}>
      <input
        type="search"
        name="question"
        aria-label="Question"
        defaultValue={q}
        placeholder="What would you like to know?"
        autoFocus={!q}
      />
      <select name="workspace" aria-label="Where" defaultValue={workspace}>
        <option value="">Everywhere</option>
        {items.map((one) => (
          <option key={one.workspaceId} value={one.workspaceId}>
            {one.name}
          </option>
        ))}
      </select>
      <select name="mode" aria-label="How" defaultValue={mode}>
        <option value="">The usual way</option>
        <option value="hybrid">Both ways</option>
        <option value="vector">By meaning</option>
        <option value="keyword">By keywords</option>
      </select>
      <button type="submit" data-kind="primary">
        <Icon name="search" /> Ask
      </button>
    </form>
  )
}

function Within({ documents, q }: { readonly documents: string; readonly q: string }) {
  const chosen = useChosen()
  const ids = documents.split(' ')
  const names = ids.map((id) => chosen.get(id)).filter(Boolean)
  return (
    <p className="notice line">
      <span>
        Only in {names.length && names.length <= 3 ? names.join(', ') : plural(ids.length, 'document')}.
      </span>
      <button
        type="button"
        data-kind="quiet"
        onClick={() => {
          clearChosen()
          replace(href('search', null, { q }))
        }}
      >
        Search everything
      </button>
    </p>
  )
}

function Found({ answer, q }: { readonly answer: Answer; readonly q: string }) {
  return (
    <section className="stack" aria-label="Passages found">
      <p className="soft small figures" role="status">
        {answer.results.length
          ? `${plural(answer.results.length, 'passage')} in ${Math.max(1, Math.round(answer.tookMs))} ms`
          : 'Nothing found. Try other words.'}
      </p>
      {answer.results.map((hit) => (
        <article className="card passage" key={hit.chunkId} data-part="passage">
          <h2>
            {hit.filename}
            <span className="soft small">
              {[hit.page ? `page ${hit.page}` : '', hit.heading ?? ''].filter(Boolean).join(' · ')}
            </span>
          </h2>
          <p>
            {pieces(hit.text, hit.highlights, q).map((piece, at) =>
              piece.isMarked ? <mark key={at}>{piece.text}</mark> : <span key={at}>{piece.text}</span>,
            )}
          </p>
        </article>
      ))}
    </section>
  )
}
