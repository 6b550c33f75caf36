package eval

import (
	"math"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// trace is what an evaluation writes down of its way. It begins as the whole tree, with nothing tried.
type trace struct {
	rules []*burgeev1.RuleTrace
}

// Explain evaluates a flag as Variant or Boolean do, whichever is for its type, and returns its rules or rollouts in the order
// in which they are tried, with what became of each of their parts: by the same code, which writes down its way. Where an entity
// falls is told of each rule that hashes it, tried or not. With an error, which is that of the evaluation, the rules tell how
// far it came; they are nil when it could not begin. The rules are the caller's.
func (f Flag) Explain(entityID string, context map[string]string, r *Result) ([]*burgeev1.RuleTrace, error) {
	wanted := f.program.flagType
	if wanted != flipt.FlagType_BOOLEAN_FLAG_TYPE {
		wanted = flipt.FlagType_VARIANT_FLAG_TYPE
	}
	if err := f.check(wanted); err != nil {
		*r = Result{}
		return nil, err
	}
	t := &trace{}
	if wanted == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		for i := range f.program.rollouts {
			t.rules = append(t.rules, f.traceRollout(i, entityID, context))
		}
		return t.rules, f.boolean(entityID, context, r, t)
	}
	for i := range f.program.rules {
		t.rules = append(t.rules, f.traceRule(i, entityID, context))
	}
	return t.rules, f.variant(entityID, context, r, t)
}

// Constraints returns how many constraints an explanation of the flag lists: those of a segment as often as a rule or a
// rollout names it. It is 0 for a flag that cannot be evaluated.
func (f Flag) Constraints() int {
	if f.program.problem(f.table) != nil {
		return 0
	}
	count := 0
	add := func(s *selection) {
		for _, slot := range f.program.slotsOf(s) {
			count += len(f.table.segment(slot).document.GetConstraints())
		}
	}
	for i := range f.program.rules {
		add(&f.program.rules[i].selection)
	}
	for i := range f.program.rollouts {
		add(&f.program.rollouts[i].selection)
	}
	return count
}

// try notes that a rule or a rollout is tried, and returns where to note the rest. A nil trace takes no notes.
func (t *trace) try(i int) *burgeev1.RuleTrace {
	if t == nil {
		return nil
	}
	t.rules[i].Tried = true
	return t.rules[i]
}

// decide notes that the rule or the rollout that was tried last decided, by its share of that number or, with -1, by none.
func decide(rule *burgeev1.RuleTrace, share int) {
	if rule == nil {
		return
	}
	rule.Decided = true
	if share >= 0 {
		rule.Bucket.Shares[share].Chosen = true
	}
}

func (f Flag) traceRule(i int, entityID string, context map[string]string) *burgeev1.RuleTrace {
	p := f.program
	rule := &p.rules[i]
	t := f.traceSelection(i, rule.id, &rule.selection, entityID, context)
	if rule.from == rule.to {
		return t
	}
	t.Bucket = &burgeev1.BucketTrace{Hashed: p.name.key + entityID, Bucket: p.bucket(entityID), Buckets: buckets}
	var from uint32
	for _, share := range p.sharesOf(rule) {
		t.Bucket.Shares = append(t.Bucket.Shares, &burgeev1.ShareTrace{From: from, To: share.bound, VariantKey: share.variant.key})
		from = share.bound
	}
	return t
}

func (f Flag) traceRollout(i int, entityID string, context map[string]string) *burgeev1.RuleTrace {
	p := f.program
	rollout := &p.rollouts[i]
	t := f.traceSelection(i, rollout.id, &rollout.selection, entityID, context)
	t.Value = rollout.value
	if !rollout.threshold {
		return t
	}
	// bucket < percentage holds for the buckets below the next whole number
	bound := uint32(0)
	if rollout.percentage > 0 {
		bound = uint32(min(math.Ceil(float64(rollout.percentage)), thresholdBuckets))
	}
	t.Bucket = &burgeev1.BucketTrace{
		Hashed: entityID + p.name.key, Bucket: p.thresholdBucket(entityID), Buckets: thresholdBuckets,
		Shares: []*burgeev1.ShareTrace{{To: bound}},
	}
	return t
}

func (f Flag) traceSelection(i int, id string, s *selection, entityID string, context map[string]string) *burgeev1.RuleTrace {
	t := &burgeev1.RuleTrace{Id: id, Place: int32(i + 1)}
	if s.all {
		t.SegmentOperator = flipt.SegmentOperator_AND_SEGMENT_OPERATOR
	}
	for _, slot := range f.program.slotsOf(s) {
		t.Segments = append(t.Segments, f.table.segment(slot).trace(entityID, context))
	}
	return t
}

func (s *segment) trace(entityID string, context map[string]string) *burgeev1.SegmentTrace {
	t := &burgeev1.SegmentTrace{Key: s.name.key, MatchType: s.document.GetMatchType()}
	for _, c := range s.document.GetConstraints() {
		constraint := &burgeev1.ConstraintTrace{
			Id: c.GetId(), Type: c.GetType(), Property: c.GetProperty(), Operator: c.GetOperator(), Wanted: c.GetValue(),
		}
		if c.GetType() == flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE {
			constraint.Seen = &entityID
		} else if seen, ok := context[c.GetProperty()]; ok {
			constraint.Seen = &seen
		}
		t.Constraints = append(t.Constraints, constraint)
	}
	return t
}

// Segment is a segment of a snapshot, a small value like Flag; Snapshot.Segment gives them out.
type Segment struct{ segment *segment }

// Segment finds a segment in a namespace, which is not empty. The error is an *Error of kind NotFound.
func (s *Snapshot) Segment(namespace, key string) (Segment, error) {
	name := id{namespace, key}
	if s != nil && s.places != nil {
		if place, ok := s.places.get(s.seed, name); ok && !s.table.segment(place.index).missing {
			return Segment{s.table.segment(place.index)}, nil
		}
	}
	return Segment{}, errorf(NotFound, "segment %q not found", name)
}

// Constraints returns how many constraints the segment has.
func (s Segment) Constraints() int { return len(s.segment.document.GetConstraints()) }

// Explain says whether the segment matches, and what became of its constraints, by the code that flags ask. The error is an
// *Error of kind Invalid, for an unknown constraint type.
func (s Segment) Explain(entityID string, context map[string]string) (*burgeev1.SegmentTrace, error) {
	t := s.segment.trace(entityID, context)
	t.Tried = true
	if err := s.segment.check(); err != nil {
		return t, err
	}
	t.Matched = s.segment.matches(&subject{entityID: entityID, context: context}, new(Result), t)
	return t, nil
}
