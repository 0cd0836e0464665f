import { server } from '../server'

export interface Arrival {
  readonly file: File
  readonly path: string
}
export interface Skipped {
  readonly path: string
  readonly why: string
}
export interface Sorted {
  readonly kept: readonly Arrival[]
  readonly skipped: readonly Skipped[]
  readonly bytes: number
}

/** So many files are a job each; more go together. */
export const SEPARATE = 10
const TOGETHER = 500
const LARGEST = 100_000_000
const UNREADABLE =
  /\.(mp[34]|m4a|wav|ogg|flac|mov|avi|mkv|webm|gz|bz2|xz|7z|rar|tar|exe|dll|so|dylib|bin|iso|dmg|woff2?|ttf|otf|class|pyc|db|sqlite)$/i

/** Everything that was dropped, folders opened. */
export async function dropped(transfer: DataTransfer): Promise<Arrival[]> {
  const entries = [...transfer.items]
    .filter((item) => item.kind === 'file')
    .map((item) => item.webkitGetAsEntry?.() ?? null)
  const plain = chosen(transfer.files)
  if (!entries.length || entries.includes(null)) return plain
  return (await Promise.all(entries.map((entry) => (entry ? below(entry, '') : [])))).flat()
}

export function chosen(files: Iterable<File>): Arrival[] {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }))
}

async function below(entry: FileSystemEntry, folder: string): Promise<Arrival[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    )
    return [{ file, path: folder + file.name }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const inside: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (!some.length) break
    inside.push(...some)
  }
  return (await Promise.all(inside.map((one) => below(one, `${folder}${entry.name}/`)))).flat()
}

/** What to send, and what not, with the reason. */
export function sort(arrivals: readonly Arrival[]): Sorted {
  const kept: Arrival[] = []
  const skipped: Skipped[] = []
  for (const one of arrivals) {
    const why = reason(one)
    if (why) skipped.push({ path: one.path, why })
    else kept.push(one)
  }
  return { kept, skipped, bytes: kept.reduce((sum, { file }) => sum + file.size, 0) }
}

function reason({ file, path }: Arrival): string {
  if (path.split('/').some((part) => part.startsWith('.'))) return 'hidden'
  if (file.size === 0) return 'empty'
  if (file.size > LARGEST) return 'larger than 100 MB'
  if (UNREADABLE.test(file.name) || /^(audio|video|font)\//.test(file.type)) return 'not a document'
  return ''
}

/** A few files are a job each; many are as few jobs as requests may have to be. */
export function send(kept: readonly Arrival[], collectionName: string): void {
  const options = collectionName ? { collectionName } : {}
  const files = kept.map(({ file }) => file)
  const size = files.length <= SEPARATE ? 1 : TOGETHER
  for (let at = 0; at < files.length; at += size) server.startUpload(files.slice(at, at + size), options)
}

export function sendText(text: string): void {
  const title = text.trim().split('\n')[0]?.slice(0, 60) ?? 'Text'
  server.startUpload(
    new File([text], `${title.replace(/[^\p{L}\p{N} ._-]+/gu, ' ').trim() || 'text'}.txt`, {
      type: 'text/plain',
    }),
  )
}
