package server

import (
	"context"
	"fmt"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
)

// PreviewSegment implements burgee.v1.ExplainService.
func (e *explanations) PreviewSegment(_ context.Context, r *burgeev1.PreviewSegmentRequest) (*burgeev1.PreviewSegmentResponse, error) {
	namespace, key := namespaceOf(r.NamespaceKey), r.SegmentKey
	state, snapshot := e.db.View()
	drafts := new(drafted)
	switch {
	case r.Draft != nil && key != "":
		return nil, invalid("invalid field segmentKey: must be empty when there is a draft")
	case r.Draft != nil:
		key = r.Draft.GetSegment().GetKey()
		var err error
		if drafts, err = newDrafted(state, namespace); err != nil {
			return nil, err
		}
		if err := drafts.segment(r.Draft, "draft"); err != nil {
			return nil, err
		}
		if snapshot, err = drafts.apply(snapshot); err != nil {
			return nil, err
		}
	case key == "":
		return nil, invalid("invalid field segmentKey: must not be empty without a draft")
	}
	segment, err := snapshot.Segment(namespace, key)
	if err != nil {
		return nil, err
	}
	if n := segment.Constraints() * len(r.Contexts); n > maxTraced {
		return nil, invalid("the preview of segment %q would list %d constraints, more than %d", path(namespace, key), n, maxTraced)
	}
	answer := &burgeev1.PreviewSegmentResponse{Results: make([]*burgeev1.SegmentTrace, len(r.Contexts))}
	for i, c := range r.Contexts {
		trace, err := segment.Explain(c.GetEntityId(), c.GetContext())
		if err != nil {
			return nil, err
		}
		hideIDs(trace, drafts)
		answer.Results[i] = trace
		if trace.Matched {
			answer.Matched++
		}
	}
	return answer, nil
}

// indexed is the path of an item of a list.
func indexed(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
