import { isEnded } from '@headrace/client'
import { type FormEvent, useState } from 'react'
import { Icon } from '../parts/Icon'
import { Wheel } from '../parts/Wheel'
import { go, href } from '../route'
import { server, useStore } from '../server'
import { ConnectionPill } from './ConnectionPill'
import { applyTheme, storedTheme, type Theme } from './theme'

const NEXT: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' }
const ICONS = { auto: 'auto', light: 'sun', dark: 'moon' } as const

export function Top({ onHelp }: { readonly onHelp: () => void }) {
  const { items } = useStore(server.jobs)
  return (
    <header className="top">
      <a className="brand" href={href('inbox')}>
        <Wheel isBusy={items.some((job) => !isEnded(job))} />
        <span>Headrace</span>
      </a>
      <Ask />
      <div className="top-end">
        <ConnectionPill />
        <ThemeButton />
        <button type="button" data-kind="icon" data-part="help" aria-label="Keyboard help" onClick={onHelp}>
          <Icon name="help" />
        </button>
      </div>
    </header>
  )
}

function Ask() {
  const ask = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const q = String(new FormData(event.currentTarget).get('q') ?? '').trim()
    if (q) go(href('search', null, { q }))
  }
  return (
    <form className="ask" role="search" onSubmit={ask} autoComplete="off">
      <Icon name="search" />
      <input
        id="ask"
        type="search"
        name="q"
        aria-label="Search your documents"
        placeholder="Ask your documents"
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  )
}

function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme)
  const turn = (): void => {
    const next = NEXT[theme]
    applyTheme(next)
    setTheme(next)
  }
  const said = theme === 'auto' ? 'as the system' : theme
  return (
    <button
      type="button"
      data-kind="icon"
      aria-label={`Colours: ${said}`}
      title={`Colours: ${said}`}
      onClick={turn}
    >
      <Icon name={ICONS[theme]} />
    </button>
  )
}
