package eval

// Reason says why a flag answered as it did.
type Reason uint8

const (
	// Unknown is the reason of a variant flag without a default variant when no rule gave a variant.
	Unknown Reason = iota
	// FlagDisabled is the reason of a disabled variant flag.
	FlagDisabled
	// Match is the reason when a rule or a rollout decided.
	Match
	// Default is the reason when the default variant, or the enabled state of a boolean flag, was the answer.
	Default
)

// inlineSegments is how many matched segments a result holds without allocating.
const inlineSegments = 16

// Result is the answer of a flag. Evaluation writes every field, so one Result may serve again and again; it belongs to one
// goroutine at a time. A copy is independent of the original.
type Result struct {
	// Match says whether a rule gave a variant (or has none to give), or whether a rollout decided.
	Match bool
	// Enabled is the answer of a boolean flag; false for a variant flag.
	Enabled bool
	// Reason says why.
	Reason Reason
	// ByEntity says whether another entity might get another answer: whether the entity id was hashed or compared to any effect.
	ByEntity bool
	outcome  uint32
	// VariantKey is the answer of a variant flag; empty when there is none.
	VariantKey string
	// Attachment is the JSON text of the variant without insignificant white space; empty when it has none.
	Attachment string

	// The slots of the matched segments: the first ones in an array, since that makes them no work for the garbage collector.
	table *table
	count int
	first [inlineSegments]uint32
	more  []uint32
}

// SegmentKeys returns the keys of the segments by which the deciding rule or rollout matched, in its order; nil when there
// are none. The slice is the caller's. They are also there when the rule matched and no distribution took the entity.
func (r *Result) SegmentKeys() []string {
	if r.count == 0 {
		return nil
	}
	return r.AppendSegmentKeys(make([]string, 0, r.count))
}

// AppendSegmentKeys appends what SegmentKeys returns to dst.
func (r *Result) AppendSegmentKeys(dst []string) []string {
	for _, slot := range r.first[:min(r.count, inlineSegments)] {
		dst = append(dst, r.table.segment(slot).name.key)
	}
	for _, slot := range r.more {
		dst = append(dst, r.table.segment(slot).name.key)
	}
	return dst
}

func (r *Result) addSegment(slot uint32) {
	if r.count < inlineSegments {
		r.first[r.count] = slot
	} else {
		r.more = append(r.more, slot)
	}
	r.count++
}

// begin makes r empty. What the array of slots holds is left, as nobody looks at more of it than count says.
func (r *Result) begin(t *table) {
	r.Match, r.Enabled, r.Reason, r.ByEntity, r.outcome = false, false, Unknown, false, 0
	r.VariantKey, r.Attachment, r.table, r.count, r.more = "", "", t, 0, nil
}

func (r *Result) clearSegments() { r.count, r.more = 0, nil }
