package features_test

import (
	"fmt"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/features"
)

// BenchmarkDecode reads 1,000 flags of 3 variants and 2 rules with 3 distributions each, and 20 segments; the goal is half
// a second.
func BenchmarkDecode(b *testing.B) {
	for name, e := range map[string]features.Encoding{"YAML": features.YAML, "JSON": features.JSON} {
		b.Run(name, func(b *testing.B) {
			text, err := features.Encode(e, []features.Contents{large()})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := features.Decode("f", text, e)
				if err != nil || len(f.Documents[0].Flags) != 1000 {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncode writes what BenchmarkDecode reads.
func BenchmarkEncode(b *testing.B) {
	contents := []features.Contents{large()}
	for name, e := range map[string]features.Encoding{"YAML": features.YAML, "JSON": features.JSON} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := features.Encode(e, contents); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func large() features.Contents {
	doc := features.Document{Namespace: features.Namespace{Key: "default", Name: "Default"}}
	for i := range 1000 {
		f := features.Flag{Key: fmt.Sprintf("flag-%04d", i), Name: fmt.Sprint("Flag number ", i), Description: "What this flag is for, in a sentence.", Enabled: true}
		for v := range 3 {
			f.Variants = append(f.Variants, features.Variant{
				Key: fmt.Sprint("variant-", v), Name: fmt.Sprint("Variant ", v), Attachment: `{"color":"#ff8800","size":12}`, Default: v == 0,
			})
		}
		for r := range 2 {
			rule := features.Rule{SegmentKeys: []string{fmt.Sprint("segment-", (i+r)%20)}}
			for v := range 3 {
				rule.Distributions = append(rule.Distributions, features.Distribution{Variant: fmt.Sprint("variant-", v), Rollout: 33.3})
			}
			f.Rules = append(f.Rules, rule)
		}
		doc.Flags = append(doc.Flags, f)
	}
	for i := range 20 {
		doc.Segments = append(doc.Segments, features.Segment{Key: fmt.Sprint("segment-", i), Name: fmt.Sprint("Segment ", i), Constraints: []features.Constraint{
			{Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "country", Operator: "eq", Value: "de"},
			{Type: flipt.ComparisonType_NUMBER_COMPARISON_TYPE, Property: "age", Operator: "gte", Value: "18"},
		}})
	}
	return contentsOf([]features.Document{doc})[0]
}
