import { createClient } from '@headrace/client'
import { HeadraceProvider } from '@headrace/react'
import '@headrace/react/styles.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.js'
import './style.css'

const client = createClient({ url: '/headrace' })
const root = document.getElementById('root')

if (root) {
  createRoot(root).render(
    <StrictMode>
      <HeadraceProvider client={client}>
        <App />
      </HeadraceProvider>
    </StrictMode>,
  )
}
