import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['headrace-source'] },
  test: {
    name: 'client',
    environment: 'happy-dom',
    include: ['test/**/*.test.ts'],
    execArgv: ['--experimental-websocket'],
  },
})
