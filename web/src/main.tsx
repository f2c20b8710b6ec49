import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './theme.css' // first: what pages say about the same thing counts
import { ChatPage } from './features/chat/ChatPage'
import { NotYetPage } from './features/staff/NotYetPage'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
const isStaff = /^\/app(?:\/|$)/.test(window.location.pathname)
createRoot(root).render(<StrictMode>{isStaff ? <NotYetPage /> : <ChatPage />}</StrictMode>)
