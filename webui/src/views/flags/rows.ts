// What the rows and the cards of the list of flags have in common.
import type { FlagSummary } from '@/api/client'
import { servesWords } from '@/lib/words'

export type RowAction = 'open' | 'try' | 'copy' | 'duplicate' | 'archive' | 'unarchive' | 'delete'

export interface RowProps {
  ns: string
  flags: FlagSummary[]
  selected: ReadonlySet<string>
  /** Words of the search, to be marked. */
  search: string
  readOnly: boolean
}

export interface RowEmits {
  toggle: [flag: FlagSummary, enabled: boolean]
  select: [flag: FlagSummary, selected: boolean]
  act: [flag: FlagSummary, action: RowAction]
  tag: [tag: string]
}

export const typeWord = (flag: FlagSummary) => flag.type === 'BOOLEAN_FLAG_TYPE' ? 'Boolean' : 'Variant'
export const serves = (flag: FlagSummary) => flag.archivedAt ? 'serves nothing' : servesWords(flag)
export const nameOf = (flag: FlagSummary) => flag.name || flag.key || ''
