import { useEffect, useId, useRef, useState } from 'react'

/** Characters of a comment. */
const LIMIT = 2_000

export type Judge = (messageId: string, helpful: boolean, comment?: string) => Promise<void>

type Props = { messageId: string; onJudge: Judge; onAskForPerson: () => void }
type Verdict = 'none' | 'helpful' | 'unhelpful' | 'commented'

/** Asks whether an answer helped and, when it did not, what was missing. */
export function Feedback({ messageId, onJudge, onAskForPerson }: Props) {
  const [verdict, setVerdict] = useState<Verdict>('none')
  const [hasFailed, setHasFailed] = useState(false)
  const thanks = useRef<HTMLParagraphElement>(null)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (verdict === 'none') return
    thanks.current?.focus() // the button that had the focus is gone
    box.current?.scrollIntoView({ block: 'nearest' })
  }, [verdict])

  const judge = async (next: Verdict, helpful: boolean, comment?: string) => {
    try {
      await onJudge(messageId, helpful, comment)
      setHasFailed(false)
      setVerdict(next)
    } catch {
      setHasFailed(true)
    }
  }

  return (
    <div ref={box} className="feedback" aria-live="polite">
      {verdict === 'none' && (
        <div className="row" role="group" aria-label="Was this helpful?">
          <span className="quiet">Was this helpful?</span>
          <button type="button" className="link" onClick={() => void judge('helpful', true)}>
            Yes
          </button>
          <button type="button" className="link" onClick={() => void judge('unhelpful', false)}>
            No
          </button>
        </div>
      )}
      {(verdict === 'helpful' || verdict === 'commented') && (
        <p className="quiet" tabIndex={-1} ref={thanks}>
          Thank you for telling us.
        </p>
      )}
      {verdict === 'unhelpful' && (
        <>
          <p className="quiet" tabIndex={-1} ref={thanks}>
            I’m sorry about that. You can say what was missing, or{' '}
            <button type="button" className="link" onClick={onAskForPerson}>
              talk to a person
            </button>
            .
          </p>
          <Comment onSend={(comment) => void judge('commented', false, comment)} />
        </>
      )}
      {hasFailed && <p className="quiet is-wrong">That did not get through. Please try again.</p>}
    </div>
  )
}

function Comment({ onSend }: { onSend: (comment: string) => void }) {
  const [comment, setComment] = useState('')
  const id = useId()
  return (
    <form
      className="comment"
      onSubmit={(event) => {
        event.preventDefault()
        if (comment.trim() !== '') onSend(comment.trim())
      }}
    >
      <label htmlFor={id}>What was missing? (optional)</label>
      <textarea id={id} rows={2} maxLength={LIMIT} value={comment} onChange={(event) => { setComment(event.target.value) }} />
      <button type="submit" className="pill" aria-disabled={comment.trim() === ''}>
        Send comment
      </button>
    </form>
  )
}
