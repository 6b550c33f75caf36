package server

import (
	"context"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
)

// explanations serves burgee.v1.ExplainService. It changes and counts nothing.
type explanations struct {
	db *database
}

// maxTraced is how many constraints an explanation or a preview lists at most.
const maxTraced = 100_000

// Explain implements burgee.v1.ExplainService.
func (e *explanations) Explain(ctx context.Context, r *burgeev1.ExplainRequest) (*burgeev1.ExplainResponse, error) {
	namespace := namespaceOf(r.NamespaceKey)
	state, snapshot, err := viewAt(ctx, e.db, r.Reference)
	if err != nil {
		return nil, err
	}
	drafts := new(drafted)
	if r.Draft != nil || len(r.DraftSegments) > 0 {
		if drafts, err = explainedDrafts(state, namespace, r); err != nil {
			return nil, err
		}
		if snapshot, err = drafts.apply(snapshot); err != nil {
			return nil, err
		}
	}
	flag, err := snapshot.Flag(namespace, r.FlagKey)
	if err != nil {
		return nil, err
	}
	if n := flag.Constraints(); n > maxTraced {
		return nil, invalid("the explanation of flag %q would list %d constraints, more than %d", path(namespace, r.FlagKey), n, maxTraced)
	}
	answer := explain(flag, r.EntityId, r.Context, drafts)
	answer.Position = state.Position().String()
	return answer, nil
}

// explainedDrafts takes up the drafts of a request. That of an archived flag is explained as if it were in service.
func explainedDrafts(state *store.State, namespace string, r *burgeev1.ExplainRequest) (*drafted, error) {
	drafts, err := newDrafted(state, namespace)
	if err != nil {
		return nil, err
	}
	for i, doc := range r.DraftSegments {
		if err := drafts.segment(doc, indexed("draftSegments", i)); err != nil {
			return nil, err
		}
	}
	if r.Draft != nil {
		stored, err := drafts.flag(r.Draft, r.FlagKey, "draft")
		if err != nil {
			return nil, err
		}
		stored.ArchivedAt = nil
	}
	return drafts, nil
}

// explain evaluates a flag with everything that led to its answer. A flag that cannot be evaluated is explained too.
func explain(flag eval.Flag, entityID string, context map[string]string, drafts *drafted) *burgeev1.ExplainResponse {
	namespace, key := flag.Name()
	answer := &burgeev1.ExplainResponse{NamespaceKey: namespace, FlagKey: key, Type: flag.Type(), Enabled: flag.Enabled()}
	var result, other eval.Result
	rules, err := flag.Explain(entityID, context, &result)
	for _, rule := range rules {
		rule.Id = drafts.id(rule.Id)
		for _, segment := range rule.Segments {
			hideIDs(segment, drafts)
		}
	}
	answer.Rules, answer.Answer = rules, answerOf(flag, &result, err, drafts)
	answer.Summary = summary(answer)
	if suggestion, err := flag.Suggest(entityID, context, &other); err == nil && suggestion != nil {
		suggestion.Answer = answerOf(flag, &other, nil, drafts)
		answer.Suggestion = suggestion
	}
	return answer
}

// hideIDs takes the ids out of a trace that a draft does not have.
func hideIDs(segment *burgeev1.SegmentTrace, drafts *drafted) {
	for _, constraint := range segment.Constraints {
		constraint.Id = drafts.id(constraint.Id)
	}
}

// answerOf says what an evaluation answered, or why it failed.
func answerOf(flag eval.Flag, r *eval.Result, err error, drafts *drafted) *burgeev1.Answer {
	if err != nil {
		return &burgeev1.Answer{Error: err.Error()}
	}
	return &burgeev1.Answer{
		Match: r.Match, Reason: reasons[r.Reason], VariantKey: r.VariantKey, Attachment: r.Attachment, Enabled: r.Enabled,
		SegmentKeys: r.SegmentKeys(), RuleId: drafts.id(flag.Outcome(r.Outcome()).RuleID),
	}
}

// boolean says whether a flag answers true or false.
func boolean(kind flipt.FlagType) bool { return kind == flipt.FlagType_BOOLEAN_FLAG_TYPE }
