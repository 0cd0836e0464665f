import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Every address is relative, so that the page works wherever the server is mounted.
export default defineConfig({
  plugins: [react()],
  base: './',
  resolve: { conditions: ['headrace-source', 'module', 'browser'] },
  build: {
    outDir: '../../../src/headrace/server/static',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy allows no data: but for pictures
    modulePreload: { polyfill: false },
  },
})
