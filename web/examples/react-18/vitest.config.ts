import { fileURLToPath } from 'node:url'
import { defineConfig, mergeConfig } from 'vitest/config'
import newer from '../../packages/react/vitest.config.js'

const here = (name: string) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url))

/** Its usual build requires React past every alias. */
const library = new URL(
  '../../node_modules/@testing-library/react/dist/@testing-library/react.esm.js',
  import.meta.url,
)
const tests = fileURLToPath(new URL('../../packages/react/test', import.meta.url))

/** The same tests, with the React that lies below this folder. */
export default mergeConfig(
  newer,
  defineConfig({
    resolve: {
      alias: [
        { find: /^@testing-library\/react$/, replacement: fileURLToPath(library) },
        ...['react', 'react-dom'].map((name) => ({
          find: new RegExp(`^${name}(?=/|$)`),
          replacement: here(name),
        })),
      ],
    },
    test: {
      name: 'react 18',
      dir: tests,
      env: { REACT: '18' },
      server: { deps: { inline: [/@testing-library/] } },
    },
  }),
)
