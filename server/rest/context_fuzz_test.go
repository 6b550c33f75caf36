package rest

import (
	"maps"
	"testing"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// FuzzContext reads any body of an OFREP evaluation. It is refused with one of the standard's codes, or becomes a context
// of strings within the limit, which is the same when it is read again.
func FuzzContext(f *testing.F) {
	const limit = 64 << 10
	read := func(t *testing.T, body []byte, limit int64) (map[string]string, *connect.Error) {
		flat, refused := readContext(body, limit)
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
		flat, _ := readContext(body, limit)
		again, refused := read(t, flat, 64*limit)
		if refused != nil || !maps.Equal(again, got) {
			t.Errorf("%q: got %q, and reading it again %q, %v", body, got, again, refused)
		}
	})
}
