// @vitest-environment node
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Client, type ClientOptions, createClient, type Frame, type Transport } from '../src/index.js'
import { hasServer, Server, until } from './server.js'

const clients: Client[] = []
const TEXT = 'A headrace carries water from the weir to the wheel. '.repeat(40)

function connect(server: Server, options: ClientOptions = {}): Client {
  const client = createClient({ url: server.url, shared: false, notifyMs: 5, ...options })
  clients.push(client)
  return client
}

const texts = (count: number, kind: string) =>
  Array.from({ length: count }, (_, at) => `The ${kind} pond number ${at} feeds the mill.`)

afterAll(() => clients.forEach((client) => client.close()))

describe.skipIf(!hasServer)('against a real server', () => {
  const server = new Server()
  beforeAll(() => server.start())
  afterAll(() => server.close())

  test.each(['sse', 'websocket', 'poll'] as Transport[])(
    'over %s a job is followed to its end, number by number',
    async (transport) => {
      const client = connect(server, { transports: [transport] })
      const frames: Frame[] = []
      client.on({
        onJobEvent: (frame) => void frames.push(frame),
        onDocumentStatus: (view) => void frames.push(view as unknown as Frame),
      })
      await until(client.connection, ({ state }) => state === 'live' || state === 'polling')

      const { jobId } = await client.startUpload(TEXT)
      const job = await until(client.job(jobId), ({ job }) => job?.status === 'completed' && job)

      expect(job.percent).toBe(100)
      const told = frames.filter((frame) => frame.jobId === jobId).map((frame) => frame.seq)
      expect(told).toEqual(told.map((_, index) => index + 1))
    },
  )

  test('what could not be read since the server was away is read when it is back', async () => {
    let isAway = true
    const client = connect(server, {
      async fetch(input, init) {
        if (isAway) throw new TypeError('no route to the server')
        return fetch(input, init)
      },
    })
    const { jobId } = await connect(server).startUpload(texts(1, 'far')[0] as string)
    const [documents, job] = [client.documents(), client.job(jobId)]
    const stops = [documents.subscribe(() => undefined), job.subscribe(() => undefined)] // watched all the time
    await until(documents, ({ error }) => error)
    await until(job, ({ error }) => error)

    isAway = false

    await until(documents, ({ items }) => items.length > 0)
    await until(job, ({ job }) => job)
    stops.forEach((stop) => stop())
  })

  test('a job that nobody watches is not asked for again while the server is away', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    let asked = 0
    const client = connect(server, {
      fetch() {
        asked += 1
        return Promise.reject(new TypeError('no route to the server'))
      },
    })
    const stop = client.job('1').subscribe(() => undefined)
    await vi.advanceTimersByTimeAsync(1)
    stop()
    await vi.advanceTimersByTimeAsync(20_000) // what was due before it was left comes once more
    const before = asked
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toBe(before)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a job that begins while the list of jobs is being read is in the list', async () => {
    let letGo = (): void => undefined
    const later = new Promise<void>((resolve) => (letGo = resolve))
    let isRead = false
    const client = connect(server, {
      async fetch(input, init) {
        const answer = await fetch(input, init)
        if (String(input).endsWith('/jobs') && !isRead) {
          isRead = true
          await later
        }
        return answer
      },
    })
    const frames: Frame[] = []
    client.on({ onJobEvent: (frame) => void frames.push(frame) })
    await until(client.connection, ({ state }) => state === 'live')
    client.jobs.subscribe(() => undefined)

    const other = connect(server)
    await vi.waitFor(() => expect(isRead).toBe(true))
    const { jobId } = await other.request<{ jobId: string }>('POST', 'tasks', { body: { title: 'Reindex' } })
    await vi.waitFor(() => expect(frames.map((frame) => frame.jobId)).toContain(jobId), 60_000)
    letGo()

    await until(client.jobs, ({ items }) => items.some((job) => job.jobId === jobId))
  })

  test('a handler that throws is reported, and neither the stream nor anybody else is the worse for it', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const client = connect(server)
    const states: string[] = []
    const frames: Frame[] = []
    client.on({
      onEvent() {
        throw new Error('of mine')
      },
      onJobEvent: (frame) => void frames.push(frame),
    })
    client.connection.subscribe(() => void states.push(client.connection.getSnapshot().state))
    const stop = client.jobs.subscribe(() => {
      throw new Error('of mine, too')
    })
    await until(client.connection, ({ state }) => state === 'live')
    const { jobId } = await client.startUpload(TEXT)
    await until(client.job(jobId), ({ job }) => job?.status === 'completed')

    expect(frames.at(-1)?.type).toBe('job.completed')
    expect(states).not.toContain('reconnecting')
    expect(new Set(reported.mock.calls.map(([error]) => (error as Error).message))).toEqual(
      new Set(['of mine', 'of mine, too']),
    )
    stop()
    client.close()
    reported.mockRestore()
  })

  test('a list that was read far down stays so when more than a page is new', async () => {
    const client = connect(server)
    const first = await client.startUpload({ documents: texts(230, 'old'), collection_name: 'ponds' })
    await until(client.job(first.jobId), ({ job }) => job?.status === 'completed', 120_000)
    const list = client.documents({ workspace: 'ponds' })
    await until(list, ({ isLoading, hasMore }) => !isLoading && hasMore)
    await list.loadMore()
    expect(list.getSnapshot().items).toHaveLength(230)

    const lengths: number[] = []
    const stop = list.subscribe(() => void lengths.push(list.getSnapshot().items.length))
    await client.startUpload({ documents: texts(450, 'new'), collection_name: 'ponds' })
    const all = await until(list, ({ items }) => items.length > 230 && items, 120_000)
    while (list.getSnapshot().hasMore) await list.loadMore()

    expect(Math.min(...lengths)).toBe(230)
    expect(all.length).toBeGreaterThan(230)
    expect(new Set(list.getSnapshot().items.map((one) => one.documentId)).size).toBe(680)
    await until(list, ({ items }) => items.every((one) => one.processingStatus === 'ready'), 120_000)
    stop()
  })

  test('every event comes once and in order across a kill of the server', async () => {
    const client = connect(server)
    const frames: Frame[] = []
    client.on({ onEvent: (frame) => void frames.push(frame) })
    await until(client.connection, ({ state }) => state === 'live')
    const first = await client.startUpload(TEXT)
    await until(client.job(first.jobId), ({ job }) => job?.status === 'completed')

    await server.kill()
    await until(client.connection, ({ state, retryAt }) => state === 'reconnecting' && retryAt !== null)
    await server.start()
    client.retryNow()
    const other = connect(server)
    const { jobId } = await other.startUpload(TEXT)
    await until(client.job(jobId), ({ job }) => job?.status === 'completed')

    const numbers = frames.slice(1).map((frame) => Number(frame.eventId.split('-')[1]))
    expect(frames[0]?.type).toBe('snapshot')
    expect(frames.filter((frame) => frame.type === 'snapshot')).toHaveLength(1)
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  })

  test('an upload of files tells its job, and the same key makes no other', async () => {
    const client = connect(server)
    const file = new File([TEXT], 'weir.txt', { type: 'text/plain' })
    const upload = client.startUpload([file], { collectionName: 'mills' })
    expect(client.uploads.getSnapshot()[0]).toMatchObject({ id: upload.id, name: 'weir.txt', fileCount: 1 })
    const { jobId } = await upload
    const again = await client.startUpload([file], { collectionName: 'mills', id: upload.id })

    expect(again.jobId).toBe(jobId)
    expect(client.uploads.getSnapshot()[0]).toMatchObject({ id: upload.id, state: 'sent', jobId })
    await until(client.jobDocuments(jobId), ({ items }) => items[0]?.status === 'ready')
    const documents = await until(
      client.documents({ workspace: 'mills' }),
      ({ items }) => items.length > 0 && items,
    )
    expect(documents[0]).toMatchObject({ filename: 'weir.txt' })
  })

  test('a document is ingested again, and asked about in the words of a queue', async () => {
    const client = connect(server)
    const { jobId } = await client.startUpload({ documents: [TEXT] })
    await until(client.job(jobId), ({ job }) => job?.status === 'completed')
    const documents = await until(client.jobDocuments(jobId), ({ items }) => items.length > 0 && items)

    const reply = await client.triggerIngest(documents[0]?.documentId ?? '')
    await until(client.job(reply.jobId), ({ job }) => job?.status === 'completed')

    expect(reply.jobType).toBe('resource_ingestion')
    expect(await client.getIngestStatus(reply.jobId)).toMatchObject({ status: 'finished', progress: 1 })
  })

  test('one job alone is followed to its end', async () => {
    const client = connect(server)
    const { jobId } = await client.startUpload(TEXT)
    const types: string[] = []
    await new Promise<void>((resolve) => {
      client.follow(jobId, { onEvent: (frame) => void types.push(frame.type), onEnd: resolve })
    })
    expect(types[0]).toBe('snapshot')
    expect(types.at(-1)).toBe('job.completed')
  })

  test('where streams come to nothing, the next way is taken, and a job is followed by it', async () => {
    const client = connect(server, {
      fetch: (input, init) => {
        const isStream = new Headers(init?.headers).get('Accept') === 'text/event-stream'
        return isStream ? Promise.reject(new TypeError('cut')) : fetch(input, init)
      },
    })
    client.on({})
    await until(client.connection, ({ state, transport }) => state === 'live' && transport === 'websocket')
    const { jobId } = await client.startUpload(TEXT)
    await until(client.job(jobId), ({ job }) => job?.status === 'completed')
  })

  test('a job that is not there is an error, not a wait', async () => {
    const client = connect(server)
    const error = await until(client.job('00000000-0000-7000-8000-000000000000'), (state) => state.error)
    expect(error).toMatchObject({ status: 404, code: 'job_not_found' })
  })
})
