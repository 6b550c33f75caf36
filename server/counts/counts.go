// Package counts counts evaluations in memory: by namespace, flag, answer, reason and what decided.
//
// To count takes no lock, waits for nobody and allocates nothing once a flag has been counted: each state of a flag has a
// tally, an array of numbers with a place for each of its outcomes, several times over, so that processors seldom meet in one.
// Whoever writes the counts down asks for those that are not written yet, and says which of them it has written; what it could
// not write stays. The package reads no clock, does no I/O and does not know where counts go. Its memory is bounded: what does
// not fit is answered all the same, and counted as lost.
package counts

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/burgeehq/burgee/server/eval"
)

const (
	// maxTallies bounds the memory of all tallies, in bytes: 100,000 flags of 3 variants and 2 rules on 8 processors take 80 MB.
	maxTallies = 128 << 20
	// maxWaiting bounds the answers that are not written yet.
	maxWaiting = 1_000_000
	// maxIdle is how many times in a row a tally is found without a count before it is given up.
	maxIdle = 3
)

// Answer is what evaluations are counted by.
type Answer struct {
	// Namespace and Flag name the flag.
	Namespace, Flag string
	// Value is the key of the variant, `true` or `false`; empty for no variant.
	Value string
	// Reason says why.
	Reason eval.Reason
	// RuleID is the id of the rule or the rollout that decided; empty when none did.
	RuleID string
}

// compare orders answers as a database keeps them, by flag first.
func (a Answer) compare(b Answer) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Flag, b.Flag), strings.Compare(a.Value, b.Value),
		cmp.Compare(a.Reason, b.Reason), strings.Compare(a.RuleID, b.RuleID))
}

// Count is a number of evaluations with one answer.
type Count struct {
	Answer
	// Evaluations is how many there were.
	Evaluations uint64
}

// Total names what Totals adds up by.
type Total struct {
	// Namespace is that of the flags.
	Namespace string
	// Reason says why they were answered so.
	Reason eval.Reason
}

// Counter counts evaluations. Its methods may be called by any goroutine; New makes one.
type Counter struct {
	// tallies holds the *tally of each eval.Identity. size is what they take, in bytes, of at most limit.
	tallies     sync.Map
	size, limit int64 // size is used atomically
	copies      uint32
	lost        atomic.Uint64
	missing     missing

	// mu guards waiting, which are the answers that are not written yet, and totals, and lets one goroutine at a time empty
	// the tallies. No evaluation takes it.
	mu      sync.Mutex
	waiting map[Answer]uint64
	totals  map[Total]uint64
}

// New returns a counter of nothing yet.
func New() *Counter {
	c := &Counter{limit: maxTallies, copies: 1, waiting: make(map[Answer]uint64), totals: make(map[Total]uint64)}
	for int(c.copies) < min(2*runtime.GOMAXPROCS(0), maxCopies) {
		c.copies *= 2
	}
	return c
}

// Count counts an evaluation of a flag with the outcome that its result names. It takes under 60 ns and no lock, and allocates
// only when this state of the flag has not been counted for a while.
func (c *Counter) Count(flag eval.Flag, outcome int) {
	for {
		found, ok := c.tallies.Load(flag.Identity())
		if !ok {
			if found, ok = c.begin(flag); !ok {
				c.lost.Add(1)
				return
			}
		}
		if found.(*tally).add(rand.Uint32(), outcome) {
			return
		}
		// It was given up just now, and is no longer in the map.
	}
}

// begin makes the tally of a flag, unless there is no room.
func (c *Counter) begin(flag eval.Flag) (any, bool) {
	fresh := tallyOf(flag, c.copies)
	if atomic.AddInt64(&c.size, fresh.size()) > c.limit {
		atomic.AddInt64(&c.size, -fresh.size())
		return nil, false
	}
	fresh.allocate()
	found, others := c.tallies.LoadOrStore(flag.Identity(), fresh)
	if others {
		atomic.AddInt64(&c.size, -fresh.size())
	}
	return found, true
}

// Lost returns how many evaluations were not counted for want of memory.
func (c *Counter) Lost() uint64 { return c.lost.Load() }

// Waiting returns the counts that are not written yet, those of one flag in a row. A flag that has had none in some calls
// before gives its memory back. The caller tells Written what it has written; what it has not is in the next answer.
func (c *Counter) Waiting() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tallies.Range(func(identity, found any) bool {
		t := found.(*tally)
		if c.collect(t, 0) > 0 {
			t.idle = 0
			return true
		}
		if t.idle++; t.idle >= maxIdle {
			// Nobody finds it any more, and whoever still holds it is turned away by its last numbers.
			c.tallies.Delete(identity)
			c.collect(t, closed)
			atomic.AddInt64(&c.size, -t.size())
		}
		return true
	})
	counts := make([]Count, 0, len(c.waiting))
	for answer, n := range c.waiting {
		counts = append(counts, Count{answer, n})
	}
	slices.SortFunc(counts, func(a, b Count) int { return a.compare(b.Answer) })
	return counts
}

// Written takes counts out of those that wait.
func (c *Counter) Written(counts []Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, count := range counts {
		if c.waiting[count.Answer] -= count.Evaluations; c.waiting[count.Answer] == 0 {
			delete(c.waiting, count.Answer)
		}
	}
}

// Flags returns the keys of the flags of a namespace with counts that are not written yet.
func (c *Counter) Flags(namespace string) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	flags := make(map[string]bool)
	for answer := range c.waiting {
		if answer.Namespace == namespace {
			flags[answer.Flag] = true
		}
	}
	c.tallies.Range(func(_, found any) bool {
		t := found.(*tally)
		if in, key := t.flag.Name(); in == namespace && t.sum() > 0 {
			flags[key] = true
		}
		return true
	})
	return flags
}

// Totals returns the number of evaluations since New; none of them ever falls.
func (c *Counter) Totals() map[Total]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tallies.Range(func(_, found any) bool {
		c.collect(found.(*tally), 0)
		return true
	})
	totals := make(map[Total]uint64, len(c.totals))
	for total, n := range c.totals {
		totals[total] = n
	}
	return totals
}

// collect moves the numbers of a tally to what waits, leaves something in their place, and returns their sum. The caller holds
// mu.
func (c *Counter) collect(t *tally, leave uint64) (sum uint64) {
	for outcome := range t.outcomes {
		n := t.take(outcome, leave)
		if n == 0 {
			continue
		}
		sum += n
		answer := t.answer(outcome)
		if _, waits := c.waiting[answer]; !waits && len(c.waiting) >= maxWaiting {
			c.lost.Add(n)
			continue
		}
		c.waiting[answer] += n
		c.totals[Total{answer.Namespace, answer.Reason}] += n
	}
	return sum
}
