package eval

import "github.com/burgeehq/burgee/gen/flipt"

// Type returns what the flag answers. A stored flag may have a type that is neither VARIANT nor BOOLEAN.
func (f Flag) Type() flipt.FlagType { return f.program.flagType }

// Enabled returns the enabled state of the flag itself.
func (f Flag) Enabled() bool { return f.program.enabled }

// Variant evaluates a variant flag by section 3 of the contract and writes the answer to r. The error is an *Error: Invalid for
// a flag of another type and for an unknown constraint type, Internal for a damaged flag; r is then zero.
// It allocates nothing unless more than 16 segments match, or a context value that is to be a number is none.
func (f Flag) Variant(entityID string, context map[string]string, r *Result) error {
	*r = Result{}
	if err := f.check(flipt.FlagType_VARIANT_FLAG_TYPE); err != nil {
		return err
	}
	p := f.program
	r.table = f.table
	if p.standard != nil {
		r.answer(Default, p.standard)
	}
	if !p.enabled {
		r.Reason = FlagDisabled
		return nil
	}
	for i := range p.rules {
		rule := &p.rules[i]
		matched, err := rule.matches(f.table, entityID, context, r)
		if err != nil {
			*r = Result{}
			return err
		}
		if !matched {
			continue
		}
		if len(rule.shares) == 0 {
			r.Match, r.Reason = true, Match
			return nil
		}
		if rule.split {
			r.ByEntity = true
		}
		bucket := updateCRC(p.prefix, entityID) % buckets
		for _, share := range rule.shares {
			if bucket < share.bound {
				r.Match = true
				r.answer(Match, share.variant)
				return nil
			}
		}
		return nil
	}
	return nil
}

// Boolean evaluates a boolean flag by section 4 of the contract and writes the answer to r. Errors and allocations are those of Variant.
func (f Flag) Boolean(entityID string, context map[string]string, r *Result) error {
	*r = Result{}
	if err := f.check(flipt.FlagType_BOOLEAN_FLAG_TYPE); err != nil {
		return err
	}
	p := f.program
	r.table = f.table
	for i := range p.rollouts {
		rollout := &p.rollouts[i]
		var matched bool
		if rollout.threshold {
			bucket := updateCRC(updateCRC(0, entityID), p.name.key) % thresholdBuckets
			matched = float32(bucket) < rollout.percentage
			if rollout.split {
				r.ByEntity = true
			}
		} else {
			var err error
			if matched, err = rollout.matches(f.table, entityID, context, r); err != nil {
				*r = Result{}
				return err
			}
		}
		if matched {
			r.Match, r.Enabled, r.Reason = true, rollout.value, Match
			return nil
		}
	}
	r.Enabled, r.Reason = p.enabled, Default
	return nil
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
	slots []uint32
	all   bool // all of them must match; otherwise at least one
}

// matches visits every segment and leaves those that match in r, or none unless the selection as a whole matches.
func (s *selection) matches(t *table, entityID string, context map[string]string, r *Result) (bool, error) {
	before := r.ByEntity
	for _, slot := range s.slots {
		segment := t.segment(slot)
		if segment.fatal {
			return false, errorf(Invalid, "unknown constraint type")
		}
		if segment.matches(entityID, context, r) {
			r.addSegment(slot)
		}
	}
	if r.count == 0 || s.all && r.count < len(s.slots) {
		r.clearSegments()
		if r.ByEntity && !before && s.all && s.settled(t, context) {
			r.ByEntity = false
		}
		return false, nil
	}
	return true, nil
}

// settled says whether a segment fails for every entity.
func (s *selection) settled(t *table, context map[string]string) bool {
	for _, slot := range s.slots {
		var alone Result
		if !t.segment(slot).matches("", context, &alone) && !alone.ByEntity {
			return true
		}
	}
	return false
}
