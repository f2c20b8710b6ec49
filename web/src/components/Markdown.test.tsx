// @vitest-environment jsdom
import { cleanup, render } from '@testing-library/react'
import { afterEach, describe, expect, it } from 'vitest'
import { safeHref } from './links'
import { Markdown } from './Markdown'

afterEach(cleanup)

function htmlOf(text: string) {
  return render(<Markdown text={text} mark={(n) => (n === 1 ? <button>{n}</button> : null)} />).container.innerHTML
}

describe('Markdown', () => {
  it('shows paragraphs, bold, code and lists', () => {
    const html = htmlOf('One **two** `three`\n\n3. a\n4. b\n\n- c\n  - d')
    expect(html).toBe(
      '<div class="prose"><p>One <strong>two</strong> <code>three</code></p>' +
        '<ol start="3"><li>a</li><li>b</li></ol><ul><li>c<ul><li>d</li></ul></li></ul></div>',
    )
  })

  it.each([
    '<img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    'text <b onclick="alert(1)">bold</b>',
    '![tracker](https://elsewhere.example/pixel.png)',
    '[click](javascript:alert(1))',
    '[click](JaVaScRiPt&colon;alert(1))',
    '[click](data:text/html,<script>alert(1)</script>)',
    '<javascript:alert(1)>',
    '[click](//elsewhere.example/)',
    '[click](/api/auth/logout)',
    '[1]: javascript:alert(1)\n\n[1]',
    '| a | b |\n|---|---|\n| <img src=x> | ![x](https://y.example/z.png) |',
  ])('makes nothing that runs, loads or leads astray of %j', (text) => {
    const { container } = render(<Markdown text={text} />)
    const allowed = ['DIV', 'P', 'STRONG', 'UL', 'OL', 'LI', 'PRE', 'CODE']
    container.querySelectorAll('*').forEach((element) => {
      expect(allowed).toContain(element.tagName)
      expect(element.getAttributeNames().filter((name) => name !== 'class')).toEqual([])
    })
    expect(container.textContent).not.toBe('')
  })

  it('links openly to elsewhere and to articles, in a new tab', () => {
    const html = htmlOf('[a](https://x.example) [b](/help/refunds) [c](mailto:a@b.example)')
    expect(html.match(/<a href="[^"]+" target="_blank" rel="noopener noreferrer">/g)).toHaveLength(3)
  })

  it('asks for something in place of a mark, and leaves other marks and code alone', () => {
    expect(htmlOf('Yes [1]. No [2]. `a[1]`')).toBe(
      '<div class="prose"><p>Yes <button>1</button>. No [2]. <code>a[1]</code></p></div>',
    )
  })

  it('never takes a mark for a reference link', () => {
    expect(htmlOf('Yes [1][2]\n\n[2]: /somewhere')).not.toContain('<a')
  })
})

describe('a safe link', () => {
  it.each(['/help', '/help/refunds', '/help?x=1', 'https://x.example/a', 'mailto:a@b.example'])('is %s', (href) => {
    expect(safeHref(href)).toBe(href)
  })
  it.each(['/helpless', '//help/x', 'javascript:1', 'data:,x', 'help/x', '', 'vbscript:x', 'file:///etc'])(
    'is not %s',
    (href) => {
      expect(safeHref(href)).toBeNull()
    },
  )
})
