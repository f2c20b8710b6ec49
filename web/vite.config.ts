import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const SERVER = 'http://127.0.0.1:8000'

export default defineConfig({
  plugins: [react()],
  // the server puts a nonce of its own in place of this into every answer
  html: { cspNonce: '__CSP_NONCE__' },
  build: { target: 'es2022' },
  server: { proxy: { '/api': SERVER, '/help': SERVER, '/docs': SERVER, '/openapi.json': SERVER } },
  test: { include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true, testTimeout: 5000 },
})
