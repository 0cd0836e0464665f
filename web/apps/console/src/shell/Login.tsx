import type { HeadraceError } from '@headrace/client'
import { type FormEvent, useState } from 'react'
import { Dialog } from '../parts/Dialog'
import { lastSession, signIn } from './session'

/** Asks for a token. */
export function Login() {
  const [error, setError] = useState('')
  const before = lastSession()
  const send = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim()
    try {
      await signIn(token)
    } catch (caught) {
      setError((caught as HeadraceError).message)
    }
  }
  return (
    <Dialog label="Sign in" onClose={() => undefined}>
      <form onSubmit={send} id="login-form">
        <h2>Sign in</h2>
        <p className="soft">
          {before
            ? 'Your session is over, or was taken back. What was received is safe, and goes on meanwhile.'
            : 'This server asks for a token.'}{' '}
          One is made by <code>headrace token create --user NAME</code>.
        </p>
        <label htmlFor="token">Token</label>
        <input id="token" name="token" type="password" autoComplete="current-password" required />
        {error && (
          <p className="notice" data-kind="bad" role="alert">
            {error}
          </p>
        )}
        <div className="line">
          <button type="submit" data-kind="primary">
            Sign in
          </button>
        </div>
      </form>
    </Dialog>
  )
}
