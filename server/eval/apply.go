package eval

import (
	"hash/maphash"
	"slices"
)

// Apply returns the snapshot that the changes lead to, and the problems of the documents that they name. s is left as it is
// and shares with the new snapshot whatever did not change, so the cost is that of the changes; a changed segment compiles no
// flag. Of several changes to one document the last counts, and the order of different documents does not matter: a flag may
// come before its segments, and one that lacked a segment is whole as soon as the segment is there, in whichever Apply.
func (s *Snapshot) Apply(changes []Change) (*Snapshot, []Problem) {
	if s == nil || s.programs == nil {
		s = &Snapshot{maphash.MakeSeed(), new(shards[*program]), new(shards[*place]), new(table)}
	}
	d := draft{
		programs: shardsDraft[*program]{seed: s.seed, shards: s.programs},
		places:   shardsDraft[*place]{seed: s.seed, shards: s.places},
		table:    tableDraft{table: s.table},
	}
	for i := range changes {
		if change := &changes[i]; change.Kind == KindSegment {
			d.setSegment(id{change.Namespace, change.Key}, change)
		}
	}
	for i := range changes {
		if change := &changes[i]; change.Kind == KindFlag {
			d.setFlag(id{change.Namespace, change.Key}, change)
		}
	}
	next := &Snapshot{s.seed, d.programs.shards, d.places.shards, d.table.table}
	return next, next.problems(changes)
}

// draft is a snapshot in the making. It belongs to one Apply.
type draft struct {
	programs shardsDraft[*program]
	places   shardsDraft[*place]
	table    tableDraft
	ready    *compiler // nil before the first flag
}

func (d *draft) setSegment(name id, change *Change) {
	found, taken := d.places.get(name)
	if change.Segment != nil && wrongSegment(name, change.Segment) == nil {
		if !taken {
			found = d.take(name)
		}
		d.table.put(found.index, compileSegment(name, change.Segment.GetSegment()))
		return
	}
	if !taken {
		return
	}
	d.table.put(found.index, &segment{name: name, missing: true})
	if d.table.table.at(found.index).flags == 0 {
		d.release(found.index)
	}
}

func (d *draft) setFlag(name id, change *Change) {
	old, exists := d.programs.get(name)
	if !exists {
		old = &program{}
	}
	next := &program{}
	if change.Flag != nil && change.Flag.GetArchivedAt() == nil {
		next = d.compile(name, change.Flag)
		d.programs.set(next)
	} else if exists {
		d.programs.delete(name)
	}
	if slices.Equal(old.segments, next.segments) {
		return
	}
	for _, index := range next.segments {
		d.table.slot(index).flags++
	}
	for _, index := range old.segments {
		slot := d.table.slot(index)
		slot.flags--
		if slot.flags == 0 && slot.segment.missing {
			d.release(index)
		}
	}
}

// slotOf returns the slot of a segment, taking one for a segment that is not there.
func (d *draft) slotOf(name id) uint32 {
	if found, ok := d.places.get(name); ok {
		return found.index
	}
	return d.take(name).index
}

func (d *draft) take(name id) *place {
	taken := &place{name, d.table.take(name)}
	d.places.set(taken)
	return taken
}

func (d *draft) release(index uint32) {
	d.places.delete(d.table.table.segment(index).name)
	d.table.release(index)
}

// problems looks at what became of the changed documents.
func (s *Snapshot) problems(changes []Change) []Problem {
	var problems []Problem
	type document struct {
		name id
		kind Kind
	}
	var told map[document]bool
	for i := range changes {
		change := &changes[i]
		name := id{change.Namespace, change.Key}
		err := s.problem(name, change)
		if err == nil || told[document{name, change.Kind}] {
			continue
		}
		if told == nil {
			told = map[document]bool{}
		}
		told[document{name, change.Kind}] = true
		problems = append(problems, Problem{change.Namespace, change.Key, change.Kind, err})
	}
	return problems
}

func (s *Snapshot) problem(name id, change *Change) *Error {
	if change.Kind == KindFlag {
		if program, ok := s.programs.get(s.seed, name); ok {
			return program.problem(s.table)
		}
		return nil
	}
	found, taken := s.places.get(s.seed, name)
	if taken && !s.table.segment(found.index).missing {
		return nil
	}
	if change.Segment != nil {
		return wrongSegment(name, change.Segment)
	}
	if taken {
		return errorf(Internal, "segment %q was deleted although a flag names it", name)
	}
	return nil
}
