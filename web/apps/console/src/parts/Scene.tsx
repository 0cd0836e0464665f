const PADDLES = [0, 30, 60, 90, 120, 150]

/** The headrace: a channel that leads water to the wheel. Documents float on it. */
export function Scene() {
  return (
    <svg className="scene" viewBox="0 0 260 120" aria-hidden="true">
      <g className="scene-paper">
        <path d="M44 21h17l7 7v21H44z" />
        <path d="M61 21v7h7M49 35h13M49 41h9" />
      </g>
      <g className="scene-paper" data-part="second">
        <path d="M100 24h15l6 6v20h-21z" />
        <path d="M115 24v6h6M105 37h11M105 43h8" />
      </g>
      <path className="scene-flume" d="M4 57h168M4 63h168M26 63v46M82 63v46M138 63v46" />
      <path className="scene-water" d="M4 51h160c14 0 20 6 22 20l4 36" />
      <path className="scene-shine" d="M4 51h160c14 0 20 6 22 20l4 36" />
      <g className="scene-wheel">
        <circle cx="214" cy="76" r="30" />
        <circle cx="214" cy="76" r="23" />
        {PADDLES.map((turn) => (
          <path key={turn} d="M214 43v66" transform={`rotate(${turn} 214 76)`} />
        ))}
      </g>
      <path
        className="scene-pool"
        d="M168 110c6 0 6-4 12-4s6 4 12 4 6-4 12-4 6 4 12 4 6-4 12-4 6 4 12 4 6-4 12-4"
      />
    </svg>
  )
}
