package server

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server/eval"
)

const (
	// maxImpact is how many entities times flags an impact tries at most, each of them twice.
	maxImpact = 1_000_000
	// maxChanges is how many changed answers of a flag it lists.
	maxChanges = 100
)

// Impact implements burgee.v1.ExplainService.
func (e *explanations) Impact(ctx context.Context, r *burgeev1.ImpactRequest) (*burgeev1.ImpactResponse, error) {
	state, before := e.db.View()
	drafts, err := newDrafted(state, namespaceOf(r.NamespaceKey))
	if err != nil {
		return nil, err
	}
	keys, err := drafts.impacted(r)
	if err != nil {
		return nil, err
	}
	entities := max(len(r.Contexts), int(r.Entities))
	switch {
	case len(r.Contexts) > 0 && r.Entities > 0:
		return nil, invalid("invalid field entities: must be 0 when there are contexts")
	case entities == 0:
		return nil, invalid("invalid field contexts: must not be empty without entities")
	case entities*len(keys) > maxImpact:
		return nil, invalid("%d entities and %d flags are %d evaluations, more than %d", entities, len(keys), entities*len(keys), maxImpact)
	}
	after, err := drafts.apply(before)
	if err != nil {
		return nil, err
	}
	answer := new(burgeev1.ImpactResponse)
	for _, key := range keys {
		i := impact{
			drafts: drafts, shifts: make(map[shift]int32), counted: &burgeev1.FlagImpact{FlagKey: key},
			before: aspectOf(before, drafts.namespace, key), after: aspectOf(after, drafts.namespace, key),
		}
		if err := i.tryAll(ctx, r, entities); err != nil {
			return nil, err
		}
		answer.Flags = append(answer.Flags, i.answer())
	}
	return answer, nil
}

// impacted takes up the draft of a request and returns the keys of the flags that it may change, in order.
func (d *drafted) impacted(r *burgeev1.ImpactRequest) ([]string, error) {
	switch {
	case (r.Flag == nil) == (r.Segment == nil):
		return nil, invalid("invalid field flag: there must be a flag or a segment, and not both")
	case r.Flag != nil:
		key := r.Flag.GetFlag().GetKey()
		if key == "" {
			return nil, placed(fieldFailure("flag.key", "must not be empty"), "flag")
		}
		_, err := d.flag(r.Flag, key, "flag")
		return []string{key}, err
	}
	if err := d.segment(r.Segment, "segment"); err != nil {
		return nil, err
	}
	var keys []string
	for doc := range d.state.Flags(d.namespace).All() {
		if doc.ArchivedAt == nil && usesSegment(doc, r.Segment.GetSegment().GetKey()) {
			keys = append(keys, doc.Flag.Key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// aspect is a flag in one of two snapshots, where it need not be, with its last answer.
type aspect struct {
	flag   eval.Flag
	err    error // why there is no flag
	result eval.Result
	failed error // of the last evaluation
}

func aspectOf(snapshot *eval.Snapshot, namespace, key string) aspect {
	flag, err := snapshot.Flag(namespace, key)
	return aspect{flag: flag, err: err}
}

func (a *aspect) evaluate(entityID string, context map[string]string) {
	if a.failed = a.err; a.failed == nil {
		a.failed = a.flag.Evaluate(entityID, context, &a.result)
	}
}

// text is the last answer in a word.
func (a *aspect) text() string {
	switch {
	case a.failed != nil:
		return ""
	case boolean(a.flag.Type()):
		return strconv.FormatBool(a.result.Enabled)
	}
	return a.result.VariantKey
}

func (a *aspect) answer(drafts *drafted) *burgeev1.Answer {
	return answerOf(a.flag, &a.result, a.failed, drafts)
}

// impact counts what changes of one flag.
type impact struct {
	drafts        *drafted
	before, after aspect
	shifts        map[shift]int32
	counted       *burgeev1.FlagImpact
}

type shift struct {
	old, new string
	changed  bool
}

func (i *impact) tryAll(ctx context.Context, r *burgeev1.ImpactRequest, entities int) error {
	for n := range entities {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(r.Contexts) > 0 {
			i.try(r.Contexts[n].GetEntityId(), r.Contexts[n].GetContext(), n)
		} else {
			i.try(strconv.Itoa(n+1), r.Context, 0)
		}
	}
	return nil
}

func (i *impact) try(entityID string, context map[string]string, index int) {
	i.before.evaluate(entityID, context)
	i.after.evaluate(entityID, context)
	changed := (i.before.failed == nil) != (i.after.failed == nil)
	if i.before.failed == nil && i.after.failed == nil {
		changed = !i.after.flag.Same(&i.before.result, &i.after.result)
	}
	i.counted.Evaluated++
	i.shifts[shift{i.before.text(), i.after.text(), changed}]++
	if !changed {
		return
	}
	i.counted.Changed++
	if len(i.counted.Changes) < maxChanges {
		i.counted.Changes = append(i.counted.Changes, &burgeev1.ChangedAnswer{
			EntityId: entityID, ContextIndex: int32(index), Old: i.before.answer(i.drafts), New: i.after.answer(i.drafts),
		})
	}
}

// answer returns the counts, with the shifts in order.
func (i *impact) answer() *burgeev1.FlagImpact {
	for s, count := range i.shifts {
		i.counted.Shifts = append(i.counted.Shifts, &burgeev1.AnswerShift{Old: s.old, New: s.new, Count: count, Changed: s.changed})
	}
	slices.SortFunc(i.counted.Shifts, func(a, b *burgeev1.AnswerShift) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New),
			cmp.Compare(strconv.FormatBool(a.Changed), strconv.FormatBool(b.Changed)))
	})
	return i.counted
}
