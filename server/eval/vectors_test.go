package eval

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// vector is a case of testdata/vectors.json, which the original evaluator answered.
type vector struct {
	ID       string
	Segments []struct {
		Key         string
		MatchType   string `json:"match_type"`
		Constraints []struct{ Type, Property, Operator, Value string }
	}
	Flag struct {
		Key, Type      string
		Enabled        bool
		DefaultVariant string `json:"default_variant"`
		Variants       []struct{ Key, Attachment string }
		Rules          []struct {
			Rank            int32
			SegmentKeys     []string `json:"segment_keys"`
			SegmentOperator string   `json:"segment_operator"`
			Distributions   []struct {
				Variant string
				Rollout float32
			}
		}
		Rollouts []struct {
			Rank    int32
			Segment *struct {
				SegmentKeys     []string `json:"segment_keys"`
				SegmentOperator string   `json:"segment_operator"`
				Value           bool
			}
			Threshold *struct {
				Percentage float32
				Value      bool
			}
		}
	}
	Request struct {
		FlagKey  string `json:"flag_key"`
		EntityID string `json:"entity_id"`
		Context  map[string]string
	}
	Expect struct {
		Variant, Boolean, Legacy expected
		OFREP                    struct {
			Error, Reason, Variant string
			Metadata               struct{ Attachment string }
		}
		HashVariant   *hash `json:"hash_variant"`
		HashThreshold *hash `json:"hash_threshold"`
	}
}

type expected struct {
	Error, Reason     string
	Match, Enabled    bool
	VariantKey        string   `json:"variant_key"`
	VariantAttachment string   `json:"variant_attachment"`
	Value, Attachment string   // legacy
	SegmentKeys       []string `json:"segment_keys_set"`
}

type hash struct {
	CRC32        uint32
	BucketOf1000 uint32 `json:"bucket_of_1000"`
	BucketOf100  uint32 `json:"bucket_of_100"`
	Input        string
}

func (v *vector) changes() []Change {
	var changes []Change
	for _, s := range v.Segments {
		document := segmentDocument(s.Key, flipt.MatchType(flipt.MatchType_value[s.MatchType]))
		for _, c := range s.Constraints {
			document.Segment.Constraints = append(document.Segment.Constraints,
				constraintOf(flipt.ComparisonType(flipt.ComparisonType_value[c.Type]), c.Property, c.Operator, c.Value))
		}
		changes = append(changes, setSegment(document))
	}
	flag := &storev1.Flag{Flag: &flipt.Flag{
		Key: v.Flag.Key, Enabled: v.Flag.Enabled, Type: flipt.FlagType(flipt.FlagType_value[v.Flag.Type]),
	}}
	for _, variant := range v.Flag.Variants {
		flag.Flag.Variants = append(flag.Flag.Variants,
			&flipt.Variant{Id: "id-" + variant.Key, Key: variant.Key, Attachment: variant.Attachment})
	}
	if v.Flag.DefaultVariant != "" {
		flag.Flag.DefaultVariant = &flipt.Variant{Id: "id-" + v.Flag.DefaultVariant}
	}
	for _, r := range v.Flag.Rules {
		rule := ruleOf(r.Rank, flipt.SegmentOperator(flipt.SegmentOperator_value[r.SegmentOperator]), r.SegmentKeys)
		for _, d := range r.Distributions {
			rule.Distributions = append(rule.Distributions, &flipt.Distribution{VariantId: "id-" + d.Variant, Rollout: d.Rollout})
		}
		flag.Rules = append(flag.Rules, rule)
	}
	for _, r := range v.Flag.Rollouts {
		if s := r.Segment; s != nil {
			operator := flipt.SegmentOperator(flipt.SegmentOperator_value[s.SegmentOperator])
			flag.Rollouts = append(flag.Rollouts, segmentRollout(r.Rank, s.Value, operator, s.SegmentKeys...))
		} else {
			flag.Rollouts = append(flag.Rollouts, thresholdRollout(r.Rank, r.Threshold.Value, r.Threshold.Percentage))
		}
	}
	return append(changes, setFlag(flag))
}

func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 297 {
		t.Fatalf("%d cases, want 297", len(file.Cases))
	}
	for _, v := range file.Cases {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			snapshot := snapshotOf(t, v.changes()...)
			checkHashes(t, &v)
			variant, got := evaluate(snapshot, &v, Flag.Variant)
			check(t, "variant", got, v.Expect.Variant)
			// The legacy endpoint answers from the same evaluation, under other names.
			legacy := v.Expect.Legacy
			legacy.VariantKey, legacy.VariantAttachment = legacy.Value, legacy.Attachment
			check(t, "legacy", got, legacy)
			boolean, got := evaluate(snapshot, &v, Flag.Boolean)
			check(t, "boolean", got, v.Expect.Boolean)
			checkOFREP(t, &v, variant, boolean)
		})
	}
}

var reasons = map[Reason]string{
	Unknown:      "UNKNOWN_EVALUATION_REASON",
	FlagDisabled: "FLAG_DISABLED_EVALUATION_REASON",
	Match:        "MATCH_EVALUATION_REASON",
	Default:      "DEFAULT_EVALUATION_REASON",
}

func evaluate(s *Snapshot, v *vector, how func(Flag, string, map[string]string, *Result) error) (*Result, expected) {
	var r Result
	flag, err := s.Flag(namespace, v.Request.FlagKey)
	if err == nil {
		err = how(flag, v.Request.EntityID, v.Request.Context, &r)
	}
	if err != nil {
		return nil, expected{Error: err.Error()}
	}
	return &r, expected{
		Match: r.Match, Enabled: r.Enabled, Reason: reasons[r.Reason],
		VariantKey: r.VariantKey, VariantAttachment: r.Attachment, SegmentKeys: r.SegmentKeys(),
	}
}

func check(t *testing.T, how string, got, want expected) {
	t.Helper()
	want.Error = strings.ReplaceAll(want.Error, "<ns>", namespace)
	slices.Sort(got.SegmentKeys)
	slices.Sort(want.SegmentKeys)
	if how == "boolean" {
		got.Match = false // not in the vectors
	}
	if got.Error != want.Error || got.Match != want.Match || got.Enabled != want.Enabled || got.Reason != want.Reason ||
		got.VariantKey != want.VariantKey || got.VariantAttachment != want.VariantAttachment ||
		!slices.Equal(got.SegmentKeys, want.SegmentKeys) {
		t.Errorf("%s:\n got %+v\nwant %+v", how, got, want)
	}
}

func checkHashes(t *testing.T, v *vector) {
	t.Helper()
	flag, entity := v.Request.FlagKey, v.Request.EntityID
	if want := v.Expect.HashVariant; want != nil {
		got := updateCRC(updateCRC(0, flag), entity)
		if got != want.CRC32 || got%1000 != want.BucketOf1000 || flag+entity != want.Input {
			t.Errorf("hash of %q: got %d, want %d", want.Input, got, want.CRC32)
		}
	}
	if want := v.Expect.HashThreshold; want != nil {
		got := updateCRC(updateCRC(0, entity), flag)
		if got != want.CRC32 || got%100 != want.BucketOf100 || entity+flag != want.Input {
			t.Errorf("hash of %q: got %d, want %d", want.Input, got, want.CRC32)
		}
	}
	if v.Expect.HashVariant == nil && v.Expect.HashThreshold == nil {
		t.Error("no hash in the vector")
	}
}

func checkOFREP(t *testing.T, v *vector, variant, boolean *Result) {
	t.Helper()
	want := v.Expect.OFREP
	if want.Error != "" {
		if variant != nil || boolean != nil {
			t.Errorf("OpenFeature: got an answer, want error %q", want.Error)
		}
		return
	}
	r, text := boolean, "false"
	if variant != nil {
		r, text = variant, variant.VariantKey
	} else if boolean.Enabled {
		text = "true"
	}
	names := map[Reason]string{Unknown: "UNKNOWN", FlagDisabled: "DISABLED", Match: "TARGETING_MATCH", Default: "DEFAULT"}
	if names[r.Reason] != want.Reason || text != want.Variant || r.Attachment != want.Metadata.Attachment {
		t.Errorf("OpenFeature: got %s %q %q, want %+v", names[r.Reason], text, r.Attachment, want)
	}
}
