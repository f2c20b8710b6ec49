import { EXAMPLES } from './words'

/** What stands in place of a conversation that has not begun. */
export function Welcome({ onAsk }: { onAsk: (text: string) => void }) {
  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">How can we help?</h2>
      <p>
        I’m Clara. I answer from our help centre and show you where each answer comes from. A person is one click away
        at any time.
      </p>
      <p id="examples-title" className="quiet">
        People often ask
      </p>
      <ul className="examples" aria-labelledby="examples-title">
        {EXAMPLES.map((example) => (
          <li key={example}>
            <button type="button" className="example" onClick={() => { onAsk(example) }}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
