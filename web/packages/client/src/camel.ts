type CamelName<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelName<Rest>>}`
  : Name

/** What users have put in themselves: its names are theirs. */
type Theirs = 'metadata' | 'rag_config'

/** An answer of the API with its names in camelCase, except inside of what users have put in themselves. */
export type Camel<T> = T extends readonly (infer Item)[]
  ? readonly Camel<Item>[]
  : T extends object
    ? {
        readonly [Name in keyof T as CamelName<Name & string>]: Name extends Theirs
          ? Readonly<Record<string, unknown>>
          : Camel<T[Name]>
      }
    : T

/** See `Camel`. */
export function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel)
  if (typeof value !== 'object' || value === null) return value
  const made: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) {
    const isTheirs = /^(metadata|rag_config)$/.test(name)
    made[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())] = isTheirs ? inner : camel(inner)
  }
  return made
}
