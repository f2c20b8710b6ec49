import { describe, expect, it, vi } from 'vitest'
import { call, callJson, Problem, Unreachable } from './http'

function answering(answer: Response | Error) {
  return vi.spyOn(globalThis, 'fetch').mockImplementation(() =>
    answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer),
  )
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (fault: unknown) => fault,
  )
}

describe('a call', () => {
  it('sends its token and its body as JSON', async () => {
    const fetch = answering(Response.json({ id: 1 }))
    expect(await callJson('/api/x', { method: 'POST', token: 'abc', body: { text: 'ü' } })).toEqual({ id: 1 })
    const [path, request] = fetch.mock.calls[0] ?? []
    expect(path).toBe('/api/x')
    expect(request).toMatchObject({
      method: 'POST',
      body: '{"text":"ü"}',
      headers: { Authorization: 'Bearer abc', 'Content-Type': 'application/json' },
    })
  })

  it('says what the server refused and when to come back', async () => {
    answering(
      Response.json(
        { code: 'too_many_requests', message: 'Wait.' },
        { status: 429, headers: { 'Retry-After': '12' } },
      ),
    )
    const fault = await failureOf(call('/api/x', {}))
    expect(fault).toBeInstanceOf(Problem)
    expect(fault).toMatchObject({ status: 429, code: 'too_many_requests', message: 'Wait.', retryAfter: 12 })
  })

  it('survives an error page of a proxy', async () => {
    answering(new Response('<h1>Bad gateway</h1>', { status: 502 }))
    expect(await failureOf(call('/api/x', {}))).toMatchObject({ status: 502, code: 'error', retryAfter: null })
  })

  it('tells a network that failed from a caller who gave up', async () => {
    answering(new TypeError('Failed to fetch'))
    expect(await failureOf(call('/api/x', {}))).toBeInstanceOf(Unreachable)
    const gaveUp = new AbortController()
    gaveUp.abort()
    expect(await failureOf(call('/api/x', { signal: gaveUp.signal }))).toBe(gaveUp.signal.reason)
  })
})
