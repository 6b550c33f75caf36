package features_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/features"
)

// TestRoundTrip writes random documents and reads them back, in both encodings.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(600) {
		r := random{rand.New(rand.NewPCG(seed, 0))}
		documents := make([]features.Document, r.IntN(4))
		for i := range documents {
			documents[i] = r.document()
		}
		contents := contentsOf(documents)
		before := dump(t, contents)
		for _, e := range []features.Encoding{features.YAML, features.JSON} {
			text, err := features.Encode(e, contents)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			f, err := features.Decode("f", text, e)
			if err != nil {
				t.Fatalf("seed %d: %v in %.2000s", seed, err, text)
			}
			if got, want := shape(t, f.Documents), shape(t, documents); got != want {
				t.Fatalf("seed %d:\ngot  %s\nwant %s\nfrom %.5000s", seed, got, want, text)
			}
			if len(f.Warnings) != 0 {
				t.Errorf("seed %d: got warnings %v", seed, f.Warnings)
			}
		}
		if dump(t, contents) != before {
			t.Errorf("seed %d: Encode changed its documents", seed)
		}
	}
}

// shape returns documents as text without places and ranks, which an export does not hold.
func shape(t *testing.T, documents []features.Document) string {
	t.Helper()
	var b bytes.Buffer
	for _, doc := range documents {
		doc.Pos, doc.Namespace.Pos = features.Pos{}, features.Pos{}
		fmt.Fprintf(&b, "%+q\n", []string{doc.Namespace.Key, doc.Namespace.Name, doc.Namespace.Description})
		if color := doc.Namespace.Color; color != nil {
			fmt.Fprintf(&b, "color %+q\n", *color)
		}
		if production := doc.Namespace.Production; production != nil {
			fmt.Fprintln(&b, "production", *production)
		}
		for _, f := range doc.Flags {
			fmt.Fprintf(&b, "flag %+q %v %v %s\n", []string{f.Key, f.Name, f.Description}, f.Type, f.Enabled, mustJSON(t, f.Metadata.AsMap()))
			fmt.Fprintf(&b, "tags %t %+q\n", f.Tags != nil, f.Tags)
			if f.Archived != nil {
				fmt.Fprintln(&b, "archived", *f.Archived)
			}
			for _, v := range f.Variants {
				fmt.Fprintf(&b, "variant %+q %v\n", []string{v.Key, v.Name, v.Description, v.Attachment}, v.Default)
			}
			for _, r := range f.Rules {
				fmt.Fprintf(&b, "rule %+q %v\n", r.SegmentKeys, r.Operator)
				for _, d := range r.Distributions {
					fmt.Fprintf(&b, "distribution %+q %v\n", d.Variant, d.Rollout)
				}
			}
			for _, r := range f.Rollouts {
				fmt.Fprintf(&b, "rollout %+q", r.Description)
				if s := r.Segment; s != nil {
					fmt.Fprintf(&b, " segment %+q %v %v", s.Keys, s.Operator, s.Value)
				}
				if h := r.Threshold; h != nil {
					fmt.Fprintf(&b, " threshold %v %v", h.Percentage, h.Value)
				}
				b.WriteByte('\n')
			}
		}
		for _, s := range doc.Segments {
			fmt.Fprintf(&b, "segment %+q %v\n", []string{s.Key, s.Name, s.Description}, s.MatchType)
			for _, c := range s.Constraints {
				fmt.Fprintf(&b, "constraint %v %+q\n", c.Type, []string{c.Property, c.Operator, c.Value, c.Description})
			}
		}
	}
	return b.String()
}

// contentsOf returns stored documents that hold what decoded ones say. A distribution's variant must be one of its
// flag's, and only several segments have an operator, as it is in the store.
func contentsOf(documents []features.Document) []features.Contents {
	var contents []features.Contents
	for i := range documents {
		doc := &documents[i]
		c := features.Contents{Namespace: &storev1.Namespace{Namespace: &flipt.Namespace{
			Key: doc.Namespace.Key, Name: doc.Namespace.Name, Description: doc.Namespace.Description,
		}}}
		if color := doc.Namespace.Color; color != nil {
			c.Namespace.Color = *color
		}
		c.Namespace.Production = doc.Namespace.Production != nil
		for j := range doc.Flags {
			c.Flags = append(c.Flags, storedFlag(&doc.Flags[j]))
		}
		for _, s := range doc.Segments {
			stored := &flipt.Segment{Key: s.Key, Name: s.Name, Description: s.Description, MatchType: s.MatchType}
			for _, o := range s.Constraints {
				stored.Constraints = append(stored.Constraints, &flipt.Constraint{
					Id: "c", Type: o.Type, Property: o.Property, Operator: o.Operator, Value: o.Value, Description: o.Description,
				})
			}
			c.Segments = append(c.Segments, &storev1.Segment{Segment: stored, Created: 7})
		}
		contents = append(contents, c)
	}
	return contents
}

func storedFlag(f *features.Flag) *storev1.Flag {
	flag := &flipt.Flag{Key: f.Key, Name: f.Name, Description: f.Description, Type: f.Type, Enabled: f.Enabled, Metadata: f.Metadata}
	ids := map[string]string{}
	for i, v := range f.Variants {
		stored := &flipt.Variant{Id: fmt.Sprint("v", i), Key: v.Key, Name: v.Name, Description: v.Description, Attachment: v.Attachment}
		flag.Variants = append(flag.Variants, stored)
		ids[v.Key] = stored.Id
		if v.Default {
			flag.DefaultVariant = &flipt.Variant{Id: stored.Id}
		}
	}
	out := &storev1.Flag{Flag: flag, Tags: f.Tags}
	if f.Archived != nil {
		out.ArchivedAt = timestamppb.New(time.Unix(1, 0))
	}
	for i := range f.Rules {
		r := &f.Rules[i]
		rule := &flipt.Rule{Id: "r", Rank: r.Rank}
		if len(r.SegmentKeys) == 1 {
			rule.SegmentKey, r.Operator = r.SegmentKeys[0], flipt.SegmentOperator_OR_SEGMENT_OPERATOR
		} else {
			rule.SegmentKeys, rule.SegmentOperator = r.SegmentKeys, r.Operator
		}
		for j := range r.Distributions {
			d := &r.Distributions[j]
			id, ok := ids[d.Variant]
			if !ok {
				d.Variant = ""
			}
			rule.Distributions = append(rule.Distributions, &flipt.Distribution{VariantId: id, Rollout: d.Rollout})
		}
		out.Rules = append(out.Rules, rule)
	}
	for _, r := range f.Rollouts {
		rollout := &flipt.Rollout{Id: "o", Description: r.Description}
		if s := r.Segment; s != nil {
			segment := &flipt.RolloutSegment{SegmentKeys: s.Keys, SegmentOperator: s.Operator, Value: s.Value}
			rollout.Rule = &flipt.Rollout_Segment{Segment: segment}
		}
		if h := r.Threshold; h != nil {
			rollout.Rule = &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: h.Percentage, Value: h.Value}}
		}
		out.Rollouts = append(out.Rollouts, rollout)
	}
	return out
}

// random makes documents of anything that a file can hold.
type random struct{ *rand.Rand }

func (r random) document() features.Document {
	doc := features.Document{Namespace: features.Namespace{Key: r.text() + "k", Name: r.text(), Description: r.text()}}
	is := true
	if color := "c" + r.text(); r.IntN(3) == 0 {
		doc.Namespace.Color = &color
	}
	if r.IntN(3) == 0 {
		doc.Namespace.Production = &is
	}
	for range r.IntN(4) {
		doc.Flags = append(doc.Flags, r.flag())
	}
	for range r.IntN(4) {
		s := features.Segment{Key: r.text(), Name: r.text(), Description: r.text(), MatchType: flipt.MatchType(r.IntN(2))}
		for range r.IntN(3) {
			s.Constraints = append(s.Constraints, features.Constraint{
				Type: flipt.ComparisonType(r.IntN(6)), Property: r.text(), Operator: r.text(), Value: r.text(), Description: r.text(),
			})
		}
		doc.Segments = append(doc.Segments, s)
	}
	return doc
}

func (r random) flag() features.Flag {
	f := features.Flag{Key: r.text(), Name: r.text(), Description: r.text(), Type: flipt.FlagType(r.IntN(2)), Enabled: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		f.Metadata = &structpb.Struct{}
		if err := protojson.Unmarshal([]byte(`{"k":`+r.json(3)+`}`), f.Metadata); err != nil {
			panic(err) // what json makes is JSON
		}
	}
	if r.IntN(3) == 0 {
		f.Tags = r.keys()
	}
	if is := true; r.IntN(3) == 0 {
		f.Archived = &is
	}
	for range r.IntN(4) {
		v := features.Variant{Key: fmt.Sprint(len(f.Variants), r.text()), Name: r.text(), Description: r.text()}
		if r.IntN(2) == 0 {
			v.Attachment = strings.TrimPrefix(r.json(4), "null") // null is none
		}
		f.Variants = append(f.Variants, v)
	}
	if len(f.Variants) > 0 && r.IntN(2) == 0 {
		f.Variants[r.IntN(len(f.Variants))].Default = true
	}
	for range r.IntN(3) {
		rule := features.Rule{SegmentKeys: r.keys(), Operator: flipt.SegmentOperator(r.IntN(2))}
		for range r.IntN(3) {
			if d := (features.Distribution{Rollout: r.Float32() * 100}); len(f.Variants) > 0 {
				d.Variant = f.Variants[r.IntN(len(f.Variants))].Key
				rule.Distributions = append(rule.Distributions, d)
			}
		}
		f.Rules = append(f.Rules, rule)
	}
	for range r.IntN(3) {
		rollout := features.Rollout{Description: r.text()}
		if r.IntN(2) == 0 {
			rollout.Segment = &features.RolloutSegment{Keys: r.keys(), Operator: flipt.SegmentOperator(r.IntN(2)), Value: r.IntN(2) == 0}
		} else {
			rollout.Threshold = &features.RolloutThreshold{Percentage: float32(r.IntN(1000)) / 10, Value: r.IntN(2) == 0}
		}
		f.Rollouts = append(f.Rollouts, rollout)
	}
	return f
}

func (r random) keys() []string {
	keys := []string{r.text() + "s"}
	for range r.IntN(3) {
		keys = append(keys, r.text()+"s")
	}
	return keys
}

// text returns a word, a text that YAML could take for something else, or any characters.
func (r random) text() string {
	words := []string{
		"", "plain", "two words", "yes", "No", "y", "on", "true", "null", "~", "1e3", "0x1F", "1_000", "0o7", ".5", ".inf", ".nan", "-1", "+1", "12:30:45",
		"2024-01-02", "2024-01-02T03:04:05Z", "<<", "=", "-", "- a", "? a", ": a", "a: b", "a:", "a #b", "# a", "---", "--- a", "...", "{a", "[a]", "*a", "&a", "!a",
		"!!str a", "%a", "@a", "`a", "|", ">", "'", `"`, `\`, "it's \"so\"", " a", "a ", "\t", "a\tb", "a\nb", "a\nb\n", "\na", "a\n\nb", "a\n b", " a\nb", "a\n\n", "a \nb",
		"a\r\nb", "\r", "a\n#b", "a\n- b", "a\n---\nb", "é", "日本語", "👩‍💻 🚀", "\u00a0", "\u0085", "\u2028", "\u2029\n", "\ufeff", "\ufffd", "\x00", "\x7f", "\u009f", "\U0010ffff", "\u202e",
		"9223372036854775808", strings.Repeat("long ", 300),
	}
	if r.IntN(4) > 0 {
		return words[r.IntN(len(words))]
	}
	letters := []rune("ab \n\t:-#'\"\\{}[],&*!|>%@`?é日🚀\u2028\x00\u0085")
	text := make([]rune, r.IntN(12))
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
	}
	return string(text)
}

// json returns compact JSON with sorted members and at most so many levels.
func (r random) json(levels int) string {
	numbers := []string{"0", "-0", "1", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890", "1.0", "0.10", "1e5", "1E-7", "-2.5e+3"}
	switch n := r.IntN(8); {
	case n < 2 && levels > 0:
		items := make([]string, r.IntN(4))
		for i := range items {
			items[i] = r.json(levels - 1)
		}
		return "[" + strings.Join(items, ",") + "]"
	case n < 4 && levels > 0:
		members := map[string]json.RawMessage{}
		for range r.IntN(4) {
			members[r.text()] = json.RawMessage(r.json(levels - 1))
		}
		return r.marshal(members)
	case n == 4:
		return []string{"true", "false", "null"}[r.IntN(3)]
	case n == 5:
		return numbers[r.IntN(len(numbers))]
	default:
		return r.marshal(r.text())
	}
}

// marshal writes JSON as the package does: with no more escapes than needed.
func (r random) marshal(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // texts and JSON always encode
	}
	text := strings.TrimSuffix(b.String(), "\n")
	for escape, char := range map[string]string{`\u2028`: "\u2028", `\u2029`: "\u2029"} {
		text = strings.ReplaceAll(text, escape, char)
	}
	return text
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(1, 1))}
	a := []features.Document{r.document(), r.document()}
	for _, e := range []features.Encoding{features.YAML, features.JSON} {
		first, err := features.Encode(e, contentsOf(a))
		if err != nil {
			t.Fatal(err)
		}
		second, err := features.Encode(e, contentsOf(a))
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("got two texts for the same documents: %v", err)
		}
	}
}
