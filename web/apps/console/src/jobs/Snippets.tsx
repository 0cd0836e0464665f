import { useState } from 'react'
import { Code } from '../parts/Code'
import { useCurlOptions } from '../shell/session'

const LANGUAGES = ['curl', 'Python', 'JavaScript'] as const

/** The same job from elsewhere. */
export function Snippets({ jobId }: { readonly jobId: string }) {
  const [language, setLanguage] = useState<(typeof LANGUAGES)[number]>('curl')
  const options = useCurlOptions()
  const url = new URL('.', document.baseURI).href.replace(/\/$/, '')
  const lines = {
    curl: `curl -N ${options}${url}/jobs/${jobId}/events`,
    Python: `from headrace.client import Client

for frame in Client("${url}").follow("${jobId}"):
    print(frame["stage"], frame["progress_percent"])`,
    JavaScript: `import { createClient } from '@headrace/client'

const job = createClient({ url: '${url}' }).job('${jobId}')
job.subscribe(() => console.log(job.getSnapshot().job?.percent))`,
  }
  return (
    <section className="card stack" aria-label="This job from elsewhere">
      <div className="spread">
        <h2>This job from elsewhere</h2>
        <div className="tabs" role="group" aria-label="Language">
          {LANGUAGES.map((one) => (
            <button
              key={one}
              type="button"
              data-kind="quiet"
              aria-pressed={one === language}
              onClick={() => setLanguage(one)}
            >
              {one}
            </button>
          ))}
        </div>
      </div>
      <Code text={lines[language]} />
    </section>
  )
}
