import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const COMMAND = process.env.HEADRACE ?? join(import.meta.dirname, '../../../../.venv/bin/headrace')

/** Whether the tests that need a server can run: CI has to have one. */
export const hasServer = existsSync(COMMAND) || Boolean(process.env.CI)

/** A real `headrace serve` on a port and a folder of its own. */
export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'headrace-web-'))
  port = 0
  #process: ChildProcess | null = null

  constructor(readonly settings: Record<string, string> = {}) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}/`
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, HEADRACE_DATA_DIR: this.folder, HEADRACE_EMBEDDER: 'none', ...this.settings }
  }

  async start(): Promise<this> {
    this.port ||= await freePort()
    const options = { env: this.environment, stdio: 'ignore' as const, detached: true }
    this.#process = spawn(COMMAND, ['serve', '--host', '127.0.0.1', '--port', String(this.port)], options)
    const until = Date.now() + 120_000
    while (Date.now() < until) {
      if (await isReady(this.port)) return this
      if (this.#process.exitCode !== null) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('headrace serve does not get ready')
  }

  /** At once, with everything below it. */
  async kill(): Promise<void> {
    const running = this.#process
    this.#process = null
    if (!running?.pid || running.exitCode !== null) return
    const gone = new Promise((resolve) => running.once('exit', resolve))
    try {
      process.kill(-running.pid, 'SIGKILL')
    } catch {
      // it has gone by itself
    }
    await gone
  }

  async close(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** One `headrace` command beside this server: what it prints. */
  run(...args: string[]): string {
    const { stdout, stderr, status } = spawnSync(COMMAND, args, { env: this.environment, encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return stdout.trim()
  }
}

/** Not by fetch(): a browser's would ask first whether it may. */
function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get({ host: '127.0.0.1', port, path: '/readyz' }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.on('error', () => resolve(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const held = createServer().listen(0, '127.0.0.1', () => {
      const address = held.address()
      held.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Resolves with what is asked for, as soon as a store shows it. */
export function until<T, R>(
  store: { subscribe(listener: () => void): () => void; getSnapshot(): T },
  find: (value: T) => R | null | undefined | false,
  ms = 60_000,
): Promise<R> {
  return new Promise((resolve, reject) => {
    // eslint-disable-next-line prefer-const -- asked for before it is there
    let stop: (() => void) | undefined
    const timer = setTimeout(() => {
      stop?.()
      reject(new Error(`not within ${ms} ms; it shows ${JSON.stringify(store.getSnapshot())}`))
    }, ms)
    const look = (): void => {
      const found = find(store.getSnapshot())
      if (!found) return
      clearTimeout(timer)
      queueMicrotask(() => stop?.())
      resolve(found)
    }
    stop = store.subscribe(look)
    look()
  })
}
