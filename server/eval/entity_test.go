package eval

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

// TestByEntity holds when an answer counts as one that depends on the entity.
func TestByEntity(t *testing.T) {
	t.Parallel()
	isMe, isPro := constraintOf(typeEntity, "", "eq", "me"), constraintOf(typeString, "plan", "eq", "pro")
	all, any := flipt.MatchType_ALL_MATCH_TYPE, flipt.MatchType_ANY_MATCH_TYPE
	segments := []Change{
		everyone("all"),
		setSegment(segmentDocument("pro", all, isPro)),
		setSegment(segmentDocument("me", all, isMe)),
		setSegment(segmentDocument("me-and-pro", all, isMe, isPro)),
		setSegment(segmentDocument("me-or-pro", any, isMe, isPro)),
	}
	shared := func(rollouts ...float32) *flipt.Rule {
		rule := ruleOf(1, operatorOR, []string{"all"})
		for i, rollout := range rollouts {
			rule.Distributions = append(rule.Distributions, &flipt.Distribution{VariantId: fmt.Sprint("id-", "ab"[i%2:i%2+1]), Rollout: rollout})
		}
		return rule
	}
	selects := func(operator flipt.SegmentOperator, keys ...string) *flipt.Rule {
		return ruleOf(1, operator, keys, "a")
	}
	const free, pro = "free", "pro"
	for name, test := range map[string]struct {
		rule *flipt.Rule
		plan string
		want bool
	}{
		"everything to one":                       {shared(100), free, false},
		"half to one":                             {shared(50), free, true},
		"halves":                                  {shared(50, 50), free, true},
		"halves to the same":                      {shared(50, 0, 50), free, false},
		"all to the second":                       {shared(0.05, 100), free, false},
		"too little to take anybody":              {shared(0.05), free, false},
		"nothing left for the second":             {shared(100, 50), free, false},
		"no distribution":                         {shared(), free, false},
		"by context":                              {selects(operatorOR, "pro"), free, false},
		"by entity":                               {selects(operatorOR, "me"), free, true},
		"the context has failed":                  {selects(operatorOR, "me-and-pro"), free, false},
		"the context leaves it to the entity":     {selects(operatorOR, "me-and-pro"), pro, true},
		"the context has matched":                 {selects(operatorOR, "me-or-pro"), pro, false},
		"the context has not matched":             {selects(operatorOR, "me-or-pro"), free, true},
		"AND fails without the entity":            {selects(operatorAND, "me", "pro"), free, false},
		"AND needs the entity":                    {selects(operatorAND, "pro", "me"), pro, true},
		"OR matches, with what keys is open":      {selects(operatorOR, "pro", "me"), pro, true},
		"OR that is open":                         {selects(operatorOR, "pro", "me"), free, true},
		"one of several that are all by context":  {selects(operatorOR, "pro", "all"), pro, false},
		"AND of several that are all by context":  {selects(operatorAND, "pro", "all"), pro, false},
		"shares that are not reached: no match":   {ruleOf(1, operatorOR, []string{"pro"}, "a", "b"), free, false},
		"shares that are reached: a match before": {ruleOf(1, operatorOR, []string{"pro"}, "a", "b"), pro, true},
	} {
		snapshot := snapshotOf(t, append(segments, setFlag(variantFlag("f", []string{"a", "b"}, test.rule)))...)
		var r Result
		if err := flagOf(t, snapshot, "f").Variant("e", map[string]string{"plan": test.plan}, &r); err != nil || r.ByEntity != test.want {
			t.Errorf("%s: by entity %v, error %v, want %v", name, r.ByEntity, err, test.want)
		}
	}
	disabled := variantFlag("f", []string{"a", "b"}, shared(50, 50))
	disabled.Flag.Enabled = false
	var r Result
	if err := flagOf(t, snapshotOf(t, append(segments, setFlag(disabled))...), "f").Variant("e", nil, &r); err != nil || r.ByEntity {
		t.Errorf("disabled: by entity %v, error %v", r.ByEntity, err)
	}
	for percentage, want := range map[float32]bool{0: false, 0.5: true, 50: true, 99: true, 99.5: false, 100: false} {
		snapshot := snapshotOf(t, setFlag(booleanFlag("f", false, thresholdRollout(1, true, percentage))))
		if err := flagOf(t, snapshot, "f").Boolean("e", nil, &r); err != nil || r.ByEntity != want {
			t.Errorf("threshold %v: by entity %v, error %v, want %v", percentage, r.ByEntity, err, want)
		}
	}
}

// TestByEntityIsNeverLeftOut evaluates random flags: where an answer is not by entity, all entities get it.
func TestByEntityIsNeverLeftOut(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	seen := map[bool]int{}
	for range 100 {
		w := newWorld()
		for i := range 8 {
			w.apply(setSegment(randomSegment(r, fmt.Sprint("s", i))))
		}
		var changes []Change
		for key, document := range w.segments {
			changes = append(changes, setSegment(segmentDocument(key, document.MatchType, document.Constraints...)))
		}
		for i := range 20 {
			changes = append(changes, setFlag(randomFlag(r, fmt.Sprint("f", i), 8)))
		}
		w.apply(changes...)
		snapshot, _ := (*Snapshot)(nil).Apply(changes)
		for range 5 {
			context := randomContext(r)
			for _, key := range slices.Sorted(maps.Keys(w.flags)) {
				for _, how := range []func(Flag, string, map[string]string, *Result) error{Flag.Variant, Flag.Boolean} {
					var one Result
					if how(flagOf(t, snapshot, key), "", context, &one) != nil {
						continue
					}
					seen[one.ByEntity]++
					if one.ByEntity {
						continue
					}
					answer := outcomeOf(snapshot, key, "", context, how)
					for range 20 {
						entityID := pick(r, []string{"e1", "e2", "a", fmt.Sprint(r.Uint32()), fmt.Sprint(r.Uint32())})
						if other := outcomeOf(snapshot, key, entityID, context, how); !other.equal(answer) {
							t.Fatalf("%s, context %q: nobody gets %+v, %q gets %+v\n%v", key, context, answer, entityID, other, w)
						}
					}
				}
			}
		}
	}
	if seen[true] < 100 || seen[false] < 100 {
		t.Errorf("by entity or not: %v", seen)
	}
}
