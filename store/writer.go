package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	idleTime   = 5 * time.Second
	maxLogSize = 16 << 20
)

// write is the writer: the one goroutine that runs functions and uses db.conn.
func (db *DB[T]) write() {
	defer close(db.done)
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		select {
		case j, open := <-db.queue:
			if !open {
				db.closeErr = db.shut()
				return
			}
			// Lets callers who are about to send do so: that alone doubles the batches.
			runtime.Gosched()
			db.answer(j)
			idle.Reset(idleTime)
		case a := <-db.asides:
			a.answer <- db.runAside(a)
			db.limitLog()
			idle.Reset(idleTime)
		case <-idle.C:
			db.checkpoint()
		}
	}
}

// batch is what is run but not yet stored.
type batch[T any] struct {
	view      *view[T]
	jobs      []*job
	answers   []answer
	revisions []*revision
	size      int
}

// answer carries out the first function and those that wait behind it as one transaction, and answers each.
func (db *DB[T]) answer(first *job) {
	b := &batch[T]{view: db.view.Load()}
	for j := first; j != nil; j = db.next(b) {
		b.jobs = append(b.jobs, j)
		b.answers = append(b.answers, db.run(b, j))
	}
	if err := db.commit(b); err != nil {
		// Those that failed by themselves too: they may have seen what never came to be.
		for i := range b.answers {
			b.answers[i] = answer{err: fmt.Errorf("update: %w", err)}
		}
	}
	for i, j := range b.jobs {
		j.answer <- b.answers[i]
	}
	db.limitLog()
}

// limitLog empties a log that has grown large.
func (db *DB[T]) limitLog() {
	if db.files.logSize() > maxLogSize {
		db.checkpoint()
	}
}

// next returns a function that waits, or nil when none does or the batch is full.
func (db *DB[T]) next(b *batch[T]) *job {
	if len(b.jobs) >= maxBatch || b.size >= maxBodies {
		return nil
	}
	select {
	case j := <-db.queue:
		return j
	default:
		return nil
	}
}

// run runs one function on the newest state of the batch and adds its revision, if it made one.
func (db *DB[T]) run(b *batch[T], j *job) answer {
	if reason := db.Health(); reason != nil {
		return answer{err: reason}
	}
	var (
		d       = newDraft(b.view.state, db.clock())
		r       *revision
		changes []Change
		value   T
	)
	err := guard(func() error { return j.run(d) })
	if err != nil {
		return answer{err: err}
	}
	err = guard(func() (err error) {
		if r, changes, err = d.seal(j.by, db.maxState); err != nil || r == nil {
			return err
		}
		value, err = db.derive(b.view.value, d.next, changes)
		return err
	})
	if err != nil {
		return answer{err: fmt.Errorf("update: %w", err)}
	}
	if r != nil {
		b.view = &view[T]{state: d.next, value: value}
		b.revisions = append(b.revisions, r)
		b.size += r.size
	}
	return answer{position: b.view.state.position}
}

// guard returns a panic of f as an error. It does not wrap what f panicked with, which must not pass for an expected error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// commit stores the revisions of a batch and publishes its state. After an error nothing of the batch is published, and
// either nothing of it is stored or writes have stopped.
func (db *DB[T]) commit(b *batch[T]) error {
	if reason := db.Health(); reason != nil {
		return reason
	}
	if len(b.revisions) == 0 {
		return nil
	}
	db.commits++
	err := db.conn.append(b.view.state, b.revisions)
	if err != nil {
		err = db.settle(err, b.view.state.position)
	}
	if moved := db.files.check(); moved != nil {
		return db.stop(moved)
	}
	if err != nil {
		return err
	}
	db.tally.add(len(b.revisions))
	b.view.replaced = make(chan struct{})
	close(db.view.Swap(b.view).replaced)
	for _, r := range b.revisions {
		if r.fold != nil {
			db.past.forgetBefore(r.fold.base)
		}
	}
	return nil
}

// settle finds out what became of a transaction that ended with an error: it returns nil if the position is on disk.
// It stops writes after an error that says that the disk cannot be trusted, and when it cannot find out.
func (db *DB[T]) settle(failure error, want Position) error {
	if why := fatal(failure); why != "" {
		return db.stop(fmt.Errorf("%s: %w", why, failure))
	}
	h, err := db.conn.head()
	if err != nil {
		return db.stop(fmt.Errorf("it is unknown what became of a change: %w", also(failure, err)))
	}
	if h.position == want {
		return nil
	}
	return failure
}

// stop ends writes for good, until the next start, and returns the reason.
func (db *DB[T]) stop(reason error) error {
	err := fmt.Errorf("%w: %w", ErrReadOnly, reason)
	db.stopped.Store(&err)
	return err
}

// checkpoint moves the log into the database file and empties it. Whatever hinders it, such as a foreign reader, is no
// reason to fail: the log is kept and the next checkpoint tries again.
func (db *DB[T]) checkpoint() {
	if db.Health() != nil {
		return
	}
	if err := db.conn.checkpoint(); err != nil {
		if why := fatal(err); why != "" {
			db.stop(fmt.Errorf("%s: %w", why, err))
		}
	}
}

// shut ends the writer. The log of a file that is not the one that was opened stays as it is.
func (db *DB[T]) shut() error {
	if moved := db.files.check(); moved != nil && db.Health() == nil {
		db.stop(moved)
	}
	db.readers.Wait()
	closeErr := db.past.close()
	db.checkpoint()
	return also(closeErr, db.conn.close(), db.lock.Unlock())
}
