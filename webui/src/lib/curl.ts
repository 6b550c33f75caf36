// Requests as text: a command for a POSIX shell, and the plain HTTP request.

/** A text as one word of a POSIX shell, whatever is in it. */
export const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** A command that posts JSON. */
export function curlOf(url: string, body: unknown): string {
  return `curl -sS ${shellQuote(url)} \\\n  -H 'Content-Type: application/json' \\\n  --data-binary ${shellQuote(JSON.stringify(body, undefined, 2))}`
}

/** The same as a request of HTTP/1.1. */
export function httpOf(url: string, body: unknown): string {
  const { pathname, host } = new URL(url)
  const text = JSON.stringify(body, undefined, 2)
  return `POST ${pathname} HTTP/1.1\nHost: ${host}\nContent-Type: application/json\nContent-Length: ${new TextEncoder().encode(text).length}\n\n${text}`
}
