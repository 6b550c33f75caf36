package server_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestDistribution(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		read := func() []*flipt.Distribution {
			return ok(s.flipt.GetRule(ctx, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.rule}))(t).Distributions
		}
		// Several distributions of a variant, and sums above 100, are allowed.
		created := ok(s.flipt.CreateDistribution(ctx, &flipt.CreateDistributionRequest{
			NamespaceKey: "acme", FlagKey: "color", RuleId: made.rule, VariantId: made.red, Rollout: 33.3,
		}))(t)
		checkTimes(t, created.CreatedAt, created.UpdatedAt)
		checkID(t, created.Id)
		want := &flipt.Distribution{
			Id: created.Id, RuleId: made.rule, VariantId: made.red, Rollout: 33.3, CreatedAt: created.CreatedAt, UpdatedAt: created.CreatedAt,
		}
		equal(t, "created", created, want)

		updated := ok(s.flipt.UpdateDistribution(ctx, &flipt.UpdateDistributionRequest{
			NamespaceKey: "acme", Id: created.Id, FlagKey: "color", RuleId: made.rule, VariantId: made.blue, Rollout: 100,
		}))(t)
		want.VariantId, want.Rollout, want.UpdatedAt = made.blue, 100, updated.UpdatedAt
		equal(t, "updated", updated, want)
		all := read()
		if len(all) != 3 || all[0].Id != made.half || all[1].Id != made.rest {
			t.Fatalf("distributions %v are not in the order of creation", all)
		}
		equal(t, "in the rule", all[2], want)
		rule := ok(s.flipt.GetRule(ctx, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.rule}))(t)
		if !proto.Equal(rule.CreatedAt, rule.UpdatedAt) {
			t.Errorf("distributions moved the rule's time of update: %v", rule)
		}

		remove := func(flag, rule, variant, id string) call {
			return to(rpc.DeleteDistribution, &flipt.DeleteDistributionRequest{NamespaceKey: "acme", FlagKey: flag, RuleId: rule, VariantId: variant, Id: id})
		}
		// All members must name the same one.
		s.revisions(t, 0, remove("color", made.rule, made.red, created.Id), remove("color", "zzz", made.blue, created.Id),
			remove("beta", made.rule, made.blue, created.Id), remove("color", made.rule, made.blue, "zzz"))
		s.revisions(t, 1, remove("color", made.rule, made.blue, created.Id))
		s.revisions(t, 0, remove("color", made.rule, made.blue, created.Id))
		if all = read(); len(all) != 2 || all[0].Id != made.half || all[1].Id != made.rest {
			t.Errorf("distributions %v after the deletion", all)
		}
	})
}

func TestDistributionRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		create := func(flag, rule, variant string, rollout float32) call {
			return to(rpc.CreateDistribution, &flipt.CreateDistributionRequest{
				NamespaceKey: "acme", FlagKey: flag, RuleId: rule, VariantId: variant, Rollout: rollout,
			})
		}
		update := func(id, flag, rule, variant string, rollout float32) call {
			return to(rpc.UpdateDistribution, &flipt.UpdateDistributionRequest{
				NamespaceKey: "acme", Id: id, FlagKey: flag, RuleId: rule, VariantId: variant, Rollout: rollout,
			})
		}
		remove := func(id, flag, rule, variant string) call {
			return to(rpc.DeleteDistribution, &flipt.DeleteDistributionRequest{NamespaceKey: "acme", Id: id, FlagKey: flag, RuleId: rule, VariantId: variant})
		}
		missing := func(variant, rule, flag string) string {
			return notFound("variant %q, rule %q, flag %q in namespace %q not found", variant, rule, flag, "acme")
		}
		s.refuse(t,
			refusal{create("", "", "", -1), invalid("invalid field flagKey: must not be empty")},
			refusal{create("nope", "", "", -1), invalid("invalid field ruleId: must not be empty")},
			refusal{create("nope", "r", "", -1), invalid("invalid field variantId: must not be empty")},
			refusal{create("nope", "r", "v", -1), invalid("invalid field rollout: must be greater than or equal to '0'")},
			refusal{create("nope", "r", "v", 100.1), invalid("invalid field rollout: must be less than or equal to '100'")},
			refusal{create("nope", "r", "v", float32(math.NaN())), invalid("invalid field rollout: must be greater than or equal to '0'")},
			refusal{create("nope", made.rule, made.red, 1), missing(made.red, made.rule, "nope")},
			refusal{create("color", "zzz", made.red, 1), missing(made.red, "zzz", "color")},
			refusal{create("color", made.rule, "zzz", 1), missing("zzz", made.rule, "color")},
			refusal{update("", "", "", "", -1), invalid("invalid field id: must not be empty")},
			refusal{update("i", "", "", "", -1), invalid("invalid field flagKey: must not be empty")},
			refusal{update("i", "f", "", "", -1), invalid("invalid field ruleId: must not be empty")},
			refusal{update("i", "f", "r", "", -1), invalid("invalid field variantId: must not be empty")},
			refusal{update("i", "f", "r", "v", -1), invalid("invalid field rollout: must be greater than or equal to '0'")},
			refusal{update("i", "f", "r", "v", 101), invalid("invalid field rollout: must be less than or equal to '100'")},
			refusal{update("zzz", "color", made.rule, made.red, 1), notFound(`distribution "zzz" not found`)},
			refusal{update(made.half, "color", "zzz", made.red, 1), missing(made.red, "zzz", "color")},
			refusal{remove("", "", "", ""), invalid("invalid field id: must not be empty")},
			refusal{remove("i", "", "", ""), invalid("invalid field flagKey: must not be empty")},
			refusal{remove("i", "f", "", ""), invalid("invalid field ruleId: must not be empty")},
			refusal{remove("i", "f", "r", ""), invalid("invalid field variantId: must not be empty")},
		)
		// The variant must be one of the rule's own flag.
		s.revisions(t, 1, to(rpc.CreateVariant, &flipt.CreateVariantRequest{NamespaceKey: "acme", FlagKey: "beta", Key: "v"}))
		beta := ok(s.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "beta"}))(t)
		foreign := beta.Variants[0].Id
		s.refuse(t, refusal{create("color", made.rule, foreign, 1), missing(foreign, made.rule, "color")})
	})
}
