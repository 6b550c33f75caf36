package fliptdb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
	"github.com/burgeehq/burgee/store/fliptdb"
)

// many writes flags with 3 variants, 3 rules of 2 segments and 2 distributions each, and as many segments.
func many(d *database, flags int) {
	for i := range flags {
		flag, segment := fmt.Sprintf("flag-%04d", i), fmt.Sprintf("segment-%04d", i)
		d.insert("segments", stamped(1, "key", segment)...)
		for c := range 2 {
			d.insert("constraints", stamped(1, "id", fmt.Sprint(segment, c), "segment_key", segment)...)
		}
		d.insert("flags", stamped(1, "key", flag, "enabled", true, "metadata", `{"team": "web"}`)...)
		for v := range 3 {
			d.insert("variants", stamped(1, "id", fmt.Sprint(flag, "v", v), "flag_key", flag, "key", v, "attachment", `{"n": 1}`)...)
		}
		for r := range 3 {
			rule := fmt.Sprint(flag, "r", r)
			d.insert("rules", stamped(1, "id", rule, "flag_key", flag, "rank", r+1)...)
			d.insert("rule_segments", "rule_id", rule, "segment_key", segment)
			d.insert("rule_segments", "rule_id", rule, "segment_key", fmt.Sprintf("segment-%04d", (i+1)%flags))
			for v := range 2 {
				d.insert("distributions", stamped(1, "id", fmt.Sprint(rule, "d", v), "rule_id", rule, "variant_id", fmt.Sprint(flag, "v", v), "rollout", 50)...)
			}
		}
	}
}

// TestFiveHundredFlags holds what is promised: 500 flags are there in less than 2 s, the opening of the database included.
func TestFiveHundredFlags(t *testing.T) {
	d := fliptDB(t, newest)
	many(d, 500)
	path := d.done()
	begin := time.Now()
	contents, err := fliptdb.Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	read := time.Since(begin)
	srv := imported(t, contents)
	took := time.Since(begin)
	t.Logf("500 flags: read in %v, imported in %v", read, took)
	if len(contents.Flags) != 500 || len(contents.Problems) > 0 {
		t.Errorf("%d flags, problems %v", len(contents.Flags), contents.Problems)
	}
	if got := variant(t, srv, "default", "flag-0499", "u"); !got.Match || len(got.SegmentKeys) != 2 {
		t.Errorf("flag-0499 evaluates to %+v", got)
	}
	if took > bound {
		t.Errorf("it took %v, the bound is %v", took, bound)
	}
}

// TestLargestDocument holds the limit of this package to that of the store: what just fits is imported.
func TestLargestDocument(t *testing.T) {
	t.Parallel()
	d := fliptDB(t, newest)
	d.insert("flags", "key", "f")
	d.insert("variants", "id", "v", "flag_key", "f", "key", "k")
	d.exec(`UPDATE flags SET default_variant_id = 'v'`)
	d.exec(`COMMIT`)
	read := func(attachment int) *fliptdb.Contents {
		t.Helper()
		d.exec(`UPDATE variants SET attachment = ?`, `"`+strings.Repeat("x", attachment-2)+`"`)
		contents, err := fliptdb.Read(t.Context(), d.path)
		if err != nil {
			t.Fatal(err)
		}
		return contents
	}
	const begin, limit = 8<<20 - 1000, 8<<20 - 64
	doc := read(begin).Flags[0]
	largest := begin + limit - (proto.Size(doc) - proto.Size(doc.Flag.DefaultVariant))
	if contents := read(largest + 1); len(contents.Flags) != 0 {
		t.Error("a flag that is too large was not left out")
	}
	contents := read(largest)
	if len(contents.Flags) != 1 {
		t.Fatal(contents.Problems)
	}
	if got := variant(t, imported(t, contents), "default", "f", "u").VariantAttachment; len(got) != largest {
		t.Errorf("the attachment has %d bytes, want %d", len(got), largest)
	}
}

func BenchmarkImport(b *testing.B) {
	for _, flags := range []int{500, 5000} {
		b.Run(fmt.Sprint(flags, " flags"), func(b *testing.B) {
			d := fliptDB(b, newest)
			many(d, flags)
			path := d.done()
			for b.Loop() {
				contents, err := fliptdb.Read(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				srv := burgee(b)
				if _, err := srv.ImportDocuments(b.Context(), store.Author{}, server.Documents{
					Namespaces: contents.Namespaces, Segments: contents.Segments, Flags: contents.Flags,
				}, new(burgeev1.ImportRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
