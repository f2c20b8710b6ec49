/** The customer's chat, call by call. */

import { call, callJson, SILENCE_MS } from './http'
import type { components } from './schema'
import { readEvents } from './sse'

type Schemas = components['schemas']

export type Citation = Schemas['CitationOut']
export type Reply = Schemas['ReplyOut']
export type ServerMessage = Schemas['MessageOut']

/** What opens one conversation. */
export type Opened = Pick<Schemas['ConversationOut'], 'id' | 'token'>

export type TurnEvent =
  | { event: 'step'; node: string }
  | { event: 'token'; text: string }
  | { event: 'reply'; reply: Reply }
  | { event: 'error'; code: string; message: string }

const ROOT = '/api/chat/conversations'
const PAGE = 200
/** Three of the server's signs of life. */
const LIVE_SILENCE_MS = 45_000

/** `key` makes a repeat the same conversation. */
export async function startConversation(key: string, signal: AbortSignal): Promise<Opened> {
  const { id, token } = await callJson<Opened>(ROOT, {
    method: 'POST',
    body: {} satisfies Partial<Schemas['ConversationIn']>,
    headers: { 'Idempotency-Key': key },
    signal,
  })
  return { id, token }
}

export type Transcript = { messages: ServerMessage[]; cursor: string | null }

/** The messages behind `cursor`, and the cursor of their last page: reading from there again shows what is new. */
export async function readTranscript(of: Opened, cursor: string | null, signal: AbortSignal): Promise<Transcript> {
  const messages: ServerMessage[] = []
  let from = cursor
  for (;;) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(from === null ? {} : { cursor: from }) })
    const page: Schemas['MessagesOut'] = await callJson(`${ROOT}/${of.id}/messages?${query}`, { token: of.token, signal })
    messages.push(...page.items)
    if (page.next_cursor === null) return { messages, cursor: from }
    from = page.next_cursor
  }
}

/** Say something and follow its answer. The same `clientId` again gives the same turn's answer. */
export async function* sendMessage(
  to: Opened,
  message: { text: string; clientId: string },
  signal: AbortSignal,
): AsyncGenerator<TurnEvent, void> {
  const response = await call(`${ROOT}/${to.id}/messages`, {
    method: 'POST',
    token: to.token,
    body: { text: message.text, client_id: message.clientId } satisfies Schemas['MessageIn'],
    headers: { Accept: 'text/event-stream' },
    signal,
  })
  for await (const { event, data } of readEvents(response, { silenceMs: SILENCE_MS, signal })) {
    if (event === 'reply') yield { event, reply: JSON.parse(data) as Reply }
    else if (event === 'step') yield { event, ...(JSON.parse(data) as { node: string }) }
    else if (event === 'token') yield { event, ...(JSON.parse(data) as { text: string }) }
    else if (event === 'error') yield { event, ...(JSON.parse(data) as { code: string; message: string }) }
  }
}

/** Messages that are added from now on, by staff or the bot; ends when the server stops. */
export async function* followConversation(
  of: Opened,
  onOpen: () => void,
  signal: AbortSignal,
): AsyncGenerator<ServerMessage, void> {
  const response = await call(`${ROOT}/${of.id}/stream`, {
    token: of.token,
    headers: { Accept: 'text/event-stream' },
    signal,
  })
  onOpen()
  for await (const { event, data } of readEvents(response, { silenceMs: LIVE_SILENCE_MS, signal })) {
    if (event === 'end') return
    if (event === 'message') yield JSON.parse(data) as ServerMessage
  }
}

export async function sendFeedback(
  of: Opened,
  feedback: { messageId: string; helpful: boolean; comment?: string },
): Promise<void> {
  const { messageId, ...rest } = feedback
  await callJson(`${ROOT}/${of.id}/feedback`, {
    method: 'POST',
    token: of.token,
    body: { message_id: messageId, ...rest } satisfies Schemas['FeedbackIn'],
  })
}
