interface BarProps {
  readonly label: string
  /** 0-1; null while it cannot be told. */
  readonly share: number | null
  readonly state: string
  readonly text: string
}

/** Progress as water in a channel. */
export function Bar({ label, share, state, text }: BarProps) {
  const percent = share === null ? undefined : Math.floor(share * 100)
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={percent === undefined ? text : `${percent} %, ${text}`}
      data-state={share === null ? 'unknown' : state}
    >
      <i style={{ width: `${(share ?? 0) * 100}%` }} />
    </div>
  )
}
