import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

/** So close to the end counts as being there. */
const NEAR_PX = 80

/**
 * Keeps the newest in view as the page grows, unless the reader has scrolled up.
 *
 * @param content changes whenever something is added or grows.
 * @param count how many things there are; more of them while the reader is elsewhere makes `isBehind` true.
 */
export function useStickToEnd(content: unknown, count: number) {
  const isAtEnd = useRef(true)
  const seen = useRef(count)
  const [isBehind, setIsBehind] = useState(false)

  const jumpToEnd = useCallback(() => {
    isAtEnd.current = true
    setIsBehind(false)
    window.scrollTo(0, document.documentElement.scrollHeight)
  }, [])

  useEffect(() => {
    const scrolled = () => {
      isAtEnd.current = distanceToEnd() < NEAR_PX
      if (isAtEnd.current) setIsBehind(false)
    }
    const resized = () => {
      if (isAtEnd.current) jumpToEnd() // a phone's keyboard came or went
    }
    window.addEventListener('scroll', scrolled, { passive: true })
    window.addEventListener('resize', resized)
    return () => {
      window.removeEventListener('scroll', scrolled)
      window.removeEventListener('resize', resized)
    }
  }, [jumpToEnd])

  useLayoutEffect(() => {
    const hasMore = count > seen.current
    seen.current = count
    if (isAtEnd.current) jumpToEnd()
    else if (hasMore) setIsBehind(true)
  }, [content, count, jumpToEnd])

  return { isBehind, jumpToEnd }
}

function distanceToEnd(): number {
  return document.documentElement.scrollHeight - window.innerHeight - window.scrollY
}
