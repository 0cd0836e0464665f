import { useHeadrace } from '@headrace/react'
import { type FormEvent, useState } from 'react'

interface Turn {
  readonly question: string
  readonly passages: readonly { readonly chunkId: string; readonly text: string; readonly filename: string }[]
}

/** Answers with the passages that fit best. Hand them to a language model, and it is a chat. */
export function Chat({ documentIds }: { documentIds: readonly string[] }) {
  const client = useHeadrace()
  const [turns, setTurns] = useState<readonly Turn[]>([])
  const [refusal, setRefusal] = useState('')
  const isReady = documentIds.length > 0

  async function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const question = String(new FormData(form).get('question'))
    const body = { query: question, document_ids: documentIds, top_k: 3 }
    try {
      const { results } = await client.request<{ results: Turn['passages'] }>('POST', 'query', { body })
      setTurns([...turns, { question, passages: results }])
      setRefusal('')
      form.reset()
    } catch (error) {
      setRefusal((error as Error).message)
    }
  }

  return (
    <section aria-label="Chat">
      <ol>
        {turns.map((turn, at) => (
          <li key={at}>
            <strong>{turn.question}</strong>
            {turn.passages.map((passage) => (
              <blockquote key={passage.chunkId}>
                {passage.text} <cite>{passage.filename}</cite>
              </blockquote>
            ))}
          </li>
        ))}
      </ol>
      {refusal ? <p role="alert">{refusal}</p> : null}
      <form onSubmit={(event) => void ask(event)}>
        <input name="question" aria-label="Question" required disabled={!isReady} />
        <button disabled={!isReady}>Ask</button>
      </form>
      {isReady ? null : <p>Select a document that is ready.</p>}
    </section>
  )
}
