const PADDLES = [0, 45, 90, 135, 180, 225, 270, 315]

/** The sign of the house: a mill wheel on its race. It turns while there is work. */
export function Wheel({ isBusy }: { readonly isBusy: boolean }) {
  return (
    <svg className="wheel" data-state={isBusy ? 'busy' : 'still'} viewBox="0 0 32 32" aria-hidden="true">
      <g data-part="turning" fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round">
        <circle cx="16" cy="14.500" r="8.200" />
        <circle cx="16" cy="14.500" r="1.600" fill="currentColor" />
        {PADDLES.map((turn) => (
          <path key={turn} d="M16 11.500V3.200" transform={`rotate(${turn} 16 14.500)`} />
        ))}
      </g>
      <path
        d="M2 27.500c2.400 0 2.400-1.700 4.700-1.700s2.300 1.700 4.700 1.700 2.300-1.700 4.600-1.700 2.300 1.700 4.700 1.700 2.300-1.700 4.600-1.700 2.300 1.700 4.700 1.700"
        fill="none"
        stroke="var(--indexing)"
        strokeWidth="2.200"
        strokeLinecap="round"
      />
    </svg>
  )
}
