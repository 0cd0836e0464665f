// Fails where the committed page is not what its sources build to.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
const committed = join(root, '../../../src/headrace/server/static')
const fresh = mkdtempSync(join(tmpdir(), 'headrace-page-'))
try {
  await build({ root, logLevel: 'error', build: { outDir: fresh, emptyOutDir: true } })
  const before = files(committed)
  const after = files(fresh)
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  const differing = names.filter((name) => before.get(name) !== after.get(name))
  for (const name of differing) console.error(`the committed page differs from its sources: ${name}`)
  if (differing.length) console.error('build it anew: npm run build --workspace @headrace/console')
  process.exitCode = differing.length ? 1 : 0
} finally {
  rmSync(fresh, { recursive: true })
}

function files(folder) {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  const path = (one) => join(one.parentPath, one.name)
  return new Map(found.map((one) => [path(one).slice(folder.length + 1), readFileSync(path(one), 'latin1')]))
}
