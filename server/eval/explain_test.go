package eval

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// explained checks everything that holds of an explanation, and says whether the evaluation gave an answer.
func explained(t *testing.T, snapshot *Snapshot, key, entityID string, context map[string]string) (Result, bool) {
	t.Helper()
	flag := flagOf(t, snapshot, key)
	var want, got Result
	wantErr := flag.Evaluate(entityID, context, &want)
	rules, err := flag.Explain(entityID, context, &got)
	says := func(format string, arguments ...any) {
		t.Helper()
		t.Errorf("%s, entity %q, context %q: %s\n%s", key, entityID, context, fmt.Sprintf(format, arguments...),
			prototext.Format(&burgeev1.ExplainResponse{Rules: rules}))
	}
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		says("got error %v, want %v", err, wantErr)
	}
	if !slices.Equal(got.SegmentKeys(), want.SegmentKeys()) {
		says("got segments %q, want %q", got.SegmentKeys(), want.SegmentKeys())
	}
	if told(&got) != told(&want) {
		says("got %+v, want %+v", got, want)
	}
	for i, rule := range rules {
		if rule.Place != int32(i+1) {
			says("rule %d has place %d", i+1, rule.Place)
		}
		if text := wrongSegments(rule, entityID, context); text != "" {
			says("rule %d: %s", i+1, text)
		}
		if text := wrongBucket(rule, flag.program.name.key, entityID); text != "" {
			says("rule %d: %s", i+1, text)
		}
	}
	if err == nil {
		if text := wrongWay(flag, rules, &want); text != "" {
			says("%s", text)
		}
	}
	return want, err == nil
}

// told returns everything that a result says beside its segments.
func told(r *Result) any {
	return [...]any{r.Match, r.Enabled, r.Reason, r.ByEntity, r.VariantKey, r.Attachment, r.Outcome()}
}

// wrongSegments says what in the notes on a rule's segments contradicts itself or the context.
func wrongSegments(rule *burgeev1.RuleTrace, entityID string, context map[string]string) string {
	for _, segment := range rule.Segments {
		if segment.Tried && !rule.Tried || segment.Matched && !segment.Tried {
			return fmt.Sprintf("segment %s: tried %v, matched %v", segment.Key, segment.Tried, segment.Matched)
		}
		all := segment.MatchType == flipt.MatchType_ALL_MATCH_TYPE
		settled := 0
		for _, c := range segment.Constraints {
			seen, there := context[c.Property]
			if c.Type == flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE {
				seen, there = entityID, true
			}
			if (c.Seen != nil) != there || c.GetSeen() != seen {
				return fmt.Sprintf("property %q: saw %q, want %q", c.Property, c.GetSeen(), seen)
			}
			if c.Tried && !segment.Tried || c.Matched && !c.Tried {
				return fmt.Sprintf("property %q: tried %v, matched %v", c.Property, c.Tried, c.Matched)
			}
			if c.Tried {
				alone := &flipt.Constraint{Type: c.Type, Property: c.Property, Operator: c.Operator, Value: c.Wanted}
				matched, _ := naiveSegment(&flipt.Segment{Constraints: []*flipt.Constraint{alone}}, entityID, context)
				if matched != c.Matched {
					return fmt.Sprintf("property %q: matched %v, want %v", c.Property, c.Matched, matched)
				}
				if c.Matched != all {
					settled++
				}
			}
		}
		untried := slices.IndexFunc(segment.Constraints, func(c *burgeev1.ConstraintTrace) bool { return !c.Tried })
		if segment.Tried && settled > 1 || segment.Tried && untried >= 0 && settled == 0 && !unknowable(segment) {
			return fmt.Sprintf("segment %s: settled %d times", segment.Key, settled)
		}
		if segment.Tried && !unknowable(segment) && segment.Matched != (all == (settled == 0) || len(segment.Constraints) == 0) {
			return fmt.Sprintf("segment %s: matched %v, settled %d times", segment.Key, segment.Matched, settled)
		}
	}
	return ""
}

// unknowable says whether visiting the segment fails.
func unknowable(segment *burgeev1.SegmentTrace) bool {
	return slices.ContainsFunc(segment.Constraints, func(c *burgeev1.ConstraintTrace) bool { return c.Type < 1 || c.Type > 5 })
}

// wrongBucket says what is wrong with where the entity falls.
func wrongBucket(rule *burgeev1.RuleTrace, key, entityID string) string {
	b := rule.Bucket
	if b == nil {
		return ""
	}
	hashed := key + entityID
	if b.Buckets == 100 {
		hashed = entityID + key
	}
	if b.Hashed != hashed || b.Bucket != updateCRC(0, hashed)%b.Buckets {
		return fmt.Sprintf("bucket %d of %d of %q", b.Bucket, b.Buckets, b.Hashed)
	}
	var from uint32
	chosen := 0
	for _, share := range b.Shares {
		inside := share.From <= b.Bucket && b.Bucket < share.To
		if share.From != from || share.To < from || share.To > b.Buckets || share.Chosen != (inside && rule.Decided) {
			return fmt.Sprintf("bucket %d, share %v", b.Bucket, share)
		}
		if share.Chosen {
			chosen++
		}
		from = share.To
	}
	if rule.Decided != (chosen == 1) {
		return fmt.Sprintf("decided %v by %d shares", rule.Decided, chosen)
	}
	return ""
}

// wrongWay says what in the notes as a whole contradicts the result.
func wrongWay(flag Flag, rules []*burgeev1.RuleTrace, r *Result) string {
	var decided *burgeev1.RuleTrace
	ended := !flag.Enabled() && flag.Type() == flipt.FlagType_VARIANT_FLAG_TYPE
	for _, rule := range rules {
		if rule.Tried == ended {
			return fmt.Sprintf("rule %d: tried %v after the end %v", rule.Place, rule.Tried, ended)
		}
		matched := 0
		for _, segment := range rule.Segments {
			if segment.Tried != rule.Tried {
				return fmt.Sprintf("segment %s: tried %v", segment.Key, segment.Tried)
			}
			if segment.Matched {
				matched++
			}
		}
		all := rule.SegmentOperator == operatorAND
		selected := matched > 0 && (!all || matched == len(rule.Segments))
		ended = ended || rule.Decided || selected && flag.Type() == flipt.FlagType_VARIANT_FLAG_TYPE
		if rule.Decided && decided != nil {
			return "two rules decided"
		}
		if rule.Decided {
			decided = rule
		}
	}
	if (decided != nil) != r.Match {
		return fmt.Sprintf("match %v, but decided %v", r.Match, decided)
	}
	outcome := flag.Outcome(r.Outcome())
	want := Outcome{r.VariantKey, r.Enabled, r.Reason, decided.GetId()}
	if outcome != want {
		return fmt.Sprintf("outcome %d of %d: got %+v, want %+v", r.Outcome(), flag.Outcomes(), outcome, want)
	}
	if decided == nil {
		return ""
	}
	if flag.Type() == flipt.FlagType_BOOLEAN_FLAG_TYPE && decided.Value != r.Enabled {
		return fmt.Sprintf("value %v, enabled %v", decided.Value, r.Enabled)
	}
	for _, share := range decided.GetBucket().GetShares() {
		if share.Chosen && share.VariantKey != r.VariantKey {
			return fmt.Sprintf("chosen %v, got %q", share, r.VariantKey)
		}
	}
	return ""
}

func TestExplainVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	suggestions := 0
	for _, v := range file.Cases {
		snapshot := snapshotOf(t, v.changes()...)
		if v.Request.FlagKey != v.Flag.Key {
			continue
		}
		now, ok := explained(t, snapshot, v.Flag.Key, v.Request.EntityID, v.Request.Context)
		if ok && suggested(t, snapshot, v.Flag.Key, v.Request.EntityID, v.Request.Context, &now) {
			suggestions++
		}
	}
	if suggestions < 100 {
		t.Errorf("%d suggestions in %d vectors, want 100 at least", suggestions, len(file.Cases))
	}
	t.Logf("%d suggestions in %d vectors", suggestions, len(file.Cases))
}

// TestExplainAgrees holds explanations against evaluations on 100,000 random pairs of configuration and context.
func TestExplainAgrees(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	const worlds, flags, contexts = 500, 20, 10
	seen := map[string]int{}
	for range worlds {
		snapshot, keys := randomWorld(r, flags)
		for range contexts {
			context, entityID := randomContext(r), pick(r, []string{"", "e1", "e2", "a", fmt.Sprint(r.Uint32())})
			for _, key := range keys {
				now, ok := explained(t, snapshot, key, entityID, context)
				seen["pair"]++
				if !ok {
					seen["error"]++
				} else if suggested(t, snapshot, key, entityID, context, &now) {
					seen["suggestion"]++
				}
				if now.Match {
					seen["match"]++
				}
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Log(seen)
	for what, least := range map[string]int{"pair": 100_000, "error": 1000, "match": 20_000, "suggestion": 1000} {
		if seen[what] < least {
			t.Errorf("%s: came up %d times, want %d at least: %v", what, seen[what], least, seen)
		}
	}
}

// randomWorld returns a snapshot of random documents with the keys of its flags; every rule and rollout has an id of its own.
func randomWorld(r *rand.Rand, flags int) (*Snapshot, []string) {
	var changes []Change
	for i := range 8 {
		changes = append(changes, setSegment(randomSegment(r, fmt.Sprint("s", i))))
	}
	if r.IntN(5) == 0 {
		changes = changes[1:]
	}
	var keys []string
	for i := range flags {
		document := randomFlag(r, fmt.Sprint("f", i), 8)
		for j, rule := range document.Rules {
			rule.Id = fmt.Sprint("rule ", j)
		}
		for j, rollout := range document.Rollouts {
			rollout.Id = fmt.Sprint("rollout ", j)
		}
		keys, changes = append(keys, document.Flag.Key), append(changes, setFlag(document))
	}
	snapshot, _ := (*Snapshot)(nil).Apply(changes)
	return snapshot, keys
}
