/** What the page knows of a conversation, and how it changes: plain values, no network. */

import type { Citation, Reply, ServerMessage } from '../../api/chat'

export type Message = {
  /** Of the server; null for what was sent from here and not read back yet. */
  id: string | null
  clientId: string | null
  author: ServerMessage['author']
  text: string
  createdAt: string
  outcome: string | null
  citations: Citation[]
  ticketNumber: number | null
}

const BARE = { id: null, clientId: null, outcome: null, citations: [], ticketNumber: null }

export type Trouble =
  /** Nothing came back. */
  | { kind: 'unreachable' }
  /** Sent again by itself at that time, in milliseconds since the epoch. */
  | { kind: 'wait'; until: number; code: string }
  /** The server will never take it as it is. */
  | { kind: 'refused'; message: string }
  /** The server failed. */
  | { kind: 'failed'; message: string }

/** A message that was written here and whose answer has not come. */
export type Outgoing = { clientId: string; text: string; isSending: boolean; trouble: Trouble | null }

/** The answer that is being made. */
export type Draft = { clientId: string; node: string | null; text: string }

export type Conversation = {
  messages: Message[]
  outgoing: Outgoing[]
  draft: Draft | null
  /** A kept conversation is being read. */
  isRestoring: boolean
  /** An earlier conversation could not be opened any more. */
  hasExpired: boolean
}

export const EMPTY: Conversation = {
  messages: [],
  outgoing: [],
  draft: null,
  isRestoring: false,
  hasExpired: false,
}

export type Change =
  | { type: 'restoring' }
  | { type: 'written'; clientId: string; text: string }
  | { type: 'sending'; clientId: string }
  | { type: 'step'; clientId: string; node: string }
  | { type: 'token'; clientId: string; text: string }
  | { type: 'replied'; clientId: string; reply: Reply; at: string }
  | { type: 'troubled'; clientId: string; trouble: Trouble }
  | { type: 'again'; clientId: string }
  | { type: 'withdrawn'; clientId: string }
  | { type: 'received'; messages: ServerMessage[] }
  | { type: 'expired' }
  | { type: 'cleared' }

export function change(was: Conversation, what: Change): Conversation {
  switch (what.type) {
    case 'restoring':
      return { ...was, isRestoring: true }
    case 'written': {
      const fresh: Outgoing = { clientId: what.clientId, text: what.text, isSending: false, trouble: null }
      return { ...was, outgoing: [...was.outgoing, fresh] }
    }
    case 'sending':
      return {
        ...withOutgoing(was, what.clientId, { isSending: true, trouble: null }),
        draft: { clientId: what.clientId, node: null, text: '' },
      }
    case 'step':
      return withDraft(was, what.clientId, (draft) => ({ ...draft, node: what.node }))
    case 'token':
      return withDraft(was, what.clientId, (draft) => ({ ...draft, text: draft.text + what.text }))
    case 'replied':
      return replied(was, what.clientId, what.reply, what.at)
    case 'troubled':
      return {
        ...withOutgoing(was, what.clientId, { isSending: false, trouble: what.trouble }),
        draft: was.draft?.clientId === what.clientId ? null : was.draft,
      }
    case 'again':
      return withOutgoing(was, what.clientId, { trouble: null })
    case 'withdrawn':
      return { ...was, outgoing: was.outgoing.filter((one) => one.clientId !== what.clientId) }
    case 'received':
      return withoutAnswered({ ...was, isRestoring: false, messages: merge(was.messages, what.messages.map(shown)) })
    case 'expired':
      return {
        ...EMPTY,
        hasExpired: true,
        outgoing: was.outgoing.map((one) => ({ ...one, isSending: false, trouble: null })),
      }
    case 'cleared':
      return EMPTY
  }
}

/** The message to send now: the first that is not waiting for something, unless one before it is on its way. */
export function nextToSend({ outgoing }: Conversation): Outgoing | null {
  for (const one of outgoing) {
    if (one.trouble === null) return one.isSending ? null : one
    if (one.trouble.kind === 'wait') return null // the order stays as it was written
  }
  return null
}

/** Whether the server is known to have the message. */
export function hasArrived({ messages }: Conversation, clientId: string): boolean {
  return messages.some((message) => message.clientId === clientId)
}

export type Company = 'clara' | 'waiting' | 'person'

/** Who answers, as far as the transcript tells. */
export function whoAnswers({ messages }: Conversation): Company {
  const last = messages.findLast(
    ({ author, outcome }) => author === 'bot' || author === 'staff' || (author === 'customer' && outcome !== null),
  )
  if (last?.author === 'staff' || (last?.author === 'customer' && last.outcome === 'waiting_for_human')) return 'person'
  return last?.outcome === 'escalated' || last?.outcome === 'waiting_for_human' ? 'waiting' : 'clara'
}

/**
 * Known and fresh messages as one transcript, each once.
 *
 * `fresh` is a stretch of the transcript as the server has it, so its order holds; what is known and lies outside of it
 * stays before or behind it.
 */
export function merge(known: Message[], fresh: Message[]): Message[] {
  if (fresh.length === 0) return known
  const place = known.findIndex((message) => fresh.some((other) => isSame(message, other)))
  const start = place === -1 ? known.length : place
  const twins = known.slice(start)
  return [
    ...known.slice(0, start),
    ...fresh.map((message) => joined(twins.find((other) => isSame(message, other)), message)),
    ...twins.filter((message) => !fresh.some((other) => isSame(message, other))),
  ]
}

function isSame(one: Message, other: Message): boolean {
  if (one.id !== null && other.id !== null) return one.id === other.id
  return one.clientId !== null && one.clientId === other.clientId
}

/** The server's message with what only the answer to our own request had told. */
function joined(known: Message | undefined, fresh: Message): Message {
  if (known === undefined) return fresh
  return {
    ...fresh,
    ticketNumber: fresh.ticketNumber ?? known.ticketNumber,
    outcome: fresh.outcome ?? known.outcome,
  }
}

function shown(message: ServerMessage): Message {
  return {
    id: message.id,
    clientId: message.client_id,
    author: message.author,
    text: message.text,
    createdAt: message.created_at,
    outcome: message.reply?.outcome ?? null,
    citations: message.reply?.citations ?? [],
    ticketNumber: null,
  }
}

function replied(was: Conversation, clientId: string, reply: Reply, at: string): Conversation {
  const { text, outcome, citations } = reply
  const sent = was.outgoing.find((one) => one.clientId === clientId)
  let messages = was.messages
  if (sent !== undefined && !hasArrived(was, clientId)) {
    messages = [...messages, { ...BARE, clientId, author: 'customer', text: sent.text, createdAt: at }]
  }
  if (text === '') {
    // nothing is said: the reply names the customer's own message
    messages = messages.map((message) =>
      message.clientId === clientId ? { ...message, id: reply.message_id, outcome } : message,
    )
  } else {
    const answer: Message = { ...BARE, id: reply.message_id, author: 'bot', text, createdAt: at, outcome, citations }
    messages = merge(messages, [{ ...answer, ticketNumber: reply.ticket?.number ?? null }])
  }
  return {
    ...was,
    messages,
    outgoing: was.outgoing.filter((one) => one.clientId !== clientId),
    draft: was.draft?.clientId === clientId ? null : was.draft,
  }
}

/** Drops what waits for an answer that came another way: by the live stream, or with the transcript read again. */
function withoutAnswered(was: Conversation): Conversation {
  const isAnswered = ({ clientId }: { clientId: string }) => {
    const place = was.messages.findIndex((message) => message.clientId === clientId)
    return place !== -1 && was.messages.slice(place).some((message) => message.author === 'bot')
  }
  return {
    ...was,
    outgoing: was.outgoing.filter((one) => !isAnswered(one)),
    draft: was.draft !== null && isAnswered(was.draft) ? null : was.draft,
  }
}

function withOutgoing(was: Conversation, clientId: string, changed: Partial<Outgoing>): Conversation {
  return { ...was, outgoing: was.outgoing.map((one) => (one.clientId === clientId ? { ...one, ...changed } : one)) }
}

function withDraft(was: Conversation, clientId: string, changed: (draft: Draft) => Draft): Conversation {
  return was.draft?.clientId === clientId ? { ...was, draft: changed(was.draft) } : was
}
