import type { Job } from '@headrace/client'
import { render, screen } from '@testing-library/react'
import { version } from 'react'
import { describe, expect, test } from 'vitest'
import {
  jobText,
  LoadingSpinner,
  ProgressBar,
  ProgressIndicator,
  StatusBadge,
  stepsOf,
} from '../src/index.js'

const JOB = {
  jobId: '1', jobType: 'file_ingestion', status: 'running', stage: 'indexing', currentChunk: 4, totalChunks: 10,
  totalItems: 1, processedItems: 0, failedItems: 0, asked: null, waitingFor: null, errorMessage: null, percent: 40,
  heardAt: Date.now(), usualMs: 100, metadata: {},
} as unknown as Job // prettier-ignore

test('they run on the React that they are said to run on', () => {
  expect(version.split('.')[0]).toBe(process.env.REACT)
})

test.each(['sm', 'md', 'lg'] as const)('a spinner has the size %s and a name', (size) => {
  render(<LoadingSpinner size={size} />)
  expect(screen.getByRole('img', { name: 'Loading' }).dataset.size).toBe(size)
})

test.each([
  ['pending', 'Pending'],
  ['processing', 'Processing'],
  ['provisioning', 'Provisioning'],
  ['ready', 'Ready'],
  ['failed', 'Failed'],
  ['error', 'Error'],
] as const)('a badge says %s in a word and shows its message', (status, word) => {
  const { container } = render(<StatusBadge status={status} message="Optional message" size="sm" />)
  const badge = container.querySelector<HTMLElement>('[data-part=badge]')
  expect(badge?.dataset).toMatchObject({ state: status, size: 'sm' })
  expect(badge?.textContent).toContain(word)
  expect(screen.getByText('Optional message')).toBeDefined()
})

test('steps tell which are done, which is next, and how far all are', () => {
  render(
    <ProgressIndicator
      title="Processing document..."
      description="This may take a few minutes"
      steps={[
        { label: 'Parsing PDF', completed: true },
        { label: 'Chunking text', completed: true },
        { label: 'Generating embeddings', completed: false },
        { label: 'Indexing to vector store', completed: false },
      ]}
    />,
  )
  expect(screen.getByText('This may take a few minutes')).toBeDefined()
  const bar = screen.getByRole('progressbar', { name: 'Processing document...' })
  expect(bar.getAttribute('aria-valuenow')).toBe('50')
  expect(bar.getAttribute('aria-valuetext')).toBe('50 %, 2 of 4 steps')
  const states = screen.getAllByRole('listitem').map((item) => item.dataset.state)
  expect(states).toEqual(['completed', 'completed', 'current', 'waiting'])
})

describe('a bar', () => {
  test('without a value says that it is unknown, and never 0', () => {
    render(<ProgressBar value={null} label="Sending" />)
    const bar = screen.getByRole('progressbar')
    expect(bar.hasAttribute('aria-valuenow')).toBe(false)
    expect(bar.dataset.state).toBe('unknown')
  })

  test('says 99 until all is done', () => {
    render(<ProgressBar value={99.99} label="Indexing" />)
    expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('99')
  })
})

describe('what is told of a job', () => {
  test.each([
    [{}, 'Indexing 4 of 10'],
    [{ totalChunks: null }, 'Indexing'],
    [{ status: 'pending', waitingFor: '2 jobs are ahead in line' }, 'Waiting: 2 jobs are ahead in line'],
    [{ asked: 'cancel' }, 'Cancelling…'],
    [{ status: 'completed', stage: 'completed' }, 'Ready'],
    [{ status: 'completed', totalItems: 3, processedItems: 3, failedItems: 1 }, '2 of 3 ready, 1 failed'],
    [{ status: 'failed', errorMessage: 'the file is encrypted' }, 'the file is encrypted'],
  ] as [Partial<Job>, string][])('%j is "%s"', (change, text) => {
    expect(jobText({ ...JOB, ...change })).toBe(text)
  })

  test('a silence of three times the usual says for how long it lasts', () => {
    expect(jobText({ ...JOB, heardAt: Date.now() - 30_000 })).toMatch(
      /^Indexing 4 of 10 – nothing heard for 3\d s$/,
    )
  })

  test('its stages are steps', () => {
    expect(stepsOf(JOB).map((step) => step.completed)).toEqual([true, true, true, true, false])
  })
})
