package eval

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

var (
	operators = []string{
		"eq", "neq", "lt", "lte", "gt", "gte", "empty", "notempty", "true", "false", "present", "notpresent", "prefix", "suffix",
		"isoneof", "isnotoneof", "contains", "notcontains", "EQ", "",
	}
	properties = []string{"p", "q", "r", "entityId"}
	values     = []string{
		"", " ", "\u00a0", "\u200b", "a", "A", " a", "ab", "ba", "abc", "é", "日本", "1", "1.0", "10", "-3", "2_5", "25", "0x1p3", "8", "nan", "inf",
		"1e400", "0xff", "true", "false", "T", "0", "yes", "2024-06-15", "2024-06-15T00:00:00Z", "2024-06-15T02:00:00+02:00",
		"2024-06-15T05:30:00,5+05:30", "2024-06-15T1:00:00Z", "2024-06-31", "2024-06-15T12:00Z", "e1", "e2",
	}
	lists = []string{
		`["a","b"]`, `["a",null]`, `[]`, `null`, `[1,10,25]`, `[1,null]`, `["a",1]`, `[1e400]`, `{}`, `[`,
		`["1","2","3","4","5","6","7","8","9","a"]`, `[1,2,3,4,5,6,7,8,9,10]`,
	}
	attachments = []string{"", "{}", `{ "a" : [ 1, "x y\" z" ] }`, " 1.50 ", "null"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// some returns up to n of the keys prefix0 … prefix(of-1), rarely one that is twice in the list.
func some(r *rand.Rand, prefix string, n, of int) []string {
	keys := make([]string, r.IntN(n+1))
	for i := range keys {
		keys[i] = fmt.Sprint(prefix, r.IntN(of))
	}
	return keys
}

func randomSegment(r *rand.Rand, key string) *storev1.Segment {
	document := segmentDocument(key, flipt.MatchType(r.IntN(2)))
	for range r.IntN(4) {
		kind := flipt.ComparisonType(1 + r.IntN(5))
		if r.IntN(60) == 0 {
			kind = pick(r, []flipt.ComparisonType{0, 6, -1})
		}
		value := pick(r, values)
		operator := pick(r, operators)
		if strings.HasSuffix(operator, "oneof") {
			value = pick(r, lists)
		}
		document.Segment.Constraints = append(document.Segment.Constraints, constraintOf(kind, pick(r, properties), operator, value))
	}
	return document
}

// randomFlag returns a flag over the segments s0 … s(segments-1), of which some may be missing.
func randomFlag(r *rand.Rand, key string, segments int) *storev1.Flag {
	kind := flipt.FlagType(r.IntN(2))
	if r.IntN(40) == 0 {
		kind = 7
	}
	document := &storev1.Flag{Flag: &flipt.Flag{Key: key, Enabled: r.IntN(5) > 0, Type: kind}}
	if kind == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		for range r.IntN(4) {
			rank, value := int32(r.IntN(4)), r.IntN(2) == 0
			if r.IntN(2) == 0 {
				document.Rollouts = append(document.Rollouts, thresholdRollout(rank, value, pick(r, []float32{0, 0.5, 10, 49.5, 99.5, 100})))
			} else {
				document.Rollouts = append(document.Rollouts,
					segmentRollout(rank, value, flipt.SegmentOperator(r.IntN(2)), some(r, "s", 3, segments)...))
			}
		}
		return document
	}
	for i := range 3 {
		document.Flag.Variants = append(document.Flag.Variants,
			&flipt.Variant{Id: fmt.Sprint("id-", i), Key: fmt.Sprint("v", i), Attachment: pick(r, attachments)})
	}
	if r.IntN(2) == 0 {
		document.Flag.DefaultVariant = &flipt.Variant{Id: fmt.Sprint("id-", r.IntN(3))}
	}
	for range r.IntN(4) {
		rule := ruleOf(int32(r.IntN(4)), flipt.SegmentOperator(r.IntN(2)), some(r, "s", 3, segments))
		for range r.IntN(4) {
			variant := r.IntN(3)
			if r.IntN(100) == 0 {
				variant = 9 // there is none
			}
			rule.Distributions = append(rule.Distributions, &flipt.Distribution{
				VariantId: fmt.Sprint("id-", variant), Rollout: pick(r, []float32{0, 0.05, 0.1, 10, 33.33, 33.34, 50, 57.3, 99.99, 100, 250}),
			})
		}
		document.Rules = append(document.Rules, rule)
	}
	return document
}

func randomContext(r *rand.Rand) map[string]string {
	context := map[string]string{}
	for _, property := range properties {
		if r.IntN(4) > 0 {
			context[property] = pick(r, values)
		}
	}
	return context
}

func variantOutcome(s *Snapshot, key, entityID string, context map[string]string) outcome {
	return outcomeOf(s, key, entityID, context, Flag.Variant)
}

func booleanOutcome(s *Snapshot, key, entityID string, context map[string]string) outcome {
	return outcomeOf(s, key, entityID, context, Flag.Boolean)
}

func outcomeOf(s *Snapshot, key, entityID string, context map[string]string, how func(Flag, string, map[string]string, *Result) error) outcome {
	var r Result
	flag, err := s.Flag(namespace, key)
	if err == nil {
		err = how(flag, entityID, context, &r)
	}
	if known := (*Error)(nil); errors.As(err, &known) && known.Kind == Internal {
		return outcome{err: damaged}
	} else if err != nil {
		return outcome{err: err.Error()}
	}
	return outcome{
		match: r.Match, enabled: r.Enabled, reason: r.Reason, variant: r.VariantKey, attachment: r.Attachment, segments: r.SegmentKeys(),
	}
}

// apply keeps the documents of the naive evaluation in step with a snapshot.
func (w *world) apply(changes ...Change) {
	for _, change := range changes {
		switch {
		case change.Kind == KindFlag && change.Flag != nil:
			w.flags[change.Key] = change.Flag
		case change.Kind == KindFlag:
			delete(w.flags, change.Key)
		case change.Segment != nil:
			w.segments[change.Key] = change.Segment.Segment
		default:
			delete(w.segments, change.Key)
		}
	}
}

func newWorld() *world {
	return &world{flags: map[string]*storev1.Flag{}, segments: map[string]*flipt.Segment{}}
}

func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestAgainstTheText(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	seen := map[string]int{}
	for range 300 {
		w := newWorld()
		var changes []Change
		for i := range 8 {
			changes = append(changes, setSegment(randomSegment(r, fmt.Sprint("s", i))))
		}
		if r.IntN(5) == 0 {
			changes = changes[1:]
		}
		for i := range 20 {
			changes = append(changes, setFlag(randomFlag(r, fmt.Sprint("f", i), 8)))
		}
		w.apply(changes...)
		r.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		snapshot, _ := (*Snapshot)(nil).Apply(changes)
		for range 20 {
			context, entityID := randomContext(r), pick(r, []string{"", "e1", "e2", "a", fmt.Sprint(r.Uint32())})
			for _, key := range slices.Sorted(maps.Keys(w.flags)) {
				variant := variantOutcome(snapshot, key, entityID, context)
				if want := w.variant(key, entityID, context); !variant.equal(want) {
					t.Fatalf("variant %s, entity %q, context %q:\n got %+v\nwant %+v\n%v", key, entityID, context, variant, want, w)
				}
				boolean := booleanOutcome(snapshot, key, entityID, context)
				if want := w.boolean(key, entityID, context); !boolean.equal(want) {
					t.Fatalf("boolean %s, entity %q, context %q:\n got %+v\nwant %+v\n%v", key, entityID, context, boolean, want, w)
				}
				seen[end("variant", variant)]++
				seen[end("boolean", boolean)]++
			}
		}
	}
	// Every way to end must have come up, or the comparison says little.
	for _, want := range []string{
		end("variant", outcome{reason: Unknown}), end("variant", outcome{reason: FlagDisabled}), end("variant", outcome{reason: Default}),
		end("variant", outcome{reason: Match, match: true}), end("boolean", outcome{reason: Match, match: true}),
		end("boolean", outcome{reason: Default}), end("variant", outcome{err: damaged}), end("boolean", outcome{err: damaged}),
		end("variant", outcome{err: "unknown constraint type"}), end("boolean", outcome{err: "unknown constraint type"}),
		end("variant", outcome{err: "flag type 7 invalid"}), end("variant", outcome{err: "flag type BOOLEAN_FLAG_TYPE invalid"}),
	} {
		if seen[want] < 20 {
			t.Errorf("%q came up %d times, want 20 at least: %v", want, seen[want], seen)
		}
	}
}

// end names the way in which an evaluation ended.
func end(how string, o outcome) string {
	return fmt.Sprintf("%s %q match %v reason %d", how, o.err, o.match, o.reason)
}
