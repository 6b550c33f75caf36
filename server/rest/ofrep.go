package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
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

// entrySize bounds what a member of the context takes in a message beside name and value.
const entrySize = 12

// readContext reads the body of an evaluation and returns it with a context of strings only, as constraints compare them:
// booleans and numbers are spelled out, nulls left out, arrays and objects written as JSON. The members of objects can be
// reached too, by their path with dots, unless the context has a member of that very name. All names and values together
// hold limit, in bytes.
func readContext(body []byte, limit int64) ([]byte, *connect.Error) {
	if _, err := survey(body); err != nil {
		return nil, withCode(invalidContext, err)
	}
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, withCode(parseError, err)
	}
	var request, members map[string]json.RawMessage
	if json.Unmarshal(first, &request) != nil {
		return nil, withCode(invalidContext, errWrongType)
	}
	if given, ok := request["context"]; ok && json.Unmarshal(given, &members) != nil {
		return nil, withCode(invalidContext, errWrongType)
	}
	if key, ok := members["targetingKey"]; ok && key[0] != '"' && !isNull(key) {
		return nil, withCode(invalidContext, errors.New("targetingKey must be a string"))
	}
	w := contextWriter{left: limit}
	w.out.Grow(len(first))
	w.out.WriteString(`{"context":{`)
	if !w.members(members) {
		return nil, tooLarge("evaluation context", limit)
	}
	w.out.WriteString("}}")
	return w.out.Bytes(), nil
}

// contextWriter writes a flat context as JSON.
type contextWriter struct {
	out  bytes.Buffer
	left int64 // bytes that names and values may still take
}

// nested is an object in the context, under its name.
type nested struct {
	name string
	raw  json.RawMessage
}

// members writes the members of the context, then those of the objects in it, level by level: the name with fewer dots
// wins. It says whether all of it fits.
func (w *contextWriter) members(members map[string]json.RawMessage) bool {
	var objects []nested
	for name, raw := range members {
		if !w.member(name, raw) {
			return false
		}
		if raw[0] == '{' {
			objects = append(objects, nested{name, raw})
		}
	}
	if len(objects) == 0 {
		return true
	}
	slices.SortFunc(objects, func(a, b nested) int { return strings.Compare(a.name, b.name) })
	taken := make(map[string]bool, len(members))
	for name := range members {
		taken[name] = true
	}
	for ; len(objects) > 0; objects = objects[1:] {
		var inner map[string]json.RawMessage
		if err := json.Unmarshal(objects[0].raw, &inner); err != nil {
			panic(fmt.Sprintf("read an object again: %v", err))
		}
		for _, last := range slices.Sorted(maps.Keys(inner)) {
			name, raw := objects[0].name+"."+last, inner[last]
			if !taken[name] && !w.member(name, raw) {
				return false
			}
			taken[name] = true
			if raw[0] == '{' {
				objects = append(objects, nested{name, raw})
			}
		}
	}
	return true
}

// member writes one member as a string, or nothing for a null. It says whether it fits.
func (w *contextWriter) member(name string, raw json.RawMessage) bool {
	if isNull(raw) {
		return true
	}
	if w.left -= int64(len(name) + len(raw) + entrySize); w.left < 0 {
		return false
	}
	if w.out.Bytes()[w.out.Len()-1] != '{' {
		w.out.WriteByte(',')
	}
	w.quoted(name)
	w.out.WriteByte(':')
	switch raw[0] {
	case '"':
		w.out.Write(raw)
	case 't', 'f':
		w.out.WriteByte('"')
		w.out.Write(raw)
		w.out.WriteByte('"')
	case '{', '[':
		var text bytes.Buffer
		if err := json.Compact(&text, raw); err != nil {
			panic(fmt.Sprintf("read a value again: %v", err))
		}
		w.quoted(text.String())
	default:
		w.quoted(spell(string(raw)))
	}
	return true
}

func (w *contextWriter) quoted(text string) {
	special := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if strings.IndexFunc(text, special) < 0 {
		w.out.WriteByte('"')
		w.out.WriteString(text)
		w.out.WriteByte('"')
		return
	}
	w.out.Write(bytes.TrimSuffix(encode(text), []byte("\n")))
}

// spell returns a JSON number in the one spelling that all numbers equal to it get. An integer stays as it is written, so
// that none of its digits is lost, and so does what is out of the range of a double.
func spell(number string) string {
	if !strings.ContainsAny(number, ".eE") {
		return number
	}
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil:
		return number
	case n == 0:
		return "0"
	case math.Abs(n) < 1e-6, math.Abs(n) >= 1e21:
		return strconv.FormatFloat(n, 'e', -1, 64)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func withCode(code string, err error) *connect.Error {
	refused := connect.NewError(connect.CodeInvalidArgument, err)
	SetErrorCode(refused, code)
	return refused
}
