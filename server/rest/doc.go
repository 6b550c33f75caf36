// Package rest is the REST edge: it translates the HTTP and JSON interface of Flipt v1 into calls of the Connect
// handlers, by way of vanguard, and back. The JSON codec that it uses there is also the one of the Connect protocol.
//
// It holds no handler, listener, cross-origin rule, host check or health endpoint, and decides nothing about flags: what
// a request means is up to the handlers. It must not stand behind a [http.ServeMux] pattern that cleans paths, since a
// path with an empty segment is answered with 404 and not with a redirect.
//
// # What vanguard is not left to do
//
// Paths are matched here, from the same google.api.http annotations, and their variables handed on wholly
// percent-encoded: vanguard would decode them twice, take a colon for a verb, and refuse GET …/rules/order because PUT
// has it. Query parameters are checked and filtered here, since an unknown one, or one that names a path variable, would
// fail or win. Bodies are read here within their limits. Headers that mean something to vanguard or to Connect do not
// pass. A body that cannot be decoded ends the call: vanguard would call the handler with an empty message. Errors get
// the bodies and statuses of the contract. Requests of the Connect, gRPC and gRPC-Web protocols go to the handlers as they
// are.
//
// A POST whose body is all of the message goes to its handler without vanguard, as a call of Connect in JSON, and costs a
// quarter; so do evaluations of OFREP, whose bodies are written anew anyway. Nothing else of the above changes for them.
//
// # The busiest messages
//
// Requests for evaluations and their answers are read and written by hand, where there is nothing unusual about them; all else
// is left to protojson, so that results, bytes and errors are its own either way.
//
// # Headers between handlers and edge
//
//   - X-Etag of a response becomes its Etag as it is, quoted or not; X-Http-Code: 304 makes it a 304 without body. A request's
//     If-None-Match reaches the handler as Grpcgateway-If-None-Match.
//   - A request's If-Match reaches the handler as it is.
//   - [SetErrorCode] gives an error another code of OFREP, and [BulkOf] takes the flags that fail while others do not.
//   - Grpc-Metadata-<name> of a request reaches the handler as <name>.
//   - Grpc-Timeout ends the context of the call.
//
// # OpenFeature contexts
//
// The context of an OFREP evaluation is any JSON object. The handlers get strings, which is what constraints compare:
//
//   - A string as it is; true and false; a number in the shortest spelling (5 for 5.0), but an integer with all its digits.
//   - Nothing for a null, as if it were absent.
//   - For an array or an object its JSON without blanks. The members of an object also come by themselves, under their path
//     with dots: of {"user":{"plan":"pro"}} the property user.plan is "pro". Where two have the same name, the one with fewer
//     levels wins: a member of the context goes before all others.
//   - The targetingKey must be a string or null.
//
// # Deviations from Flipt v1.61.1
//
//   - An encoded slash, percent sign or colon in a key is part of the key; there %2F is a 404.
//   - HEAD is answered as GET without body; there it is a 501.
//   - A list may be written as an object with the keys "0", "1", …, as one PHP client does; there it is a 400.
//   - Bodies are limited, before and after decompression (429, code 8), and JSON may be nested 64 levels deep (400).
//   - An integer may be written with a fraction of zero (1.0), as the JSON mapping of Protobuf allows; there it is a 400.
//     Enum numbers may not, as there.
//   - An empty query value of any type is the same as an absent one; there it is a 400 for numbers and booleans.
//   - Responses under 1,024 bytes are never compressed. The other ones say Vary: Accept-Encoding either way.
//   - Errors are never printed in the pretty form.
//   - OFREP errors about a flag always have its key, malformed JSON is a PARSE_ERROR, and a body over the limit is a 413, since
//     a 429 would stop a provider for a while. Every 429 has a Retry-After.
//   - The key of an OFREP evaluation may have its slashes as they are.
//   - Metadata of a handler's response become headers under their own names, without the prefix Grpc-Metadata-.
package rest
