// Holds what would be published against publint and against the sizes that are promised.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { build } from 'vite'

const PROMISED = { client: 8 * 1024, react: 12 * 1024 }
const folder = join(dirname(fileURLToPath(import.meta.url)), '../packages')
let isFine = true

for (const name of readdirSync(folder)) {
  const root = join(folder, name)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { messages } = await publint({ pkgDir: root, strict: true, pack: 'npm' })
  for (const message of messages) console.error(`${manifest.name}: ${formatMessage(message, manifest)}`)
  const size = await gzipped(join(root, 'dist/index.js'))
  console.log(`${manifest.name}: ${size} of at most ${PROMISED[name]} bytes, minified and gzipped`)
  isFine &&= messages.length === 0 && size <= PROMISED[name]
}
process.exit(isFine ? 0 : 1)

/** With what it brings along, but not what its user has anyway. */
async function gzipped(entry) {
  const bundle = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rollupOptions: {
        input: entry,
        preserveEntrySignatures: 'strict',
        external: [/^react/, '@headrace/client'],
      },
    },
  })
  return gzipSync(bundle.output[0].code, { level: 9 }).length
}
