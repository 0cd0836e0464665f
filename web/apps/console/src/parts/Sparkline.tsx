const WIDTH = 136
const HEIGHT = 34

/** The path of a line through the figures, the newest on the right; none through fewer than two. */
export function lineOf(values: readonly number[]): string | null {
  if (values.length < 2) return null
  const most = Math.max(...values, 1)
  const step = WIDTH / (values.length - 1)
  const points = values.map(
    (value, at) => `${(at * step).toFixed(1)},${(HEIGHT - (value / most) * HEIGHT).toFixed(1)}`,
  )
  return `M${points.join('L')}`
}

/** The last figures as a line. */
export function Sparkline({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  const line = lineOf(values)
  if (!line) return null
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
      preserveAspectRatio="none"
    >
      <path data-part="area" d={`${line}L${WIDTH},${HEIGHT}L0,${HEIGHT}Z`} />
      <path d={line} />
    </svg>
  )
}
