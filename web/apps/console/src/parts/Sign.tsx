import type { Stage } from '@headrace/client'
import { Icon, type IconName } from './Icon'

const ICONS: Readonly<Record<Stage, IconName>> = {
  received: 'inbox',
  extracting: 'read',
  chunking: 'cut',
  enriching: 'enrich',
  indexing: 'index',
  completed: 'check',
  failed: 'cross',
  cancelled: 'stop',
}

/** Where something is, as a picture beside the words; drawn, since not every machine has a font for the signs. */
export function Sign({ stage }: { readonly stage: Stage }) {
  return (
    <span className="sign" data-stage={stage}>
      <Icon name={ICONS[stage]} />
    </span>
  )
}
