// The one way to the server: openapi-fetch on the types of gen/openapi.yaml, with every failure as an ApiError.
import createClient from 'openapi-fetch'
import type { components, paths } from './schema'

type Schemas = components['schemas']
export type FlagDocument = Schemas['burgee.v1.FlagDocument']
export type SegmentDocument = Schemas['burgee.v1.SegmentDocument']
export type NamespaceDocument = Schemas['burgee.v1.NamespaceDocument']
export type FlagSummary = Schemas['burgee.v1.FlagSummary']
export type Flag = Schemas['flipt.Flag']
export type Variant = Schemas['flipt.Variant']
export type Rule = Schemas['flipt.Rule']
export type Distribution = Schemas['flipt.Distribution']
export type Rollout = Schemas['flipt.Rollout']
export type Segment = Schemas['flipt.Segment']
export type Constraint = Schemas['flipt.Constraint']
export type Namespace = Schemas['flipt.Namespace']
export type Revision = Schemas['burgee.v1.Revision']
export type DocumentDifference = Schemas['burgee.v1.DocumentDifference']
export type FieldDifference = Schemas['burgee.v1.FieldDifference']
export type ExplainResponse = Schemas['burgee.v1.ExplainResponse']
export type SegmentUse = Schemas['burgee.v1.SegmentUse']

/** Where the server is: the <base> of the page, without its last slash. */
export const base = new URL('.', document.baseURI).href.replace(/\/$/, '')

/** One wrong field of a request: its path in the document, and what to do. */
export interface FieldError {
  path: string
  message: string
}

/** Why a call failed. status is 0 when the server did not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly requestId = '',
    readonly fields: FieldError[] = [],
    /** The details of the error, such as the current document of a conflict. */
    readonly details: { '@type'?: string, [member: string]: unknown }[] = []
  ) {
    super(message)
    this.name = 'ApiError'
  }

  /** Whether the server has another state than the one that was changed. */
  get stale() { return this.status === 412 }
}

const client = createClient<paths>({ baseUrl: base, headers: { Accept: 'application/json' } })

/** The typed client. Its calls return { data, error, response }; `call` turns them into a value or an ApiError. */
export const api = client

interface Outcome<T> { data?: T, error?: unknown, response: Response }

/** Waits for a call, and returns its answer or throws an ApiError. */
export async function call<T>(outcome: Promise<Outcome<T>>): Promise<T> {
  return (await callWithResponse(outcome)).data
}

/** Like call, with the response for its headers. */
export async function callWithResponse<T>(outcome: Promise<Outcome<T>>): Promise<{ data: T, response: Response }> {
  let result: Outcome<T>
  try {
    result = await outcome
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    if (cause instanceof SyntaxError) throw new ApiError(502, 'The server sent something that is not JSON. Is a proxy in between?')
    throw new ApiError(0, 'The server does not answer.')
  }
  if (result.error !== undefined || !result.response.ok) throw failure(result.response, result.error)
  return { data: result.data as T, response: result.response }
}

function failure(response: Response, body: unknown): ApiError {
  const said = (typeof body === 'object' && body !== null ? body : {}) as { message?: unknown, details?: unknown }
  const message = typeof said.message === 'string' && said.message !== '' ? said.message : `The server answered ${response.status}.`
  const details = (Array.isArray(said.details) ? said.details : []) as ApiError['details']
  const fields = details.flatMap(detail => Array.isArray(detail.fieldViolations) ? detail.fieldViolations as { field?: string, description?: string }[] : [])
    .map(violation => ({ path: violation.field ?? '', message: violation.description ?? '' }))
  return new ApiError(response.status, message, response.headers.get('X-Request-Id') ?? '', fields, details)
}
