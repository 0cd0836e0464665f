import './styles/tokens.css'
import './styles/base.css'
import './styles/shell.css'
import './styles/rooms.css'
import './styles/jobs.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './shell/App'
import { queries } from './server'
import { applyTheme, storedTheme } from './shell/theme'

applyTheme(storedTheme())
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  )
}
