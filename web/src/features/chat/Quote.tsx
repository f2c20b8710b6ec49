import { useEffect, useRef } from 'react'
import { Markdown } from '../../components/Markdown'
import { safeHref } from '../../components/links'
import type { Citation } from '../../api/chat'

type Props = { id: string; citation: Citation; onClose: () => void }

/** The passage of the help centre that a part of the answer rests on, word for word. */
export function Quote({ id, citation, onClose }: Props) {
  const href = safeHref(citation.url)
  const figure = useRef<HTMLElement>(null)
  useEffect(() => { figure.current?.scrollIntoView({ block: 'nearest' }) }, []) // once: the transcript may be read again
  return (
    <figure id={id} ref={figure} className="quote">
      <blockquote>
        <Markdown text={citation.quote} />
      </blockquote>
      <figcaption>
        <span className="chip" aria-hidden="true">
          {citation.n}
        </span>
        {href === null ? (
          <cite>{citation.title}</cite>
        ) : (
          <a href={href} target="_blank" rel="noopener">
            {citation.title}
            <span className="visually-hidden"> (opens in a new tab)</span>
          </a>
        )}
        <button type="button" className="link" onClick={onClose}>
          Hide<span className="visually-hidden"> source {citation.n}</span>
        </button>
      </figcaption>
    </figure>
  )
}
