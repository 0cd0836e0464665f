/** A text in pieces, of which some are to be marked. */
export interface Piece {
  readonly text: string
  readonly isMarked: boolean
}

type Span = readonly [number, number]

/** The places that the server names, in code points; else those where a word of the question begins. */
export function pieces(text: string, spans: readonly Span[] | undefined, question: string): readonly Piece[] {
  const points = [...text]
  const found = spans?.length ? spans : byWords(text, question)
  const made: Piece[] = []
  let at = 0
  for (const [from, to] of [...found].sort((a, b) => a[0] - b[0])) {
    if (from < at || to <= from) continue
    made.push({ text: points.slice(at, from).join(''), isMarked: false })
    made.push({ text: points.slice(from, to).join(''), isMarked: true })
    at = to
  }
  made.push({ text: points.slice(at).join(''), isMarked: false })
  return made.filter((one) => one.text)
}

function byWords(text: string, question: string): Span[] {
  const words = question.match(/[\p{L}\p{N}]{3,}/gu) ?? []
  if (!words.length) return []
  const stems = words.map((word) => word.slice(0, Math.max(4, word.length - 2)))
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${stems.join('|')})[\\p{L}\\p{N}]*`, 'giu')
  return [...text.matchAll(pattern)].map((match) => {
    const from = [...text.slice(0, match.index)].length
    return [from, from + [...match[0]].length]
  })
}
