import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['headrace-source'] },
  test: {
    name: 'react 19',
    environment: 'happy-dom',
    testTimeout: 180_000, // real servers, on machines that do other things, too
    hookTimeout: 180_000,
    include: ['**/*.test.tsx'],
    setupFiles: [fileURLToPath(new URL('test/setup.ts', import.meta.url))],
    env: { REACT: '19' },
    execArgv: ['--experimental-websocket'],
  },
})
