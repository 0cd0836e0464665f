import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['headrace-source'] },
  test: {
    name: 'react 19',
    environment: 'happy-dom',
    include: ['**/*.test.tsx'],
    setupFiles: [fileURLToPath(new URL('test/setup.ts', import.meta.url))],
    env: { REACT: '19' },
    execArgv: ['--experimental-websocket'],
  },
})
