package server

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// GetRule implements flipt.Flipt.
func (m *management) GetRule(ctx context.Context, r *flipt.GetRuleRequest) (*flipt.Rule, error) {
	namespace := namespaceOf(r.NamespaceKey)
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	_, rule := findRule(state, namespace, r.FlagKey, r.Id)
	if rule == nil {
		return nil, ruleNotFound(namespace, r.Id)
	}
	return sortedRule(rule), nil
}

// ListRules implements flipt.Flipt.
func (m *management) ListRules(ctx context.Context, r *flipt.ListRuleRequest) (*flipt.RuleList, error) {
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	rules := state.Flag(namespaceOf(r.NamespaceKey), r.FlagKey).GetRules()
	page, err := paginateSlice(rules, pageRequest{r.Limit, r.Offset, r.PageToken}, (*flipt.Rule).GetId)
	if err != nil {
		return nil, err
	}
	list := &flipt.RuleList{NextPageToken: page.next, TotalCount: page.total, Rules: make([]*flipt.Rule, len(page.items))}
	for i, rule := range page.items {
		list.Rules[i] = sortedRule(rule)
	}
	return list, nil
}

// CreateRule implements flipt.Flipt.
func (m *management) CreateRule(ctx context.Context, r *flipt.CreateRuleRequest) (*flipt.Rule, error) {
	return update(ctx, m.db, r, createRule)
}

func createRule(d *store.Draft, r *flipt.CreateRuleRequest) (*flipt.Rule, error) {
	namespace := namespaceOf(r.NamespaceKey)
	one, several := segmentKeys(r.SegmentKey, r.SegmentKeys)
	doc := d.EditFlag(namespace, r.FlagKey)
	if doc == nil || !segmentsExist(d, namespace, one, several) {
		return nil, notFound("flag %q or segment %q not found", path(namespace, r.FlagKey), path(namespace, r.SegmentKey))
	}
	rule := &flipt.Rule{
		Id: d.NewID(), FlagKey: r.FlagKey, SegmentKey: one, SegmentKeys: several, SegmentOperator: operator(several, r.SegmentOperator),
		Rank: r.Rank, NamespaceKey: namespace, CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	doc.Rules = append(doc.Rules, rule)
	sortRules(doc.Rules)
	return rule, nil
}

// UpdateRule implements flipt.Flipt.
func (m *management) UpdateRule(ctx context.Context, r *flipt.UpdateRuleRequest) (*flipt.Rule, error) {
	return update(ctx, m.db, r, updateRule)
}

func updateRule(d *store.Draft, r *flipt.UpdateRuleRequest) (*flipt.Rule, error) {
	namespace := namespaceOf(r.NamespaceKey)
	one, several := segmentKeys(r.SegmentKey, r.SegmentKeys)
	_, rule := editRule(d, namespace, r.FlagKey, r.Id)
	if rule == nil || !segmentsExist(d, namespace, one, several) {
		return nil, ruleNotFound(namespace, r.Id)
	}
	rule.SegmentKey, rule.SegmentKeys, rule.SegmentOperator = one, several, operator(several, r.SegmentOperator)
	rule.UpdatedAt = d.Now()
	return sortedRule(rule), nil
}

// OrderRules implements flipt.Flipt.
func (m *management) OrderRules(ctx context.Context, r *flipt.OrderRulesRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, orderRules)
}

func orderRules(d *store.Draft, r *flipt.OrderRulesRequest) error {
	doc := d.EditFlag(namespaceOf(r.NamespaceKey), r.FlagKey)
	for i, id := range r.RuleIds {
		for _, rule := range doc.GetRules() {
			if rule.Id == id {
				rule.Rank, rule.UpdatedAt = int32(i+1), d.Now()
			}
		}
	}
	sortRules(doc.GetRules())
	return nil
}

// DeleteRule implements flipt.Flipt.
func (m *management) DeleteRule(ctx context.Context, r *flipt.DeleteRuleRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteRule)
}

func deleteRule(d *store.Draft, r *flipt.DeleteRuleRequest) error {
	doc := d.EditFlag(namespaceOf(r.NamespaceKey), r.FlagKey)
	if doc == nil {
		return nil
	}
	doc.Rules = slices.DeleteFunc(doc.Rules, func(rule *flipt.Rule) bool { return rule.Id == r.Id })
	for i, rule := range doc.Rules {
		rule.Rank, rule.UpdatedAt = int32(i+1), d.Now()
	}
	return nil
}

// flagReader is a state or a draft.
type flagReader interface {
	Flag(namespace, key string) *storev1.Flag
	Flags(namespace string) store.List[*storev1.Flag]
}

// findRule looks for a rule in the named flag and then, since the contract does not check the flag of a rule, in all others
// of the namespace.
func findRule(in flagReader, namespace, flag, id string) (*storev1.Flag, *flipt.Rule) {
	if doc, rule := ruleByID(in.Flag(namespace, flag), id); rule != nil {
		return doc, rule
	}
	for doc := range in.Flags(namespace).All() {
		if doc, rule := ruleByID(doc, id); rule != nil {
			return doc, rule
		}
	}
	return nil, nil
}

// editRule is findRule for a rule that is to be changed.
func editRule(d *store.Draft, namespace, flag, id string) (*storev1.Flag, *flipt.Rule) {
	doc, rule := findRule(d, namespace, flag, id)
	if rule == nil {
		return nil, nil
	}
	return ruleByID(d.EditFlag(namespace, doc.Flag.Key), id)
}

func ruleByID(doc *storev1.Flag, id string) (*storev1.Flag, *flipt.Rule) {
	for _, rule := range doc.GetRules() {
		if rule.Id == id {
			return doc, rule
		}
	}
	return nil, nil
}

func ruleNotFound(namespace, id string) error {
	return notFound("rule %q not found", path(namespace, id))
}

// sortRules keeps the order of creation among equal ranks.
func sortRules(rules []*flipt.Rule) {
	slices.SortStableFunc(rules, func(a, b *flipt.Rule) int { return cmp.Compare(a.Rank, b.Rank) })
}

// segmentKeys returns the one segment of a rule or a rollout, or its several in the order of the request, each once.
func segmentKeys(one string, several []string) (string, []string) {
	var keys []string
	for _, key := range several {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 1 {
		return keys[0], nil
	}
	return one, keys
}

// operator is OR for a single segment, whatever the request says.
func operator(several []string, sent flipt.SegmentOperator) flipt.SegmentOperator {
	if len(several) == 0 {
		return flipt.SegmentOperator_OR_SEGMENT_OPERATOR
	}
	return sent
}

// segmentsExist says whether the namespace has the one segment, or all of the several.
func segmentsExist(d *store.Draft, namespace, one string, several []string) bool {
	if len(several) == 0 {
		several = []string{one}
	}
	return !slices.ContainsFunc(several, func(key string) bool { return d.Segment(namespace, key) == nil })
}

// sortedRule returns the rule as reads show it, its segments sorted by key: itself where they already are.
func sortedRule(r *flipt.Rule) *flipt.Rule {
	if slices.IsSorted(r.SegmentKeys) {
		return r
	}
	return &flipt.Rule{
		Id: r.Id, FlagKey: r.FlagKey, SegmentKey: r.SegmentKey, Distributions: r.Distributions, Rank: r.Rank, CreatedAt: r.CreatedAt,
		UpdatedAt: r.UpdatedAt, NamespaceKey: r.NamespaceKey, SegmentKeys: sortedKeys(r.SegmentKeys), SegmentOperator: r.SegmentOperator,
	}
}

func sortedKeys(keys []string) []string {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return keys
}
