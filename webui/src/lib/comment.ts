/**
 * How long a comment for the history may be, in characters. It is a header, of which the OpenAPI document says nothing: the server takes 4,096 bytes,
 * and a character needs three at most.
 */
export const longestComment = 1365
