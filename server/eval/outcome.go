package eval

import (
	"fmt"

	"github.com/burgeehq/burgee/gen/flipt"
)

// Outcome is one of the answers that a flag can give, and why: what evaluations are counted by.
type Outcome struct {
	// VariantKey is the answer of a variant flag; empty when there is none.
	VariantKey string
	// Enabled is the answer of a boolean flag; false for a variant flag.
	Enabled bool
	// Reason says why.
	Reason Reason
	// RuleID is the id of the rule or the rollout that decided; empty when none did.
	RuleID string
}

// Outcomes returns how many outcomes the flag has, each of its answers among them: a small number, 1 at least, that is the
// same for all Flags of one Identity. Outcome 0 is the one that no rule and no rollout decided.
func (f Flag) Outcomes() int { return int(f.program.outcomes) }

// Outcome returns the outcome of a number, 0 <= i < Outcomes(). It looks for it in the whole flag, which keeps no list.
func (f Flag) Outcome(i int) Outcome {
	p, number := f.program, uint32(i)
	if number == 0 {
		return p.undecided()
	}
	for i := range p.rules {
		rule := &p.rules[i]
		if rule.from == rule.to && rule.outcome == number {
			return Outcome{VariantKey: p.undecided().VariantKey, Reason: Match, RuleID: rule.id}
		}
		for _, share := range p.sharesOf(rule) {
			if share.outcome == number {
				return Outcome{VariantKey: share.variant.key, Reason: Match, RuleID: rule.id}
			}
		}
	}
	for _, rollout := range p.rollouts {
		if rollout.outcome == number {
			return Outcome{Enabled: rollout.value, Reason: Match, RuleID: rollout.id}
		}
	}
	panic(fmt.Sprintf("outcome %d of flag %q, which has %d", i, p.name, p.outcomes))
}

// Outcome returns the number of the outcome that the last evaluation gave; after an error it means nothing.
func (r *Result) Outcome() int { return int(r.outcome) }

// Name returns the namespace and the key of the flag.
func (f Flag) Name() (namespace, key string) { return f.program.name.namespace, f.program.name.key }

// Identity tells one state of a flag from all others. It is the same in every snapshot until the flag is changed; a change of
// its segments does not count. It is comparable, fits in an interface without an allocation, and keeps what the flag was
// compiled to in memory.
type Identity struct{ program *program }

// Identity returns the identity of the flag.
func (f Flag) Identity() Identity { return Identity{f.program} }

// undecided is the outcome that no rule and no rollout decided.
func (p *program) undecided() Outcome {
	var o Outcome
	if p.standard != nil {
		o.Reason, o.VariantKey = Default, p.standard.key
	}
	switch {
	case p.flagType == flipt.FlagType_BOOLEAN_FLAG_TYPE:
		o.Reason, o.Enabled = Default, p.enabled
	case !p.enabled:
		o.Reason = FlagDisabled
	}
	return o
}
