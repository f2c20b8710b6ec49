/** Talks with the server for the chat page: sends in order, follows what is added, and survives a bad network. */

import type * as api from '../../api/chat'
import type { Opened, TurnEvent } from '../../api/chat'
import { Problem, Unreachable } from '../../api/http'
import { newId } from './ids'
import { change, EMPTY, nextToSend, type Change, type Conversation, type Outgoing, type Trouble } from './conversation'

export type Server = Pick<
  typeof api,
  'startConversation' | 'readTranscript' | 'sendMessage' | 'followConversation' | 'sendFeedback'
>

export type Store = { read: () => Opened | null; write: (opened: Opened | null) => void }

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
/** The live stream answers before it listens; what was added in between is read when it surely does. */
const SETTLE_MS = 1_000
/** Before trying again when a busy server does not say how long. */
const BUSY_SECONDS = 5
const READ_AGAIN_MS = 5_000

export class ChatSession {
  private readonly server: Server
  private readonly store: Store
  private readonly listeners = new Set<() => void>()
  private conversation: Conversation = EMPTY
  private opened: Opened | null = null
  private cursor: string | null = null
  private startKey = newId()
  private isDelivering = false
  /** The message for which a new conversation was begun in place of an expired one. */
  private renewedFor: string | null = null
  /** Ends everything that belongs to the open conversation. */
  private running = new AbortController()
  private wake: () => void = () => undefined
  private timers = new Set<ReturnType<typeof setTimeout>>()

  constructor(server: Server, store: Store) {
    this.server = server
    this.store = store
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => { this.listeners.delete(listener) }
  }

  readonly snapshot = (): Conversation => this.conversation

  /** Take up the kept conversation, if there is one. */
  open(): void {
    this.running = new AbortController()
    this.opened = this.store.read()
    if (this.opened === null) return
    this.apply({ type: 'restoring' })
    this.follow(this.opened)
    void this.catchUp(this.opened, this.running.signal)
  }

  /** Stop talking; what was said stays on the server. */
  close(): void {
    this.running.abort()
    this.isDelivering = false
    this.timers.forEach(clearTimeout)
    this.timers.clear()
  }

  send(text: string): void {
    this.retryUnreached()
    this.apply({ type: 'written', clientId: newId(), text })
    void this.deliver()
  }

  readonly retry = (clientId: string): void => {
    this.apply({ type: 'again', clientId })
    void this.deliver()
  }

  withdraw(clientId: string): void {
    this.apply({ type: 'withdrawn', clientId })
  }

  /** The network is back: send what did not get through, and listen again at once. */
  online(): void {
    this.retryUnreached()
    this.wake()
    void this.deliver()
  }

  startAnew(): void {
    this.leave()
    this.apply({ type: 'cleared' })
  }

  /** Raises as the call does, so that whoever asked can say so. */
  readonly judge = async (messageId: string, helpful: boolean, comment?: string): Promise<void> => {
    if (this.opened === null) return
    await this.server.sendFeedback(this.opened, { messageId, helpful, ...(comment ? { comment } : {}) })
  }

  private apply(what: Change): void {
    this.conversation = change(this.conversation, what)
    this.listeners.forEach((listener) => { listener() })
  }

  private leave(): void {
    this.close()
    this.store.write(null)
    this.opened = null
    this.cursor = null
    this.startKey = newId()
    this.running = new AbortController()
  }

  private retryUnreached(): void {
    for (const { clientId, trouble } of this.conversation.outgoing) {
      if (trouble?.kind === 'unreachable') this.apply({ type: 'again', clientId })
    }
  }

  /** Sends what waits, one message after the other. */
  private async deliver(): Promise<void> {
    if (this.isDelivering) return
    this.isDelivering = true
    const { signal } = this.running
    for (let next = nextToSend(this.conversation); next !== null; next = nextToSend(this.conversation)) {
      try {
        await this.deliverOne(next, signal)
      } catch (fault) {
        if (signal.aborted) return // another conversation is open by now, and delivers by itself
        if (isGone(fault) && this.opened !== null && this.renewedFor !== next.clientId) {
          this.expire()
          return
        }
        this.trouble(next, fault)
      }
    }
    this.isDelivering = false
  }

  private async deliverOne({ clientId, text }: Outgoing, signal: AbortSignal): Promise<void> {
    this.apply({ type: 'sending', clientId })
    const opened = this.opened ?? (await this.begin(signal))
    for await (const event of this.server.sendMessage(opened, { text, clientId }, signal)) {
      if (this.hear(clientId, event)) return
    }
    throw new Unreachable() // cut off before the answer was whole
  }

  private hear(clientId: string, event: TurnEvent): boolean {
    switch (event.event) {
      case 'step':
        this.apply({ type: 'step', clientId, node: event.node })
        return false
      case 'token':
        this.apply({ type: 'token', clientId, text: event.text })
        return false
      case 'reply':
        this.apply({ type: 'replied', clientId, reply: event.reply, at: new Date().toISOString() })
        return true
      case 'error':
        throw new Problem(500, event.code, event.message)
    }
  }

  private async begin(signal: AbortSignal): Promise<Opened> {
    const opened = await this.server.startConversation(this.startKey, signal)
    signal.throwIfAborted()
    this.opened = opened
    this.store.write(opened)
    this.follow(opened)
    return opened
  }

  private trouble({ clientId }: Outgoing, fault: unknown): void {
    const trouble = troubleOf(fault)
    this.apply({ type: 'troubled', clientId, trouble })
    if (trouble.kind === 'wait') {
      this.later(trouble.until - Date.now(), () => { this.retry(clientId) })
    }
  }

  private later(milliseconds: number, what: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      what()
    }, milliseconds)
    this.timers.add(timer)
  }

  /** Goes on in a new conversation with what was not answered yet; for one message once, lest it never ends. */
  private expire(): void {
    this.leave()
    this.apply({ type: 'expired' })
    const first = nextToSend(this.conversation)
    if (first === null || first.clientId === this.renewedFor) return
    this.renewedFor = first.clientId
    void this.deliver()
  }

  /** Listens until the conversation is left; after each break a little later, and reads what was missed. */
  private follow(opened: Opened): void {
    const { signal } = this.running
    const onOpen = () => {
      pause = FIRST_PAUSE_MS
      this.later(SETTLE_MS, () => void this.catchUp(opened, signal))
    }
    let pause = FIRST_PAUSE_MS
    const listen = async () => {
      for (;;) {
        try {
          for await (const message of this.server.followConversation(opened, onOpen, signal)) {
            this.apply({ type: 'received', messages: [message] })
          }
        } catch (fault) {
          if (signal.aborted) return
          if (isGone(fault)) { this.expire(); return }
        }
        await this.rest(pause)
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
      }
    }
    void listen()
  }

  /** Up to so long, with some chance in it so that not all pages return at once; `online` ends it. */
  private rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
      this.later(milliseconds * (0.5 + Math.random() / 2), resolve)
    })
  }

  private async catchUp(opened: Opened, signal: AbortSignal): Promise<void> {
    try {
      const { messages, cursor } = await this.server.readTranscript(opened, this.cursor, signal)
      signal.throwIfAborted()
      this.cursor = cursor
      this.apply({ type: 'received', messages })
    } catch (fault) {
      if (signal.aborted) return
      if (isGone(fault)) this.expire()
      else this.later(READ_AGAIN_MS, () => void this.catchUp(opened, signal))
    }
  }
}

/** Whether the conversation cannot be opened any more: its token has expired, or it is not there. */
function isGone(fault: unknown): boolean {
  return fault instanceof Problem && (fault.code === 'not_signed_in' || fault.code === 'not_found')
}

function troubleOf(fault: unknown): Trouble {
  if (!(fault instanceof Problem)) return { kind: 'unreachable' }
  if (fault.status === 429 || fault.status === 503) {
    return { kind: 'wait', until: Date.now() + (fault.retryAfter ?? BUSY_SECONDS) * 1000, code: fault.code }
  }
  return { kind: fault.status < 500 ? 'refused' : 'failed', message: fault.message }
}
