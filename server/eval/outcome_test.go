package eval

import (
	"slices"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

// TestOutcomes: numbers of outcomes do not repeat, and each names what it should.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	split := ruleOf(2, operatorOR, []string{"s"}, "a", "b", "a")
	split.Distributions[2].Rollout = 10
	standard := variantFlag("standard", []string{"a", "b"}, ruleOf(1, operatorOR, []string{"s"}), split)
	standard.Flag.DefaultVariant = &flipt.Variant{Id: "id-b"}
	disabled := variantFlag("disabled", nil)
	disabled.Flag.Enabled = false
	rollouts := booleanFlag("boolean", true, thresholdRollout(1, false, 50), segmentRollout(2, false, operatorOR, "s"))
	rollouts.Rollouts[0].Id, rollouts.Rollouts[1].Id = "x", "y"
	snapshot := snapshotOf(t, everyone("s"), setFlag(standard), setFlag(disabled), setFlag(variantFlag("none", nil)), setFlag(rollouts))
	for key, want := range map[string][]Outcome{
		"standard": {{VariantKey: "b", Reason: Default}, {VariantKey: "b", Reason: Match, RuleID: "rule-1"},
			{VariantKey: "a", Reason: Match, RuleID: "rule-2"}, {VariantKey: "b", Reason: Match, RuleID: "rule-2"}},
		"disabled": {{Reason: FlagDisabled}},
		"none":     {{Reason: Unknown}},
		"boolean":  {{Enabled: true, Reason: Default}, {Reason: Match, RuleID: "x"}, {Reason: Match, RuleID: "y"}},
	} {
		flag := flagOf(t, snapshot, key)
		var got []Outcome
		for i := range flag.Outcomes() {
			got = append(got, flag.Outcome(i))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", key, got, want)
		}
	}
}

// TestIdentity: a flag keeps its identity until it is changed.
func TestIdentity(t *testing.T) {
	t.Parallel()
	first := snapshotOf(t, everyone("s"), setFlag(booleanFlag("f", true, segmentRollout(1, true, operatorOR, "s"))), setFlag(booleanFlag("g", true)))
	second, _ := first.Apply([]Change{everyone("s"), setFlag(booleanFlag("g", true))})
	f, g := flagOf(t, first, "f"), flagOf(t, first, "g")
	if f.Identity() != flagOf(t, second, "f").Identity() {
		t.Error("a flag that did not change has another identity")
	}
	if f.Identity() == g.Identity() || g.Identity() == flagOf(t, second, "g").Identity() {
		t.Error("two states have one identity")
	}
	if namespaceKey, key := f.Name(); namespaceKey != namespace || key != "f" {
		t.Errorf("got name %s/%s", namespaceKey, key)
	}
}
