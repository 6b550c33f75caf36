package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// explainOnce evaluates the flag and writes for people what decided.
func explainOnce(ctx context.Context, w io.Writer, to connection, r *evaluation.EvaluationRequest) error {
	answer, err := burgeev1connect.NewExplainServiceClient(to.http, to.url, to.options...).Explain(ctx, &burgeev1.ExplainRequest{
		NamespaceKey: r.NamespaceKey, FlagKey: r.FlagKey, EntityId: r.EntityId, Context: r.Context,
	})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	tree{out, answer.Type == flipt.FlagType_BOOLEAN_FLAG_TYPE}.explanation(answer, r.EntityId)
	return out.Flush()
}

// tree writes an explanation: ✓ is before what matched, ✗ before what did not, · before what was not tried. Texts that come
// from the server are quoted wherever a terminal might take them for more than letters.
type tree struct {
	*bufio.Writer // keeps its first error
	boolean       bool
}

// line writes one line at a depth of the tree.
func (t tree) line(depth int, mark, format string, args ...any) {
	fmt.Fprintf(t, "%s%s "+format+"\n", append([]any{strings.Repeat("  ", depth), mark}, args...)...)
}

func (t tree) explanation(e *burgeev1.ExplainResponse, entityID string) {
	fmt.Fprintf(t, "%s/%s for %s: %s\n", plain(e.NamespaceKey), plain(e.FlagKey), plain(entityID), t.answer(e.Answer))
	fmt.Fprintf(t, "%s\n", e.Summary)
	for _, rule := range e.Rules {
		t.rule(rule)
	}
	s := e.Suggestion
	switch {
	case s == nil:
	case s.New == nil:
		fmt.Fprintf(t, "Without %s it would be: %s\n", plain(s.Property), t.answer(s.Answer))
	case s.Old == nil:
		fmt.Fprintf(t, "With %s=%s it would be: %s\n", plain(s.Property), plain(*s.New), t.answer(s.Answer))
	default:
		fmt.Fprintf(t, "With %s=%s instead of %s it would be: %s\n", plain(s.Property), plain(*s.New), plain(*s.Old), t.answer(s.Answer))
	}
}

// answer is what the flag answers, in a word.
func (t tree) answer(a *burgeev1.Answer) string {
	switch {
	case a.GetError() != "":
		return "error"
	case t.boolean:
		return strconv.FormatBool(a.GetEnabled())
	case a.GetVariantKey() == "" && a.GetMatch():
		return "a match without a variant"
	case a.GetVariantKey() == "":
		return "no variant"
	}
	return plain(a.GetVariantKey())
}

func (t tree) rule(r *burgeev1.RuleTrace) {
	text := fmt.Sprint("rule ", r.Place)
	if t.boolean {
		text = fmt.Sprintf("rollout %d, which gives %t", r.Place, r.Value)
	}
	if len(r.Segments) > 1 {
		text += ": " + quantity(r.SegmentOperator == flipt.SegmentOperator_AND_SEGMENT_OPERATOR) + " of"
	}
	t.line(0, mark(r.Tried, r.Decided), "%s", text)
	matched := 0
	for _, segment := range r.Segments {
		t.segment(segment)
		if segment.Matched {
			matched++
		}
	}
	if r.Bucket != nil {
		all := r.SegmentOperator == flipt.SegmentOperator_AND_SEGMENT_OPERATOR || len(r.Segments) == 0
		t.bucket(r, r.Tried && (matched > 0 || len(r.Segments) == 0) && (!all || matched == len(r.Segments)))
	}
}

func (t tree) segment(s *burgeev1.SegmentTrace) {
	if len(s.Constraints) == 0 {
		t.line(1, mark(s.Tried, s.Matched), "segment %s, without constraints", plain(s.Key))
		return
	}
	t.line(1, mark(s.Tried, s.Matched), "segment %s: %s of", plain(s.Key), quantity(s.MatchType == flipt.MatchType_ALL_MATCH_TYPE))
	for _, c := range s.Constraints {
		subject, wanted, seen := plain(c.Property), "", "there is none"
		if c.Type == flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE {
			subject = "entity id"
		}
		if c.Wanted != "" {
			wanted = " " + plain(c.Wanted)
		}
		if c.Seen != nil {
			seen = "it is " + plain(*c.Seen)
		}
		t.line(2, mark(c.Tried, c.Matched), "%s %s%s; %s", subject, plain(c.Operator), wanted, seen)
	}
}

// bucket writes where the entity falls; hashed says whether it came to that.
func (t tree) bucket(r *burgeev1.RuleTrace, hashed bool) {
	b := r.Bucket
	t.line(1, mark(hashed, r.Decided), "bucket %d of %d, by %s", b.Bucket, b.Buckets, plain(b.Hashed))
	for _, share := range b.Shares {
		to := plain(share.VariantKey)
		if t.boolean {
			to = strconv.FormatBool(r.Value)
		}
		if share.From == share.To {
			t.line(2, mark(hashed, false), "no bucket: %s", to)
			continue
		}
		t.line(2, mark(hashed, share.Chosen), "%d to %d: %s", share.From, share.To-1, to)
	}
}

func mark(tried, matched bool) string {
	switch {
	case matched:
		return "✓"
	case tried:
		return "✗"
	}
	return "·"
}

func quantity(all bool) string {
	if all {
		return "all"
	}
	return "any"
}

// plain returns a text as it is where it is one word of visible characters, and quoted otherwise.
func plain(text string) string {
	quoted := strconv.Quote(text)
	if text == "" || quoted != `"`+text+`"` || strings.ContainsAny(text, " ;:") {
		return quoted
	}
	return text
}
