package diff_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/diff"
)

// before is a flag with a part of every kind.
func before() *storev1.Flag {
	red := &flipt.Variant{Id: "v1", Key: "red", FlagKey: "color", Attachment: "{}"}
	return &storev1.Flag{
		Flag: &flipt.Flag{
			Key: "color", Name: "Color", Enabled: true, Variants: []*flipt.Variant{red, {Id: "v2", Key: "blue"}}, DefaultVariant: red,
			Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
				"team": structpb.NewStringValue("web"), "n": structpb.NewNumberValue(1),
			}},
			CreatedAt: timestamppb.Now(),
		},
		Rules: []*flipt.Rule{{
			Id: "r1", SegmentKey: "vip", Rank: 1, Distributions: []*flipt.Distribution{{Id: "d1", VariantId: "v1", Rollout: 33.3}},
		}},
		Rollouts: []*flipt.Rollout{{
			Id: "o1", Type: flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE, Rank: 1,
			Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 25, Value: true}},
		}},
		Created: 7,
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*storev1.Flag)
		want []string
	}{
		"nothing":     {func(*storev1.Flag) {}, nil},
		"bookkeeping": {func(f *storev1.Flag) { f.Flag.UpdatedAt, f.Created = timestamppb.Now(), 9 }, nil},
		"scalars": {func(f *storev1.Flag) { f.Flag.Name, f.Flag.Enabled = "Colour", false },
			[]string{`name: "Color" -> "Colour"`, `enabled: true -> false`}},
		"enum": {func(f *storev1.Flag) { f.Flag.Type = flipt.FlagType_BOOLEAN_FLAG_TYPE },
			[]string{`type: "VARIANT_FLAG_TYPE" -> "BOOLEAN_FLAG_TYPE"`}},
		"default variant by key": {func(f *storev1.Flag) { f.Flag.DefaultVariant = f.Flag.Variants[1] },
			[]string{`defaultVariant: "red" -> "blue"`}},
		"default variant gone": {func(f *storev1.Flag) { f.Flag.DefaultVariant = nil }, []string{`defaultVariant: "red" -> none`}},
		"item changed":         {func(f *storev1.Flag) { f.Flag.Variants[0].Attachment = "[]" }, []string{`variants[red].attachment: "{}" -> "[]"`}},
		"item gone and new": {func(f *storev1.Flag) { f.Flag.Variants[1] = &flipt.Variant{Id: "v3", Key: "green"} },
			[]string{`variants[blue]: {"id":"v2","key":"blue"} -> none`, `variants[green]: none -> {"id":"v3","key":"green"}`}},
		"order of items": {func(f *storev1.Flag) {
			f.Flag.Variants[0], f.Flag.Variants[1] = f.Flag.Variants[1], f.Flag.Variants[0]
		}, nil},
		"nested list": {func(f *storev1.Flag) { f.Rules[0].Distributions[0].Rollout = 50 },
			[]string{`rules[r1].distributions[d1].rollout: 33.3 -> 50`}},
		"list of text": {func(f *storev1.Flag) { f.Rules[0].SegmentKey, f.Rules[0].SegmentKeys = "", []string{"a", "b"} },
			[]string{`rules[r1].segmentKey: "vip" -> ""`, `rules[r1].segmentKeys: [] -> ["a","b"]`}},
		"within a oneof": {func(f *storev1.Flag) { f.Rollouts[0].GetThreshold().Percentage = 50 },
			[]string{`rollouts[o1].threshold.percentage: 25 -> 50`}},
		"other member of a oneof": {func(f *storev1.Flag) {
			f.Rollouts[0].Rule = &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKey: "vip"}}
		}, []string{`rollouts[o1].segment: none -> {"segmentKey":"vip"}`, `rollouts[o1].threshold: {"percentage":25,"value":true} -> none`}},
		"metadata": {func(f *storev1.Flag) {
			f.Flag.Metadata.Fields["n"] = structpb.NewNumberValue(2)
			f.Flag.Metadata.Fields["x"] = structpb.NewBoolValue(true)
			delete(f.Flag.Metadata.Fields, "team")
		}, []string{`metadata.n: 1 -> 2`, `metadata.team: "web" -> none`, `metadata.x: none -> true`}},
		"metadata gone": {func(f *storev1.Flag) { f.Flag.Metadata = nil }, []string{`metadata: {"n":1,"team":"web"} -> none`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := before()
			now := proto.CloneOf(old)
			c.edit(now)
			var got []string
			for _, d := range diff.Documents(old, now) {
				got = append(got, fmt.Sprintf("%s: %s -> %s", d.Path, text(t, d.Old), text(t, d.New)))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func text(t *testing.T, value *structpb.Value) string {
	if value == nil {
		return "none"
	}
	b, err := protojson.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(b), ", ", ","), ": ", ":")
}
