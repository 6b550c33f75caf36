package features_test

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/features"
)

// export returns two namespaces with everything that a file can hold.
func export(t *testing.T) []features.Contents {
	t.Helper()
	metadata := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(`{"ticket": 4711, "ratio": 0.1, "tiny": 1e-9, "owner": {"team": "pay", "on call": ["ann", null, true]}, "no": "no"}`), metadata); err != nil {
		t.Fatal(err)
	}
	pay := &flipt.Flag{
		Key: "pay", Name: "Pay: how?", Description: "How to pay.\nAsk Ann\n  before a change.\n", Enabled: true, Metadata: metadata,
		Variants: []*flipt.Variant{
			{Id: "id-2", Key: "card", Name: "y", Description: " indented", Attachment: `{"z": 9223372036854775808, "a": [1.10, {"b": [], "c": {}}, [[1], "x"]], "yes": null, "m": "a\nb"}`},
			{Id: "id-1", Key: "1e3", Description: "tab\there, nul \u0000 and line \u2028", Attachment: `"{}"`},
			{Id: "id-3", Key: "Ärger 👩‍💻", Attachment: `null`},
			{Id: "id-4", Key: "- a", Attachment: `[]`},
		},
		DefaultVariant: &flipt.Variant{Id: "id-1"},
	}
	return []features.Contents{
		{
			Namespace: &storev1.Namespace{Namespace: &flipt.Namespace{Key: "default", Name: "Default", Description: "Default namespace", Protected: true}},
			Flags: []*storev1.Flag{
				{
					Flag: pay,
					Rules: []*flipt.Rule{
						{Id: "r", SegmentKey: "all", Rank: 4, Distributions: []*flipt.Distribution{{VariantId: "id-2", Rollout: 33.3}, {VariantId: "id-1", Rollout: 66.7}, {VariantId: "other"}}},
						{SegmentKeys: []string{"none", "all"}, SegmentOperator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR, Rank: 5},
						{SegmentKeys: []string{"none", "all"}, Rank: 6},
					},
				},
				{
					Flag: &flipt.Flag{Key: "fast", Name: "Fast", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE},
					Rollouts: []*flipt.Rollout{
						//lint:ignore SA1019 stored rollouts of one segment name it there
						{Description: "staff", Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKey: "all", Value: true}}},
						{Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"all", "none"}, SegmentOperator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR}}},
						{Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"all", "none"}, Value: true}}},
						{Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 0.1, Value: true}}},
						{Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{}}},
					},
				},
			},
			Segments: []*storev1.Segment{
				{Segment: &flipt.Segment{Key: "none", Name: "None", MatchType: flipt.MatchType_ANY_MATCH_TYPE, Constraints: []*flipt.Constraint{
					{Type: flipt.ComparisonType_NUMBER_COMPARISON_TYPE, Property: "age", Operator: "lt", Value: "18", Description: "#young"},
					{Type: flipt.ComparisonType_DATETIME_COMPARISON_TYPE, Property: "since", Operator: "gt", Value: "2024-01-02T03:04:05Z"},
					{Type: flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE, Property: "vip", Operator: "true"},
					{Type: flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE, Property: "entityId", Operator: "isoneof", Value: `["a","b"]`},
				}}},
				{Segment: &flipt.Segment{Key: "all", Name: "12:30"}},
			},
		},
		{Namespace: &storev1.Namespace{Namespace: &flipt.Namespace{Key: "empty"}}},
	}
}

func TestEncodeGolden(t *testing.T) {
	t.Parallel()
	for path, e := range map[string]features.Encoding{"testdata/export.yml": features.YAML, "testdata/export.json": features.JSON} {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents := export(t)
		before := dump(t, contents)
		for range 3 { // metadata is a map: its order must not show
			got, err := features.Encode(e, contents)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Fatalf("%s: got\n%s", path, got)
			}
		}
		if after := dump(t, contents); after != before {
			t.Errorf("Encode changed its documents: got %s, want %s", after, before)
		}
		if f, err := features.Decode(path, want, e); err != nil || len(f.Warnings) != 0 {
			t.Errorf("decode: got %v, %v", f, err)
		}
	}
}

// dump returns the documents as text.
func dump(t *testing.T, contents []features.Contents) string {
	t.Helper()
	var b strings.Builder
	add := func(m proto.Message) {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	for _, c := range contents {
		add(c.Namespace)
		for _, f := range c.Flags {
			add(f)
		}
		for _, s := range c.Segments {
			add(s)
		}
	}
	return b.String()
}

func TestEncodeNothing(t *testing.T) {
	t.Parallel()
	for _, e := range []features.Encoding{features.YAML, features.JSON} {
		if got, err := features.Encode(e, nil); err != nil || len(got) != 0 {
			t.Errorf("got %q, %v, want nothing", got, err)
		}
	}
}

// TestEncodeTexts holds that each text is written as one that YAML reads as that text, and how.
func TestEncodeTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":          "plain",
		"two words":      "two words",
		"a-b_c,d":        "a-b_c,d",
		"a:b":            "a:b",
		"a#b":            "a#b",
		"it's":           "it's",
		"Grüße 🚀":        "Grüße 🚀",
		"2 apples":       "2 apples",
		"y":              `"y"`,
		"No":             `"No"`,
		"on":             `"on"`,
		"true":           `"true"`,
		"null":           `"null"`,
		"~":              `"~"`,
		"1":              `"1"`,
		"1e3":            `"1e3"`,
		"1e999":          `"1e999"`,
		"0x1F":           `"0x1F"`,
		"0o17":           `"0o17"`,
		"1_000":          `"1_000"`,
		".5":             `".5"`,
		".inf":           `".inf"`,
		"12:30:45":       `"12:30:45"`,
		"2024-01-02":     `"2024-01-02"`,
		"<<":             `"<<"`,
		"=":              `"="`,
		"...":            `"..."`,
		"---":            `"---"`,
		"- a":            `"- a"`,
		"a: b":           `"a: b"`,
		"a:":             `"a:"`,
		"a #b":           `"a #b"`,
		"#a":             `"#a"`,
		"{a}":            `"{a}"`,
		"[a":             `"[a"`,
		"*a":             `"*a"`,
		"&a":             `"&a"`,
		"!a":             `"!a"`,
		"%a":             `"%a"`,
		"@a":             `"@a"`,
		"`a":             "\"`a\"",
		"'a'":            `"'a'"`,
		`"a"`:            `'"a"'`,
		`"it's" \`:       `'"it''s" \'`,
		"\"\t\\":         `"\"\t\\"`,
		`\a`:             `\a`,
		" a":             `" a"`,
		"a ":             `"a "`,
		"a\tb":           `"a\tb"`,
		"a\rb":           `"a\x0Db"`,
		"\u0085\ufeff":   `"\x85\uFEFF"`,
		"\U000e0001":     `"\U000E0001"`,
		"a\nb":           "|-\n    a\n    b",
		"a\n\n  b\n":     "|\n    a\n\n      b",
		"a\n# b":         "|-\n    a\n    # b",
		"a\n--- b":       "|-\n    a\n    --- b",
		"\na":            `"\na"`,
		"a\n\n":          `"a\n\n"`,
		" a\nb":          `" a\nb"`,
		"a \nb":          `"a \nb"`,
		"a\n\tb":         `"a\n\tb"`,
		"a\u2028\nb":     `"a\u2028\nb"`,
		"\n":             `"\n"`,
		"a\n ":           `"a\n "`,
		"a\n\t":          `"a\n\t"`,
		"a\r\nb":         `"a\x0D\nb"`,
		"\u00a0":         `"\xA0"`,
		"key: |\n  text": "|-\n    key: |\n      text",
	} {
		contents := []features.Contents{{Namespace: &storev1.Namespace{Namespace: &flipt.Namespace{Name: text}}}}
		got, err := features.Encode(features.YAML, contents)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if value := strings.TrimPrefix(strings.TrimSuffix(string(got), "\n"), "version: \"1.4\"\nnamespace:\n  name: "); value != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, value, want)
		}
		if read := decode(t, features.YAML, string(got)).Documents[0].Namespace.Name; read != text {
			t.Errorf("%q: read back as %q from %s", text, read, got)
		}
	}
}

func TestEncodeAttachments(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 2000)
	deep := strings.Repeat(`{"a":[`, 25) + `{"` + long + `":{"x":"\u0007"}}` + strings.Repeat(`]}`, 25)
	for _, text := range []string{
		`{"b":{},"` + long + `":{"` + long + `":[1,{"a":2}]}}`, deep, `[[[1],[]],{"a":[[{}]]}]`, `"1"`, `1`, `true`, `-0.0e-10`,
		`{"":1,"1":3,"<<":2,"?":6,"a: b":5,"null":4,"é\n":7}`, `["\u0000","\ud83d\ude00","\n","a\nb\n"]`,
		strings.Repeat("[", 58) + strings.Repeat("]", 58),
	} {
		for _, e := range []features.Encoding{features.YAML, features.JSON} {
			flag := &flipt.Flag{Key: "f", Variants: []*flipt.Variant{{Key: "v", Attachment: text}}}
			file, err := features.Encode(e, []features.Contents{{Flags: []*storev1.Flag{{Flag: flag}}}})
			if err != nil {
				t.Fatal(err)
			}
			got := decode(t, e, string(file)).Documents[0].Flags[0].Variants[0].Attachment
			want := strings.NewReplacer(`\u0007`, `\u0007`, `\ud83d\ude00`, "😀").Replace(text)
			if got != want {
				t.Errorf("got  %.300s\nwant %.300s\nfile %.300s", got, want, file)
			}
		}
	}
	size := func(text string) int {
		flag := &flipt.Flag{Key: "f", Variants: []*flipt.Variant{{Key: "v", Attachment: text}}}
		file, err := features.Encode(features.YAML, []features.Contents{{Flags: []*storev1.Flag{{Flag: flag}}}})
		if err != nil {
			t.Fatal(err)
		}
		return len(file)
	}
	if n := size(strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)); n > 200_000 {
		t.Errorf("an attachment of 9,000 levels and 54 kB takes %d bytes", n)
	}
}

func TestEncodeErrors(t *testing.T) {
	t.Parallel()
	nan := float32(0)
	nan /= nan
	variant := func(attachment string) *storev1.Flag {
		return &storev1.Flag{Flag: &flipt.Flag{Key: "f", Variants: []*flipt.Variant{{Key: "v", Attachment: attachment}}}}
	}
	for _, c := range []struct {
		flag *storev1.Flag
		want string
	}{
		{variant("{"), `encode flag "n/f": attachment of variant "v": invalid JSON: 1:2: unexpected end of file`},
		{variant("{} {}"), `encode flag "n/f": attachment of variant "v": invalid JSON: more than one value`},
		{variant("1 x"), `encode flag "n/f": attachment of variant "v": invalid JSON: more than one value`},
		{variant(" "), `encode flag "n/f": attachment of variant "v": invalid JSON: EOF`},
		{&storev1.Flag{Flag: &flipt.Flag{Key: "f"}, Rules: []*flipt.Rule{{Distributions: []*flipt.Distribution{{Rollout: nan}}}}}, `encode flag "n/f": rollout: the number NaN cannot be written`},
		{&storev1.Flag{Flag: &flipt.Flag{Key: "f"}, Rollouts: []*flipt.Rollout{{Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: nan}}}}}, `encode flag "n/f": percentage: the number NaN cannot be written`},
		{&storev1.Flag{Flag: &flipt.Flag{Key: "f", Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewNumberValue(float64(nan))}}}}, `encode flag "n/f": metadata "a": the number NaN cannot be written`},
	} {
		_, err := features.Encode(features.YAML, []features.Contents{{Namespace: &storev1.Namespace{Namespace: &flipt.Namespace{Key: "n"}}, Flags: []*storev1.Flag{c.flag}}})
		if err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	if _, err := features.Encode(features.Encoding(9), nil); err == nil {
		t.Error("an unknown encoding: got no error")
	}
}

func TestSortByKey(t *testing.T) {
	t.Parallel()
	namespace := func(key string) *storev1.Namespace {
		return &storev1.Namespace{Namespace: &flipt.Namespace{Key: key}}
	}
	contents := []features.Contents{
		{Namespace: namespace("b")},
		{
			Namespace: namespace("B"),
			Flags: []*storev1.Flag{
				{Flag: &flipt.Flag{Key: "é"}},
				{
					Flag:  &flipt.Flag{Key: "z", Variants: []*flipt.Variant{{Key: "y"}, {Key: "x"}}},
					Rules: []*flipt.Rule{{SegmentKey: "t"}, {SegmentKey: "s"}},
				},
				{Flag: &flipt.Flag{Key: "Z"}},
			},
			Segments: []*storev1.Segment{{Segment: &flipt.Segment{Key: "t", Constraints: []*flipt.Constraint{{Property: "q"}, {Property: "p"}}}}, {Segment: &flipt.Segment{Key: "s"}}},
		},
	}
	shared := []features.Contents{contents[0], contents[1]}
	flags, segments := contents[1].Flags, contents[1].Segments
	before := dump(t, shared)
	features.SortByKey(contents)
	got, err := features.Encode(features.JSON, contents)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`"B"`, `"Z"`, `"z"`, `"x"`, `"y"`, `"segment": "t"`, `"segment": "s"`, `"é"`, `"segments"`, `"s"`, `"t"`, `"q"`, `"p"`, `"b"`}
	rest := string(got)
	for _, part := range want {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Fatalf("%s is not where it should be in %s", part, got)
		}
		rest = after
	}
	if dump(t, shared) != before || flags[0].Flag.Key != "é" || segments[0].Segment.Key != "t" {
		t.Error("SortByKey changed the shared documents")
	}
}
