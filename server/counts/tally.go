package counts

import (
	"strconv"
	"sync/atomic"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/eval"
)

const (
	// maxCopies is how often a tally has each number at most.
	maxCopies = 8
	// line is how many numbers share a line of a processor's cache, on most of them.
	line = 8
	// tallySize is what a tally takes beside its numbers, with its place in the map, in bytes.
	tallySize = 256
	// closed is what is left in the place of a number that counts no more.
	closed = 1 << 63
)

// tally holds the numbers of one state of a flag. Any goroutine may add to them.
type tally struct {
	flag     eval.Flag
	outcomes int
	// numbers has copies of a number for each outcome, width apart.
	numbers []atomic.Uint64
	copies  uint32 // a power of two
	width   uint32 // whole lines
	idle    int    // how many times in a row nothing was found; only who collects uses it
}

// tallyOf returns the tally of a flag without its numbers.
func tallyOf(flag eval.Flag, copies uint32) *tally {
	outcomes := flag.Outcomes()
	return &tally{flag: flag, outcomes: outcomes, copies: copies, width: uint32((outcomes + line - 1) / line * line)}
}

func (t *tally) allocate() { t.numbers = make([]atomic.Uint64, t.copies*t.width) }

// size returns what it takes with its numbers, in bytes.
func (t *tally) size() int64 { return tallySize + 8*int64(t.copies)*int64(t.width) }

// add counts one in a copy that any number chooses, and says whether it was counted: a closed tally counts no more.
func (t *tally) add(any uint32, outcome int) bool {
	return t.numbers[any&(t.copies-1)*t.width+uint32(outcome)].Add(1) < closed
}

// take returns the number of an outcome and leaves something in its place, which is 0 or closed.
func (t *tally) take(outcome int, leave uint64) (sum uint64) {
	for at := uint32(outcome); at < t.copies*t.width; at += t.width {
		if number := &t.numbers[at]; leave > 0 || number.Load() > 0 {
			sum += number.Swap(leave)
		}
	}
	return sum
}

// sum returns all of its numbers together and leaves them.
func (t *tally) sum() (sum uint64) {
	for at := range t.numbers {
		sum += t.numbers[at].Load()
	}
	return sum
}

// answer says what an outcome counts.
func (t *tally) answer(outcome int) Answer {
	o := t.flag.Outcome(outcome)
	a := Answer{Value: o.VariantKey, Reason: o.Reason, RuleID: o.RuleID}
	a.Namespace, a.Flag = t.flag.Name()
	if t.flag.Type() == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		a.Value = strconv.FormatBool(o.Enabled)
	}
	return a
}
