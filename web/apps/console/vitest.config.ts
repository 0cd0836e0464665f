import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['headrace-source'] },
  test: { name: 'console', environment: 'happy-dom', include: ['test/**/*.test.{ts,tsx}'] },
})
