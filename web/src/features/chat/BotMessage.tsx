import { useId, useState, type ReactNode } from 'react'
import { Icon } from '../../components/Icon'
import { Markdown } from '../../components/Markdown'
import type { Message } from './conversation'
import { Feedback, type Judge } from './Feedback'
import { Quote } from './Quote'
import { confidenceOf, ticketOf } from './words'

export type BotActions = { onJudge: Judge; onAskForPerson: () => void }

type Props = BotActions & { message: Message; time: ReactNode }

export function BotMessage({ message, time, onJudge, onAskForPerson }: Props) {
  const ticket = ticketOf(message)
  const confidence = confidenceOf(message.outcome)
  return (
    <>
      <p className="author">
        <span className="avatar" aria-hidden="true">
          C
        </span>
        Clara {time}
      </p>
      <div className={ticket === null ? 'bubble' : 'bubble is-ticket'}>
        {ticket !== null && (
          <p className="ticket">
            <Icon name="ticket" /> Ticket #{ticket}
          </p>
        )}
        <Answer message={message} />
        {confidence !== null && <p className={`confidence is-${message.outcome ?? ''}`}>{confidence}</p>}
      </div>
      {confidence !== null && message.id !== null && (
        <Feedback messageId={message.id} onJudge={onJudge} onAskForPerson={onAskForPerson} />
      )}
    </>
  )
}

/** The text with its numbered marks; each opens the passage that it rests on. */
function Answer({ message: { text, citations } }: { message: Message }) {
  const [open, setOpen] = useState<number | null>(null)
  const quoteId = useId()
  const chip = (n: number) => {
    const citation = citations.find((one) => one.n === n)
    if (citation === undefined) return null
    const isOpen = open === n
    return (
      <button
        type="button"
        className="chip"
        aria-expanded={isOpen}
        aria-controls={isOpen ? quoteId : undefined}
        aria-label={`Source ${n}: ${citation.title}`}
        title={citation.title}
        onClick={() => { setOpen(isOpen ? null : n) }}
      >
        {n}
      </button>
    )
  }
  const shown = citations.find((one) => one.n === open)
  return (
    <>
      <Markdown text={text} mark={chip} />
      {shown !== undefined && (
        <Quote key={shown.n} id={quoteId} citation={shown} onClose={() => { setOpen(null) }} />
      )}
    </>
  )
}
