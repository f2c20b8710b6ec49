/** What the page says about what happens. */

import type { Company, Conversation, Message } from './conversation'

export const ASK_FOR_PERSON = 'I want to talk to a person'

export const EXAMPLES = [
  'How do I reset my password?',
  'Where do I find my invoices?',
  'How do I import contacts from a file?',
  'How do I connect Slack?',
]

/** By the node of the graph that has begun. */
const STEPS: Partial<Record<string, string>> = {
  begin: 'Reading your message…',
  classify: 'Reading your message…',
  search_knowledge: 'Searching the help centre…',
  plan_handover: 'Passing you on to a person…',
  run_tools: 'Passing you on to a person…',
  confirm_handover: 'Passing you on to a person…',
  wait_for_person: 'Passing your message on…',
}

const COMPANY: Record<Company, string> = {
  clara: '',
  waiting: 'A person will answer here. You can add to your message meanwhile.',
  person: 'A person is reading along.',
}

/** The status below the conversation; empty when there is nothing to say. */
export function statusOf({ draft, outgoing }: Conversation, company: Company): string {
  if (draft === null) return outgoing.length > 0 ? '' : COMPANY[company]
  if (draft.node === null) return 'Sending…'
  return STEPS[draft.node] ?? 'Writing an answer…'
}

/** How sure an answer is; null when that does not apply. */
export function confidenceOf(outcome: string | null): string | null {
  if (outcome === 'answered') return 'Confident'
  return outcome === 'suggested' ? 'May help – a person can check' : null
}

/** The ticket of a handover. A transcript that was read back names it only in its text. */
export function ticketOf({ outcome, ticketNumber, text }: Message): number | null {
  if (outcome !== 'escalated') return null
  const named = /#(\d+)/.exec(text)?.[1]
  return ticketNumber ?? (named === undefined ? null : Number(named))
}

/** Such as `12 seconds` or `3 minutes`. */
export function spokenWait(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000))
  if (seconds < 90) return `${seconds} ${seconds === 1 ? 'second' : 'seconds'}`
  return `${Math.ceil(seconds / 60)} minutes`
}

export function spokenTime(moment: string): string {
  const date = new Date(moment)
  const isToday = date.toDateString() === new Date().toDateString()
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { day: 'numeric', month: 'short' }
  return date.toLocaleString([], { ...day, hour: '2-digit', minute: '2-digit' })
}
