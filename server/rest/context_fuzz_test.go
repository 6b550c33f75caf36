package rest

import (
	"errors"
	"maps"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// FuzzUsualContext holds what is read of a usual context to what is read of any.
func FuzzUsualContext(f *testing.F) {
	for _, body := range []string{
		`{"context":{"targetingKey":"u","plan":"pro","age":12,"beta":true,"ratio":-1.50e+01}}`, `{"context":{}}`, ` { "context" : { "a" : "b" , "c" : 0 } } x`,
		`{"context":{"a":"b","a":1}}`, `{"context":{"a":null}}`, `{"context":{"targetingKey":1,"targetingKey":"a"}}`, `{"context":{"a":01}}`, `{"context":{"a":1.}}`, `{"context":{"a":-}}`,
		`{"context":{"a":1e400,"b":1e21,"c":-0.0,"d":123456789012345678901234567890}}`, `{"context":{"\u00e9\n":"\ud83d\udea9","b":"\/"}}`, `{"context":{"a":"\ud83d"}}`,
		`{"context":{"a":{"b":1}},"x":1}`, `{"context":{"a":"b"},"context":{}}`, `{"context":{"a":falsehood}}`, "{\"context\":{\"a\":\"\xff\"}}", `{"context":{"a":"b"}`, `{"context":{"a":"1}}`,
	} {
		f.Add([]byte(body), "key", int64(1000))
		f.Add([]byte(body), "\"k\u00e9y\"\n", int64(len(body)/2))
	}
	f.Fuzz(func(t *testing.T, body []byte, key string, limit int64) {
		if !utf8.ValidString(key) {
			return
		}
		got, refused := readContext(body, &key, limit, make([]byte, 0, 64))
		want, wantRefused := readAnyContext(body, &key, limit)
		if refused != nil || wantRefused != nil {
			if refused == nil || wantRefused == nil || refused.Error() != wantRefused.Error() {
				t.Fatalf("%q: got %s, %v, want %s, %v", body, got, refused, want, wantRefused)
			}
			return
		}
		var m, wanted ofrep.EvaluateFlagRequest
		if err := errors.Join(Unmarshal(got, &m), Unmarshal(want, &wanted)); err != nil || !proto.Equal(&m, &wanted) || m.Key != key {
			t.Errorf("%q: got %s, want %s, %v", body, got, want, err)
		}
	})
}

// FuzzContext reads any body of an OFREP evaluation. It is refused with one of the standard's codes, or becomes a context
// of strings within the limit, which is the same when it is read again.
func FuzzContext(f *testing.F) {
	const limit = 64 << 10
	read := func(t *testing.T, body []byte, limit int64) (map[string]string, *connect.Error) {
		flat, refused := readContext(body, nil, limit, nil)
		if refused != nil {
			return nil, refused
		}
		var m ofrep.EvaluateFlagRequest
		if err := Unmarshal(flat, &m); err != nil {
			t.Fatalf("%q became %q, which is not a message: %v", body, flat, err)
		}
		return m.Context, nil
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, refused := read(t, body, limit)
		if refused != nil {
			code := refused.Meta().Get(errorCodeHeader)
			if refused.Code() != connect.CodeResourceExhausted && code != parseError && code != invalidContext {
				t.Errorf("%q: refused with %q: %v", body, code, refused)
			}
			return
		}
		size := 0
		for name, value := range got {
			size += len(name) + len(value)
		}
		if size > 3*limit { // a byte that is no UTF-8 becomes the three of U+FFFD
			t.Errorf("%q: a context of %d bytes", body, size)
		}
		flat, _ := readContext(body, nil, limit, nil)
		again, refused := read(t, flat, 64*limit)
		if refused != nil || !maps.Equal(again, got) {
			t.Errorf("%q: got %q, and reading it again %q, %v", body, got, again, refused)
		}
	})
}
