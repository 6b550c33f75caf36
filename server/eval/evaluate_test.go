package eval

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	strange := variantFlag("strange", nil)
	strange.Flag.Type = 7
	snapshot := snapshotOf(t, setFlag(variantFlag("variant", nil)), setFlag(booleanFlag("boolean", false)), setFlag(strange))
	for key, test := range map[string]struct {
		number           int32
		enabled          bool
		variant, boolean string
	}{
		"variant": {0, true, "", "flag type VARIANT_FLAG_TYPE invalid"},
		"boolean": {1, false, "flag type BOOLEAN_FLAG_TYPE invalid", ""},
		"strange": {7, true, "flag type 7 invalid", "flag type 7 invalid"},
	} {
		flag := flagOf(t, snapshot, key)
		if flag.Type() != flipt.FlagType(test.number) || flag.Enabled() != test.enabled {
			t.Errorf("%s: type %v, enabled %v", key, flag.Type(), flag.Enabled())
		}
		var r Result
		checkInvalid(t, key, flag.Variant("e", nil, &r), test.variant)
		checkInvalid(t, key, flag.Boolean("e", nil, &r), test.boolean)
	}
}

func checkInvalid(t *testing.T, key string, err error, want string) {
	t.Helper()
	if want == "" && err == nil {
		return
	}
	if known := (*Error)(nil); !errors.As(err, &known) || known.Kind != Invalid || err.Error() != want {
		t.Errorf("%s: got %v, want %q of kind Invalid", key, err, want)
	}
}

// TestUnknownConstraintType: visited segments fail, whatever their match type and the other segments say; others do no harm.
func TestUnknownConstraintType(t *testing.T) {
	t.Parallel()
	matching, strange := constraintOf(typeString, "p", "notempty", ""), constraintOf(6, "p", "eq", "x")
	documents := []Change{
		everyone("all"),
		setSegment(segmentDocument("fatal", flipt.MatchType_ANY_MATCH_TYPE, matching, strange)),
		setSegment(segmentDocument("fatal-all", flipt.MatchType_ALL_MATCH_TYPE, constraintOf(typeString, "q", "eq", "x"), strange)),
	}
	const fails = "unknown constraint type"
	for name, test := range map[string]struct {
		rules []*flipt.Rule
		want  string
	}{
		"visited":             {[]*flipt.Rule{ruleOf(1, operatorOR, []string{"fatal"})}, fails},
		"all of it":           {[]*flipt.Rule{ruleOf(1, operatorOR, []string{"fatal-all"})}, fails},
		"after a match":       {[]*flipt.Rule{ruleOf(1, operatorOR, []string{"all", "fatal"})}, fails},
		"in an AND":           {[]*flipt.Rule{ruleOf(1, operatorAND, []string{"all", "fatal-all"})}, fails},
		"in a rule too late":  {[]*flipt.Rule{ruleOf(1, operatorOR, []string{"all"}), ruleOf(2, operatorOR, []string{"fatal"})}, ""},
		"in a rule in time":   {[]*flipt.Rule{ruleOf(2, operatorOR, []string{"all"}), ruleOf(1, operatorOR, []string{"fatal"})}, fails},
		"in no rule whatever": {nil, ""},
	} {
		snapshot := snapshotOf(t, append(documents, setFlag(variantFlag("f", nil, test.rules...)))...)
		var r Result
		checkInvalid(t, name, flagOf(t, snapshot, "f").Variant("e", map[string]string{"p": "x"}, &r), test.want)
	}
}

func TestRulesWithoutSegments(t *testing.T) {
	t.Parallel()
	snapshot := snapshotOf(t,
		setFlag(variantFlag("variant", []string{"a"}, ruleOf(1, operatorAND, nil, "a"))),
		setFlag(booleanFlag("boolean", false, segmentRollout(1, true, operatorAND), &flipt.Rollout{Rank: 2})))
	if got := variantOutcome(snapshot, "variant", "e", nil); !got.equal(outcome{}) {
		t.Errorf("variant: got %+v", got)
	}
	if got := booleanOutcome(snapshot, "boolean", "e", nil); !got.equal(outcome{reason: Default}) {
		t.Errorf("boolean: got %+v", got)
	}
}

func TestDeprecatedSegmentKey(t *testing.T) {
	t.Parallel()
	rollout := segmentRollout(1, true, operatorAND, "t", "s")
	//lint:ignore SA1019 documents may hold the one segment in the deprecated field
	rollout.GetSegment().SegmentKey = "s"
	snapshot := snapshotOf(t, everyone("s"), everyone("t"), setFlag(booleanFlag("f", false, rollout)))
	want := outcome{match: true, enabled: true, reason: Match, segments: []string{"s", "t"}}
	if got := booleanOutcome(snapshot, "f", "e", nil); !got.equal(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestUnknownMatchType(t *testing.T) {
	t.Parallel()
	snapshot := snapshotOf(t, setSegment(segmentDocument("s", 7)),
		setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s"))))
	if got := booleanOutcome(snapshot, "f", "e", nil); !got.equal(outcome{reason: Default}) {
		t.Errorf("got %+v", got)
	}
}

// TestEqualRanks: the document decides, however many there are.
func TestEqualRanks(t *testing.T) {
	t.Parallel()
	for count := range int32(100) {
		flag := variantFlag("variant", []string{"a", "b"}, ruleOf(2, operatorOR, []string{"s"}, "b"), ruleOf(1, operatorOR, []string{"s"}, "a"))
		boolean := booleanFlag("boolean", false, thresholdRollout(2, false, 100), thresholdRollout(1, true, 100))
		for i := range count {
			rank := 1 + i*7%3
			flag.Rules = append(flag.Rules, ruleOf(rank, operatorOR, []string{"s"}, "b"))
			boolean.Rollouts = append(boolean.Rollouts, thresholdRollout(rank, false, 100))
		}
		snapshot := snapshotOf(t, everyone("s"), setFlag(flag), setFlag(boolean))
		if got := variantOutcome(snapshot, "variant", "e", nil); got.variant != "a" {
			t.Errorf("variant, %d more: got %q, want a", count, got.variant)
		}
		if got := booleanOutcome(snapshot, "boolean", "e", nil); !got.enabled {
			t.Errorf("boolean, %d more: got false, want true", count)
		}
		if flag.Rules[0].Rank != 2 || boolean.Rollouts[0].Rank != 2 {
			t.Fatal("the document was sorted in place")
		}
	}
}

// TestManySegments goes beyond what a result holds without allocating, and uses one result for all.
func TestManySegments(t *testing.T) {
	t.Parallel()
	var r Result
	type kept struct {
		result Result
		keys   []string
	}
	var copies []kept
	for _, count := range []int{40, 1, 39, 16, 17, 0, 15} {
		changes, keys := []Change{}, []string(nil)
		for i := range count {
			keys = append(keys, fmt.Sprint("s", i))
			changes = append(changes, everyone(keys[i]))
		}
		if count < 40 {
			slices.Reverse(keys)
		}
		flag := variantFlag("f", []string{"a"}, ruleOf(1, operatorAND, slices.Concat(keys, keys), "a"))
		snapshot := snapshotOf(t, append(changes, setFlag(flag))...)
		if err := flagOf(t, snapshot, "f").Variant("e", nil, &r); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, kept{r, keys})
	}
	for _, c := range copies {
		got := c.result.SegmentKeys()
		if c.result.Match != (len(c.keys) > 0) || !slices.Equal(got, c.keys) || (got == nil) != (len(c.keys) == 0) {
			t.Errorf("match %v, got %q, want %q", c.result.Match, got, c.keys)
		}
		if got := c.result.AppendSegmentKeys([]string{"x"}); !slices.Equal(got, slices.Concat([]string{"x"}, c.keys)) {
			t.Errorf("appended: got %q, want x and %q", got, c.keys)
		}
	}
}

// TestShares are percentages that the contract does not name: none of them may wrap around or overflow.
func TestShares(t *testing.T) {
	t.Parallel()
	for percentage, want := range map[float32]uint32{
		0: 0, 0.09: 0, 0.1: 1, 0.7: 7, 33.33: 333, 99.99: 999, 100: 1000, 1000: 1000, 3e38: 1000, 429496729.7: 1000,
	} {
		if got := bucketsOf(percentage); got != want {
			t.Errorf("bucketsOf(%v) = %d, want %d", percentage, got, want)
		}
	}
}
