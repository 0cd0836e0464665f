import { href } from '../route'

/** An address that leads nowhere: mistyped, or of another version. */
export function NotFound() {
  return (
    <div className="stack" data-part="not-found">
      <h1>There is no such page</h1>
      <p className="soft">
        Nothing is at <code>{location.hash}</code>. <a href={href('inbox')}>To the inbox</a>
      </p>
    </div>
  )
}
