import { fileURLToPath } from 'node:url'
import { defineConfig, mergeConfig } from 'vitest/config'
import newer from '../../packages/react/vitest.config.js'

const here = (name: string) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url))

/** The same tests, with the React that lies below this folder. */
export default mergeConfig(
  newer,
  defineConfig({
    root: '../../packages/react',
    resolve: {
      alias: ['react', 'react-dom'].map((name) => ({
        find: new RegExp(`^${name}(?=/|$)`),
        replacement: here(name),
      })),
    },
    test: { name: 'react 18', env: { REACT: '18' }, server: { deps: { inline: [/@testing-library/] } } },
  }),
)
