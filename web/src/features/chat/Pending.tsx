import { useEffect, useState } from 'react'
import { Markdown } from '../../components/Markdown'
import { hasArrived, type Conversation, type Trouble } from './conversation'
import { spokenWait } from './words'

type Props = {
  conversation: Conversation
  onRetry: (clientId: string) => void
  onEdit: (clientId: string, text: string) => void
}

/** What was written here and is not answered yet, and the answer as it is being made. */
export function Pending({ conversation, onRetry, onEdit }: Props) {
  const { outgoing, draft } = conversation
  return (
    <ol className="messages" aria-label="On its way">
      {outgoing.map(({ clientId, text, trouble }) => {
        const isThere = hasArrived(conversation, clientId)
        return (
          <li key={clientId} className={trouble === null ? 'message from-customer' : 'message from-customer is-stuck'}>
            {!isThere && <p className="bubble as-typed">{text}</p>}
            {trouble !== null && (
              <div className="trouble" role="alert">
                <TroubleText trouble={trouble} isThere={isThere} />{' '}
                <button type="button" className="link" onClick={() => { onRetry(clientId) }}>
                  Try again
                </button>
                {trouble.kind === 'refused' && (
                  <button type="button" className="link" onClick={() => { onEdit(clientId, text) }}>
                    Edit
                  </button>
                )}
              </div>
            )}
          </li>
        )
      })}
      {draft !== null && draft.text !== '' && (
        <li className="message from-bot">
          <p className="author">
            <span className="avatar" aria-hidden="true">
              C
            </span>
            Clara
          </p>
          <div className="bubble">
            <Markdown text={draft.text} mark={(n) => <span className="chip is-coming">{n}</span>} />
          </div>
        </li>
      )}
    </ol>
  )
}

function TroubleText({ trouble, isThere }: { trouble: Trouble; isThere: boolean }) {
  switch (trouble.kind) {
    case 'unreachable':
      return <span>{isThere ? 'The answer did not get through.' : 'Not sent.'}</span>
    case 'wait':
      return (
        <>
          <span>{trouble.code === 'too_many_requests' ? 'That was a little fast.' : 'Clara is busy right now.'}</span>{' '}
          <Countdown until={trouble.until} />
        </>
      )
    case 'refused':
    case 'failed':
      return <span>{isThere ? trouble.message : `Not sent. ${trouble.message}`}</span>
  }
}

/** Not read out: it changes every second. */
function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => { setNow(Date.now()) }, 1000)
    return () => { clearInterval(timer) }
  }, [])
  return <span aria-live="off">Sending again in {spokenWait(until - now)}.</span>
}
