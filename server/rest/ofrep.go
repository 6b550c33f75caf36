package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/connect"
)

// What the OpenFeature Remote Evaluation Protocol has that the rpcs behind it have not: contexts of any JSON, keys with
// slashes in the path, flags of a bulk evaluation that fail by themselves, and streams that tell changes. Its error bodies are in errors.go.

// TargetingKeyMissing is the error code of an evaluation that depends on the entity and got none; for [SetErrorCode].
const TargetingKeyMissing = "TARGETING_KEY_MISSING"

const (
	parseError     = "PARSE_ERROR"
	invalidContext = "INVALID_CONTEXT"
)

// flagsPath is the path of a bulk evaluation, and begins that of a single one.
var flagsPath = [...]string{"ofrep", "v1", "evaluate", "flags"}

// joinKey makes one segment of a flag's key that was sent with its slashes as they are.
func joinKey(path []string) []string {
	if len(path) <= len(flagsPath) || !slices.Equal(path[:len(flagsPath)], flagsPath[:]) {
		return path
	}
	return append(flagsPath[:len(flagsPath):len(flagsPath)], strings.Join(path[len(flagsPath):], "/"))
}

// Bulk takes what a bulk evaluation has and the response's message has no place for: the flags that fail while others succeed,
// and where changes are told. It belongs to one call and to its goroutine.
type Bulk struct {
	failures []bulkFailure
	streams  []EventStream
}

// EventStream is a stream that tells when to evaluate again.
type EventStream struct {
	Type               string              `json:"type"` // always sse
	Endpoint           EventStreamEndpoint `json:"endpoint"`
	InactivityDelaySec int                 `json:"inactivityDelaySec"` // how long a client may be hidden before it leaves
}

// EventStreamEndpoint is the address of a stream at the origin that the client calls.
type EventStreamEndpoint struct {
	RequestURI string `json:"requestUri"` // path and query
}

type bulkFailure struct {
	index int
	body  json.RawMessage
}

// BulkOf returns the Bulk of an OFREP call that came by REST, and nil for every other call: an rpc fails as a whole.
func BulkOf(ctx context.Context) *Bulk {
	if a, ok := ctx.Value(answerKey{}).(*answer); ok && a.ofrep {
		return &a.bulk
	}
	return nil
}

// Fail puts the failure of a flag in the place of the item with that index in the response's list of flags.
func (b *Bulk) Fail(index int, key string, err *connect.Error) {
	body := failure{Code: err.Code(), Message: err.Message()}.ofrepBody(&key, err.Meta().Get(errorCodeHeader))
	b.failures = append(b.failures, bulkFailure{index, body})
}

// Announce adds a stream to the response.
func (b *Bulk) Announce(stream EventStream) { b.streams = append(b.streams, stream) }

// announce returns the response, which is an object, with its streams.
func (b *Bulk) announce(body []byte) []byte {
	if len(b.streams) == 0 {
		return body
	}
	body = bytes.TrimSuffix(body, []byte("}"))
	if !bytes.HasSuffix(body, []byte("{")) {
		body = append(body, ',')
	}
	body = append(body, `"eventStreams":`...)
	body = append(body, bytes.TrimSuffix(encode(b.streams), []byte("\n"))...)
	return append(body, '}')
}

// write returns the response with its failures.
func (b *Bulk) write(body []byte) []byte {
	var response struct {
		Flags []json.RawMessage `json:"flags"`
	}
	if err := json.Unmarshal(body, &response); err != nil {
		panic(fmt.Sprintf("read our own response: %v", err))
	}
	for _, f := range b.failures {
		response.Flags[f.index] = f.body
	}
	return bytes.TrimSuffix(encode(response), []byte("\n"))
}

func withCode(code string, err error) *connect.Error {
	refused := connect.NewError(connect.CodeInvalidArgument, err)
	SetErrorCode(refused, code)
	return refused
}
