// Runs the built binary on an empty database in a temporary folder, which goes when the server ends.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'burgee-e2e-'))
const port = Number(process.env.PORT)
const binary = process.env.BURGEE_BINARY ?? new URL('../../bin/burgee', import.meta.url).pathname
const server = spawn(binary, ['serve', '--http', `127.0.0.1:${port}`, '--grpc', `127.0.0.1:${port + 1}`, '--db', join(folder, 'burgee.db'), '--log-level', 'warn'],
  { stdio: ['ignore', 'inherit', 'inherit'] })
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.kill('SIGTERM'))
server.on('exit', code => {
  rmSync(folder, { recursive: true, force: true })
  process.exit(code ?? 1)
})
