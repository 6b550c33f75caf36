package features_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/server/features"
)

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	f := decode(t, features.JSON, "# exported by somebody\n\n"+`{
  "namespace": {"key": "é", "name": "N"}, "flags": [
    {"key": "a", "key": "b", "enabled": true, "variants": [{"key": 12, "attachment": {"<<": {"n": 9223372036854775808}, "f": 1.0}}]}, null]}
null {"namespace":"c"}{}`)
	if len(f.Documents) != 3 || f.Documents[1].Namespace.Key != "c" || f.Documents[1].Pos != (features.Pos{Line: 6, Column: 6}) {
		t.Fatalf("got %+v, want three documents, the second one c at 6:6", f.Documents)
	}
	doc := f.Documents[0]
	if doc.Pos != (features.Pos{Line: 3, Column: 1}) || doc.Namespace.Pos != (features.Pos{Line: 4, Column: 16}) || doc.Namespace.Key != "é" {
		t.Errorf("got document at %v and namespace %+v", doc.Pos, doc.Namespace)
	}
	flag := doc.Flags[0]
	if flag.Key != "b" || !flag.Enabled || flag.Pos != (features.Pos{Line: 5, Column: 5}) || len(doc.Flags) != 1 {
		t.Errorf("got %+v, want flag b (the last key) at 5:5", flag)
	}
	v := flag.Variants[0]
	if v.Key != "12" || v.Attachment != `{"<<":{"n":9223372036854775808},"f":1.0}` || v.Pos != (features.Pos{Line: 5, Column: 60}) {
		t.Errorf("got variant %+v", v)
	}
}

// TestDecodeTwins holds JSON to YAML: the same values give the same file.
func TestDecodeTwins(t *testing.T) {
	t.Parallel()
	const text = `{"version": "1.4", "namespace": "n", "flags": [{"key": "a", "metadata": {"k": [1, 2.5, "x", true, null]},
 "rules": [{"segment": {"keys": ["s"], "operator": "AND_SEGMENT_OPERATOR"}, "distributions": [{"rollout": 12.3}]}]}]}`
	a, b := decode(t, features.YAML, text), decode(t, features.JSON, text)
	ma, mb := a.Documents[0].Flags[0].Metadata, b.Documents[0].Flags[0].Metadata
	if !proto.Equal(ma, mb) {
		t.Errorf("got metadata %v and %v", ma, mb)
	}
	a.Documents[0].Flags[0].Metadata, b.Documents[0].Flags[0].Metadata = nil, nil
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got\n%+v\nand\n%+v", a, b)
	}
}

func TestDecodeLongObject(t *testing.T) {
	t.Parallel()
	members := map[string]int{}
	var b strings.Builder
	for i := range 200 {
		key := strings.Repeat("k", i%100+1) // each name twice, the last value stays
		members[key] = i
		b.WriteString(`"` + key + `": ` + string(mustJSON(t, i)) + ", ")
	}
	f := decode(t, features.JSON, `{"flags": [{"variants": [{"attachment": {`+strings.TrimSuffix(b.String(), ", ")+`}}]}]}`)
	if got, want := f.Documents[0].Flags[0].Variants[0].Attachment, string(mustJSON(t, members)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
