import { useCallback, useState } from 'react'
import { Icon } from '../../components/Icon'
import { useOnline } from '../../components/useOnline'
import { useStickToEnd } from '../../components/useStickToEnd'
import './chat.css'
import { Composer } from './Composer'
import { whoAnswers } from './conversation'
import { Header } from './Header'
import { Pending } from './Pending'
import { Transcript } from './Transcript'
import { useConversation } from './useConversation'
import { Welcome } from './Welcome'
import { ASK_FOR_PERSON, statusOf } from './words'

/** The customer's chat. */
export function ChatPage() {
  const { conversation, session } = useConversation()
  const { messages, outgoing, draft, isRestoring, hasExpired } = conversation
  const [text, setText] = useState('')
  const isOnline = useOnline()
  const { isBehind, jumpToEnd } = useStickToEnd(conversation, messages.length)
  const isEmpty = messages.length === 0 && outgoing.length === 0

  const send = useCallback(
    (what: string) => {
      session.send(what)
      jumpToEnd()
    },
    [session, jumpToEnd],
  )
  const askForPerson = useCallback(() => { send(ASK_FOR_PERSON) }, [send])
  const ask = (example: string) => {
    send(example)
    focusField() // the button that had the focus is gone
  }
  const startAnew = () => {
    session.startAnew()
    setText('')
    focusField()
  }
  const edit = (clientId: string, what: string) => {
    session.withdraw(clientId)
    setText(what)
    focusField()
  }

  return (
    <div className="chat">
      <a className="skip-link" href="#message">
        Skip to your message
      </a>
      <Header canStartAnew={!isEmpty} onStartAnew={startAnew} />
      <main className="chat-body">
        {hasExpired && (
          <p className="note" role="status">
            Your earlier conversation has expired, so this is a new one.
          </p>
        )}
        {isRestoring && isEmpty && <p className="status">Opening your conversation…</p>}
        {!isRestoring && isEmpty && <Welcome onAsk={ask} />}
        {!isEmpty && (
          <>
            <Transcript messages={messages} onJudge={session.judge} onAskForPerson={askForPerson} />
            <Pending conversation={conversation} onRetry={session.retry} onEdit={edit} />
          </>
        )}
        <p className={draft === null ? 'status' : 'status is-busy'} role="status">
          {statusOf(conversation, whoAnswers(conversation))}
        </p>
      </main>
      <footer className="chat-foot">
        {isBehind && (
          <button type="button" className="pill newest" onClick={jumpToEnd}>
            <Icon name="down" /> New messages
          </button>
        )}
        {!isOnline && (
          <p className="note is-offline" role="status">
            <Icon name="offline" /> You are offline. What you write is sent when you are back.
          </p>
        )}
        <Composer text={text} onChange={setText} onSend={send} onAskForPerson={askForPerson} />
      </footer>
    </div>
  )
}

/** Except where that would bring up a keyboard on the screen. */
function focusField(): void {
  if (window.matchMedia('(hover: hover)').matches) document.getElementById('message')?.focus()
}
