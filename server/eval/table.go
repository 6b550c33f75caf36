package eval

import "slices"

// chunkSize is how many slots a change of a segment copies.
const chunkSize = 64

// table holds the segments of all namespaces. Programs name a segment by its slot, so that a changed segment is one changed
// slot and no changed program. It is immutable once its snapshot is out.
type table struct {
	chunks []*[chunkSize]slot
	size   uint32 // slots ever taken, free ones included
	free   uint32 // the first free slot plus one; 0 when there is none
	holes  int    // slots whose segment is missing
}

// slot is the place of one segment. It is taken while the segment exists or a flag names it, and free otherwise.
type slot struct {
	segment *segment // nil when the slot is free
	flags   uint32   // how many flags name it
	next    uint32   // of a free slot: the next free one plus one; 0 at the end
}

func (t *table) at(index uint32) *slot { return &t.chunks[index/chunkSize][index%chunkSize] }

func (t *table) segment(index uint32) *segment { return t.at(index).segment }

// missing returns a segment that the flag names and that does not exist, or nil.
func (t *table) missing(p *program) *segment {
	if t.holes == 0 {
		return nil
	}
	for _, index := range p.segments {
		if segment := t.segment(index); segment.missing {
			return segment
		}
	}
	return nil
}

// tableDraft is a changed copy of a table in the making. It belongs to one Apply.
type tableDraft struct {
	table  *table
	copied bool
	owned  map[uint32]bool // chunks that are copied already
}

func (d *tableDraft) own() *table {
	if !d.copied {
		table := *d.table
		table.chunks = slices.Clone(table.chunks)
		d.table, d.copied, d.owned = &table, true, map[uint32]bool{}
	}
	return d.table
}

// slot returns a slot to be written to.
func (d *tableDraft) slot(index uint32) *slot {
	table, chunk := d.own(), index/chunkSize
	if !d.owned[chunk] {
		slots := *table.chunks[chunk]
		table.chunks[chunk], d.owned[chunk] = &slots, true
	}
	return table.at(index)
}

// take gives a slot to a segment that is missing so far.
func (d *tableDraft) take(name id) uint32 {
	table := d.own()
	index := table.size
	if table.free > 0 {
		index = table.free - 1
		table.free = table.at(index).next
	} else {
		table.size++
		if chunk := index / chunkSize; int(chunk) == len(table.chunks) {
			table.chunks = append(table.chunks, new([chunkSize]slot))
			d.owned[chunk] = true
		}
	}
	*d.slot(index) = slot{segment: &segment{name: name, missing: true}}
	table.holes++
	return index
}

// put places a segment, or a missing one, into a taken slot.
func (d *tableDraft) put(index uint32, segment *segment) {
	slot := d.slot(index)
	if slot.segment.missing {
		d.table.holes--
	}
	if segment.missing {
		d.table.holes++
	}
	slot.segment = segment
}

// release frees a slot whose segment is missing.
func (d *tableDraft) release(index uint32) {
	freed := d.slot(index)
	*freed = slot{next: d.table.free}
	d.table.free = index + 1
	d.table.holes--
}
