import { clock } from '../words'
import { useLost } from '../parts/lost'

/** Says so when the server is away: what is seen is from before, and goes on there all the same. */
export function Lost() {
  const since = useLost()
  return (
    <div role="status">
      {since !== null && (
        <p className="notice lost" data-kind="warn" data-part="lost">
          <b>Not connected to the server.</b> What you see is from {clock(new Date(since).toISOString())}; it
          is brought up to date as soon as the server answers.
        </p>
      )}
    </div>
  )
}
