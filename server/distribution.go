package server

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// CreateDistribution implements flipt.Flipt.
func (m *management) CreateDistribution(ctx context.Context, r *flipt.CreateDistributionRequest) (*flipt.Distribution, error) {
	return update(ctx, m.db, r, createDistribution)
}

func createDistribution(d *store.Draft, r *flipt.CreateDistributionRequest) (*flipt.Distribution, error) {
	rule, err := ruleForVariant(d, r)
	if err != nil {
		return nil, err
	}
	distribution := &flipt.Distribution{
		Id: d.NewID(), RuleId: r.RuleId, VariantId: r.VariantId, Rollout: r.Rollout, CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	rule.Distributions = append(rule.Distributions, distribution)
	return distribution, nil
}

// UpdateDistribution implements flipt.Flipt.
func (m *management) UpdateDistribution(ctx context.Context, r *flipt.UpdateDistributionRequest) (*flipt.Distribution, error) {
	return update(ctx, m.db, r, updateDistribution)
}

func updateDistribution(d *store.Draft, r *flipt.UpdateDistributionRequest) (*flipt.Distribution, error) {
	rule, err := ruleForVariant(d, r)
	if err != nil {
		return nil, err
	}
	for _, distribution := range rule.Distributions {
		if distribution.Id == r.Id {
			distribution.Rollout, distribution.VariantId, distribution.UpdatedAt = r.Rollout, r.VariantId, d.Now()
			return distribution, nil
		}
	}
	return nil, notFound("distribution %q not found", r.Id)
}

// DeleteDistribution implements flipt.Flipt.
func (m *management) DeleteDistribution(ctx context.Context, r *flipt.DeleteDistributionRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteDistribution)
}

func deleteDistribution(d *store.Draft, r *flipt.DeleteDistributionRequest) error {
	doc := d.EditFlag(namespaceOf(r.NamespaceKey), r.FlagKey)
	_, rule := ruleByID(doc, r.RuleId)
	if rule == nil {
		return nil
	}
	rule.Distributions = slices.DeleteFunc(rule.Distributions, func(d *flipt.Distribution) bool {
		return d.Id == r.Id && d.VariantId == r.VariantId
	})
	return nil
}

// distributionRequest is a request to create or to update.
type distributionRequest interface {
	GetNamespaceKey() string
	GetFlagKey() string
	GetRuleId() string
	GetVariantId() string
}

// ruleForVariant returns the rule of a request for editing. The variant must be one of the rule's own flag; the original
// takes one of any flag, which it cannot export again.
func ruleForVariant(d *store.Draft, r distributionRequest) (*flipt.Rule, error) {
	namespace := namespaceOf(r.GetNamespaceKey())
	doc, rule := editRule(d, namespace, r.GetFlagKey(), r.GetRuleId())
	if rule == nil || d.Flag(namespace, r.GetFlagKey()) == nil || variantByID(doc.Flag, r.GetVariantId()) == nil {
		return nil, notFound("variant %q, rule %q, flag %q in namespace %q not found",
			r.GetVariantId(), r.GetRuleId(), r.GetFlagKey(), namespace)
	}
	return rule, nil
}
