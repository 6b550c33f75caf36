package eval

import (
	"unique"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// Type returns what the flag answers. A stored flag may have a type that is neither VARIANT nor BOOLEAN.
func (f Flag) Type() flipt.FlagType { return f.program.flagType }

// Enabled returns the enabled state of the flag itself.
func (f Flag) Enabled() bool { return f.program.enabled }

// Variant evaluates a variant flag by section 3 of the contract and writes the answer to r. The error is an *Error: Invalid for
// a flag of another type and for an unknown constraint type, Internal for a damaged flag; r is then zero.
// It allocates nothing unless more than 16 segments match, or a context value that is to be a number is none.
func (f Flag) Variant(entityID string, context map[string]string, r *Result) error {
	if err := f.check(flipt.FlagType_VARIANT_FLAG_TYPE); err != nil {
		*r = Result{}
		return err
	}
	return f.variant(entityID, context, r, nil)
}

// variant evaluates a sound flag, and takes notes in t unless that is nil.
func (f Flag) variant(entityID string, context map[string]string, r *Result, t *trace) error {
	p := f.program
	r.begin(f.table)
	if p.standard != nil {
		r.answer(Default, p.standard)
	}
	if !p.enabled {
		r.Reason = FlagDisabled
		return nil
	}
	u := subject{entityID: entityID, context: context}
	for i := range p.rules {
		rule, notes := &p.rules[i], t.try(i)
		matched, err := f.matches(&rule.selection, &u, r, notes)
		if err != nil {
			*r = Result{}
			return err
		}
		if !matched {
			continue
		}
		if rule.from == rule.to {
			r.Match, r.Reason, r.outcome = true, Match, rule.outcome
			decide(notes, -1)
			return nil
		}
		bucket := uint32(0) // as good as any where it decides nothing but what is noted
		if rule.split || notes != nil {
			r.ByEntity = r.ByEntity || rule.split
			bucket = p.bucket(entityID)
		}
		shares := p.sharesOf(rule)
		for j := range shares {
			if share := &shares[j]; bucket < share.bound {
				r.Match, r.outcome = true, share.outcome
				r.answer(Match, &share.variant)
				decide(notes, j)
				return nil
			}
		}
		return nil
	}
	return nil
}

// Boolean evaluates a boolean flag by section 4 of the contract and writes the answer to r. Errors and allocations are those of Variant.
func (f Flag) Boolean(entityID string, context map[string]string, r *Result) error {
	if err := f.check(flipt.FlagType_BOOLEAN_FLAG_TYPE); err != nil {
		*r = Result{}
		return err
	}
	return f.boolean(entityID, context, r, nil)
}

// boolean is to Boolean what variant is to Variant.
func (f Flag) boolean(entityID string, context map[string]string, r *Result, t *trace) error {
	p := f.program
	r.begin(f.table)
	u := subject{entityID: entityID, context: context}
	for i := range p.rollouts {
		rollout, notes := &p.rollouts[i], t.try(i)
		var matched bool
		share := -1
		if rollout.threshold {
			matched = float32(p.thresholdBucket(entityID)) < rollout.percentage
			share = 0
			if rollout.split {
				r.ByEntity = true
			}
		} else {
			var err error
			if matched, err = f.matches(&rollout.selection, &u, r, notes); err != nil {
				*r = Result{}
				return err
			}
		}
		if matched {
			r.Match, r.Enabled, r.Reason, r.outcome = true, rollout.value, Match, rollout.outcome
			decide(notes, share)
			return nil
		}
	}
	r.Enabled, r.Reason = p.enabled, Default
	return nil
}

// bucket returns which of the buckets of a variant rule the entity falls into.
func (p *program) bucket(entityID string) uint32 { return updateCRC(p.prefix, entityID) % buckets }

// thresholdBucket returns which of the buckets of a threshold the entity falls into.
func (p *program) thresholdBucket(entityID string) uint32 {
	return updateCRC(updateCRC(0, entityID), p.name.key) % thresholdBuckets
}

// Evaluate is Variant or Boolean, whichever is for the type of the flag; a flag of neither type fails like Variant.
func (f Flag) Evaluate(entityID string, context map[string]string, r *Result) error {
	if f.program.flagType == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		return f.Boolean(entityID, context, r)
	}
	return f.Variant(entityID, context, r)
}

// Same says whether two results of flags of this type answer the same, whatever led to it: the same variant with the same
// attachment, or the same state. Where there is no variant, whether a rule matched is part of the answer.
func (f Flag) Same(a, b *Result) bool {
	if f.program.flagType == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		return a.Enabled == b.Enabled
	}
	return a.VariantKey == b.VariantKey && a.Attachment == b.Attachment && (a.VariantKey != "" || a.Match == b.Match)
}

// check returns why the flag cannot be evaluated as the wanted type, or nil. Its result is an error and not an *Error, so that
// nil stays nil.
func (f Flag) check(wanted flipt.FlagType) error {
	if f.program.flagType != wanted {
		return errorf(Invalid, "flag type %s invalid", f.program.flagType)
	}
	if err := f.program.problem(f.table); err != nil {
		return err
	}
	return nil
}

func (r *Result) answer(reason Reason, variant *variant) {
	r.Reason, r.VariantKey, r.Attachment = reason, variant.key, variant.attachment
}

// selection is the segments of a rule or a rollout.
type selection struct {
	first, end uint32 // their slots in the program
	one        uint32 // the first of these, to be had without a look there
	all        bool   // all of them must match; otherwise at least one
}

func (p *program) slotsOf(s *selection) []uint32 { return p.slots[s.first:s.end] }

// subject is what a flag is evaluated for. It belongs to one evaluation.
type subject struct {
	entityID string
	context  map[string]string
	// seen are properties that were asked for, each in the place of its name: rules tend to ask for the same ones again.
	seen [seenPlaces]member
}

// member is a member of a context; its value is empty when there is none.
type member struct {
	property unique.Handle[string]
	value    string
}

// seenPlaces is how many properties a subject may keep.
const seenPlaces = 8

// placeOf returns the place of a property among those that a subject keeps.
func placeOf(property string) uint8 { return uint8(updateCRC(0, property) % seenPlaces) }

// property returns what the context has for the constraint.
func (u *subject) property(c *constraint) string {
	seen := &u.seen[c.seen%seenPlaces]
	if seen.property != c.property {
		*seen = member{c.property, u.context[c.property.Value()]}
	}
	return seen.value
}

// matches visits every segment and leaves those that match in r, or none unless the selection as a whole matches. It takes
// notes unless they are nil.
func (f Flag) matches(s *selection, u *subject, r *Result, notes *burgeev1.RuleTrace) (bool, error) {
	before := r.ByEntity
	count := int(s.end - s.first)
	for i := range count {
		slot := s.one
		if i > 0 {
			slot = f.program.slotsOf(s)[i]
		}
		segment := f.table.segment(slot)
		var segmentNotes *burgeev1.SegmentTrace
		if notes != nil {
			segmentNotes = notes.Segments[i]
			segmentNotes.Tried = true
		}
		if err := segment.check(); err != nil {
			return false, err
		}
		if !segment.matches(u, r, segmentNotes) {
			continue
		}
		r.addSegment(slot)
		if notes != nil {
			segmentNotes.Matched = true
		}
	}
	if r.count == 0 || s.all && r.count < count {
		r.clearSegments()
		if r.ByEntity && !before && s.all && f.settled(f.program.slotsOf(s), u.context) {
			r.ByEntity = false
		}
		return false, nil
	}
	return true, nil
}

// settled says whether a segment fails for every entity.
func (f Flag) settled(slots []uint32, context map[string]string) bool {
	for _, slot := range slots {
		var alone Result
		if !f.table.segment(slot).matches(&subject{context: context}, &alone, nil) && !alone.ByEntity {
			return true
		}
	}
	return false
}
