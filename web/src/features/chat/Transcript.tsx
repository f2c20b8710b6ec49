import { memo } from 'react'
import { Icon } from '../../components/Icon'
import { Markdown } from '../../components/Markdown'
import { BotMessage, type BotActions } from './BotMessage'
import type { Message } from './conversation'
import './messages.css'
import { spokenTime } from './words'

type Props = BotActions & { messages: Message[] }

/** All that was said, once; what is added is read out. */
export function Transcript({ messages, onJudge, onAskForPerson }: Props) {
  return (
    <div role="log" aria-label="Conversation" aria-relevant="additions">
      <ol className="messages">
        {messages.map((message) => (
          <li key={message.clientId ?? message.id} className={`message from-${message.author}`}>
            <Said message={message} onJudge={onJudge} onAskForPerson={onAskForPerson} />
          </li>
        ))}
      </ol>
    </div>
  )
}

const Said = memo(function Said({ message, ...actions }: BotActions & { message: Message }) {
  const time = (
    <time className="quiet" dateTime={message.createdAt}>
      {spokenTime(message.createdAt)}
    </time>
  )
  switch (message.author) {
    case 'customer':
      return (
        <>
          <span className="visually-hidden">You wrote:</span>
          <p className="bubble as-typed">{message.text}</p>
          {time}
        </>
      )
    case 'bot':
      return <BotMessage message={message} time={time} {...actions} />
    case 'staff':
      return (
        <>
          <p className="author">
            <span className="avatar" aria-hidden="true">
              <Icon name="person" />
            </span>
            A person from our team {time}
          </p>
          <div className="bubble">
            <Markdown text={message.text} keepLines />
          </div>
        </>
      )
    case 'system':
      return <p className="quiet">{message.text}</p>
  }
})
