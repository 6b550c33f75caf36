package fliptdb_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store/fliptdb"
)

// vector is a case of server/eval/testdata/vectors.json, which Flipt answered.
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
			Rank int
			choiceOf
			Distributions []struct {
				Variant string
				Rollout float32
			}
		}
		Rollouts []struct {
			Rank    int
			Segment *struct {
				choiceOf
				Value bool
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
	Expect struct{ Variant, Boolean, Legacy expected }
}

type choiceOf struct {
	SegmentKeys     []string `json:"segment_keys"`
	SegmentOperator string   `json:"segment_operator"`
}

type expected struct {
	Error, Reason     string
	Match, Enabled    bool
	VariantKey        string `json:"variant_key"`
	VariantAttachment string `json:"variant_attachment"`
	Value, Attachment string
	SegmentKeys       []string `json:"segment_keys_set"`
}

// TestVectors writes all cases into one database, each in a namespace of its own, imports it and evaluates them over REST.
func TestVectors(t *testing.T) {
	t.Parallel()
	var file struct{ Cases []*vector }
	if err := json.Unmarshal([]byte(readFile(t, "../../server/eval/testdata/vectors.json")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 297 {
		t.Fatalf("%d cases, want 297", len(file.Cases))
	}
	d := fliptDB(t, newest)
	for i, v := range file.Cases {
		v.write(d, fmt.Sprint("ns-", i))
	}
	contents, err := fliptdb.Read(t.Context(), d.done())
	if err != nil {
		t.Fatal(err)
	}
	if len(contents.Flags) != 297 {
		t.Errorf("%d flags, want 297", len(contents.Flags))
	}
	for _, p := range contents.Problems {
		if !strings.Contains(p.Reason, "type 0 does not exist: whatever asks segment") {
			t.Errorf("problem: %s", p)
		}
	}
	srv := imported(t, contents)
	for i, v := range file.Cases {
		request := map[string]any{
			"namespaceKey": fmt.Sprint("ns-", i), "flagKey": v.Request.FlagKey, "entityId": v.Request.EntityID, "context": v.Request.Context,
		}
		v.compare(t, request, v.Expect.Variant, ask(t, srv, "/evaluate/v1/variant", request))
		v.compare(t, request, v.Expect.Boolean, ask(t, srv, "/evaluate/v1/boolean", request))
		legacy := v.Expect.Legacy
		if v.Request.EntityID == "" { // which the vectors' harness let through
			legacy = expected{Error: "invalid field entityId: must not be empty"}
		}
		v.compare(t, request, legacy, ask(t, srv, "/api/v1/evaluate", request))
	}
}

func (v *vector) write(d *database, namespace string) {
	id := func(kind string, parts ...any) string { return fmt.Sprint(kind, " ", namespace, parts) }
	clock := 0
	insert := func(table string, columnsAndValues ...any) { // in the order of the vector, a second after the other
		clock++
		at := fmt.Sprintf("2024-05-01 10:%02d:%02d+00:00", clock/60, clock%60)
		d.insert(table, append(columnsAndValues, "namespace_key", namespace, "created_at", at, "updated_at", at)...)
	}
	d.insert("namespaces", "key", namespace)
	for _, s := range v.Segments {
		insert("segments", "key", s.Key, "match_type", flipt.MatchType_value[s.MatchType])
		for i, c := range s.Constraints {
			insert("constraints", "id", id("constraint", s.Key, i), "segment_key", s.Key, "type", flipt.ComparisonType_value[c.Type],
				"property", c.Property, "operator", c.Operator, "value", c.Value)
		}
	}
	key := v.Flag.Key
	insert("flags", "key", key, "enabled", v.Flag.Enabled, "type", flipt.FlagType_value[v.Flag.Type])
	for _, one := range v.Flag.Variants {
		insert("variants", "id", id("variant", one.Key), "flag_key", key, "key", one.Key)
		if one.Attachment != "" {
			d.exec(`UPDATE variants SET attachment = ? WHERE id = ?`, one.Attachment, id("variant", one.Key))
		}
	}
	if v.Flag.DefaultVariant != "" {
		d.exec(`UPDATE flags SET default_variant_id = ? WHERE namespace_key = ?`, id("variant", v.Flag.DefaultVariant), namespace)
	}
	for i, r := range v.Flag.Rules {
		insert("rules", "id", id("rule", i), "flag_key", key, "rank", r.Rank, "segment_operator", flipt.SegmentOperator_value[r.SegmentOperator])
		for _, segment := range r.SegmentKeys {
			d.insert("rule_segments", "rule_id", id("rule", i), "namespace_key", namespace, "segment_key", segment)
		}
		for j, one := range r.Distributions {
			d.insert("distributions", "id", id("distribution", i, j), "rule_id", id("rule", i), "variant_id", id("variant", one.Variant),
				"rollout", float64(one.Rollout), "created_at", fmt.Sprintf("2024-05-01 10:00:00.%06d+00:00", j+1))
		}
	}
	for i, r := range v.Flag.Rollouts {
		if r.Segment == nil {
			insert("rollouts", "id", id("rollout", i), "flag_key", key, "rank", r.Rank, "type", 2)
			d.insert("rollout_thresholds", "id", id("threshold", i), "rollout_id", id("rollout", i), "namespace_key", namespace,
				"percentage", float64(r.Threshold.Percentage), "value", r.Threshold.Value)
			continue
		}
		insert("rollouts", "id", id("rollout", i), "flag_key", key, "rank", r.Rank, "type", 1)
		d.insert("rollout_segments", "id", id("choice", i), "rollout_id", id("rollout", i), "value", r.Segment.Value,
			"segment_operator", flipt.SegmentOperator_value[r.Segment.SegmentOperator])
		for _, segment := range r.Segment.SegmentKeys {
			d.insert("rollout_segment_references", "rollout_segment_id", id("choice", i), "namespace_key", namespace, "segment_key", segment)
		}
	}
}

func (v *vector) compare(t *testing.T, request map[string]any, want expected, answered answer) {
	t.Helper()
	got := expected{
		Error: answered.Message, Reason: answered.Reason, Match: answered.Match, Enabled: answered.Enabled, VariantKey: answered.VariantKey,
		VariantAttachment: answered.VariantAttachment, Value: answered.Value, Attachment: answered.Attachment, SegmentKeys: answered.SegmentKeys,
	}
	want.Error = strings.ReplaceAll(want.Error, "<ns>", request["namespaceKey"].(string))
	slices.Sort(got.SegmentKeys)
	slices.Sort(want.SegmentKeys)
	if len(got.SegmentKeys) == 0 && len(want.SegmentKeys) == 0 {
		got.SegmentKeys, want.SegmentKeys = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", v.ID, got, want)
	}
}
