import { describe, expect, it, vi } from 'vitest'
import { Unreachable } from './http'
import { EventParser, readEvents } from './sse'

const TEXT = ': open\n\nevent: step\ndata: {"node":"begin"}\n\nevent: token\ndata: {"text":"Grüße 👋"}\n\ndata: a\ndata: b\n\n'
const EVENTS = [
  { event: 'step', data: '{"node":"begin"}' },
  { event: 'token', data: '{"text":"Grüße 👋"}' },
  { event: 'message', data: 'a\nb' },
]

function answer(...pieces: Uint8Array[]): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      pieces.forEach((piece) => { controller.enqueue(piece) })
      controller.close()
    },
  })
  return new Response(body)
}

async function all<T>(events: AsyncGenerator<T>): Promise<T[]> {
  const found: T[] = []
  for await (const event of events) found.push(event)
  return found
}

describe('the event parser', () => {
  it.each(['\n', '\r\n', '\r'])('takes %j as the end of a line', (end) => {
    const parser = new EventParser()
    const text = TEXT.replaceAll('\n', end)
    // a lone CR at the very end may be half of a CR LF: it counts once more text is there
    expect([...parser.push(text), ...parser.push(': more')]).toEqual(EVENTS)
  })

  it('gives the same events wherever the stream is cut', () => {
    for (let cut = 1; cut < TEXT.length; cut++) {
      const parser = new EventParser()
      expect([...parser.push(TEXT.slice(0, cut)), ...parser.push(TEXT.slice(cut))]).toEqual(EVENTS)
    }
  })

  it('keeps back an event that is not complete', () => {
    const parser = new EventParser()
    expect(parser.push('event: reply\ndata: {"text"')).toEqual([])
    expect(parser.push(':"x"}\n\n')).toEqual([{ event: 'reply', data: '{"text":"x"}' }])
  })
})

describe('reading an answer', () => {
  it('joins characters whose bytes came apart', async () => {
    const bytes = new TextEncoder().encode(TEXT)
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte))
    expect(await all(readEvents(answer(...single), { silenceMs: 1000 }))).toEqual(EVENTS)
  })

  it('gives up on a connection that says nothing any more', async () => {
    vi.useFakeTimers()
    try {
      const silent = new Response(new ReadableStream({ start: () => undefined }))
      const reading = expect(all(readEvents(silent, { silenceMs: 45_000 }))).rejects.toBeInstanceOf(Unreachable)
      await vi.advanceTimersByTimeAsync(45_000)
      await reading
    } finally {
      vi.useRealTimers()
    }
  })

  it('calls a connection that breaks unreachable', async () => {
    const broken = new ReadableStream({ pull(controller) { controller.error(new TypeError('network')) } })
    await expect(all(readEvents(new Response(broken), { silenceMs: 1000 }))).rejects.toBeInstanceOf(Unreachable)
  })
})
