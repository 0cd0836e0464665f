import { Code } from '../parts/Code'
import { useCurlOptions, useIsLocal } from '../shell/session'
import { useOffer } from './offer'

const SAMPLE = `The way of the water
A headrace is the channel that leads the water of a river to the mill. Where it ends, the water falls on the wheel
and turns it; behind the wheel, the tailrace leads it back to the river. A gate in the headrace, the sluice, is closed
when the miller rests, and opened a hand's breadth in spring, when the river is high.`

/** Three ways to begin, each with this very server. */
export function Empty() {
  const offer = useOffer()
  const url = document.baseURI.replace(/[#?].*$/, '')
  const isLocal = useIsLocal()
  const options = useCurlOptions()
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
          <h3>No file at hand?</h3>
          <p className="soft small">A few sentences about mills are ready; ask them what turns the wheel.</p>
          <div>
            <button type="button" onClick={() => offer.text(SAMPLE)}>
              Send the sample text
            </button>
          </div>
        </li>
        <li>
          <h3>Send some from a terminal</h3>
          <p className="soft small">
            Files or folders, with bars{isLocal ? '' : ', as the user of the token in HEADRACE_TOKEN'}; or by
            any program that speaks HTTP.
          </p>
          <Code
            text={`headrace ingest --url ${url.replace(/\/$/, '')} handbook.pdf`}
            label="Copy the command"
          />
          <Code text={`curl ${options}-F file=@handbook.pdf ${url}ingest/async`} label="Copy the line" />
        </li>
      </ol>
    </section>
  )
}
