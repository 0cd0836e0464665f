import type { ProcessingStatus, WorkspaceState } from '@headrace/client'
import type { ReactNode } from 'react'

export interface LoadingSpinnerProps {
  size?: 'sm' | 'md' | 'lg'
  label?: string
}

export function LoadingSpinner({ size = 'md', label = 'Loading' }: LoadingSpinnerProps) {
  return (
    <span className="headrace-spinner" data-part="spinner" data-size={size} role="img" aria-label={label} />
  )
}

export type BadgeStatus = ProcessingStatus | WorkspaceState

const LABELS: Readonly<Record<BadgeStatus, string>> = {
  pending: 'Pending',
  processing: 'Processing',
  provisioning: 'Provisioning',
  ready: 'Ready',
  failed: 'Failed',
  error: 'Error',
}

const SIGNS: Readonly<Record<BadgeStatus, string>> = {
  pending: '○',
  processing: '◐',
  provisioning: '◐',
  ready: '✓',
  failed: '✕',
  error: '✕',
}

export interface StatusBadgeProps {
  status: BadgeStatus
  message?: string | null | undefined
  size?: 'sm' | 'md'
}

export function StatusBadge({ status, message, size = 'md' }: StatusBadgeProps) {
  return (
    <span className="headrace-badge" data-part="badge" data-state={status} data-size={size}>
      <span aria-hidden="true">{SIGNS[status]}</span> {LABELS[status]}
      {message ? <span data-part="message">{message}</span> : null}
    </span>
  )
}

export interface ProgressBarProps {
  /** 0-100; null while nobody knows. */
  value: number | null
  label: string
  /** What is told of it, beside the number. */
  text?: string
  state?: string
}

export function ProgressBar({ value, label, text, state = 'running' }: ProgressBarProps) {
  const percent = value === null ? null : Math.min(100, Math.max(0, value))
  const shown =
    percent === null ? (text ?? '') : [`${Math.floor(percent)} %`, text].filter(Boolean).join(', ')
  return (
    <div
      className="headrace-bar"
      data-part="bar"
      data-state={percent === null ? 'unknown' : state}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(percent !== null && { 'aria-valuenow': Math.floor(percent) })}
      aria-valuetext={shown}
    >
      <div data-part="fill" style={{ transform: `scaleX(${(percent ?? 30) / 100})` }} />
    </div>
  )
}

export interface Step {
  label: string
  completed: boolean
}

export interface ProgressIndicatorProps {
  title: string
  description?: string
  steps: readonly Step[]
  /** 0-100, where more is known than the steps say. */
  progress?: number | null
}

export function ProgressIndicator({ title, description, steps, progress }: ProgressIndicatorProps) {
  const done = steps.filter((step) => step.completed).length
  const current = steps.findIndex((step) => !step.completed)
  const share = steps.length ? (done / steps.length) * 100 : null
  return (
    <section className="headrace-steps" data-part="progress-indicator" aria-label={title}>
      <h3 data-part="title">{title}</h3>
      {description ? <p data-part="description">{description}</p> : null}
      <ProgressBar value={progress ?? share} label={title} text={`${done} of ${steps.length} steps`} />
      <ol>
        {steps.map((step, at) => {
          const state = step.completed ? 'completed' : at === current ? 'current' : 'waiting'
          return (
            <li
              key={step.label}
              data-part="step"
              data-state={state}
              {...(state === 'current' && { 'aria-current': 'step' })}
            >
              <span aria-hidden="true">{STEP_SIGNS[state]}</span> {step.label}
              <Hidden>{step.completed ? ' (done)' : ''}</Hidden>
            </li>
          )
        })}
      </ol>
    </section>
  )
}

const STEP_SIGNS = { completed: '✓', current: '◐', waiting: '○' }

/** For ears only. */
export function Hidden({ children }: { children: ReactNode }) {
  return <span className="headrace-hidden">{children}</span>
}
