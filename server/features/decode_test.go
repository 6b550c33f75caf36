package features_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/features"
)

func decode(t *testing.T, e features.Encoding, text string) *features.File {
	t.Helper()
	f, err := features.Decode("f", []byte(text), e)
	if err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return f
}

func TestDecodeDocument(t *testing.T) {
	t.Parallel()
	const text = `# exported by somebody

version: "1.4"
namespace:
  key: shop
  name: Shop
  description: the shop
flags:
- key: pay
  name: Pay
  type: VARIANT_FLAG_TYPE
  description: how to pay
  enabled: true
  metadata:
    owner: {team: money, size: 3}
    old: false
  variants:
  - key: card
    name: Card
    description: by card
    attachment: {b: 1, a: [x, null]}
  - default: true
    key: cash
  rules:
  - segment: [] # replaced below
    distributions: []
  rollouts:
segments:
- key: all
  name: All
  description: everybody
  constraints:
  - type: STRING_COMPARISON_TYPE
    property: city
    operator: eq
    value: Berlin
    description: the city
  match_type: ANY_MATCH_TYPE
`
	rules := `  - segment: all
    distributions:
    - variant: card
      rollout: 33.3
    - variant: cash
      rollout: 66.7
  - segment:
      keys:
      - all
      - none
      operator: AND_SEGMENT_OPERATOR
    rank: 7
`
	f := decode(t, features.YAML, strings.Replace(text, "  - segment: [] # replaced below\n    distributions: []\n", rules, 1))
	if len(f.Documents) != 1 || len(f.Warnings) != 0 {
		t.Fatalf("got %d documents and warnings %v, want 1 and none", len(f.Documents), f.Warnings)
	}
	doc := f.Documents[0]
	flag := doc.Flags[0]
	if got := flag.Metadata.AsMap(); !reflect.DeepEqual(got, map[string]any{"owner": map[string]any{"team": "money", "size": 3.0}, "old": false}) {
		t.Errorf("got metadata %v", got)
	}
	flag.Metadata = nil
	pos := func(line, column int) features.Pos { return features.Pos{Line: line, Column: column} }
	wantFlag := features.Flag{
		Pos: pos(9, 3), Key: "pay", Name: "Pay", Description: "how to pay", Enabled: true,
		Variants: []features.Variant{
			{Pos: pos(18, 5), Key: "card", Name: "Card", Description: "by card", Attachment: `{"a":["x",null],"b":1}`},
			{Pos: pos(22, 5), Default: true, Key: "cash"},
		},
		Rules: []features.Rule{
			{
				Pos: pos(25, 5), SegmentKeys: []string{"all"}, SegmentPos: []features.Pos{pos(25, 14)}, Rank: 1,
				Distributions: []features.Distribution{
					{Pos: pos(27, 7), Variant: "card", Rollout: 33.3},
					{Pos: pos(29, 7), Variant: "cash", Rollout: 66.7},
				},
			},
			{
				Pos: pos(31, 5), SegmentKeys: []string{"all", "none"}, SegmentPos: []features.Pos{pos(33, 9), pos(34, 9)},
				Operator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR, Rank: 7,
			},
		},
	}
	if !reflect.DeepEqual(flag, wantFlag) {
		t.Errorf("flag:\ngot  %+v\nwant %+v", flag, wantFlag)
	}
	wantNamespace := features.Namespace{Pos: pos(5, 3), Key: "shop", Name: "Shop", Description: "the shop"}
	if doc.Namespace != wantNamespace || doc.Pos != pos(3, 1) {
		t.Errorf("got namespace %+v at %v, want %+v", doc.Namespace, doc.Pos, wantNamespace)
	}
	wantSegments := []features.Segment{{
		Pos: pos(39, 3), Key: "all", Name: "All", Description: "everybody", MatchType: flipt.MatchType_ANY_MATCH_TYPE,
		Constraints: []features.Constraint{{
			Pos: pos(43, 5), Type: flipt.ComparisonType_STRING_COMPARISON_TYPE,
			Property: "city", Operator: "eq", Value: "Berlin", Description: "the city",
		}},
	}}
	if !reflect.DeepEqual(doc.Segments, wantSegments) {
		t.Errorf("segments:\ngot  %+v\nwant %+v", doc.Segments, wantSegments)
	}
}

func TestDecodeRollouts(t *testing.T) {
	t.Parallel()
	f := decode(t, features.YAML, `
flags:
- key: a
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - description: staff first
    segment: {key: staff, value: true}
  -
  - segment: {keys: [a, b], operator: AND_SEGMENT_OPERATOR}
  - threshold: {percentage: 12.5, value: true}
  - threshold: {percentage: 0}
  - description: neither
`)
	flag := f.Documents[0].Flags[0]
	want := []features.Rollout{
		{Pos: features.Pos{Line: 6, Column: 5}, Description: "staff first", Segment: &features.RolloutSegment{Keys: []string{"staff"}, Value: true}},
		{Pos: features.Pos{Line: 9, Column: 5}, Segment: &features.RolloutSegment{Keys: []string{"a", "b"}, Operator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR}},
		{Pos: features.Pos{Line: 10, Column: 5}, Threshold: &features.RolloutThreshold{Percentage: 12.5, Value: true}},
		{Pos: features.Pos{Line: 11, Column: 5}, Threshold: &features.RolloutThreshold{}},
		{Pos: features.Pos{Line: 12, Column: 5}, Description: "neither"},
	}
	if flag.Type != flipt.FlagType_BOOLEAN_FLAG_TYPE || !reflect.DeepEqual(flag.Rollouts, want) {
		t.Errorf("got %v %+v, want %+v", flag.Type, flag.Rollouts, want)
	}
}

// TestDecodeValues reads one value each and shows one member of what comes of it.
func TestDecodeValues(t *testing.T) {
	t.Parallel()
	flag := func(f *features.File) features.Flag { return f.Documents[0].Flags[0] }
	name := func(f *features.File) any { return flag(f).Name }
	enabled := func(f *features.File) any { return flag(f).Enabled }
	attachment := func(f *features.File) any { return flag(f).Variants[0].Attachment }
	rollout := func(f *features.File) any { return flag(f).Rules[0].Distributions[0].Rollout }
	namespace := func(f *features.File) any { return f.Documents[0].Namespace.Key + "/" + f.Documents[0].Namespace.Name }
	documents := func(f *features.File) any { return len(f.Documents) }
	const attach, share = "flags: [{variants: [{attachment: ", "flags: [{rules: [{segment: s, distributions: [{rollout: "
	for _, c := range []struct {
		text string
		show func(*features.File) any
		want any
	}{
		{"flags: [{name: 123}]", name, "123"},
		{"flags: [{name: 0x1F}]", name, "0x1F"},
		{"flags: [{name: 1.50}]", name, "1.50"},
		{"flags: [{name: true}]", name, "true"},
		{"flags: [{name: yes}]", name, "yes"},
		{"flags: [{name: 2024-01-02}]", name, "2024-01-02"},
		{"flags: [{name: null}]", name, ""},
		{"flags: [{name: ~}]", name, ""},
		{"flags: [{name: \"null\"}]", name, "null"},
		{"flags: [{name: !!str 12}]", name, "12"},
		{"flags: [{name: !!binary aGVsbG8=}]", name, "hello"},
		{"flags: [{name: !other x}]", name, "x"},
		{"flags: [{name: \"\\u00e9\\n\"}]", name, "é\n"},
		{"flags:\n- name: >\n    a\n    b\n", name, "a b\n"},
		{"flags: [{enabled: true}]", enabled, true},
		{"flags: [{enabled: True}]", enabled, true},
		{"flags: [{enabled: yes}]", enabled, true},
		{"flags: [{enabled: off}]", enabled, false},
		{"flags: [{enabled: }]", enabled, false},
		{"flags: [{}]", enabled, false},
		{share + "33.3}]}]}]", rollout, float32(33.3)},
		{share + "1_0}]}]}]", rollout, float32(10)},
		{share + "0x10}]}]}]", rollout, float32(16)},
		{share + "1e1}]}]}]", rollout, float32(10)},
		{share + ".5}]}]}]", rollout, float32(0.5)},
		{share + "}]}]}]", rollout, float32(0)},
		{attach + "}]}]", attachment, ""},
		{attach + "null}]}]", attachment, ""},
		{attach + "text}]}]", attachment, `"text"`},
		{attach + "'{\"a\": 1}'}]}]", attachment, `"{\"a\": 1}"`},
		{attach + "9223372036854775808}]}]", attachment, "9223372036854775808"},
		{attach + "-123456789012345678901234567890}]}]", attachment, "-123456789012345678901234567890"},
		{attach + "1.10}]}]", attachment, "1.10"},
		{attach + "1e400}]}]", attachment, "1e400"},
		{attach + "1E+2}]}]", attachment, "1E+2"},
		{attach + "+7}]}]", attachment, "7"},
		{attach + "0xFFFFFFFFFFFFFFFF}]}]", attachment, "18446744073709551615"},
		{attach + "0o17}]}]", attachment, "15"},
		{attach + "-0b11}]}]", attachment, "-3"},
		{attach + "1_000.5}]}]", attachment, "1000.5"},
		{attach + "!!float 2}]}]", attachment, "2"},
		{attach + "!!str 2}]}]", attachment, `"2"`},
		{attach + "!!int \"2\"}]}]", attachment, "2"},
		{attach + "TRUE}]}]", attachment, "true"},
		{attach + "yes}]}]", attachment, `"yes"`},
		{attach + "2024-01-02}]}]", attachment, `"2024-01-02"`},
		{attach + "[]}]}]", attachment, "[]"},
		{attach + "{}}]}]", attachment, "{}"},
		{attach + "{z: 1, a: {}, \"1\": [], é: ~}}]}]", attachment, `{"1":[],"a":{},"z":1,"é":null}`},
		{attach + "\"\\0\\t\\\\\\\"\\x7f\\u2028<\"}]}]", attachment, "\"\\u0000\\t\\\\\\\"\x7f\u2028<\""},
		{"", documents, 0},
		{"# nothing\n", documents, 0},
		{"---\n...\n---\n", documents, 0},
		{"---\n{}\n---\nnamespace: b\n", documents, 2},
		{"{}", namespace, "default/default"},
		{"namespace:", namespace, "default/default"},
		{"namespace: \"\"", namespace, "default/default"},
		{"namespace: shop", namespace, "shop/shop"},
		{"namespace: 12", namespace, "12/12"},
		{"namespace: {name: Shop}", namespace, "default/Shop"},
		{"namespace: {key: shop}", namespace, "shop/"},
		{"\ufeffnamespace: shop", namespace, "shop/shop"},
	} {
		if got := c.show(decode(t, features.YAML, c.text)); got != c.want {
			t.Errorf("%s\ngot  %#v\nwant %#v", c.text, got, c.want)
		}
	}
}

func TestDecodeLists(t *testing.T) {
	t.Parallel()
	f := decode(t, features.YAML, `
flags:
-
- key: a
  variants: [null, {key: x, default: true}, ~, {key: y, default: true}, {key: z, default: false}]
  rules: [null, {segment: s, distributions: [null, {variant: x}]}, {segment: {keys: [null, s]}, rank: 9}, {segment: s, rank: 0}]
  rollouts: [null]
segments: [null, {key: s, constraints: [null]}]
`)
	doc := f.Documents[0]
	flag := doc.Flags[0]
	var defaults []string
	for _, v := range flag.Variants {
		if v.Default {
			defaults = append(defaults, v.Key)
		}
	}
	if len(flag.Variants) != 3 || !reflect.DeepEqual(defaults, []string{"y"}) {
		t.Errorf("got variants %+v, want x, y, z with y as default", flag.Variants)
	}
	var ranks []int32
	for _, r := range flag.Rules {
		ranks = append(ranks, r.Rank)
		if !reflect.DeepEqual(r.SegmentKeys, []string{"s"}) {
			t.Errorf("got segment keys %q, want s", r.SegmentKeys)
		}
	}
	if !reflect.DeepEqual(ranks, []int32{1, 9, 3}) || len(flag.Rules[0].Distributions) != 1 {
		t.Errorf("got ranks %v and rules %+v, want 1, 9, 3", ranks, flag.Rules)
	}
	if len(doc.Flags) != 1 || len(doc.Segments) != 1 || len(flag.Rollouts) != 0 || len(doc.Segments[0].Constraints) != 0 {
		t.Errorf("nulls were not skipped: %+v", doc)
	}
}

func TestDecodeVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.0", "1.1", "1.2", "1.3", "1.4", "1", "v1.4", "v1", "1.4.0", `"1.2"`, `" 1.3 "`, `""`, "~"} {
		if f := decode(t, features.YAML, "version: "+version); len(f.Warnings) != 0 {
			t.Errorf("version %s: got warnings %v", version, f.Warnings)
		}
	}
	ranks := decode(t, features.YAML, "version: 1.0\nflags: [{rules: [{segment: a}, {segment: b}]}]").Documents[0].Flags[0].Rules
	if ranks[0].Rank != 1 || ranks[1].Rank != 2 {
		t.Errorf("version 1.0: got ranks %d and %d, want 1 and 2", ranks[0].Rank, ranks[1].Rank)
	}
	f := decode(t, features.YAML, "---\nversion: 1.2\n---\nversion: 1.2\n---\nversion: 9.9\n")
	want := []features.Warning{{Pos: features.Pos{Line: 6, Column: 1}, Text: "version 9.9 is ignored: that of the first document counts, 1.2"}}
	if !reflect.DeepEqual(f.Warnings, want) {
		t.Errorf("got warnings %+v, want %+v", f.Warnings, want)
	}
}

func TestDecodeAliasesAndMerges(t *testing.T) {
	t.Parallel()
	f := decode(t, features.YAML, `
x-base: &base {enabled: true, name: Base, variants: [&red {key: red, attachment: &color {rgb: "#f00", dark: no}}]}
x-more: &more {description: more, name: More}
flags:
- {key: a, <<: *base}
- {<<: [*more, *base], key: b, name: B}
- key: c
  variants:
  - *red
  - {key: blue, attachment: {<<: *color, rgb: "#00f"}}
- &d {key: d}
- *d
`)
	flags := f.Documents[0].Flags
	if a := flags[0]; a.Key != "a" || !a.Enabled || a.Name != "Base" || a.Variants[0].Key != "red" {
		t.Errorf("got %+v, want a with what base has", a)
	}
	if b := flags[1]; b.Name != "B" || b.Description != "more" || !b.Enabled {
		t.Errorf("got %+v, want b with its own name, the description of more and the rest of base", b)
	}
	if got := []string{flags[2].Variants[0].Attachment, flags[2].Variants[1].Attachment}; !reflect.DeepEqual(got,
		[]string{`{"dark":"no","rgb":"#f00"}`, `{"dark":"no","rgb":"#00f"}`}) {
		t.Errorf("got attachments %q", got)
	}
	if flags[4].Key != "d" || flags[4].Pos != (features.Pos{Line: 12, Column: 3}) {
		t.Errorf("got %+v, want d at 12:3", flags[4])
	}
	if len(f.Warnings) != 2 {
		t.Errorf("got warnings %v, want one for each x-", f.Warnings)
	}
}

func TestDecodeWarnings(t *testing.T) {
	t.Parallel()
	f := decode(t, features.YAML, `
colour: red
namespace: {key: n, shade: red}
flags:
- colour: red
  key: x
  variants: [{size: 1, key: v}]
  rules: [{segment: {keys: [s], size: 1}, distributions: [{size: 1}], size: 1}]
  rollouts: [{segment: {size: 1}, size: 1}, {threshold: {size: 1}}]
- colour: red
segments: [{key: s, constraints: [{size: 1}], 1: 1}]
`)
	want := `2:1 unknown member "colour" of the document is ignored
3:21 unknown member "shade" of namespace is ignored
5:3 unknown member "colour" of flag "x" is ignored
7:15 unknown member "size" of variant "v" of flag "x" is ignored
8:33 unknown member "size" of segment of rule 1 of flag "x" is ignored
8:60 unknown member "size" of distribution 1 of rule 1 of flag "x" is ignored
8:71 unknown member "size" of rule 1 of flag "x" is ignored
9:25 unknown member "size" of segment of rollout 1 of flag "x" is ignored
9:35 unknown member "size" of rollout 1 of flag "x" is ignored
9:58 unknown member "size" of threshold of rollout 2 of flag "x" is ignored
10:3 unknown member "colour" of flag 2 is ignored
11:36 unknown member "size" of constraint 1 of segment "s" is ignored
11:47 unknown member "1" of segment "s" is ignored
`
	if got := warnings(f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	many := decode(t, features.JSON, strings.Repeat(`{"x": 1}`+"\n", 250))
	if n := len(many.Warnings); n != 101 || many.Warnings[100].Text != "150 more warnings are not listed" {
		t.Errorf("got %d warnings, the last %+v", n, many.Warnings[n-1])
	}
}

func warnings(f *features.File) string {
	var b strings.Builder
	for _, w := range f.Warnings {
		pos := strings.TrimSuffix((&features.Error{Pos: w.Pos, Err: errors.New("")}).Error(), ": ")
		b.WriteString(pos + " " + w.Text + "\n")
	}
	return b.String()
}

func TestEncodingOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]features.Encoding{
		"a.yml": features.YAML, "a.yaml": features.YAML, "dir.json/a": features.YAML, "": features.YAML, "a.json": features.JSON, "A.YML": features.YAML,
	} {
		if got, err := features.EncodingOf(name); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", name, got, err, want)
		}
	}
	_, err := features.EncodingOf("a.toml")
	if want := `unexpected extension ".toml": a features file ends in .yml, .yaml or .json, or has no extension`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
