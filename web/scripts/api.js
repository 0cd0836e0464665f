// Writes the types of the HTTP API from the server's own description; with --check says whether they are current.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'

const here = dirname(fileURLToPath(import.meta.url))
const target = join(here, '../packages/client/src/api.ts')
const python = process.env.PYTHON ?? join(here, '../../.venv/bin/python')

const told = execFileSync(python, [join(here, 'openapi.py')], { encoding: 'utf8', maxBuffer: 1e8 })
const ast = await openapiTS(JSON.parse(told), { immutable: true })
const made = `// Made by \`npm run api\` from the server's OpenAPI document. Do not edit.\n\n${astToString(ast)}`

if (!process.argv.includes('--check')) {
  writeFileSync(target, made)
} else if (readFileSync(target, 'utf8') !== made) {
  console.error(`${target} is not what the server says any more: run npm run api`)
  process.exit(1)
}
