// @vitest-environment jsdom
import { cleanup, render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { change, EMPTY } from './conversation'
import { CITATION, message } from './testing'
import { Transcript } from './Transcript'

afterEach(cleanup)
const scrollIntoView = vi.fn()
Element.prototype.scrollIntoView = scrollIntoView // jsdom lays nothing out

const SECOND = { ...CITATION, n: 2, title: 'Fix sign-in problems', quote: 'Wait an hour.', url: 'javascript:alert(1)' }

function show(outcome: string, text: string, citations = [CITATION], author: 'bot' | 'staff' = 'bot') {
  const actions = { onJudge: vi.fn(() => Promise.resolve()), onAskForPerson: vi.fn() }
  const page = () => {
    const copies = citations.map((citation) => ({ ...citation }))
    const said = message('m2', { author, text, reply: { outcome, confidence: 0.9, citations: copies } })
    const { messages } = change(EMPTY, { type: 'received', messages: [said] })
    return <Transcript messages={messages} {...actions} />
  }
  const { rerender } = render(page())
  return { ...actions, readAgain: () => { rerender(page()) } }
}

describe('an answer', () => {
  it('opens and hides the passage behind its number', async () => {
    show('answered', 'Select it. [1] Or wait. [2]', [CITATION, SECOND])
    const chip = screen.getByRole('button', { name: 'Source 1: Reset your password' })
    expect(chip.getAttribute('aria-expanded')).toBe('false')

    await userEvent.click(chip)
    expect(chip.getAttribute('aria-expanded')).toBe('true')
    const quote = screen.getByRole('figure')
    expect(quote.id).toBe(chip.getAttribute('aria-controls'))
    expect(quote.textContent).toContain('Select Forgot password? on the sign-in page.')
    const link = within(quote).getByRole('link', { name: /Reset your password/ })
    expect([link.getAttribute('href'), link.getAttribute('target')]).toEqual(['/help/reset-your-password', '_blank'])

    await userEvent.click(chip)
    expect(screen.queryByRole('figure')).toBeNull()
  })

  it('shows one passage at a time, and no link that is not safe', async () => {
    show('answered', 'Select it. [1] Or wait. [2]', [CITATION, SECOND])
    await userEvent.click(screen.getByRole('button', { name: /Source 1/ }))
    await userEvent.click(screen.getByRole('button', { name: /Source 2/ }))
    const quote = screen.getByRole('figure')
    expect(quote.textContent).toContain('Wait an hour.')
    expect(within(quote).queryByRole('link')).toBeNull()
  })

  it('stays where it is when the transcript is read again', async () => {
    const { readAgain } = show('answered', 'Select it. [1] Or wait. [2]', [CITATION, SECOND])
    scrollIntoView.mockClear()
    await userEvent.click(screen.getByRole('button', { name: /Source 1/ }))
    expect(scrollIntoView).toHaveBeenCalledTimes(1)
    readAgain()
    expect(screen.getByRole('figure')).toBeTruthy()
    expect(scrollIntoView).toHaveBeenCalledTimes(1)
    await userEvent.click(screen.getByRole('button', { name: /Source 2/ }))
    expect(scrollIntoView).toHaveBeenCalledTimes(2)
  })

  it.each([
    ['answered', 'Confident'],
    ['suggested', 'May help – a person can check'],
  ])('that is %s says how sure it is in words', (outcome, words) => {
    show(outcome, 'Yes [1]')
    expect(screen.getByText(words)).toBeTruthy()
    expect(screen.getByRole('group', { name: 'Was this helpful?' })).toBeTruthy()
  })

  it.each(['clarify', 'smalltalk', 'refused', 'escalated'])('that is %s is not judged', (outcome) => {
    show(outcome, 'Well. #7', [])
    expect(screen.queryByRole('group')).toBeNull()
  })

  it('that handed over shows the ticket', () => {
    show('escalated', 'Of course. I passed it on as ticket #1042.', [])
    expect(screen.getByText('Ticket #1042')).toBeTruthy()
  })
})

describe('the verdict', () => {
  it('yes is told and thanked for', async () => {
    const { onJudge } = show('answered', 'Yes [1]')
    await userEvent.click(screen.getByRole('button', { name: 'Yes' }))
    expect(onJudge).toHaveBeenCalledWith('m2', true, undefined)
    expect(screen.getByText('Thank you for telling us.')).toBe(document.activeElement)
  })

  it('no is told at once, and a comment after it', async () => {
    const { onJudge, onAskForPerson } = show('answered', 'Yes [1]')
    await userEvent.click(screen.getByRole('button', { name: 'No' }))
    expect(onJudge).toHaveBeenLastCalledWith('m2', false, undefined)
    await userEvent.click(screen.getByRole('button', { name: 'talk to a person' }))
    expect(onAskForPerson).toHaveBeenCalledOnce()
    await userEvent.type(screen.getByLabelText(/What was missing/), '  The price ')
    await userEvent.click(screen.getByRole('button', { name: 'Send comment' }))
    expect(onJudge).toHaveBeenLastCalledWith('m2', false, 'The price')
  })

  it('that is lost can be given again', async () => {
    const { onJudge } = show('answered', 'Yes [1]')
    onJudge.mockRejectedValueOnce(new Error('away'))
    await userEvent.click(screen.getByRole('button', { name: 'Yes' }))
    expect(screen.getByText(/did not get through/)).toBeTruthy()
    await userEvent.click(screen.getByRole('button', { name: 'Yes' }))
    expect(screen.getByText('Thank you for telling us.')).toBeTruthy()
  })
})

it('a person is told from Clara', () => {
  show('', 'Hi, this is **Kim**.\nI look into it.', [], 'staff')
  expect(screen.getByText(/A person from our team/)).toBeTruthy()
  expect(screen.queryByText('Clara')).toBeNull()
})
