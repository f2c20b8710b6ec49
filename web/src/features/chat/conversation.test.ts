import { describe, expect, it } from 'vitest'
import { change, EMPTY, nextToSend, whoAnswers, type Change, type Conversation } from './conversation'
import { CITATION, message, reply } from './testing'
import { ticketOf } from './words'

const WRITTEN: Change = { type: 'written', clientId: 'x', text: 'Hello' }
const SENDING: Change = { type: 'sending', clientId: 'x' }
const REPLIED: Change = { type: 'replied', clientId: 'x', reply: reply(), at: '2026-01-05T09:00:00Z' }
const OWN = message('m1', { author: 'customer', text: 'Hello', client_id: 'x' })
const ANSWER = message('m2', {
  text: 'An answer [1]',
  reply: { outcome: 'answered', confidence: 0.9, citations: [CITATION] },
})

function after(...changes: Change[]): Conversation {
  return changes.reduce(change, EMPTY)
}

function ids({ messages }: Conversation) {
  return messages.map((one) => one.id)
}

describe('an answer', () => {
  it('takes the place of what was on its way', () => {
    const now = after(WRITTEN, SENDING, { type: 'token', clientId: 'x', text: 'An ' }, REPLIED)
    expect(now.messages.map(({ author, text }) => [author, text])).toEqual([
      ['customer', 'Hello'],
      ['bot', 'An answer [1]'],
    ])
    expect([now.outgoing, now.draft]).toEqual([[], null])
    expect(now.messages[1]?.citations).toEqual([CITATION])
  })

  it.each<[string, Change[]]>([
    ['the reply, then the live stream', [REPLIED, { type: 'received', messages: [OWN] }, { type: 'received', messages: [ANSWER] }]],
    ['the live stream, then the reply', [{ type: 'received', messages: [OWN] }, { type: 'received', messages: [ANSWER] }, REPLIED]],
    ['the reply, then the transcript', [REPLIED, { type: 'received', messages: [OWN, ANSWER] }]],
    ['the transcript twice, then the reply', [{ type: 'received', messages: [OWN, ANSWER] }, { type: 'received', messages: [OWN, ANSWER] }, REPLIED]],
  ])('is there once, in order: %s', (_name, changes) => {
    const now = after(WRITTEN, SENDING, ...changes)
    expect(ids(now)).toEqual(['m1', 'm2'])
    expect([now.outgoing, now.draft]).toEqual([[], null])
  })

  it('that came by the live stream ends the wait for it', () => {
    const waiting = after(WRITTEN, SENDING, { type: 'received', messages: [OWN] })
    expect(waiting.outgoing).toHaveLength(1)
    expect(change(waiting, { type: 'received', messages: [ANSWER] }).outgoing).toEqual([])
  })

  it('without a word leaves the customer’s own message, once', () => {
    const silent = reply({ text: '', outcome: 'waiting_for_human', message_id: 'm1', citations: [] })
    const now = after(WRITTEN, SENDING, { ...REPLIED, reply: silent }, { type: 'received', messages: [OWN] })
    expect(ids(now)).toEqual(['m1'])
    expect(whoAnswers(now)).toBe('person')
  })

  it('keeps the ticket number that only the reply told', () => {
    const ticket = { id: 't', number: 1042, status: 'open', queue: 'tier1' }
    const said = reply({ outcome: 'escalated', ticket, text: 'Passed on.' })
    const read = message('m2', { text: 'Passed on.', reply: { outcome: 'escalated', confidence: null, citations: [] } })
    const now = after(WRITTEN, SENDING, { ...REPLIED, reply: said }, { type: 'received', messages: [OWN, read] })
    expect(now.messages.map(ticketOf)).toEqual([null, 1042])
  })
})

describe('a transcript that is read again', () => {
  const read = (...messages: ReturnType<typeof message>[]): Change => ({ type: 'received', messages })

  it('adds what was missed, in its place', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => message(id)) as [never, never, never, never]
    expect(ids(after(read(a), read(c), read(a, b, c, d)))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('from its last page on leaves what stands before', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => message(id)) as [never, never, never, never]
    expect(ids(after(read(a, b, c), read(c, d)))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('keeps what came by the stream after it was read', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => message(id)) as [never, never, never]
    expect(ids(after(read(a), read(c), read(a, b)))).toEqual(['a', 'b', 'c'])
  })
})

describe('what is sent next', () => {
  const second: Change = { type: 'written', clientId: 'y', text: 'Second' }
  const trouble = (kind: 'unreachable' | 'refused'): Change => ({
    type: 'troubled', clientId: 'x', trouble: kind === 'refused' ? { kind, message: 'No.' } : { kind },
  })

  it('is one at a time, in order', () => {
    expect(nextToSend(after(WRITTEN, second))?.clientId).toBe('x')
    expect(nextToSend(after(WRITTEN, second, SENDING))).toBeNull()
  })

  it('is not held up by a message that was refused', () => {
    expect(nextToSend(after(WRITTEN, SENDING, trouble('refused'), second))?.clientId).toBe('y')
  })

  it('waits for a message that is sent again by itself', () => {
    const wait: Change = { type: 'troubled', clientId: 'x', trouble: { kind: 'wait', until: 1, code: 'busy' } }
    expect(nextToSend(after(WRITTEN, SENDING, wait, second))).toBeNull()
  })

  it('is the same message under the same name after trouble', () => {
    expect(nextToSend(after(WRITTEN, SENDING, trouble('unreachable')))).toBeNull()
    expect(nextToSend(after(WRITTEN, SENDING, trouble('unreachable'), { type: 'again', clientId: 'x' }))).toMatchObject({
      clientId: 'x', text: 'Hello',
    })
  })
})

describe('who answers', () => {
  const said = (outcome: string, id = 'm2') => message(id, { reply: { outcome, confidence: null, citations: [] } })

  it.each([
    ['clara', [OWN, said('answered')]],
    ['waiting', [OWN, said('escalated')]],
    ['waiting', [OWN, said('escalated'), message('m3', { author: 'customer', client_id: 'z' })]],
    ['person', [OWN, said('escalated'), message('m3', { author: 'staff' }), message('m4', { author: 'system' })]],
    ['clara', [OWN, said('escalated'), message('m3', { author: 'staff' }), said('answered', 'm4')]],
  ])('is %s', (company, messages) => {
    expect(whoAnswers(after({ type: 'received', messages }))).toBe(company)
  })
})
