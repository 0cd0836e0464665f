import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['headrace-source'] },
  test: {
    name: 'react 19',
    environment: 'happy-dom',
    include: ['test/**/*.test.tsx'],
    setupFiles: ['test/setup.ts'],
    env: { REACT: '19' },
    execArgv: ['--experimental-websocket'],
  },
})
