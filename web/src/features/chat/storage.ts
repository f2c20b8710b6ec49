/** What outlives a reload: the token of one conversation, which expires, and nothing that was said. */

import type { Opened } from '../../api/chat'

const KEY = 'clara.conversation'

export function keptConversation(): Opened | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null')
    if (typeof kept !== 'object' || kept === null || !('id' in kept) || !('token' in kept)) return null
    return typeof kept.id === 'string' && typeof kept.token === 'string' ? { id: kept.id, token: kept.token } : null
  } catch {
    return null // storage is forbidden, or holds something else
  }
}

export function keepConversation(opened: Opened | null): void {
  try {
    if (opened === null) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, JSON.stringify(opened))
  } catch {
    // without storage the conversation lasts as long as the page
  }
}
