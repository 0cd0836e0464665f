import { type Client, createClient } from '@headrace/client'
import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import type { Window } from 'happy-dom'
import { StrictMode } from 'react'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasServer, Server } from '../../client/test/server.js'
import {
  ConnectionPill,
  DocumentUpload,
  HeadraceProvider,
  JobManager,
  ResourceList,
  Toaster,
  UploadResourceModal,
  useIngestionStatus,
  useStatusUpdates,
} from '../src/index.js'

const PATIENCE = { timeout: 60_000 }
const TEXT = 'A headrace carries water from the weir to the wheel. '.repeat(30)
let count = 0
const someFile = () => new File([`${TEXT} ${Math.random()}`], `weir-${++count}.txt`, { type: 'text/plain' })

describe.skipIf(!hasServer)('on a real server', () => {
  const server = new Server()
  let client: Client

  beforeAll(async () => {
    await server.start()
    ;(window as unknown as Pick<Window, 'happyDOM'>).happyDOM.setURL(server.url)
  })
  afterAll(() => server.close())
  afterEach(() => {
    client.close()
    sessionStorage.clear()
  })

  function show(children: React.ReactNode) {
    client = createClient({ url: server.url, shared: false, notifyMs: 10 })
    return render(
      <StrictMode>
        <HeadraceProvider client={client}>{children}</HeadraceProvider>
      </StrictMode>,
    )
  }

  function choose(file: File) {
    fireEvent.change(screen.getByLabelText('Files'), { target: { files: [file] } })
  }

  test('a file of a type that cannot be read says why, and is not offered to be sent again', async () => {
    show(<DocumentUpload />)

    choose(new File([new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0])], 'wheel.exe'))

    await waitFor(() => expect(client.uploads.getSnapshot()[0]?.state).toBe('failed'), PATIENCE)
    const error = client.uploads.getSnapshot()[0]?.error
    expect(error?.status).toBe(415)
    expect(await screen.findByText(error?.message ?? '')).toBeDefined()
    expect(await screen.findByRole('button', { name: 'Dismiss wheel.exe' })).toBeDefined()
    expect(screen.queryByRole('button', { name: 'Send wheel.exe again' })).toBeNull()
  })

  test('a file is sent, watched to 100 %, and can then be selected for chat', async () => {
    const ready: string[] = []
    const chosen: string[][] = []
    show(
      <>
        <ConnectionPill />
        <DocumentUpload onReady={(job) => void ready.push(job.jobId)} />
        <ResourceList onSelect={(ids) => void chosen.push([...ids])} />
        <Toaster />
      </>,
    )
    await screen.findByText('Live', {}, PATIENCE)
    const file = someFile()
    act(() => choose(file))
    const uploads = within(screen.getByRole('region', { name: 'Upload documents' }))
    uploads.getByText(file.name)

    const box = (await screen.findByLabelText(
      `Select ${file.name} for chat`,
      {},
      PATIENCE,
    )) as HTMLInputElement
    if (!box.disabled) expect(box.closest('li')?.dataset.state).toBe('ready')
    await waitFor(() => expect(box.disabled).toBe(false), PATIENCE)
    await waitFor(
      () => expect(uploads.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('100'),
      PATIENCE,
    )
    fireEvent.click(box)

    expect(chosen.at(-1)).toHaveLength(1)
    expect(ready).toHaveLength(1)
    await screen.findByText('Resource Ready!', {}, PATIENCE)
    await waitFor(() => expect(document.querySelectorAll('[aria-live=polite]')).toHaveLength(1))
    await waitFor(
      () => expect(document.querySelector('[aria-live=polite]')?.textContent).toContain('Resource ready'),
      PATIENCE,
    )
  })

  test('jobs are listed, a running one is cancelled, and the list says so', async () => {
    show(<JobManager />)
    const job = await client.request<{ jobId: string }>('POST', 'tasks', {
      body: { title: 'Reindex', total: 3 },
    })
    const cancel = await screen.findByRole('button', { name: /^Cancel / }, PATIENCE)
    fireEvent.click(cancel)
    const row = await waitFor(() => {
      const found = document.querySelector<HTMLElement>('[data-part=job][data-state=cancelled]')
      if (!found) throw new Error('not cancelled yet')
      return found
    }, PATIENCE)
    expect(row.textContent).toContain('Cancelled')
    expect((await client.request<{ status: string }>('GET', `jobs/${job.jobId}`)).status).toBe('cancelled')
  })

  test('a hook tells where a job stands, and handlers hear of every document', async () => {
    const heard: string[] = []
    function Probe({ jobId }: { jobId: string | null }) {
      const { status, percent, isReady, isLoading } = useIngestionStatus(jobId)
      useStatusUpdates({ onDocumentStatus: (view) => void heard.push(view.status) })
      return <output>{`${status} ${percent} ${isReady} ${isLoading}`}</output>
    }
    const { rerender } = show(<Probe jobId={null} />)
    expect(screen.getByText('null 0 false false')).toBeDefined()
    await waitFor(() => expect(client.connection.getSnapshot().state).toBe('live'), PATIENCE)
    const { jobId } = await client.startUpload(TEXT)
    rerender(
      <HeadraceProvider client={client}>
        <Probe jobId={jobId} />
      </HeadraceProvider>,
    )
    await screen.findByText('completed 100 true false', {}, PATIENCE)
    await waitFor(() => expect(heard.at(-1)).toBe('ready'), PATIENCE)
    expect(heard.filter((status) => status === 'ready')).toHaveLength(1)
  })

  test('of a workspace that is made it is not said that a resource is ready', async () => {
    show(<JobManager />)
    await waitFor(() => expect(client.connection.getSnapshot().state).toBe('live'), PATIENCE)
    const said: string[] = []
    const region = document.querySelector('[aria-live=polite]') as HTMLElement
    const watch = new MutationObserver(() => void said.push(region.textContent))
    watch.observe(region, { childList: true, characterData: true, subtree: true })

    await client.request('POST', 'workspaces', { body: { name: `mill-${Math.random()}` } })

    await waitFor(() => expect(said.join()).toContain('Workspace ready'), PATIENCE)
    watch.disconnect()
    expect(said.join()).not.toContain('Resource')
  })

  test('a dialog takes files, and is closed again', async () => {
    let isClosed = false
    show(<UploadResourceModal open onClose={() => (isClosed = true)} />)
    expect(screen.getByRole('dialog', { name: 'Upload a resource' })).toBeDefined()
    const file = someFile()
    act(() => choose(file))
    await waitFor(
      () => expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('100'),
      PATIENCE,
    )
    fireEvent.click(screen.getByRole('button', { name: 'Close' }))
    expect(isClosed).toBe(true)
  })
})
