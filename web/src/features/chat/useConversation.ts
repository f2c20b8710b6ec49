import { useEffect, useState, useSyncExternalStore } from 'react'
import * as server from '../../api/chat'
import { ChatSession } from './session'
import { keepConversation, keptConversation } from './storage'

/** Everything the chat page knows about the server. */
export function useConversation() {
  const [session] = useState(() => new ChatSession(server, { read: keptConversation, write: keepConversation }))
  const conversation = useSyncExternalStore(session.subscribe, session.snapshot)
  useEffect(() => {
    const online = () => { session.online() }
    session.open()
    window.addEventListener('online', online)
    return () => {
      window.removeEventListener('online', online)
      session.close()
    }
  }, [session])
  return { conversation, session }
}
