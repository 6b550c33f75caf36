package server

import (
	"fmt"
	"slices"
	"strings"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// summary says in a sentence what decided.
func summary(e *burgeev1.ExplainResponse) string {
	a := e.Answer
	switch {
	case a.Error != "":
		return "The flag cannot be evaluated: " + a.Error + "."
	case a.Reason == evaluation.EvaluationReason_FLAG_DISABLED_EVALUATION_REASON:
		return "The flag is disabled, so it answers " + standing(e) + "."
	}
	kind := "rule"
	if boolean(e.Type) {
		kind = "rollout"
	}
	last := slices.IndexFunc(e.Rules, func(r *burgeev1.RuleTrace) bool { return !r.Tried })
	if last < 0 {
		last = len(e.Rules)
	}
	switch {
	case len(e.Rules) == 0:
		return fmt.Sprintf("The flag has no %ss, so it answers %s.", kind, standing(e))
	case !a.Match && len(a.SegmentKeys) == 0:
		return fmt.Sprintf("No %s matched, so the flag answers %s.", kind, standing(e))
	}
	rule := e.Rules[last-1] // the last one that was tried ended the evaluation
	if boolean(e.Type) {
		return rolloutSummary(rule)
	}
	matched := fmt.Sprintf("Rule %d matched: %s; ", rule.Place, quotedSegments(a.SegmentKeys))
	bucket := rule.Bucket
	switch {
	case bucket == nil:
		return matched + "it has no distributions, so the flag answers " + standing(e) + "."
	case !a.Match:
		return matched + fmt.Sprintf("bucket %d of %d falls to no variant, so the flag answers %s.", bucket.Bucket, bucket.Buckets, standing(e))
	}
	return matched + fmt.Sprintf("bucket %d of %d falls to variant %q.", bucket.Bucket, bucket.Buckets, a.VariantKey)
}

func rolloutSummary(rollout *burgeev1.RuleTrace) string {
	if b := rollout.Bucket; b != nil {
		return fmt.Sprintf("Rollout %d matched: bucket %d of %d is below %d; it answers %t.",
			rollout.Place, b.Bucket, b.Buckets, b.Shares[0].To, rollout.Value)
	}
	var keys []string
	for _, segment := range rollout.Segments {
		if segment.Matched {
			keys = append(keys, segment.Key)
		}
	}
	return fmt.Sprintf("Rollout %d matched: %s; it answers %t.", rollout.Place, quotedSegments(keys), rollout.Value)
}

// standing is the answer of a flag that no rule gave.
func standing(e *burgeev1.ExplainResponse) string {
	switch {
	case boolean(e.Type):
		return fmt.Sprintf("its own state, %t", e.Answer.Enabled)
	case e.Answer.VariantKey == "":
		return "no variant"
	}
	return fmt.Sprintf("its default variant %q", e.Answer.VariantKey)
}

// quotedSegments writes `segment "a"`, or `segments "a", "b" and "c"`.
func quotedSegments(keys []string) string {
	quoted := make([]string, len(keys))
	for i, key := range keys {
		quoted[i] = fmt.Sprintf("%q", key)
	}
	if len(quoted) < 2 {
		return "segment " + strings.Join(quoted, "")
	}
	last := len(quoted) - 1
	return "segments " + strings.Join(quoted[:last], ", ") + " and " + quoted[last]
}
