package fliptdb_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store/fliptdb"
)

// written makes TestCommittedDatabase write what it compares with: go test ./store/fliptdb -run TestCommittedDatabase -args -write
var written = flag.Bool("write", false, "write cmd/burgee/testdata/flipt-v1.db")

// shop writes a database with something of everything, as far as the schema can hold it.
func shop(d *database, schema int) {
	key := func(namespace string) []any {
		if schema < 7 {
			return nil
		}
		return []any{"namespace_key", namespace}
	}
	add := func(since int, table string, day int, columnsAndValues ...any) {
		if schema >= since {
			d.insert(table, stamped(day, columnsAndValues...)...)
		}
	}
	set := func(since int, statement string) {
		if schema >= since {
			d.exec(statement)
		}
	}
	set(7, `UPDATE namespaces SET name = 'Shop', created_at = '2024-05-01 09:00:00', updated_at = '2024-05-01 09:00:00'`)
	add(7, "namespaces", 2, "key", "ops", "name", "Operations", "description", "Ours")

	add(0, "segments", 2, append(key("default"), "key", "berlin", "name", "Berlin", "description", "People in Berlin")...)
	add(0, "segments", 1, append(key("default"), "key", "vip", "name", "VIP")...)
	add(7, "segments", 1, append(key("ops"), "key", "berlin", "name", "Ours in Berlin")...)
	set(2, `UPDATE segments SET match_type = 1 WHERE key = 'vip'`)
	add(0, "constraints", 3, append(key("default"), "id", "c-city", "segment_key", "berlin", "type", 1, "property", "city", "operator", "eq", "value", "Berlin")...)
	add(0, "constraints", 2, append(key("default"), "id", "c-age", "segment_key", "berlin", "type", 2, "property", "age", "operator", "gte", "value", "18")...)
	add(0, "constraints", 2, append(key("default"), "id", "c-id", "segment_key", "vip", "type", 5, "property", "entityId", "operator", "isoneof", "value", `["u1"]`)...)
	set(8, `UPDATE constraints SET description = 'lives there' WHERE id = 'c-city'`)

	add(0, "flags", 5, append(key("default"), "key", "color", "name", "Color", "description", "Of the buttons", "enabled", true)...)
	add(0, "flags", 4, append(key("default"), "key", "checkout", "name", "Checkout")...)
	add(7, "flags", 4, append(key("ops"), "key", "color", "name", "Color", "enabled", true)...)
	set(9, `UPDATE flags SET type = 1 WHERE key = 'checkout'`)
	add(0, "variants", 6, append(key("default"), "id", "v-blue", "flag_key", "color", "key", "blue", "name", "Blue", "description", "Sky")...)
	add(0, "variants", 5, append(key("default"), "id", "v-red", "flag_key", "color", "key", "red")...)
	add(7, "variants", 5, append(key("ops"), "id", "v-other", "flag_key", "color", "key", "red")...)
	set(3, `UPDATE variants SET attachment = '{ "hex": "#f00" }' WHERE id = 'v-red'`)
	set(13, `UPDATE flags SET default_variant_id = 'v-blue' WHERE key = 'color' AND namespace_key = 'default'`)
	set(14, `UPDATE flags SET metadata = '{"team": "web", "deep": {"list": [1.5, true, null]}}' WHERE key = 'color' AND namespace_key = 'default'`)

	shopRules(d, schema, key, add)
}

func shopRules(d *database, schema int, key func(string) []any, add func(int, string, int, ...any)) {
	one := func(segment string) []any {
		if schema > 10 {
			return key("default")
		}
		return append(key("default"), "segment_key", segment)
	}
	add(0, "rules", 6, append(one("vip"), "id", "r-2", "flag_key", "color", "rank", 2)...)
	add(0, "rules", 7, append(one("berlin"), "id", "r-1", "flag_key", "color", "rank", 1)...)
	add(0, "distributions", 8, "id", "d-2", "rule_id", "r-1", "variant_id", "v-blue", "rollout", float64(float32(66.67)))
	add(0, "distributions", 7, "id", "d-1", "rule_id", "r-1", "variant_id", "v-red", "rollout", float64(float32(33.33)))
	add(9, "rollouts", 8, "id", "o-2", "flag_key", "checkout", "type", 2, "rank", 2, "description", "a quarter")
	add(9, "rollouts", 9, "id", "o-1", "flag_key", "checkout", "type", 1, "rank", 1)
	if schema >= 9 {
		d.insert("rollout_thresholds", "id", "t-1", "rollout_id", "o-2", "percentage", 25.5, "value", true)
	}
	switch {
	case schema > 10:
		d.exec(`UPDATE rules SET segment_operator = 1 WHERE id = 'r-1'`)
		d.insert("rule_segments", "rule_id", "r-2", "segment_key", "vip")
		d.insert("rule_segments", "rule_id", "r-1", "segment_key", "vip")
		d.insert("rule_segments", "rule_id", "r-1", "segment_key", "berlin")
		d.insert("rollout_segments", "id", "s-1", "rollout_id", "o-1", "value", true)
		d.insert("rollout_segment_references", "rollout_segment_id", "s-1", "segment_key", "vip")
		d.insert("rollout_segment_references", "rollout_segment_id", "s-1", "segment_key", "berlin")
	case schema >= 9:
		d.insert("rollout_segments", "id", "s-1", "rollout_id", "o-1", "value", true, "namespace_key", "default", "segment_key", "berlin")
	}
}

// created and updated are the times of at.
func created(day int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2024, 5, day, 10, 0, 0, 123456000, time.UTC))
}

func updated(day int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2024, 5, day+1, 11, 30, 0, 500000000, time.UTC))
}

// shopDocuments is what shop writes.
func shopDocuments(t *testing.T, schema int) *fliptdb.Contents {
	metadata, err := structpb.NewStruct(map[string]any{"team": "web", "deep": map[string]any{"list": []any{1.5, true, nil}}})
	if err != nil {
		t.Fatal(err)
	}
	morning := timestamppb.New(time.Date(2024, 5, 1, 9, 0, 0, 0, time.UTC))
	blue := &flipt.Variant{Id: "v-blue", FlagKey: "color", Key: "blue", Name: "Blue", Description: "Sky", NamespaceKey: "default", CreatedAt: created(6), UpdatedAt: updated(6)}
	red := &flipt.Variant{Id: "v-red", FlagKey: "color", Key: "red", Attachment: `{ "hex": "#f00" }`, NamespaceKey: "default", CreatedAt: created(5), UpdatedAt: updated(5)}
	contents := &fliptdb.Contents{
		Schema: int64(schema),
		Namespaces: []*storev1.Namespace{
			{Namespace: &flipt.Namespace{Key: "default", Name: "Shop", Description: "Default namespace", Protected: true, CreatedAt: morning, UpdatedAt: morning}},
			{Namespace: &flipt.Namespace{Key: "ops", Name: "Operations", Description: "Ours", CreatedAt: created(2), UpdatedAt: updated(2)}},
		},
		Segments: []*storev1.Segment{
			{Segment: &flipt.Segment{
				Key: "vip", Name: "VIP", NamespaceKey: "default", MatchType: flipt.MatchType_ANY_MATCH_TYPE, CreatedAt: created(1), UpdatedAt: updated(1),
				Constraints: []*flipt.Constraint{{
					Id: "c-id", SegmentKey: "vip", Type: flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE, Property: "entityId", Operator: "isoneof",
					Value: `["u1"]`, NamespaceKey: "default", CreatedAt: created(2), UpdatedAt: updated(2),
				}},
			}},
			{Segment: &flipt.Segment{Key: "berlin", Name: "Ours in Berlin", NamespaceKey: "ops", CreatedAt: created(1), UpdatedAt: updated(1)}},
			{Segment: &flipt.Segment{
				Key: "berlin", Name: "Berlin", Description: "People in Berlin", NamespaceKey: "default", CreatedAt: created(2), UpdatedAt: updated(2),
				Constraints: []*flipt.Constraint{{
					Id: "c-age", SegmentKey: "berlin", Type: flipt.ComparisonType_NUMBER_COMPARISON_TYPE, Property: "age", Operator: "gte",
					Value: "18", NamespaceKey: "default", CreatedAt: created(2), UpdatedAt: updated(2),
				}, {
					Id: "c-city", SegmentKey: "berlin", Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "city", Operator: "eq",
					Value: "Berlin", Description: "lives there", NamespaceKey: "default", CreatedAt: created(3), UpdatedAt: updated(3),
				}},
			}},
		},
		Flags: []*storev1.Flag{
			{
				Flag: &flipt.Flag{Key: "checkout", Name: "Checkout", NamespaceKey: "default", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE, CreatedAt: created(4), UpdatedAt: updated(4)},
				Rollouts: []*flipt.Rollout{{
					Id: "o-1", NamespaceKey: "default", FlagKey: "checkout", Type: flipt.RolloutType_SEGMENT_ROLLOUT_TYPE, Rank: 1,
					CreatedAt: created(9), UpdatedAt: updated(9),
					Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"berlin", "vip"}, Value: true}},
				}, {
					Id: "o-2", NamespaceKey: "default", FlagKey: "checkout", Type: flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE, Rank: 2, Description: "a quarter",
					CreatedAt: created(8), UpdatedAt: updated(8), Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 25.5, Value: true}},
				}},
			},
			{Flag: &flipt.Flag{Key: "color", Name: "Color", Enabled: true, NamespaceKey: "ops", CreatedAt: created(4), UpdatedAt: updated(4), Variants: []*flipt.Variant{
				{Id: "v-other", FlagKey: "color", Key: "red", NamespaceKey: "ops", CreatedAt: created(5), UpdatedAt: updated(5)},
			}}},
			{
				Flag: &flipt.Flag{
					Key: "color", Name: "Color", Description: "Of the buttons", Enabled: true, NamespaceKey: "default", CreatedAt: created(5), UpdatedAt: updated(5),
					Variants: []*flipt.Variant{red, blue}, DefaultVariant: blue, Metadata: metadata,
				},
				Rules: []*flipt.Rule{{
					Id: "r-1", FlagKey: "color", SegmentKeys: []string{"berlin", "vip"}, SegmentOperator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR,
					Rank: 1, NamespaceKey: "default", CreatedAt: created(7), UpdatedAt: updated(7),
					Distributions: []*flipt.Distribution{
						{Id: "d-1", RuleId: "r-1", VariantId: "v-red", Rollout: 33.33, CreatedAt: created(7), UpdatedAt: updated(7)},
						{Id: "d-2", RuleId: "r-1", VariantId: "v-blue", Rollout: 66.67, CreatedAt: created(8), UpdatedAt: updated(8)},
					},
				}, {
					Id: "r-2", FlagKey: "color", SegmentKey: "vip", Rank: 2, NamespaceKey: "default", CreatedAt: created(6), UpdatedAt: updated(6),
				}},
			},
		},
	}
	reduce(contents, schema)
	return contents
}

// reduce takes out what a schema cannot hold.
func reduce(c *fliptdb.Contents, schema int) {
	vip, berlin, checkout, color := c.Segments[0].Segment, c.Segments[2].Segment, c.Flags[0], c.Flags[2]
	if schema < 14 {
		color.Flag.Metadata = nil
	}
	if schema < 13 {
		color.Flag.DefaultVariant = nil
	}
	if schema < 11 {
		rule := color.Rules[0]
		rule.SegmentKey, rule.SegmentKeys, rule.SegmentOperator = "berlin", nil, 0
		checkout.Rollouts[0].Rule = &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKey: "berlin", Value: true}}
	}
	if schema < 9 {
		checkout.Rollouts, checkout.Flag.Type = nil, 0
	}
	if schema < 8 {
		berlin.Constraints[1].Description = ""
	}
	if schema < 7 {
		c.Namespaces = []*storev1.Namespace{{Namespace: &flipt.Namespace{Key: "default", Name: "Default", Description: "Default namespace", Protected: true}}}
		c.Segments = []*storev1.Segment{c.Segments[0], c.Segments[2]}
		c.Flags = []*storev1.Flag{checkout, color}
	}
	if schema < 3 {
		color.Flag.Variants[0].Attachment = ""
	}
	if schema < 2 {
		vip.MatchType = 0
	}
}

// same compares all documents of two contents.
func same(t *testing.T, got, want *fliptdb.Contents) {
	t.Helper()
	if got.Schema != want.Schema {
		t.Errorf("schema %d, want %d", got.Schema, want.Schema)
	}
	for _, p := range got.Problems {
		t.Errorf("problem: %s", p)
	}
	sameDocuments(t, got.Namespaces, want.Namespaces)
	sameDocuments(t, got.Segments, want.Segments)
	sameDocuments(t, got.Flags, want.Flags)
}

func sameDocuments[D proto.Message](t *testing.T, got, want []D) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !proto.Equal(got[i], want[i]) {
			t.Errorf("document %d of %T\n got %s\nwant %s", i, got, textOf(got, i), textOf(want, i))
		}
	}
}

func textOf[D proto.Message](docs []D, i int) string {
	if i >= len(docs) {
		return "none"
	}
	return prototext.Format(docs[i])
}

func TestRead(t *testing.T) {
	t.Parallel()
	for schema := range newest + 1 {
		t.Run(fmt.Sprint("schema ", schema), func(t *testing.T) {
			t.Parallel()
			d := fliptDB(t, schema)
			shop(d, schema)
			got, err := fliptdb.Read(t.Context(), d.done())
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, shopDocuments(t, schema))
		})
	}
}

// TestDefaultVariantIsOneOfTheVariants holds what documents promise: not an equal variant, that very one.
func TestDefaultVariantIsOneOfTheVariants(t *testing.T) {
	t.Parallel()
	d := fliptDB(t, newest)
	shop(d, newest)
	got, err := fliptdb.Read(t.Context(), d.done())
	if err != nil {
		t.Fatal(err)
	}
	if color := got.Flags[2].Flag; color.DefaultVariant != color.Variants[1] {
		t.Errorf("the default variant of %s is %p, not %p", color.Key, color.DefaultVariant, color.Variants[1])
	}
}

// TestCommittedDatabase holds the database that the tests of the command import to what it should say, defects included.
func TestCommittedDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "cmd", "burgee", "testdata", "flipt-v1.db")
	if *written {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		d := fliptDBAt(t, path, newest)
		shop(d, newest)
		d.insert("constraints", stamped(9, "id", "c-odd", "segment_key", "vip", "operator", "like")...)
		d.insert("distributions", stamped(9, "id", "d-lost", "rule_id", "r-2", "variant_id", "v-lost", "rollout", 50)...)
		d.done()
	}
	got, err := fliptdb.Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	want := shopDocuments(t, newest)
	vip := want.Segments[0].Segment
	vip.Constraints = append(vip.Constraints, &flipt.Constraint{
		Id: "c-odd", SegmentKey: "vip", Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "p", Operator: "like", Value: "x",
		NamespaceKey: "default", CreatedAt: created(9), UpdatedAt: updated(9),
	})
	if fmt.Sprint(got.Problems) != fmt.Sprint([]fliptdb.Problem{
		{"constraints", "c-odd", `operator "like" does not exist for type STRING_COMPARISON_TYPE: the constraint never matches, as in Flipt`},
		{"distributions", "d-lost", `left out: its variant "v-lost" is not there, and Flipt ignores it`},
	}) {
		t.Errorf("problems: %v", got.Problems)
	}
	got.Problems = nil
	same(t, got, want)
}
