import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const server = process.env.HEADRACE_URL ?? 'http://127.0.0.1:8011'

// One origin for both: what is below /headrace goes to the server, streams and upgrades too.
const proxy = {
  '/headrace': { target: server, ws: true, rewrite: (path: string) => path.replace(/^\/headrace/, '') },
}

export default defineConfig({
  plugins: [react()],
  resolve: { conditions: ['headrace-source', 'module', 'browser', 'development|production'] },
  server: { proxy },
  preview: { proxy },
})
