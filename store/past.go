package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrNoRevision is wrapped when a revision was not made yet, or was folded into a later one.
var ErrNoRevision = errNoRevision("there is no such revision")

type errNoRevision string

func (e errNoRevision) Error() string { return string(e) }

const (
	// maxReaders bounds the connections that read the history.
	maxReaders = 4
	// maxPastViews bounds the states of the past that are kept in memory.
	maxPastViews = 4
)

// past reads what lies on disk besides the newest state.
type past[T any] struct {
	db *DB[T]
	// readers holds a place for each connection, nil for one that is not open yet.
	readers chan *conn
	// scan and span bound what a call of History looks at.
	scan, span uint64

	// mu guards views, the last ones that were asked for, the newest of them last.
	mu    sync.Mutex
	views []*pastView[T]
}

// pastView is a state of the past that is in memory, or on its way there: ready is closed then.
type pastView[T any] struct {
	revision uint64
	ready    chan struct{}
	state    *State
	value    T
	err      error
}

func newPast[T any](db *DB[T]) *past[T] {
	p := &past[T]{db: db, readers: make(chan *conn, maxReaders), scan: maxScan, span: maxSpan}
	for range maxReaders {
		p.readers <- nil
	}
	return p
}

// read runs f on one snapshot of the database, on one of few connections beside the writer's.
func (p *past[T]) read(ctx context.Context, f func(*conn) error) error {
	return p.db.besides(ctx, func(ctx context.Context) (err error) {
		var c *conn
		select {
		case c = <-p.readers:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { p.readers <- c }()
		if c == nil {
			c, err = openReader(ctx, p.db.files.path)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		c.interruptBy(ctx.Done())
		err = c.reading(func() error { return f(c) })
		if err == nil {
			c.interruptBy(nil)
			return nil
		}
		// An interrupted connection cannot end its transaction.
		err = also(err, c.close())
		c = nil
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

// close closes the connections. Nobody reads any more.
func (p *past[T]) close() error {
	var err error
	for range maxReaders {
		if c := <-p.readers; c != nil {
			err = also(err, c.close())
		}
	}
	return err
}

// At returns the state as it was at a revision, and what derive builds for it. The last few are kept in memory, so that the
// same one again costs nothing. ErrNoRevision is wrapped when it cannot be told.
func (db *DB[T]) At(ctx context.Context, revision uint64) (*State, T, error) {
	if now := db.view.Load(); now.state.position.Revision == revision {
		return now.state, now.value, nil
	}
	state, value, err := db.past.at(ctx, revision)
	if err != nil {
		var none T
		return nil, none, fmt.Errorf("read revision %d: %w", revision, err)
	}
	return state, value, nil
}

// at returns a state from memory, or loads it, or waits for the one who does.
func (p *past[T]) at(ctx context.Context, revision uint64) (*State, T, error) {
	for {
		v, fresh := p.view(revision)
		if fresh {
			v.state, v.value, v.err = p.load(ctx, revision)
			if v.err != nil {
				p.forget(v)
			}
			close(v.ready)
			return v.state, v.value, v.err
		}
		select {
		case <-v.ready:
		case <-ctx.Done():
			var none T
			return nil, none, ctx.Err()
		}
		// The one who loaded it may have left; who is still here loads it himself.
		if !errors.Is(v.err, context.Canceled) && !errors.Is(v.err, context.DeadlineExceeded) {
			return v.state, v.value, v.err
		}
	}
}

// view returns the place of a state, and whether it is for the caller to fill.
func (p *past[T]) view(revision uint64) (_ *pastView[T], fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.views, func(v *pastView[T]) bool { return v.revision == revision })
	var v *pastView[T]
	if i >= 0 {
		v = p.views[i]
		p.views = slices.Delete(p.views, i, i+1)
	} else {
		v, fresh = &pastView[T]{revision: revision, ready: make(chan struct{})}, true
	}
	p.views = append(p.views, v)
	if len(p.views) > maxPastViews {
		p.views = slices.Delete(p.views, 0, 1)
	}
	return v, fresh
}

func (p *past[T]) forget(v *pastView[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views = slices.DeleteFunc(p.views, func(other *pastView[T]) bool { return other == v })
}

// forgetBefore forgets the states that a fold gave up.
func (p *past[T]) forgetBefore(base uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views = slices.DeleteFunc(p.views, func(v *pastView[T]) bool { return v.revision < base })
}

func (p *past[T]) load(ctx context.Context, revision uint64) (*State, T, error) {
	var (
		none  T
		found loaded
	)
	err := p.read(ctx, func(c *conn) (err error) {
		found, err = c.stateAt(revision)
		return err
	})
	if err != nil {
		return nil, none, err
	}
	s := newSharer()
	for _, chunk := range found.chunks {
		for n := range chunk {
			if err := chunk[n].decode(s); err != nil {
				return nil, none, err
			}
		}
	}
	state, changes, err := build(found)
	if err != nil {
		return nil, none, err
	}
	value := none
	err = guard(func() (err error) {
		value, err = p.db.derive(none, state, changes)
		return err
	})
	return state, value, err
}

// stateAt reads the documents as they were at a revision.
func (c *conn) stateAt(revision uint64) (found loaded, err error) {
	h, err := c.readHead()
	if err != nil {
		return found, err
	}
	base, err := c.base()
	if err != nil {
		return found, err
	}
	if revision < base.revision || revision > h.position.Revision {
		return found, fmt.Errorf("%w: the oldest is %d, the newest %d", ErrNoRevision, base.revision, h.position.Revision)
	}
	r, err := c.revision(revision)
	if err != nil {
		return found, err
	}
	epochs, err := c.epochs(int64(len(migrations())), h)
	if err != nil {
		return found, err
	}
	found.head = head{Position{epochOf(epochs, revision), revision, r.hash}, h.created, r.at}
	found.deletions = make(map[string]uint64)
	var docs []stored
	err = c.documentsAt(revision, func(i id, revision uint64, body []byte) {
		docs = append(docs, stored{id: i, revision: revision, body: body})
		if i.kind == KindNamespace {
			found.deletions[i.key] = 0
		}
	})
	if err != nil {
		return found, err
	}
	found.chunks = [][]stored{docs}
	for namespace := range found.deletions {
		if found.deletions[namespace], err = c.lastDeletion(namespace, revision); err != nil {
			return found, err
		}
	}
	return found, nil
}

// epochOf returns the epoch of a revision.
func epochOf(epochs []epoch, revision uint64) string {
	name := ""
	for _, e := range epochs {
		if e.first <= revision {
			name = e.name
		}
	}
	return name
}

// RevisionAt returns the number of the revision that was the newest one at a time. ErrNoRevision is wrapped when there was
// none, or it was folded.
func (db *DB[T]) RevisionAt(ctx context.Context, at time.Time) (uint64, error) {
	var found uint64
	err := db.past.read(ctx, func(c *conn) (err error) {
		found, err = c.revisionAt(at.UnixMicro())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find the revision of %s: %w", at.Format(time.RFC3339Nano), err)
	}
	return found, nil
}

// revisionAt searches by halves: no revision has an earlier time than the one before.
func (c *conn) revisionAt(at int64) (uint64, error) {
	h, err := c.readHead()
	if err != nil {
		return 0, err
	}
	base, err := c.base()
	if err != nil {
		return 0, err
	}
	low := base.revision
	first, err := c.revision(low)
	if err != nil {
		return 0, err
	}
	if first.at > at {
		return 0, fmt.Errorf("%w: the oldest was made at %s", ErrNoRevision, time.UnixMicro(first.at).UTC().Format(time.RFC3339Nano))
	}
	high := h.position.Revision + 1
	// The time of low is not after at, that of high is, or there is none.
	for high-low > 1 {
		middle := low + (high-low)/2
		r, err := c.revision(middle)
		if err != nil {
			return 0, err
		}
		if r.at <= at {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}
