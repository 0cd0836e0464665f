const NAMES: Readonly<Record<string, string>> = {
  pending: 'Waiting',
  running: 'Working',
  processing: 'Working',
  paused: 'Paused',
  completed: 'Ready',
  ready: 'Ready',
  failed: 'Failed',
  error: 'Error',
  cancelled: 'Cancelled',
  provisioning: 'Being made',
}

export function Badge({ state, text }: { readonly state: string; readonly text?: string | undefined }) {
  return (
    <span className="badge" data-state={state}>
      {text ?? NAMES[state] ?? state}
    </span>
  )
}
