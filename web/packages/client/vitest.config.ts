import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['headrace-source'] },
  test: {
    name: 'client',
    environment: 'happy-dom',
    testTimeout: 180_000, // real servers, on machines that do other things, too
    hookTimeout: 180_000,
    include: ['test/**/*.test.ts'],
    execArgv: ['--experimental-websocket'],
  },
})
