export interface FieldError {
  readonly field: string
  readonly message: string
}

/** What the server (or what is in between) answered; `status` 0 when nothing did. */
export class HeadraceError extends Error {
  override readonly name = 'HeadraceError'

  constructor(
    message: string,
    readonly status = 0,
    /** Stable; see the table of errors of the HTTP API. */
    readonly code = 'unreachable',
    readonly jobId?: string,
    readonly errors?: readonly FieldError[],
    /** How long the server asks to wait. */
    readonly retryAfterMs = 0,
  ) {
    super(message)
  }

  /** Whether coming again would bring the same answer. */
  get isFinal(): boolean {
    return [400, 401, 403, 404, 413, 415, 422].includes(this.status)
  }
}

/** The problem that an answer tells of; something plain where a proxy answered instead. */
export function problem(status: number, text: string, retryAfter: string | null): HeadraceError {
  let told: { detail?: string; code?: string; job_id?: string; errors?: FieldError[] } = {}
  try {
    told = JSON.parse(text)
  } catch {
    // not one of ours
  }
  const pause = Number(retryAfter) * 1000 || 0
  const { detail = `the server answered ${status}`, code = 'unexpected', job_id, errors } = told
  return new HeadraceError(detail, status, code, job_id, errors, pause)
}

export function toError(error: unknown): HeadraceError {
  return error instanceof HeadraceError ? error : new HeadraceError('the server does not answer')
}
