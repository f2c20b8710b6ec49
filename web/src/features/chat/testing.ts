/** Made-up conversations, and a server under a test's control. */

import type { Citation, Opened, Reply, ServerMessage, TurnEvent } from '../../api/chat'
import type { Server, Store } from './session'

export const CITATION: Citation = {
  n: 1,
  article_id: 'a1',
  title: 'Reset your password',
  version: 1,
  quote: 'Select **Forgot password?** on the sign-in page.',
  url: '/help/reset-your-password',
}

export function message(id: string, more: Partial<ServerMessage> = {}): ServerMessage {
  const bare: ServerMessage = {
    id, author: 'bot', text: `text of ${id}`, created_at: '2026-01-05T09:00:00Z', client_id: null, reply: null,
  }
  return { ...bare, ...more }
}

export function reply(more: Partial<Reply> = {}): Reply {
  const bare: Reply = {
    conversation_id: 'c1', message_id: 'm2', turn_id: 't1', text: 'An answer [1]', outcome: 'answered',
    confidence: 0.9, citations: [CITATION], classification: null, ticket: null,
  }
  return { ...bare, ...more }
}

type Sent = { to: Opened; text: string; clientId: string }

/** Answers every message with `script`; what is not scripted waits for ever. */
export class FakeServer implements Server {
  readonly sent: Sent[] = []
  readonly started: string[] = []
  transcript: ServerMessage[] = []
  /** One per message, in order: its events, or the fault it ends with. */
  script: (TurnEvent[] | Error)[] = []
  startFaults: Error[] = []
  transcriptFault: Error | null = null
  judged: unknown[] = []
  private live: ((message: ServerMessage) => void) | null = null
  private hangUp: ((fault: Error | null) => void) | null = null
  connections = 0

  readonly startConversation = (key: string): Promise<Opened> => {
    this.started.push(key)
    const fault = this.startFaults.shift()
    if (fault !== undefined) return Promise.reject(fault)
    return Promise.resolve({ id: `c${this.started.length}`, token: 'token' })
  }

  readonly readTranscript = () =>
    this.transcriptFault === null
      ? Promise.resolve({ messages: this.transcript, cursor: null })
      : Promise.reject(this.transcriptFault)

  readonly sendMessage = async function* (this: FakeServer, to: Opened, what: { text: string; clientId: string }) {
    this.sent.push({ to, ...what })
    const next = this.script.shift() ?? []
    if (next instanceof Error) throw next
    for (const event of next) {
      await Promise.resolve()
      yield event
    }
    if (next.length === 0) await new Promise(() => undefined)
  }.bind(this)

  readonly followConversation = async function* (this: FakeServer, _of: Opened, onOpen: () => void) {
    this.connections++
    onOpen()
    for (;;) {
      const next = await new Promise<ServerMessage | null>((resolve, reject) => {
        this.live = resolve
        this.hangUp = (fault) => { if (fault === null) resolve(null); else reject(fault) }
      })
      if (next === null) return
      yield next
    }
  }.bind(this)

  readonly sendFeedback = (_of: Opened, feedback: unknown): Promise<void> => {
    this.judged.push(feedback)
    return Promise.resolve()
  }

  /** Adds a message while the page listens. */
  say(what: ServerMessage): void {
    this.live?.(what)
  }

  endStream(fault: Error | null = null): void {
    this.hangUp?.(fault)
  }
}

export function storeOf(kept: Opened | null = null): Store & { kept: Opened | null } {
  return {
    kept,
    read() { return this.kept },
    write(opened) { this.kept = opened },
  }
}
