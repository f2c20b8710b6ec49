// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as server from '../../api/chat'
import { Unreachable } from '../../api/http'
import { ChatPage } from './ChatPage'
import { FakeServer, reply } from './testing'

vi.mock('../../api/chat')

let fake: FakeServer

beforeEach(() => {
  localStorage.clear()
  fake = new FakeServer()
  vi.spyOn(window, 'scrollTo').mockImplementation(() => undefined)
  window.matchMedia = () => ({ matches: true }) as MediaQueryList // jsdom lays nothing out
  vi.mocked(server.startConversation).mockImplementation(fake.startConversation)
  vi.mocked(server.readTranscript).mockImplementation(fake.readTranscript)
  vi.mocked(server.sendMessage).mockImplementation(fake.sendMessage)
  vi.mocked(server.followConversation).mockImplementation(fake.followConversation)
})
afterEach(cleanup)

function field(): HTMLTextAreaElement {
  return screen.getByLabelText('Your message')
}

describe('the chat page', () => {
  it('sends with Enter, breaks the line with Shift and Enter, and leaves Enter to an input method', async () => {
    render(<ChatPage />)
    await userEvent.type(field(), 'One{Shift>}{Enter}{/Shift}two')
    expect(field().value).toBe('One\ntwo')
    fireEvent.keyDown(field(), { key: 'Enter', isComposing: true })
    expect(fake.sent).toHaveLength(0)
    await userEvent.keyboard('{Enter}')
    expect(fake.sent.map((one) => one.text)).toEqual(['One\ntwo'])
    expect(field().value).toBe('')
    expect(document.activeElement).toBe(field())
  })

  it('sends nothing that is empty or too long, and counts near the limit', async () => {
    render(<ChatPage />)
    await userEvent.type(field(), '   {Enter}')
    fireEvent.change(field(), { target: { value: 'x'.repeat(9_990) } })
    expect(screen.getByText('10 characters left')).toBeTruthy()
    fireEvent.change(field(), { target: { value: '👋'.repeat(10_000) } })
    expect(screen.getByText('0 characters left')).toBeTruthy()
    fireEvent.change(field(), { target: { value: 'x'.repeat(10_001) } })
    expect(screen.getByText('1 characters too many')).toBeTruthy()
    fireEvent.keyDown(field(), { key: 'Enter' })
    expect(fake.sent).toHaveLength(0)
  })

  it('keeps a message that was not sent, with a way to send it again', async () => {
    fake.script = [new Unreachable(), [{ event: 'reply', reply: reply() }]]
    render(<ChatPage />)
    await userEvent.click(screen.getByRole('button', { name: 'How do I reset my password?' }))
    await screen.findByText('Not sent.')
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('Confident')).toBeTruthy()
    expect(screen.getAllByText('How do I reset my password?')).toHaveLength(1)
  })

  it('asks for a person at any time', async () => {
    render(<ChatPage />)
    await userEvent.click(screen.getByRole('button', { name: 'Talk to a person' }))
    expect(fake.sent[0]?.text).toBe('I want to talk to a person')
  })

  it('says that the network is gone', () => {
    const isOnline = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
    render(<ChatPage />)
    expect(screen.getByText(/You are offline/)).toBeTruthy()
    isOnline.mockReturnValue(true)
    fireEvent(window, new Event('online'))
    expect(screen.queryByText(/You are offline/)).toBeNull()
  })
})
