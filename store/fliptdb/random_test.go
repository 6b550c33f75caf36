package fliptdb_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/store/fliptdb"
)

// TestAnythingIsImported writes rows that refer to each other at random, to what is there and what is not, with values of any
// kind, and imports what was read: every document must compile. What is read twice must be the same.
func TestAnythingIsImported(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			d := fliptDB(t, newest)
			scatter(d, rand.New(rand.NewPCG(seed, 1)))
			path := d.done()
			contents, err := fliptdb.Read(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			again, err := fliptdb.Read(t.Context(), path)
			if err != nil || len(again.Flags) != len(contents.Flags) {
				t.Fatal(err, len(again.Flags), len(contents.Flags))
			}
			for i, doc := range contents.Flags {
				if !proto.Equal(doc, again.Flags[i]) {
					t.Errorf("read twice\n%v\n%v", doc, again.Flags[i])
				}
			}
			snapshot := compiled(t, contents)
			for _, doc := range contents.Flags {
				if _, err := snapshot.Flag(doc.Flag.NamespaceKey, doc.Flag.Key); err != nil {
					t.Error(err)
				}
			}
			if seed < 8 { // which takes longer, and finds what the store refuses
				imported(t, contents)
			}
		})
	}
}

// scatter fills every table with rows at random.
func scatter(d *database, r *rand.Rand) {
	pick := func(values ...any) any { return values[r.IntN(len(values))] }
	namespace := func() any { return pick("default", "default", "default", "n", "gone", "") }
	key := func(kind string) any {
		return pick(kind+"1", kind+"2", kind+"3", kind+"1", kind+" /%ü\x00", "", "\xff", 7)
	}
	id := func(kind string, of int) any {
		return pick(fmt.Sprint(kind, r.IntN(of)), fmt.Sprint(kind, r.IntN(of)), "none")
	}
	number := func() any { return pick(0, 1, 2, 1, 0, -1, 99, 1e10, "text", 0.5) }
	text := func() any {
		return pick("", "x", "eq", "isoneof", `["x"]`, "\xff", "entityId", "2024-01-01", 3, []byte{0, 255})
	}
	json := func() any {
		return pick(nil, "", "{}", `{"a": [1, null]}`, "[", "null", "1", `{"a": 1e999}`, "\xff", 3)
	}
	time := func() any {
		return pick("2024-05-01 10:00:00+00:00", "2024-05-01 10:00:00", "2024-05-01T10:00:00.5Z", "", "soon", 1714557600, "0000-00-00")
	}
	insert := d.insertOrIgnore // some are not unique
	d.insert("namespaces", "key", "n", "created_at", time())
	for i := range 12 {
		insert("segments", "namespace_key", namespace(), "key", key("s"), "match_type", number(), "created_at", time())
		insert("constraints", "id", fmt.Sprint("c", i), "namespace_key", namespace(), "segment_key", key("s"), "type", number(),
			"property", text(), "operator", text(), "value", text(), "description", text())
		insert("flags", "namespace_key", namespace(), "key", key("f"), "type", pick(0, 0, 1, 1, 5), "enabled", pick(true, true, false),
			"default_variant_id", id("v", 12), "metadata", json(), "created_at", time())
		insert("variants", "id", fmt.Sprint("v", i), "namespace_key", namespace(), "flag_key", key("f"), "key", key("k"), "attachment", json())
		insert("rules", "id", fmt.Sprint("r", i), "namespace_key", namespace(), "flag_key", key("f"), "rank", number(), "segment_operator", number())
		insert("rollouts", "id", fmt.Sprint("o", i), "namespace_key", namespace(), "flag_key", key("f"), "rank", number(), "type", number())
		insert("rollout_segments", "id", fmt.Sprint("os", i), "rollout_id", id("o", 12), "value", number(), "segment_operator", number())
		insert("rollout_thresholds", "id", fmt.Sprint("ot", i), "rollout_id", id("o", 12), "percentage", number(), "value", number())
		for range 2 {
			insert("rule_segments", "rule_id", id("r", 12), "namespace_key", namespace(), "segment_key", key("s"))
			insert("rollout_segment_references", "rollout_segment_id", id("os", 12), "namespace_key", namespace(), "segment_key", key("s"))
			insert("distributions", "id", fmt.Sprint("d", i, r.Uint32()), "rule_id", id("r", 12), "variant_id", id("v", 12), "rollout", number())
		}
	}
}
