import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem, Unreachable } from '../../api/http'
import { ChatSession } from './session'
import { FakeServer, message, reply, storeOf } from './testing'

const REPLY = { event: 'reply', reply: reply() } as const
const EXPIRED = new Problem(401, 'not_signed_in', 'Sign in.')

let server: FakeServer
const sessions: ChatSession[] = []

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
})
afterEach(() => {
  sessions.splice(0).forEach((session) => { session.close() })
  vi.useRealTimers()
})

function opened(store = storeOf()) {
  const session = new ChatSession(server, store)
  sessions.push(session)
  session.open()
  return session
}

const soon = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds)
const textsOf = (session: ChatSession) => session.snapshot().messages.map((one) => one.text)

describe('a conversation', () => {
  it('begins with the first message, and its token is all that is kept', async () => {
    const store = storeOf()
    const session = opened(store)
    await soon()
    expect(server.started).toHaveLength(0)

    server.script = [[{ event: 'step', node: 'begin' }, { event: 'token', text: 'An ' }, REPLY]]
    session.send('Hello')
    await soon()
    expect(textsOf(session)).toEqual(['Hello', 'An answer [1]'])
    expect(store.kept).toEqual({ id: 'c1', token: 'token' })
  })

  it('shows the steps and the text so far', async () => {
    server.script = [[]]
    const session = opened()
    const drafts: unknown[] = []
    session.subscribe(() => drafts.push(session.snapshot().draft))
    server.script = [[{ event: 'step', node: 'search_knowledge' }, { event: 'token', text: 'An ' }, { event: 'token', text: 'answer' }, REPLY]]
    session.send('Hello')
    await soon()
    expect(drafts).toContainEqual(expect.objectContaining({ node: 'search_knowledge', text: 'An answer' }))
    expect(session.snapshot().draft).toBeNull()
  })

  it('is restored after a reload and goes on', async () => {
    server.transcript = [message('m1', { author: 'customer' }), message('m2')]
    const session = opened(storeOf({ id: 'c9', token: 'kept' }))
    expect(session.snapshot().isRestoring).toBe(true)
    await soon()
    expect(session.snapshot().isRestoring).toBe(false)
    expect(textsOf(session)).toEqual(['text of m1', 'text of m2'])

    session.send('More')
    await soon()
    expect(server.started).toHaveLength(0)
    expect(server.sent[0]).toMatchObject({ to: { id: 'c9', token: 'kept' }, text: 'More' })
  })

  it('that has expired gives way to a new one, with a note', async () => {
    server.transcriptFault = EXPIRED
    const store = storeOf({ id: 'c9', token: 'old' })
    const session = opened(store)
    await soon()
    expect(session.snapshot()).toMatchObject({ hasExpired: true, isRestoring: false, messages: [] })
    expect(store.kept).toBeNull()
  })

  it('that expires while one writes takes the message along', async () => {
    const session = opened(storeOf({ id: 'c9', token: 'old' }))
    server.script = [EXPIRED, [REPLY]]
    session.send('Hello')
    await soon()
    expect(server.sent.map((one) => [one.to.id, one.text])).toEqual([['c9', 'Hello'], ['c1', 'Hello']])
    expect(session.snapshot().hasExpired).toBe(true)
    expect(textsOf(session)).toEqual(['Hello', 'An answer [1]'])
  })

  it('is not begun anew without end when the server takes no token at all', async () => {
    server.script = Array.from({ length: 20 }, () => EXPIRED)
    const session = opened()
    session.send('Hello')
    await soon(60_000)
    expect(server.started.length).toBeLessThanOrEqual(2)
    expect(session.snapshot().outgoing[0]?.trouble?.kind).toBe('refused')
  })

  it('can be left: what was on its way does not appear in the next', async () => {
    const session = opened()
    session.send('Hello')
    await soon()
    session.startAnew()
    expect(session.snapshot()).toMatchObject({ messages: [], outgoing: [], draft: null })
    server.script = [[REPLY]]
    session.send('Another')
    await soon()
    expect(server.started).toHaveLength(2)
    expect(new Set(server.started).size).toBe(2)
    expect(textsOf(session)).toEqual(['Another', 'An answer [1]'])
  })
})

describe('a message that does not get through', () => {
  it('stays, and is sent again under the same name', async () => {
    server.script = [new Unreachable(), [REPLY]]
    const session = opened()
    session.send('Hello')
    await soon()
    const [stuck] = session.snapshot().outgoing
    expect(stuck).toMatchObject({ text: 'Hello', trouble: { kind: 'unreachable' } })

    session.retry(stuck?.clientId ?? '')
    await soon()
    expect(server.sent.map((one) => one.clientId)).toEqual([stuck?.clientId, stuck?.clientId])
    expect(textsOf(session)).toEqual(['Hello', 'An answer [1]'])
  })

  it('is sent again by itself when the network is back', async () => {
    server.startFaults = [new Unreachable()]
    server.script = [[REPLY]]
    const session = opened()
    session.send('Hello')
    await soon(60_000)
    expect(server.sent).toHaveLength(0)
    session.online()
    await soon()
    expect(textsOf(session)).toEqual(['Hello', 'An answer [1]'])
    expect(server.started[0]).toBe(server.started[1]) // a beginning that did get through would not be doubled
  })

  it('goes first when the next one is written', async () => {
    server.script = [new Unreachable(), [REPLY], [{ event: 'reply', reply: reply({ message_id: 'm4', text: 'Two' }) }]]
    const session = opened()
    session.send('One')
    await soon()
    session.send('Next')
    await soon()
    expect(textsOf(session)).toEqual(['One', 'An answer [1]', 'Next', 'Two'])
  })

  it('counts as unanswered when the stream is cut before the reply', async () => {
    server.script = [[{ event: 'token', text: 'An' }]]
    const session = opened()
    session.send('Hello')
    await soon()
    expect(session.snapshot()).toMatchObject({ draft: null, outgoing: [{ trouble: { kind: 'unreachable' } }] })
  })

  it('waits as long as the server asks, then goes by itself', async () => {
    server.script = [new Problem(429, 'too_many_requests', 'Wait.', 12), [REPLY]]
    const session = opened()
    session.send('Hello')
    await soon()
    expect(session.snapshot().outgoing[0]?.trouble).toMatchObject({ kind: 'wait', until: Date.now() + 12_000 })
    await soon(11_900)
    expect(server.sent).toHaveLength(1)
    await soon(100)
    expect(textsOf(session)).toEqual(['Hello', 'An answer [1]'])
  })

  it('that the server will not take says why and can be withdrawn', async () => {
    server.script = [new Problem(422, 'invalid_field', 'The message is empty.')]
    const session = opened()
    session.send('\u200b')
    await soon()
    const [refused] = session.snapshot().outgoing
    expect(refused?.trouble).toEqual({ kind: 'refused', message: 'The message is empty.' })
    session.withdraw(refused?.clientId ?? '')
    expect(session.snapshot().outgoing).toEqual([])
  })

  it('that failed on the server says so', async () => {
    server.script = [[{ event: 'error', code: 'unavailable', message: 'The database is away.' }]]
    const session = opened()
    session.send('Hello')
    await soon()
    expect(session.snapshot().outgoing[0]?.trouble).toEqual({ kind: 'failed', message: 'The database is away.' })
  })
})

describe('what others add', () => {
  const kept = () => storeOf({ id: 'c9', token: 'kept' })

  it('appears at once', async () => {
    const session = opened(kept())
    await soon()
    server.say(message('s1', { author: 'staff' }))
    await soon()
    expect(textsOf(session)).toEqual(['text of s1'])
  })

  it('while the stream was down is read when it is back, and nothing twice', async () => {
    const session = opened(kept())
    await soon(2000)
    server.say(message('s1', { author: 'staff' }))
    await soon()
    server.transcript = [message('s1', { author: 'staff' }), message('s2', { author: 'staff' })]
    server.endStream()
    await soon(5000)
    expect(server.connections).toBe(2)
    expect(textsOf(session)).toEqual(['text of s1', 'text of s2'])
  })

  it('is asked for ever more seldom while the server is away, and at once when the network is back', async () => {
    const session = opened(kept())
    await soon(2000)
    const follow = vi.spyOn(server, 'followConversation').mockImplementation(() => { throw new Unreachable() })
    server.endStream(new Unreachable())
    await soon(10 * 60_000)
    const tries = follow.mock.calls.length
    expect(tries).toBeGreaterThan(15)
    expect(tries).toBeLessThan(50)
    session.online()
    await soon()
    expect(follow.mock.calls.length).toBe(tries + 1)
  })

  it('is not asked for any more once the conversation is left', async () => {
    const session = opened(kept())
    await soon(2000)
    session.startAnew()
    server.endStream(new Unreachable())
    await soon(60_000)
    expect(server.connections).toBe(1)
  })
})
