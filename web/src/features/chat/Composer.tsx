import { useLayoutEffect, useRef, type KeyboardEvent } from 'react'
import { Icon } from '../../components/Icon'

/** Characters, as the server counts them. */
const LIMIT = 10_000
const SHOWN_FROM = 9_000
const TALLEST_PX = 200

type Props = {
  text: string
  onChange: (text: string) => void
  onSend: (text: string) => void
  onAskForPerson: () => void
}

export function Composer({ text, onChange, onSend, onAskForPerson }: Props) {
  const field = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => {
    if (field.current !== null) fit(field.current)
  }, [text])

  const length = text.length < SHOWN_FROM ? text.length : Array.from(text.trim()).length
  const isTooLong = length > LIMIT
  const canSend = text.trim() !== '' && !isTooLong
  const send = () => {
    if (!canSend) return
    onSend(text.trim())
    onChange('')
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // while an input method composes a character, Enter belongs to it
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }

  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send() }}>
      <label className="visually-hidden" htmlFor="message">
        Your message
      </label>
      <div className="composer-field">
        <textarea
          ref={field}
          id="message"
          rows={1}
          value={text}
          placeholder="Write your message"
          autoComplete="off"
          enterKeyHint="send"
          aria-invalid={isTooLong}
          aria-describedby="message-hint"
          onChange={(event) => { onChange(event.target.value) }}
          onKeyDown={onKeyDown}
        />
        {/* aria-disabled keeps it in the focus order when there is nothing to send yet */}
        <button type="submit" className="send" aria-label="Send" aria-disabled={!canSend}>
          <Icon name="send" />
        </button>
      </div>
      <div className="composer-foot">
        <button type="button" className="pill" onClick={onAskForPerson}>
          <Icon name="person" /> Talk to a person
        </button>
        <p id="message-hint" className={isTooLong ? 'quiet is-wrong' : 'quiet'}>
          {length >= SHOWN_FROM ? counter(length) : <span className="if-keys">Shift + Enter makes a new line</span>}
        </p>
        <p className="visually-hidden" role="alert">
          {isTooLong && 'Your message is too long to be sent.'}
        </p>
      </div>
    </form>
  )
}

function counter(length: number): string {
  const left = LIMIT - length
  const number = Math.abs(left).toLocaleString('en')
  return left >= 0 ? `${number} characters left` : `${number} characters too many`
}

/** As tall as its text, up to a limit from which it scrolls. */
function fit(field: HTMLTextAreaElement): void {
  field.style.height = 'auto'
  field.style.height = `${Math.min(field.scrollHeight, TALLEST_PX)}px`
}
