package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/burgeehq/burgee/server/counts"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
)

const (
	// countInterval is how often counts are written: a server that crashes loses no more of them.
	countInterval = 10 * time.Second
	// countChunk is how many counts are written in one transaction, which is about a thousand rows.
	countChunk = 250
)

// counting counts evaluations and writes the counts into the database, at the minute in which they are written. Its methods may
// be called by any goroutine. Nothing is counted by a nil one, which is for evaluations of the past, nor when it is off.
type counting struct {
	db      *database
	log     zerolog.Logger
	counter *counts.Counter // nil when it is off
	stop    chan struct{}   // closed by end
	stopped chan struct{}   // closed after the last write of the ticker
	ending  sync.Once

	// mu lets one write at a time happen, and guards what follows.
	mu      sync.Mutex
	noted   bool           // the database knows that evaluations are counted
	expired store.FlagName // the last flag whose counts were looked through for old ones
	failing bool           // the last write failed, and the log says so
	lost    uint64         // of which the log knows
	last    error          // how end ended
}

func newCounting(db *database, log zerolog.Logger, on bool) *counting {
	c := &counting{db: db, log: log, stop: make(chan struct{}), stopped: make(chan struct{})}
	if on {
		c.counter = counts.New()
	}
	return c
}

// on says whether evaluations are counted.
func (c *counting) on() bool { return c != nil && c.counter != nil }

// view returns what a request is evaluated against, and what counts its evaluations: nil would be for a state of the past.
func (c *counting) view() (*eval.Snapshot, *counting) {
	_, snapshot := c.db.View()
	return snapshot, c
}

// evaluated is an evaluation that is to be counted when the request is answered.
type evaluated struct {
	flag    eval.Flag
	outcome int
}

// count counts the evaluations of a request that is answered.
func (c *counting) count(all ...evaluated) {
	if !c.on() {
		return
	}
	for _, one := range all {
		c.counter.Count(one.flag, one.outcome)
	}
}

// flag looks up a flag that is to be evaluated, and counts one that does not exist.
func (c *counting) flag(snapshot *eval.Snapshot, namespace, key string) (eval.Flag, error) {
	flag, err := snapshot.Flag(namespace, key)
	if err != nil && c.on() {
		c.counter.Missing(namespace, key)
	}
	return flag, err
}

// totals calls each with the evaluations since the start, by namespace and reason (as in MATCH_EVALUATION_REASON, without what
// all have in common). None of them ever falls.
func (c *counting) totals(each func(namespace, reason string, evaluations uint64)) {
	if !c.on() {
		return
	}
	for total, n := range c.counter.Totals() {
		each(total.Namespace, strings.TrimSuffix(reasons[total.Reason].String(), "_EVALUATION_REASON"), n)
	}
}

// lastEvaluated returns when the flags of a namespace were last evaluated, to the minute; those that never were, or two years ago,
// are not in it. It is empty when nothing is counted.
func (c *counting) lastEvaluated(ctx context.Context, namespace string) (map[string]time.Time, error) {
	if !c.on() {
		return map[string]time.Time{}, nil
	}
	// First what waits: it may be written at any moment.
	waiting := c.counter.Flags(namespace)
	last, err := c.db.LastEvaluations(ctx, namespace)
	if err != nil {
		return nil, err
	}
	for flag, at := range last {
		last[flag] = at.Truncate(time.Minute)
	}
	for flag := range waiting {
		last[flag] = time.Now().UTC().Truncate(time.Minute)
	}
	return last, nil
}

// begin notes in the database whether evaluations are counted, and writes counts at every tick from now on.
func (c *counting) begin() {
	if !c.on() {
		if err := c.db.SetCounting(context.Background(), false); err != nil {
			c.log.Error().Err(err).Msg("cannot note that evaluations are not counted")
		}
		return
	}
	c.settle(c.note())
	go func() {
		defer close(c.stopped)
		tick := time.NewTicker(countInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.settle(errors.Join(c.write(), c.expire()))
			case <-c.stop:
				return
			}
		}
	}()
}

// end writes what is counted so far. No request runs any more, and begin was called.
func (c *counting) end() error {
	if !c.on() {
		return nil
	}
	c.ending.Do(func() {
		close(c.stop)
		<-c.stopped
		if err := c.write(); err != nil {
			c.last = fmt.Errorf("write the last counts of evaluations: %w", err)
		}
	})
	return c.last
}

// write adds what is counted to the database. What cannot be written waits for the next time; nothing is written twice, since an
// error means that the transaction was undone, or that writes have stopped for good.
func (c *counting) write() error {
	if err := c.note(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx := context.Background() // one that ends would leave open what was written
	for chunk := range slices.Chunk(c.counter.Waiting(), countChunk) {
		rows := make([]store.Count, len(chunk))
		for i, count := range chunk {
			rows[i] = store.Count{
				Namespace: count.Namespace, Flag: count.Flag, Value: count.Value, Reason: reasons[count.Reason], RuleID: count.RuleID,
				Evaluations: count.Evaluations,
			}
		}
		if err := c.db.AddCounts(ctx, rows); err != nil {
			return err
		}
		c.counter.Written(chunk)
	}
	for chunk := range slices.Chunk(c.counter.WaitingMissing(), countChunk) {
		rows := make([]store.MissingFlag, len(chunk))
		for i, asked := range chunk {
			rows[i] = store.MissingFlag{Namespace: asked.Namespace, Flag: asked.Flag, Times: asked.Times}
		}
		if err := c.db.AddMissing(ctx, rows); err != nil {
			return err
		}
		c.counter.WrittenMissing(chunk)
	}
	return nil
}

// note lets the database know since when evaluations are counted.
func (c *counting) note() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noted {
		return nil
	}
	err := c.db.SetCounting(context.Background(), true)
	c.noted = err == nil
	return err
}

// expire deletes a slice of what was kept long enough.
func (c *counting) expire() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expired, err = c.db.ExpireCounts(context.Background(), c.expired)
	return err
}

// settle logs that the database fails, once until it works again, and what was lost.
func (c *counting) settle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && !c.failing {
		c.log.Error().Err(err).Msg("counts of evaluations cannot be written, they wait")
	}
	c.failing = err != nil
	if lost := c.counter.Lost(); lost > c.lost {
		c.log.Warn().Uint64("evaluations", lost-c.lost).Msg("too many flags are evaluated at a time to count all evaluations")
		c.lost = lost
	}
}
