// Made by scripts/constraints.mjs from gen/openapi.yaml: never by hand.

/** flipt.CreateFlagRequest.key, flipt.CreateSegmentRequest.key, flipt.CreateNamespaceRequest.key */
export const key = { minLength: 1, pattern: /^[-_,A-Za-z0-9]*$/ }

/** burgee.v1.FlagDocument.tags */
export const tags = { maxItems: 64 }

/** burgee.v1.FlagDocument.tags[] */
export const tag = { minLength: 1, maxLength: 64 }

/** burgee.v1.ListFlagSummariesRequest.search */
export const search = { maxLength: 256 }

/** burgee.v1.ListFlagSummariesRequest.limit */
export const page = { minimum: 0, maximum: 1000 }

/** burgee.v1.PreviewSegmentRequest.contexts */
export const contexts = { minItems: 1, maxItems: 1000 }
