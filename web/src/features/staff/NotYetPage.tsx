/** What staff see at /app. */
export function NotYetPage() {
  return (
    <main className="plain-page">
      <h1>Clara for staff</h1>
      <p>The staff app is not part of this version yet. Until it is, tickets are handled through the API.</p>
      <ul>
        <li>
          <a href="/docs">API documentation</a>
        </li>
        <li>
          <a href="/">The customers’ chat</a>
        </li>
      </ul>
    </main>
  )
}
