const OPEN = new Set(['http:', 'https:', 'mailto:'])

/** A link that may be followed: openly to elsewhere, or to an article of ours. Null for anything else. */
export function safeHref(href: string): string | null {
  if (/^\/help(?:[/?#]|$)/.test(href)) return href
  try {
    return OPEN.has(new URL(href).protocol) ? href : null
  } catch {
    return null // relative, or no address at all
  }
}
