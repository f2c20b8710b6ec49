import { useRef } from 'react'
import { Icon } from '../../components/Icon'

type Props = { canStartAnew: boolean; onStartAnew: () => void }

export function Header({ canStartAnew, onStartAnew }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const confirm = () => {
    dialog.current?.close()
    onStartAnew()
  }
  return (
    <header className="chat-head">
      <h1 className="brand">
        <span className="brand-mark" aria-hidden="true">
          C
        </span>
        Clara <span className="brand-kind">Support</span>
      </h1>
      <nav aria-label="Clara">
        <a className="pill" href="/help">
          <Icon name="book" /> Help centre
        </a>
        {canStartAnew && (
          <button
            type="button"
            className="pill"
            aria-label="New conversation"
            aria-haspopup="dialog"
            onClick={() => dialog.current?.showModal()}
          >
            <Icon name="plus" />
            <span>
              New<span className="if-wide"> conversation</span>
            </span>
          </button>
        )}
      </nav>
      <dialog ref={dialog} className="dialog" aria-labelledby="anew-title" aria-describedby="anew-text">
        <h2 id="anew-title">Start a new conversation?</h2>
        <p id="anew-text">You will not be able to open this one again on this device.</p>
        <div className="row">
          <button type="button" className="pill" onClick={() => dialog.current?.close()}>
            Keep this one
          </button>
          <button type="button" className="button" onClick={confirm}>
            Start a new one
          </button>
        </div>
      </dialog>
    </header>
  )
}
