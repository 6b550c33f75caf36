//go:build !race

package eval

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burgeehq/burgee/gen/flipt"
)

// anchored is the work that the bound of the package compares: 10,000 flags and, for the anchor, a map of as many keys. Both
// take the flags and the entities in one order, so that they miss the caches alike.
type anchored struct {
	snapshot *Snapshot
	flags    map[string]*anchorFlag
	keys     []string
	entities []string
	context  map[string]string
	buffer   []byte
	sum      uint32
}

// anchorFlag is what the anchor compares; each flag has strings of its own.
type anchorFlag struct{ plan, country, age string }

// anchoredFlags is how many flags there are, and with them 1,000 segments.
const anchoredFlags = 10_000

// newAnchored makes flags of two rules with two variants, each rule over one of the segments of three constraints; the first
// rule fails at its last constraint and the second matches, so that all six constraints are tested.
func newAnchored(t testing.TB) *anchored {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	a := &anchored{
		flags:   make(map[string]*anchorFlag, anchoredFlags),
		context: map[string]string{"age": "42", "country": "fr", "plan": "gold", "other": "x"},
	}
	const segments = anchoredFlags / 10
	var changes []Change
	for i := range segments {
		plan := []string{"none", "gold"}[i%2]
		changes = append(changes, setSegment(segmentDocument(fmt.Sprint("segment-", i), flipt.MatchType_ALL_MATCH_TYPE,
			constraintOf(typeNumber, "age", "gte", "18"),
			constraintOf(typeString, "country", "isoneof", `["de","fr","nl"]`),
			constraintOf(typeString, "plan", "eq", plan))))
	}
	for i := range anchoredFlags {
		key := fmt.Sprintf("flag-%05d", i)
		one, two := fmt.Sprint("segment-", 2*i%segments), fmt.Sprint("segment-", (2*i+1)%segments)
		changes = append(changes, setFlag(variantFlag(key, []string{"a", "b"},
			ruleOf(1, operatorOR, []string{one}, "a", "b"), ruleOf(2, operatorOR, []string{two}, "a", "b"))))
		a.flags[strings.Clone(key)] = &anchorFlag{strings.Clone("gold"), strings.Clone("fr"), strings.Clone("42")}
		a.keys = append(a.keys, strings.Clone(key))
		a.entities = append(a.entities, fmt.Sprintf("%016x-%016x", random.Uint64(), random.Uint64()))
	}
	random.Shuffle(len(a.keys), func(i, j int) { a.keys[i], a.keys[j] = a.keys[j], a.keys[i] })
	a.snapshot = snapshotOf(t, changes...)
	return a
}

// variant evaluates the flag and the entity of that number.
func (a *anchored) variant(t testing.TB, i int, r *Result) {
	flag, err := a.snapshot.Flag(namespace, a.keys[i])
	if err == nil {
		err = flag.Variant(a.entities[i], a.context, r)
	}
	if err != nil || !r.Match {
		t.Fatal(r.Match, err)
	}
}

// anchor is one look-up in a map, one CRC-32 and three compares, with the flag and the entity of that number.
func (a *anchored) anchor(t testing.TB, i int, plan, country, age string) {
	flag := a.flags[a.keys[i]]
	a.buffer = append(append(a.buffer[:0], a.keys[i]...), a.entities[i]...)
	a.sum += crc32.ChecksumIEEE(a.buffer)
	if flag.plan != plan || flag.country != country || flag.age != age {
		t.Fatal(flag)
	}
}

// BenchmarkBesideAnchor measures both in turn, since what slows one down a moment later would spoil what they are compared for.
func BenchmarkBesideAnchor(b *testing.B) {
	a := newAnchored(b)
	var variants, anchors []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		variant, anchor := a.both(b)
		variants, anchors = append(variants, variant), append(anchors, anchor)
	}
	b.ReportMetric(perFlag(variants), "ns/op")
	b.ReportMetric(perFlag(anchors), "anchor-ns/op")
}

// ratioBound is how many times the anchor an evaluation may take. The goal is 2.5. A machine that does nothing else shows 2.9 to 3.0,
// of 100 ns; with others in its caches both take three times as long, and the ratio is 2.2 to 2.6. Programs in many places of the
// memory took 3.5 to 4.3 times, and up to 6.
const ratioBound = 3.0

// TestAnchor holds an evaluation to its anchor. It is not parallel, since it measures time; the first of some attempts that
// meets the bound ends it.
func TestAnchor(t *testing.T) {
	a := newAnchored(t)
	var ratios []float64
	for range 12 {
		ratios = append(ratios, a.ratio(t))
		if ratios[len(ratios)-1] <= ratioBound {
			break
		}
	}
	t.Logf("an evaluation takes %.2f times its anchor", ratios)
	if slices.Min(ratios) > ratioBound {
		t.Errorf("an evaluation takes %.2f times its anchor, want %v at most", ratios, ratioBound)
	}
}

// ratio measures both in rounds that alternate.
func (a *anchored) ratio(t *testing.T) float64 {
	t.Helper()
	const rounds = 50
	var variants, anchors [rounds]time.Duration
	for round := range rounds {
		variants[round], anchors[round] = a.both(t)
	}
	variant, anchor := perFlag(variants[:]), perFlag(anchors[:])
	t.Logf("variant %.0f ns, anchor %.0f ns", variant, anchor)
	return variant / anchor
}

// both takes the time of all flags, and of all their anchors.
func (a *anchored) both(t testing.TB) (variant, anchor time.Duration) {
	plan, country, age := strings.Clone("gold"), strings.Clone("fr"), strings.Clone("42")
	begin := time.Now()
	for i := range anchoredFlags {
		a.anchor(t, i, plan, country, age)
	}
	anchor = time.Since(begin)
	var r Result
	begin = time.Now()
	for i := range anchoredFlags {
		a.variant(t, i, &r)
	}
	return time.Since(begin), anchor
}

// perFlag returns the lower quartile of the times, in nanoseconds for one flag.
func perFlag(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/4]) / anchoredFlags
}
