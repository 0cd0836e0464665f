// Holds the built page against the size that is promised for it.

import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const PROMISED = 130 * 1024
const folder = new URL('../../../../src/headrace/server/static/assets/', import.meta.url)
const size = readdirSync(folder)
  .map((name) => gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length)
  .reduce((sum, one) => sum + one, 0)
console.log(`the page: ${size} of at most ${PROMISED} bytes, gzipped`)
process.exit(size <= PROMISED ? 0 : 1)
