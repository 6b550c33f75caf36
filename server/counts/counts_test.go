package counts

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/eval"
)

// variantFlag has a rule for segment all with two variants, half of the entities each.
func variantFlag(key, rule string) eval.Change {
	a, b := &flipt.Variant{Id: key + "-a", Key: "a"}, &flipt.Variant{Id: key + "-b", Key: "b"}
	return eval.Change{Namespace: "n", Key: key, Kind: eval.KindFlag, Flag: &storev1.Flag{
		Flag: &flipt.Flag{Key: key, Enabled: true, Variants: []*flipt.Variant{a, b}},
		Rules: []*flipt.Rule{{Id: rule, SegmentKey: "all", Rank: 1, Distributions: []*flipt.Distribution{
			{Id: "1", VariantId: a.Id, Rollout: 50}, {Id: "2", VariantId: b.Id, Rollout: 50},
		}}},
	}}
}

// booleanFlag is true for a quarter of all entities.
func booleanFlag(key string) eval.Change {
	return eval.Change{Namespace: "n", Key: key, Kind: eval.KindFlag, Flag: &storev1.Flag{
		Flag: &flipt.Flag{Key: key, Type: flipt.FlagType_BOOLEAN_FLAG_TYPE},
		Rollouts: []*flipt.Rollout{{Id: key + "-quarter", Rank: 1, Rule: &flipt.Rollout_Threshold{
			Threshold: &flipt.RolloutThreshold{Percentage: 25, Value: true},
		}}},
	}}
}

func segmentAll() eval.Change {
	return eval.Change{Namespace: "n", Key: "all", Kind: eval.KindSegment, Segment: &storev1.Segment{Segment: &flipt.Segment{Key: "all"}}}
}

func snapshotOf(t testing.TB, prev *eval.Snapshot, changes ...eval.Change) *eval.Snapshot {
	t.Helper()
	next, problems := prev.Apply(changes)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return next
}

// evaluate evaluates and counts as the server does, and returns the answer.
func evaluate(t testing.TB, c *Counter, s *eval.Snapshot, key, entity string) Answer {
	t.Helper()
	flag, err := s.Flag("n", key)
	if err != nil {
		t.Error(err)
		return Answer{}
	}
	var r eval.Result
	a := Answer{Namespace: "n", Flag: key}
	if flag.Type() == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		err, a.RuleID = flag.Boolean(entity, nil, &r), key+"-quarter"
		a.Value = fmt.Sprint(r.Enabled)
	} else {
		err, a.RuleID = flag.Variant(entity, nil, &r), "rule"
		a.Value = r.VariantKey
	}
	if err != nil {
		t.Error(err)
	}
	if a.Reason = r.Reason; !r.Match {
		a.RuleID = ""
	}
	c.Count(flag, r.Outcome())
	return a
}

func asMap(counts []Count) map[Answer]uint64 {
	m := make(map[Answer]uint64)
	for _, count := range counts {
		m[count.Answer] += count.Evaluations
	}
	return m
}

// TestCounts counts every answer by what it is, hands it out until it is written, and then no more.
func TestCounts(t *testing.T) {
	t.Parallel()
	c, s := New(), snapshotOf(t, nil, segmentAll(), variantFlag("v", "rule"), booleanFlag("b"))
	want := make(map[Answer]uint64)
	count := func() {
		for i := range 1000 {
			want[evaluate(t, c, s, "v", fmt.Sprint(i))]++
			want[evaluate(t, c, s, "b", fmt.Sprint(i))]++
		}
	}
	count()
	if flags := c.Flags("n"); !maps.Equal(flags, map[string]bool{"v": true, "b": true}) {
		t.Errorf("flags %v are counted and not written", flags)
	}
	if len(want) != 4 {
		t.Fatalf("answers %v, want four", want)
	}
	first := c.Waiting()
	if got := asMap(first); !maps.Equal(got, want) {
		t.Errorf("counted\n %v, want\n %v", got, want)
	}
	count()
	if got := asMap(c.Waiting()); !maps.Equal(got, want) {
		t.Errorf("after more of them\n %v, want\n %v", got, want)
	}
	c.Written(first)
	for answer := range want {
		want[answer] /= 2
	}
	if got := asMap(c.Waiting()); !maps.Equal(got, want) {
		t.Errorf("half of it is written, and there wait\n %v, want\n %v", got, want)
	}
	c.Written(c.Waiting())
	if got := c.Waiting(); len(got) > 0 || len(c.Flags("n")) > 0 {
		t.Errorf("all is written, and there waits %v", got)
	}
	totals := c.Totals()
	if totals[Total{"n", eval.Match}]+totals[Total{"n", eval.Default}] != 4000 || totals[Total{"n", eval.Match}] <= 2000 || len(totals) != 2 {
		t.Errorf("totals %v", totals)
	}
}

// TestNothingIsLost counts from many goroutines, while the flags are changed, and tallies are emptied and given up all the time.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 5000
	var current atomic.Pointer[eval.Snapshot]
	current.Store(snapshotOf(t, nil, segmentAll(), variantFlag("v", "rule"), booleanFlag("b")))
	c := New()
	sent := make([]map[Answer]uint64, workers)
	var running sync.WaitGroup
	for w := range workers {
		sent[w] = make(map[Answer]uint64)
		running.Go(func() {
			for i := range each {
				sent[w][evaluate(t, c, current.Load(), []string{"v", "b"}[i%2], fmt.Sprint(w, i))]++
			}
		})
	}
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	written := make(map[Answer]uint64)
	var total uint64
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		current.Store(snapshotOf(t, current.Load(), variantFlag("v", "rule"), booleanFlag("b")))
		counts := c.Waiting()
		if rand.IntN(3) > 0 { // otherwise it could not be written
			for answer, n := range asMap(counts) {
				written[answer] += n
			}
			c.Written(counts)
		}
		var now uint64
		for _, n := range c.Totals() {
			now += n
		}
		if now < total {
			t.Fatalf("the total falls from %d to %d", total, now)
		}
		total = now
	}
	for answer, n := range asMap(c.Waiting()) {
		written[answer] += n
	}
	want := make(map[Answer]uint64)
	for _, one := range sent {
		for answer, n := range one {
			want[answer] += n
		}
	}
	if !maps.Equal(written, want) || total != workers*each || c.Lost() > 0 {
		t.Errorf("written\n %v, want\n %v; total %d of %d, %d lost", written, want, total, workers*each, c.Lost())
	}
}

// TestIdleTallies are given up, however many states of a flag there were.
func TestIdleTallies(t *testing.T) {
	t.Parallel()
	c, s := New(), snapshotOf(t, nil, segmentAll(), booleanFlag("b"))
	for range 100 {
		s = snapshotOf(t, s, booleanFlag("b"))
		evaluate(t, c, s, "b", "u")
	}
	if size := atomic.LoadInt64(&c.size); size < 100*tallySize {
		t.Fatalf("100 tallies take %d bytes", size)
	}
	for range maxIdle + 1 {
		c.Waiting()
	}
	if size := atomic.LoadInt64(&c.size); size != 0 {
		t.Errorf("idle tallies take %d bytes", size)
	}
	evaluate(t, c, s, "b", "u")
	var n uint64
	for _, count := range c.Waiting() {
		n += count.Evaluations
	}
	if n != 101 {
		t.Errorf("%d evaluations are counted of 101", n)
	}
}

// TestGivenUpTally turns away who found it before it was given up.
func TestGivenUpTally(t *testing.T) {
	t.Parallel()
	c, s := New(), snapshotOf(t, nil, booleanFlag("b"))
	flag := firstFlag(t, s)
	c.Count(flag, 0)
	found, _ := c.tallies.Load(flag.Identity())
	held := found.(*tally)
	if !held.add(7, 1) {
		t.Error("a tally does not count")
	}
	for range maxIdle + 1 {
		c.Waiting()
	}
	for any := range c.copies {
		for outcome := range flag.Outcomes() {
			if held.add(any, outcome) {
				t.Errorf("a tally that was given up counts outcome %d in copy %d", outcome, any)
			}
		}
	}
	c.Count(flag, 0)
	var n uint64
	for _, count := range c.Waiting() {
		n += count.Evaluations
	}
	if n != 3 {
		t.Errorf("%d evaluations are counted, want 3", n)
	}
}

// TestMemoryIsBounded answers what does not fit, and says how much was lost.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := New()
	c.limit = 10 * tallyOf(firstFlag(t, snapshotOf(t, nil, booleanFlag("b"))), c.copies).size()
	var s *eval.Snapshot
	for i := range 25 {
		s = snapshotOf(t, s, booleanFlag(fmt.Sprint("b", i)))
		evaluate(t, c, s, fmt.Sprint("b", i), "u")
	}
	if got := c.Waiting(); len(got) != 10 || c.Lost() != 15 {
		t.Errorf("%d flags are counted and %d evaluations lost, want 10 and 15", len(got), c.Lost())
	}
	for range maxIdle + 1 {
		c.Waiting()
	}
	if evaluate(t, c, s, "b24", "u"); c.Lost() != 15 {
		t.Errorf("there is room again, but %d are lost", c.Lost())
	}
}

func firstFlag(t *testing.T, s *eval.Snapshot) eval.Flag {
	t.Helper()
	flag, err := s.Flag("n", "b")
	if err != nil {
		t.Fatal(err)
	}
	return flag
}

func TestMissing(t *testing.T) {
	t.Parallel()
	c := New()
	for range 3 {
		c.Missing("n", "typo")
	}
	for _, odd := range []Name{{"n", ""}, {"n", strings.Repeat("x", 257)}, {strings.Repeat("x", 257), "k"}, {"n", "\xff"}, {"\xff", "k"}} {
		c.Missing(odd.Namespace, odd.Flag)
	}
	first := c.WaitingMissing()
	if len(first) != 1 || first[0] != (Asked{Name{"n", "typo"}, 3}) {
		t.Errorf("missing: %v", first)
	}
	for i := range 2 * maxMissing {
		c.Missing("n", fmt.Sprint("k", i))
	}
	c.Missing("n", "typo")
	if got := c.WaitingMissing(); len(got) != maxMissing || got[maxMissing-1] != (Asked{Name{"n", "typo"}, 4}) {
		t.Errorf("%d names, the last is %v", len(got), got[len(got)-1])
	}
	c.WrittenMissing(first)
	if got := c.WaitingMissing(); len(got) != maxMissing || got[maxMissing-1] != (Asked{Name{"n", "typo"}, 1}) {
		t.Errorf("%d names, the last is %v", len(got), got[len(got)-1])
	}
	if c.WrittenMissing(c.WaitingMissing()); len(c.WaitingMissing()) > 0 {
		t.Errorf("all is written, and there waits %v", c.WaitingMissing())
	}
}

// TestCountNoAlloc holds the promise that counting allocates nothing.
func TestCountNoAlloc(t *testing.T) {
	c, s := New(), snapshotOf(t, nil, booleanFlag("b"))
	flag := firstFlag(t, s)
	c.Count(flag, 0)
	if n := testing.AllocsPerRun(1000, func() { c.Count(flag, 1) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// BenchmarkCountNoAlloc counts on one flag from 8 goroutines: the promise is less than 60 ns each.
func BenchmarkCountNoAlloc(b *testing.B) {
	for _, goroutines := range []int{1, 8} {
		b.Run(fmt.Sprint("goroutines=", goroutines), func(b *testing.B) {
			c, s := New(), snapshotOf(b, nil, booleanFlag("b"))
			flag, err := s.Flag("n", "b")
			if err != nil {
				b.Fatal(err)
			}
			c.Count(flag, 0)
			b.ReportAllocs()
			b.ResetTimer()
			var running sync.WaitGroup
			for range goroutines {
				running.Go(func() {
					for i := range b.N / goroutines {
						c.Count(flag, i&1)
					}
				})
			}
			running.Wait()
		})
	}
}
