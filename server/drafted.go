package server

import (
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
)

// drafted is a state with unsaved documents of one namespace in it, to be evaluated and forgotten. It belongs to one request.
type drafted struct {
	state     *store.State
	namespace string
	now       *timestamppb.Timestamp
	segments  map[string]bool // those that are drafts
	changes   []eval.Change
	ids       map[string]bool // what stands for the ids that the drafts do not have
}

func newDrafted(state *store.State, namespace string) (*drafted, error) {
	if state.Namespace(namespace) == nil {
		return nil, namespaceNotFound(namespace)
	}
	return &drafted{
		state: state, namespace: namespace, now: timestamppb.Now(), segments: make(map[string]bool), ids: make(map[string]bool),
	}, nil
}

// newID makes an id that tells items of the drafts apart, and that clients never see.
func (d *drafted) newID() string {
	id := fmt.Sprintf("item %d of a draft", len(d.ids)+1)
	d.ids[id] = true
	return id
}

// segment takes up a segment; place is where it stands in the request.
func (d *drafted) segment(doc *burgeev1.SegmentDocument, place string) error {
	key := doc.GetSegment().GetKey()
	if key == "" {
		return placed(fieldFailure("segment.key", "must not be empty"), place)
	}
	if d.segments[key] {
		return placed(fieldFailure("segment.key", "segment %q is not unique", key), place)
	}
	stored, err := completeSegment(doc, d.namespace, key, d.state.Segment(d.namespace, key), d.now, d.newID)
	if err != nil {
		return placed(err, place)
	}
	d.segments[key] = true
	d.changes = append(d.changes, eval.Change{Namespace: d.namespace, Key: key, Kind: eval.KindSegment, Segment: stored})
	return nil
}

// flag takes up a flag, once its segments are there, and returns it to be looked at before it is compiled.
func (d *drafted) flag(doc *burgeev1.FlagDocument, key, place string) (*storev1.Flag, error) {
	exists := func(segment string) bool { return d.segments[segment] || d.state.Segment(d.namespace, segment) != nil }
	if err := missingSegment(doc, d.namespace, exists); err != nil {
		return nil, placed(err, place)
	}
	stored, err := completeFlag(doc, d.namespace, key, d.state.Flag(d.namespace, key), d.now, d.newID)
	if err != nil {
		return nil, placed(err, place)
	}
	d.changes = append(d.changes, eval.Change{Namespace: d.namespace, Key: key, Kind: eval.KindFlag, Flag: stored})
	return stored, nil
}

// apply returns the snapshot that the drafts would lead to.
func (d *drafted) apply(snapshot *eval.Snapshot) (*eval.Snapshot, error) {
	next, problems := snapshot.Apply(d.changes)
	for _, p := range problems {
		return nil, invalid("%v", p.Err)
	}
	return next, nil
}

// id is the id that clients see: none where the draft has none.
func (d *drafted) id(id string) string {
	if d.ids[id] {
		return ""
	}
	return id
}
