package features_test

import (
	"bytes"
	"testing"

	"github.com/burgeehq/burgee/server/features"
)

func FuzzDecodeYAML(f *testing.F) { fuzz(f, features.YAML) }
func FuzzDecodeJSON(f *testing.F) { fuzz(f, features.JSON) }

// fuzz holds that any input is refused or gives documents that both encodings carry unchanged.
func fuzz(f *testing.F, e features.Encoding) {
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := features.Decode("f", data, e)
		if (file == nil) == (err == nil) {
			t.Fatalf("got %v and %v", file, err)
		}
		if err != nil {
			return
		}
		contents := contentsOf(file.Documents)
		want := shape(t, file.Documents)
		for _, e := range []features.Encoding{features.YAML, features.JSON} {
			text, err := features.Encode(e, contents)
			if err != nil {
				t.Fatalf("encode: %v", err)
			}
			again, err := features.Decode("f", text, e)
			if err != nil {
				t.Fatalf("decode: %v in %s", err, text)
			}
			if got := shape(t, again.Documents); got != want {
				t.Fatalf("got  %s\nwant %s\nfrom %s", got, want, text)
			}
			twice, err := features.Encode(e, contentsOf(again.Documents))
			if err != nil || !bytes.Equal(twice, text) {
				t.Fatalf("encoded twice: %v\n%s\n%s", err, text, twice)
			}
		}
	})
}
