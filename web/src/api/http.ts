/** Asking the server: what it refuses is a Problem, and when nothing comes back the server is Unreachable. */

/** How long an answer may keep us waiting; a connection that died on the way says nothing for ever. */
export const SILENCE_MS = 60_000

export class Problem extends Error {
  readonly status: number
  readonly code: string
  /** Seconds after which trying again may help. */
  readonly retryAfter: number | null

  constructor(status: number, code: string, message: string, retryAfter: number | null = null) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

export class Unreachable extends Error {
  constructor(cause?: unknown) {
    super('The server did not answer.', { cause })
    this.name = 'Unreachable'
  }
}

export type Call = {
  method?: 'GET' | 'POST'
  token?: string
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/**
 * One request; resolves as soon as the head of a good answer is there.
 *
 * Raises Problem, Unreachable, or the reason of `signal` when that was aborted.
 */
export async function call(path: string, { method = 'GET', token, body, headers, signal }: Call): Promise<Response> {
  const patience = new AbortController()
  const timer = setTimeout(() => { patience.abort() }, SILENCE_MS)
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: {
        Accept: 'application/json',
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]),
    })
  } catch (fault) {
    signal?.throwIfAborted()
    throw new Unreachable(fault)
  } finally {
    clearTimeout(timer)
  }
  if (!response.ok) throw await problemOf(response)
  return response
}

/** The answer's JSON; raises as `call` does. */
export async function callJson<T>(path: string, request: Call): Promise<T> {
  const response = await call(path, request)
  try {
    return (await response.json()) as T
  } catch (fault) {
    request.signal?.throwIfAborted()
    throw new Unreachable(fault)
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10)
  const retryAfter = Number.isNaN(seconds) ? null : seconds
  let said: { code?: unknown; message?: unknown } = {}
  try {
    said = (await response.json()) as typeof said
  } catch {
    // a proxy on the way may answer with a page of its own
  }
  const text = (value: unknown, otherwise: string) => (typeof value === 'string' && value !== '' ? value : otherwise)
  return new Problem(
    response.status,
    text(said.code, 'error'),
    text(said.message, 'Something went wrong on our side.'),
    retryAfter,
  )
}
