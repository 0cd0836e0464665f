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
    setError('')
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim()
    try {
      await signIn(token)
    } catch (caught) {
      setError(refusal(caught as HeadraceError))
    }
  }
  return (
    <Dialog label="Sign in">
      <form onSubmit={send} id="login-form">
        <h2>Sign in</h2>
        <p className="soft">
          {before
            ? 'Your session is over, or was taken back. What was received is safe, and goes on meanwhile.'
            : 'This server asks for a token.'}{' '}
          Whoever runs the server makes one with <code>headrace token create --user NAME</code>.
        </p>
        <label htmlFor="token">Token</label>
        <input id="token" name="token" type="password" autoComplete="current-password" required data-first />
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

function refusal({ status, message }: HeadraceError): string {
  return status === 401
    ? 'This server does not know that token. It may be mistyped or cut off, or it has expired or was taken back.'
    : message
}
