import { Marked, type Token, type Tokens } from 'marked'
import { Fragment, type ReactNode } from 'react'
import { safeHref } from './links'

type Props = {
  text: string
  /** Line breaks are shown as they were typed. */
  keepLines?: boolean
  /** What is shown for a mark such as `[1]`; null leaves it as text. */
  mark?: (n: number) => ReactNode
}
type Mark = NonNullable<Props['mark']>

/** Reference links are off: `[1]` is a citation, and a `[1]: …` somewhere must not make a link of it. */
const tokenizer = { def: () => undefined, reflink: () => undefined }
const flowing = new Marked({ tokenizer })
const asTyped = new Marked({ tokenizer, breaks: true })
const MARKS = /\[(\d{1,2})\]/

/** Markdown as React elements, so that no HTML of others ever reaches the page; images and raw HTML stay text. */
export function Markdown({ text, keepLines = false, mark = () => null }: Props) {
  return <div className="prose">{blocks((keepLines ? asTyped : flowing).lexer(text), mark)}</div>
}

function blocks(tokens: Token[], mark: Mark): ReactNode {
  return tokens.map((token, place) => <Fragment key={place}>{block(token as Tokens.Generic, mark)}</Fragment>)
}

function block(token: Tokens.Generic, mark: Mark): ReactNode {
  switch (token.type) {
    case 'space':
    case 'hr':
      return null
    case 'paragraph':
      return <p>{inlines(token.tokens, mark)}</p>
    case 'heading':
      // the page's own headings structure it, not those of a message
      return (
        <p>
          <strong>{inlines(token.tokens, mark)}</strong>
        </p>
      )
    case 'list':
      return list(token as Tokens.List, mark)
    case 'blockquote':
      return <blockquote>{blocks(token.tokens ?? [], mark)}</blockquote>
    case 'code':
      return (
        <pre>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      )
    case 'text': // the content of a list item
      return inlines(token.tokens ?? [token], mark)
    default:
      return <p className="as-typed">{withMarks(token.raw.trimEnd(), mark)}</p>
  }
}

function list(token: Tokens.List, mark: Mark): ReactNode {
  const items = token.items.map((item, place) => <li key={place}>{blocks(item.tokens, mark)}</li>)
  if (!token.ordered) return <ul>{items}</ul>
  return <ol start={token.start === '' ? 1 : token.start}>{items}</ol>
}

function inlines(tokens: Token[] | undefined, mark: Mark): ReactNode {
  return (tokens ?? []).map((token, place) => (
    <Fragment key={place}>{inline(token as Tokens.Generic, mark)}</Fragment>
  ))
}

function inline(token: Tokens.Generic, mark: Mark): ReactNode {
  switch (token.type) {
    case 'text':
      return token.tokens ? inlines(token.tokens, mark) : withMarks((token as Tokens.Text).text, mark)
    case 'escape':
      return (token as Tokens.Escape).text
    case 'strong':
      return <strong>{inlines(token.tokens, mark)}</strong>
    case 'em':
      return <em>{inlines(token.tokens, mark)}</em>
    case 'del':
      return <del>{inlines(token.tokens, mark)}</del>
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>
    case 'br':
      return <br />
    case 'link':
      return link(token as Tokens.Link, mark)
    case 'image':
      return (token as Tokens.Image).text // its description; nothing is loaded from anywhere
    default:
      return token.raw
  }
}

function link(token: Tokens.Link, mark: Mark): ReactNode {
  const href = safeHref(token.href)
  if (href === null) return inlines(token.tokens, mark)
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {inlines(token.tokens, () => null)}
    </a>
  )
}

function withMarks(text: string, mark: Mark): ReactNode {
  // every second part is the number of a mark
  return text.split(MARKS).map((part, place) => {
    if (place % 2 === 0) return part
    return <Fragment key={place}>{mark(Number(part)) ?? `[${part}]`}</Fragment>
  })
}
