const PATHS = {
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 14 0',
  send: 'M12 20V5m0 0-6 6m6-6 6 6',
  book: 'M5 5.5A2.5 2.5 0 0 1 7.5 3H19v15H7.5A2.5 2.5 0 0 0 5 20.5Zm0 15A2.5 2.5 0 0 0 7.5 21H19v-3',
  plus: 'M12 5v14M5 12h14',
  down: 'M12 5v14m0 0 6-6m-6 6-6-6',
  ticket: 'M4 7h16v3.5a1.5 1.5 0 0 0 0 3V17H4v-3.5a1.5 1.5 0 0 0 0-3Zm10 0v10',
  offline: 'M4 4l16 16M8.5 12.5a6 6 0 0 1 3-1.4M5 9a11 11 0 0 1 3-1.9m4-.9a11 11 0 0 1 7 2.8m-3.5 3.5a6 6 0 0 1 1 .8M12 18.5v.01',
}

/** Decoration beside words that say the same. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
