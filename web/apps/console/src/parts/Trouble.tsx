import type { HeadraceError } from '@headrace/client'

/** Why something cannot be shown. Who is not signed in is asked to sign in instead. */
export function Trouble({ error }: { readonly error: HeadraceError | null }) {
  if (!error || error.status === 401) return null
  return (
    <p className="notice" data-kind="bad">
      {error.message}
    </p>
  )
}
