package eval

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// everyone is a segment that matches everybody.
func everyone(key string) Change {
	return setSegment(segmentDocument(key, flipt.MatchType_ALL_MATCH_TYPE))
}

func deletion(kind Kind, key string) Change {
	return Change{Namespace: namespace, Key: key, Kind: kind}
}

func TestNothing(t *testing.T) {
	t.Parallel()
	empty, problems := (*Snapshot)(nil).Apply(nil)
	if problems != nil {
		t.Errorf("problems of nothing: %v", problems)
	}
	deleted, problems := new(Snapshot).Apply([]Change{deletion(KindFlag, "f"), deletion(KindSegment, "s")})
	if problems != nil {
		t.Errorf("problems of deleting what is not there: %v", problems)
	}
	for name, snapshot := range map[string]*Snapshot{"nil": nil, "zero": {}, "empty": empty, "deleted": deleted} {
		for key, want := range map[string]string{"f": `flag "default/f" not found`, "": `flag "default" not found`} {
			_, err := snapshot.Flag(namespace, key)
			if known := (*Error)(nil); !errors.As(err, &known) || known.Kind != NotFound || err.Error() != want {
				t.Errorf("%s snapshot, flag %q: got %v, want %s", name, key, err, want)
			}
		}
	}
}

// TestArchived: an archived flag is not found, whatever is wrong with it, and is there again when it is put back.
func TestArchived(t *testing.T) {
	t.Parallel()
	archived := booleanFlag("f", true, segmentRollout(1, true, operatorOR, "nope"))
	archived.ArchivedAt = timestamppb.Now()
	snapshot := snapshotOf(t, setFlag(archived), setFlag(booleanFlag("g", true)))
	if _, err := snapshot.Flag(namespace, "f"); err == nil || err.Error() != `flag "default/f" not found` {
		t.Errorf("archived: got %v", err)
	}
	live := booleanFlag("f", true, segmentRollout(1, true, operatorOR, "s"))
	snapshot, problems := snapshot.Apply([]Change{everyone("s"), setFlag(live)})
	if got := booleanOutcome(snapshot, "f", "e", nil); problems != nil || !got.match {
		t.Errorf("in service: got %+v, %v", got, problems)
	}
	archived = booleanFlag("f", true, segmentRollout(1, true, operatorOR, "s"))
	archived.ArchivedAt = timestamppb.Now()
	snapshot, problems = snapshot.Apply([]Change{setFlag(archived), deletion(KindSegment, "s")})
	if _, err := snapshot.Flag(namespace, "f"); err == nil || problems != nil {
		t.Errorf("archived again: got %v, %v", err, problems)
	}
}

func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	in := func(namespace string, change Change) Change {
		change.Namespace = namespace
		return change
	}
	snapshot := snapshotOf(t,
		in("a", everyone("s")), in("a", setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s")))),
		in("b", setSegment(segmentDocument("s", flipt.MatchType_ALL_MATCH_TYPE, constraintOf(typeString, "p", "eq", "x")))),
		in("b", setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s")))))
	for namespace, want := range map[string]bool{"a": true, "b": false} {
		flag, err := snapshot.Flag(namespace, "f")
		if err != nil {
			t.Fatal(err)
		}
		var r Result
		if err := flag.Boolean("e", nil, &r); err != nil || r.Enabled != want {
			t.Errorf("namespace %s: got %v, %v; want %v", namespace, r.Enabled, err, want)
		}
	}
	if _, err := snapshot.Flag("c", "f"); err == nil || err.Error() != `flag "c/f" not found` {
		t.Errorf("unknown namespace: %v", err)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	damagedAttachment := variantFlag("f", []string{"a"}, ruleOf(1, operatorOR, []string{"s"}, "a"))
	damagedAttachment.Flag.Variants[0].Attachment = "{"
	foreignDefault := variantFlag("f", []string{"a"})
	foreignDefault.Flag.DefaultVariant = &flipt.Variant{Id: "id-b"}
	zeroShare := variantFlag("f", []string{"a"}, ruleOf(1, operatorOR, []string{"s"}, "b"))
	zeroShare.Rules[0].Distributions[0].Rollout = 0
	for _, test := range []struct {
		name string
		flag *storev1.Flag
		want string
	}{
		{"unknown segment", variantFlag("f", []string{"a"}, ruleOf(1, operatorOR, []string{"s", "gone"}, "a")),
			`flag "default/f": segment "default/gone" not found`},
		{"unknown segment of a rollout", booleanFlag("f", true, segmentRollout(1, true, operatorOR, "gone")),
			`flag "default/f": segment "default/gone" not found`},
		{"unknown segment that is never reached", booleanFlag("f", true, thresholdRollout(1, true, 100),
			segmentRollout(2, true, operatorOR, "gone")), `flag "default/f": segment "default/gone" not found`},
		{"unknown variant", variantFlag("f", []string{"a"}, ruleOf(1, operatorOR, []string{"s"}, "a", "b")),
			`flag "default/f": variant "id-b" not found`},
		{"unknown variant without a share", zeroShare, `flag "default/f": variant "id-b" not found`},
		{"unknown default variant", foreignDefault, `flag "default/f": variant "id-b" not found`},
		{"attachment", damagedAttachment, `flag "default/f": attachment of variant "a": unexpected end of JSON input`},
		{"another key", variantFlag("g", nil), `flag "default/f": its document holds flag "g"`},
		{"no flag", &storev1.Flag{}, `flag "default/f": its document holds flag ""`},
	} {
		change := Change{Namespace: namespace, Key: "f", Kind: KindFlag, Flag: test.flag}
		// Told once however often the document is named, and only of the last document.
		sound := setFlag(variantFlag("f", nil))
		snapshot, problems := snapshotOf(t, everyone("s")).Apply([]Change{sound, change, change})
		if len(problems) != 1 || problems[0].Namespace != namespace || problems[0].Key != "f" || problems[0].Kind != KindFlag {
			t.Errorf("%s: problems %v", test.name, problems)
			continue
		}
		flag, how := flagOf(t, snapshot, "f"), Flag.Variant
		if flag.Type() == flipt.FlagType_BOOLEAN_FLAG_TYPE {
			how = Flag.Boolean
		}
		var r Result
		for _, err := range []error{problems[0].Err, how(flag, "e", nil, &r)} {
			if known := (*Error)(nil); !errors.As(err, &known) || known.Kind != Internal || err.Error() != test.want {
				t.Errorf("%s:\n got %v\nwant %s", test.name, err, test.want)
			}
		}
		if r.Reason != Unknown || r.Match || r.SegmentKeys() != nil {
			t.Errorf("%s: the result is not zero: %+v", test.name, r)
		}
		healed, problems := snapshot.Apply([]Change{change, sound})
		if problems != nil {
			t.Errorf("%s: problems of a healed flag: %v", test.name, problems)
		}
		if got := variantOutcome(healed, "f", "e", nil); got.err != "" {
			t.Errorf("%s: a healed flag answers %v", test.name, got)
		}
	}
}

func TestSegmentProblems(t *testing.T) {
	t.Parallel()
	wrong := Change{Namespace: namespace, Key: "s", Kind: KindSegment, Segment: segmentDocument("other", 0)}
	none := Change{Namespace: namespace, Key: "s", Kind: KindSegment, Segment: &storev1.Segment{}}
	user := setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s")))
	for _, test := range []struct {
		name    string
		changes []Change
		want    string
	}{
		{"another key", []Change{wrong}, `segment "default/s": its document holds segment "other"`},
		{"no segment", []Change{none}, `segment "default/s": its document holds segment ""`},
		{"deleted in use", []Change{deletion(KindSegment, "s")}, `segment "default/s" was deleted although a flag names it`},
	} {
		snapshot, problems := snapshotOf(t, everyone("s"), user).Apply(test.changes)
		if len(problems) != 1 || problems[0].Kind != KindSegment || problems[0].Key != "s" || problems[0].Err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, problems, test.want)
		}
		if got := booleanOutcome(snapshot, "f", "e", nil); got.err != damaged {
			t.Errorf("%s: the flag answers %+v", test.name, got)
		}
		healed, problems := snapshot.Apply([]Change{everyone("s")})
		if got := booleanOutcome(healed, "f", "e", nil); problems != nil || !got.enabled {
			t.Errorf("%s: healed: problems %v, the flag answers %+v", test.name, problems, got)
		}
	}
	if _, problems := snapshotOf(t, everyone("s"), user).Apply([]Change{deletion(KindSegment, "s"), deletion(KindFlag, "f")}); problems != nil {
		t.Errorf("deleted together: problems %v", problems)
	}
}

// TestHealing is the life of a flag whose segments come and go.
func TestHealing(t *testing.T) {
	t.Parallel()
	user := setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorAND, "a", "b")))
	var snapshot *Snapshot
	for i, step := range []struct {
		change   Change
		problems int
		err      string
	}{
		{user, 1, damaged},
		{everyone("a"), 0, damaged},
		{everyone("b"), 0, ""},
		{deletion(KindSegment, "a"), 1, damaged},
		{everyone("c"), 0, damaged}, // does not get the place of a
		{everyone("a"), 0, ""},
		{setSegment(segmentDocument("b", flipt.MatchType_ALL_MATCH_TYPE, constraintOf(0, "", "", ""))), 0, "unknown constraint type"},
		{everyone("b"), 0, ""},
	} {
		var problems []Problem
		if snapshot, problems = snapshot.Apply([]Change{step.change}); len(problems) != step.problems {
			t.Errorf("step %d: problems %v, want %d", i, problems, step.problems)
		}
		want := outcome{match: true, enabled: true, reason: Match, segments: []string{"a", "b"}}
		if step.err != "" {
			want = outcome{err: step.err}
		}
		if got := booleanOutcome(snapshot, "f", "e", nil); !got.equal(want) {
			t.Errorf("step %d: got %+v, want %+v", i, got, want)
		}
	}
}

// TestIncremental changes documents at random, broken ones and segments in use among them, and holds the outcome to a snapshot
// that is built from nothing and to the text. Earlier snapshots must go on answering as they did.
func TestIncremental(t *testing.T) {
	t.Parallel()
	const flags, segments, changes = 30, 12, 2000
	r, w := newRandom(t), newWorld()
	answers := func(s *Snapshot) []outcome {
		fixed := rand.New(rand.NewPCG(1, 2))
		var all []outcome
		for i := range flags {
			key := fmt.Sprint("f", i)
			for range 3 {
				context, entityID := randomContext(fixed), fmt.Sprint("e", fixed.IntN(1000))
				variant, boolean := variantOutcome(s, key, entityID, context), booleanOutcome(s, key, entityID, context)
				all = append(all, variant, boolean)
			}
		}
		return all
	}
	type past struct {
		snapshot *Snapshot
		answers  []outcome
	}
	var history []past
	var snapshot *Snapshot
	for done := 0; done < changes; {
		batch := make([]Change, min(1+r.IntN(5), changes-done))
		for i := range batch {
			flag, segment := fmt.Sprint("f", r.IntN(flags)), fmt.Sprint("s", r.IntN(segments))
			switch n := r.IntN(20); {
			case n == 0:
				batch[i] = deletion(KindFlag, flag)
			case n < 3:
				batch[i] = deletion(KindSegment, segment)
			case n < 9:
				batch[i] = setSegment(randomSegment(r, segment))
			default:
				batch[i] = setFlag(randomFlag(r, flag, segments))
			}
		}
		snapshot, _ = snapshot.Apply(batch)
		w.apply(batch...)
		done += len(batch)
		if r.IntN(10) > 0 {
			continue
		}
		now := answers(snapshot)
		history = append(history, past{snapshot, now})
		scratch := w.snapshot(r)
		if fresh := answers(scratch); !slices.EqualFunc(now, fresh, outcome.equal) {
			t.Fatalf("after %d changes: got %+v, from nothing %+v", done, now, fresh)
		}
		checkTable(t, snapshot, w)
		checkTable(t, scratch, w)
	}
	if len(history) < 20 {
		t.Errorf("only %d comparisons", len(history))
	}
	for i, past := range history {
		if now := answers(past.snapshot); !slices.EqualFunc(now, past.answers, outcome.equal) {
			t.Errorf("snapshot %d of %d changed: got %+v, before %+v", i, len(history), now, past.answers)
		}
	}
}

// snapshot builds a snapshot of all documents in random order.
func (w *world) snapshot(r *rand.Rand) *Snapshot {
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(w.flags)) {
		changes = append(changes, setFlag(w.flags[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(w.segments)) {
		changes = append(changes, setSegment(&storev1.Segment{Segment: w.segments[key]}))
	}
	r.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	snapshot, _ := (*Snapshot)(nil).Apply(changes)
	return snapshot
}

// checkTable holds the segment table to the documents: a slot per segment that exists or is named, counts that are right, and
// every other slot on the list of free ones.
func checkTable(t *testing.T, s *Snapshot, w *world) {
	t.Helper()
	named := map[string]uint32{}
	for key := range w.flags {
		for _, index := range flagOf(t, s, key).program.segments {
			named[s.table.segment(index).name.key]++
		}
	}
	names, holes := map[string]bool{}, 0
	for key := range named {
		names[key] = true
		if w.segments[key] == nil {
			holes++
		}
	}
	for key := range w.segments {
		names[key] = true
	}
	for key := range names {
		found, ok := s.places.get(s.seed, id{namespace, key})
		if !ok {
			t.Errorf("segment %s has no slot", key)
			continue
		}
		slot := s.table.at(found.index)
		if slot.flags != named[key] || slot.segment.missing != (w.segments[key] == nil) {
			t.Errorf("segment %s: counted %d flags, missing %v; want %d, %v", key, slot.flags, slot.segment.missing, named[key], w.segments[key] == nil)
		}
	}
	free := 0
	for next := s.table.free; next > 0; next = s.table.at(next - 1).next {
		free++
	}
	if int(s.table.size) != len(names)+free || s.table.holes != holes {
		t.Errorf("table of %d slots and %d holes, want %d taken, %d free, %d holes", s.table.size, s.table.holes, len(names), free, holes)
	}
}

// TestReaders lets readers look at two flags that every change turns to the same variant: they must never see two variants.
func TestReaders(t *testing.T) {
	t.Parallel()
	revision := func(n int) []Change {
		variant := fmt.Sprint("v", n)
		return []Change{
			setFlag(variantFlag("a", []string{variant}, ruleOf(1, operatorOR, []string{"s"}, variant))),
			setFlag(variantFlag("b", []string{variant}, ruleOf(1, operatorOR, []string{"s"}, variant))),
			everyone("s"), everyone(variant),
		}
	}
	var current atomic.Pointer[Snapshot]
	current.Store(snapshotOf(t, revision(0)...))
	var readers sync.WaitGroup
	var stop atomic.Bool
	for range 4 {
		readers.Go(func() {
			for !stop.Load() {
				snapshot := current.Load()
				a, b := variantOutcome(snapshot, "a", "e", nil), variantOutcome(snapshot, "b", "e", nil)
				if !a.equal(b) || !a.match {
					t.Errorf("one snapshot, two answers: %+v, %+v", a, b)
					return
				}
			}
		})
	}
	for n := range 500 {
		next, problems := current.Load().Apply(revision(n))
		if problems != nil {
			t.Errorf("problems: %v", problems)
		}
		current.Store(next)
	}
	stop.Store(true)
	readers.Wait()
}
