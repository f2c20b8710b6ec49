/** Server-sent events read from a fetch: EventSource cannot send a Bearer token. */

import { Unreachable } from './http'

export type ServerEvent = { event: string; data: string }

/** Turns pieces of a stream, cut anywhere, into whole events. */
export class EventParser {
  private rest = ''
  private event = ''
  private data: string[] = []

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = []
    this.rest += text
    // a CR at the end may be the first half of a CR LF
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      const event = this.line(line)
      if (event !== null) events.push(event)
    }
    return events
  }

  private line(line: string): ServerEvent | null {
    if (line === '') {
      const event = this.data.length === 0 ? null : { event: this.event || 'message', data: this.data.join('\n') }
      this.event = ''
      this.data = []
      return event
    }
    const colon = line.indexOf(':')
    if (colon === 0) return null // a comment: the server is still there
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.event = value
    else if (name === 'data') this.data.push(value)
    return null
  }
}

/**
 * The events of an answer, until it ends.
 *
 * Raises Unreachable when the connection breaks or says nothing for `silenceMs`, or the reason of an aborted `signal`.
 */
export async function* readEvents(
  response: Response,
  { silenceMs, signal }: { silenceMs: number; signal?: AbortSignal },
): AsyncGenerator<ServerEvent, void> {
  if (response.body === null) return
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  const parser = new EventParser()
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read(), silenceMs)
      if (done) return
      yield* parser.push(decoder.decode(value, { stream: true }))
    }
  } catch (fault) {
    signal?.throwIfAborted()
    throw new Unreachable(fault)
  } finally {
    reader.cancel().catch(() => undefined) // also when the one who reads has stopped early
  }
}

async function inTime<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error('silence')) }, milliseconds)
  })
  try {
    return await Promise.race([promise, silence])
  } finally {
    clearTimeout(timer)
  }
}
