package eval

import (
	"fmt"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

var benchSizes = []int{10, 1000, 10_000, 100_000}

// benchChanges are so many flags and a segment for every ten: half variant flags of two rules, half boolean flags of two
// rollouts, each over a segment of three constraints, of which the second one matches.
func benchChanges(flags int) []Change {
	var changes []Change
	segments := max(flags/10, 2)
	for i := range segments {
		plan := "gold"
		if i%2 == 0 {
			plan = "none"
		}
		changes = append(changes, setSegment(segmentDocument(fmt.Sprint("segment-", i), flipt.MatchType_ALL_MATCH_TYPE,
			constraintOf(typeNumber, "age", "gte", "18"),
			constraintOf(typeString, "country", "isoneof", `["de","fr","nl"]`),
			constraintOf(typeString, "plan", "eq", plan))))
	}
	for i := range flags {
		key, first := fmt.Sprint("flag-", i), 2*i%(segments-segments%2)
		one, two := fmt.Sprint("segment-", first), fmt.Sprint("segment-", first+1)
		if i%2 == 0 {
			changes = append(changes, setFlag(variantFlag(key, []string{"a", "b"},
				ruleOf(1, operatorOR, []string{one}, "a", "b"), ruleOf(2, operatorOR, []string{two}, "a", "b"))))
		} else {
			changes = append(changes, setFlag(booleanFlag(key, false,
				segmentRollout(1, true, operatorOR, one), segmentRollout(2, true, operatorOR, two))))
		}
	}
	return changes
}

func benchEvaluate(b *testing.B, offset int, how func(Flag, string, map[string]string, *Result) error) {
	context := map[string]string{"age": "42", "country": "fr", "plan": "gold", "other": "x"}
	for _, size := range benchSizes {
		b.Run(fmt.Sprint("flags=", size), func(b *testing.B) {
			snapshot := snapshotOf(b, benchChanges(size)...)
			keys := make([]string, size/2)
			for i := range keys {
				keys[i] = fmt.Sprint("flag-", 2*i+offset)
			}
			const entityID = "a7b8c9d0-1111-2222-3333-444455556666"
			if n := measure(b, snapshot, keys[0], entityID, context, how); n > 0 && !raceEnabled {
				b.Fatalf("%v allocations, want none", n)
			}
			b.ReportAllocs()
			var r Result
			i := 0
			for b.Loop() {
				flag, err := snapshot.Flag(namespace, keys[i])
				if err != nil {
					b.Fatal(err)
				}
				if err := how(flag, entityID, context, &r); err != nil || !r.Match {
					b.Fatal(r.Match, err)
				}
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
}

func BenchmarkVariantNoAlloc(b *testing.B) { benchEvaluate(b, 0, Flag.Variant) }

func BenchmarkBooleanNoAlloc(b *testing.B) { benchEvaluate(b, 1, Flag.Boolean) }

func BenchmarkLookup(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint("flags=", size), func(b *testing.B) {
			snapshot := snapshotOf(b, benchChanges(size)...)
			keys := make([]string, size)
			for i := range keys {
				keys[i] = fmt.Sprint("flag-", i)
			}
			i := 0
			for b.Loop() {
				if _, err := snapshot.Flag(namespace, keys[i]); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
}

// BenchmarkApplyOne changes one document of so many flags.
func BenchmarkApplyOne(b *testing.B) {
	for _, kind := range []string{"flag", "segment"} {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%s/flags=%d", kind, size), func(b *testing.B) {
				changes := benchChanges(size)
				snapshot := snapshotOf(b, changes...)
				from, to := len(changes)-size, len(changes)
				if kind == "segment" {
					from, to = 0, len(changes)-size
				}
				b.ReportAllocs()
				i := from
				for b.Loop() {
					var problems []Problem
					if snapshot, problems = snapshot.Apply(changes[i : i+1]); problems != nil {
						b.Fatal(problems)
					}
					if i++; i == to {
						i = from
					}
				}
			})
		}
	}
}

// BenchmarkLoad builds a snapshot of all documents at once.
func BenchmarkLoad(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint("flags=", size), func(b *testing.B) {
			changes := benchChanges(size)
			b.ReportAllocs()
			for b.Loop() {
				snapshotOf(b, changes...)
			}
		})
	}
}
