package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

const (
	queueLength = 1024
	maxBatch    = 256
	maxBodies   = 8 << 20
)

// DB is an open database, and T what derive builds for each of its states. All methods may be called by any goroutine.
type DB[T any] struct {
	clock    func() time.Time
	maxState int64
	derive   func(prev T, next *State, changed []Change) (T, error)
	files    *files

	retention       time.Duration
	retentionFailed func(error)
	// folding holds a place for the one fold at work, and slice bounds the rows that it deletes at a time.
	folding chan struct{}
	slice   int
	// unfinished says that Open found a fold that was cut short.
	unfinished bool

	lock *flock.Flock

	// view is what readers see; only the writer replaces it.
	view atomic.Pointer[view[T]]
	// stopped is why writes have stopped for good, or nil; only the writer sets it.
	stopped atomic.Pointer[error]
	// done is closed when the writer has ended; closeErr is written before.
	done     chan struct{}
	closeErr error

	// mu guards closed, and the queue against being closed while somebody sends, and readers against growing while the
	// writer waits for them.
	mu     sync.RWMutex
	closed bool
	queue  chan *job
	// asides are what the writer does beside changes.
	asides chan *aside
	// readers counts the connections beside the writer's, which is the last to close. ending ends what they do.
	readers sync.WaitGroup
	// past is how the history is read.
	past *past[T]
	// asided counts what was done beside changes, each only when it can be seen, and the end.
	asided atomic.Uint64
	seen   lastSeen
	ending context.Context
	end    context.CancelFunc

	// conn and commits, the number of transactions, belong to the writer.
	conn    *conn
	commits int
	tally   tally
}

type view[T any] struct {
	state *State
	value T
	// replaced is closed when another view has taken the place of this one.
	replaced chan struct{}
}

// job is a waiting function.
type job struct {
	by  Author
	run func(*Draft) error
	// answer has room for one answer, so that the writer never waits for a caller who left.
	answer chan answer
}

type answer struct {
	position Position
	err      error
}

// Open opens the database, creates it when it is missing, and loads its documents. It refuses, in one sentence that says
// what to do, a file that is not a database of ours, is of a newer version, is damaged or cannot be written, and never
// changes such a file; ErrLocked is wrapped when another process uses it. ctx bounds the loading.
//
// derive builds what belongs to a state from what belongs to the one before. It is called once by Open, with the zero
// value and every document (namespaces first, then segments, then flags), and then by the writer for each function that
// changed something or folded the history, with what it changed; and by DB.At, on other goroutines at the same time, as by
// Open. Its error refuses to open, or that change or that state of the past alone. It does no I/O and must not change prev,
// which is in use.
func Open[T any](ctx context.Context, s Settings, derive func(prev T, next *State, changed []Change) (T, error)) (*DB[T], error) {
	db, err := open(ctx, s, derive)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db.start()
	return db, nil
}

// start starts the goroutines of the database.
func (db *DB[T]) start() {
	if db.unfinished || db.retention > 0 {
		db.readers.Add(1)
		go db.retain(db.unfinished)
	}
	go db.write()
}

func open[T any](ctx context.Context, s Settings, derive func(prev T, next *State, changed []Change) (T, error)) (_ *DB[T], err error) {
	db := &DB[T]{
		clock: s.Clock, maxState: s.MaxState, derive: derive,
		queue: make(chan *job, queueLength), asides: make(chan *aside), done: make(chan struct{}),
		retention: s.Retention, retentionFailed: s.RetentionFailed, folding: make(chan struct{}, 1), slice: maxSlice,
	}
	db.ending, db.end = context.WithCancel(context.Background())
	if db.clock == nil {
		db.clock = time.Now
	}
	if db.maxState == 0 {
		db.maxState = defaultMaxState
	}
	path, lock, err := claim(s.Path)
	if err != nil {
		return nil, err
	}
	db.lock = lock
	defer func() {
		if err != nil {
			lock.Unlock()
		}
	}()
	sweep(path)
	state, changes, err := prepare(ctx, path, db.clock)
	if err != nil {
		return nil, err
	}
	var none T
	value, err := derive(none, state, changes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.view.Store(&view[T]{state, value, make(chan struct{})})
	db.past = newPast[T](db)
	db.conn, db.files, err = openForWriting(path, state.position)
	if err != nil {
		return nil, err
	}
	oldest, err := db.conn.base()
	if err != nil {
		return nil, also(refusal(path, err), db.conn.close())
	}
	db.unfinished = oldest.surplus > 0
	return db, nil
}

// View returns the newest published state and what derive built for it. It does no I/O and takes no lock.
func (db *DB[T]) View() (*State, T) {
	v := db.view.Load()
	return v.state, v.value
}

// Watch is View with a channel that is closed once the state is no longer the newest.
func (db *DB[T]) Watch() (*State, T, <-chan struct{}) {
	v := db.view.Load()
	return v.state, v.value, v.replaced
}

// Health returns nil, or one sentence that says why writes have stopped. Reads go on in any case.
func (db *DB[T]) Health() error {
	if reason := db.stopped.Load(); reason != nil {
		return *reason
	}
	return nil
}

// Close carries out the functions that wait, stops the writer, moves the log into the database file and gives the lock
// back. Updates return ErrClosed from now on; View goes on answering. Further calls return what the first one returned.
func (db *DB[T]) Close() error {
	db.mu.Lock()
	if !db.closed {
		db.closed = true
		db.asided.Add(1)
		close(db.queue)
		db.end()
	}
	db.mu.Unlock()
	<-db.done
	return db.closeErr
}

// Update runs f on a draft of the newest state and, if it returns nil and changed something, makes the draft the next
// revision. It returns f's result and the position of the state with the change, once that is on disk and published;
// when f changed nothing, that of the state that f saw. With an error of f, its result is returned beside it.
//
// f runs on the goroutine of the writer, which it must not end. It does no I/O, calls no method of db, keeps nothing of
// the draft and sets no captured variable: the caller may have left. A panic of f is returned as an error. ctx bounds
// only the wait: when it ends, the change may still be made.
func Update[R, T any](ctx context.Context, db *DB[T], by Author, f func(*Draft) (R, error)) (R, Position, error) {
	var result, none R
	j := &job{by: by, answer: make(chan answer, 1)}
	j.run = func(d *Draft) (err error) {
		result, err = f(d)
		return err
	}
	if err := ctx.Err(); err != nil {
		return none, Position{}, fmt.Errorf("update: %w", err)
	}
	if err := db.enqueue(j); err != nil {
		return none, Position{}, fmt.Errorf("update: %w", err)
	}
	select {
	case a := <-j.answer:
		return result, a.position, a.err
	case <-ctx.Done():
		return none, Position{}, fmt.Errorf("update: %w while waiting, the change may still be made", ctx.Err())
	}
}

// besides runs f, which opens a connection of its own, unless the database is closed. Closing it ends the context of f and
// waits for f.
func (db *DB[T]) besides(ctx context.Context, f func(context.Context) error) error {
	db.mu.RLock()
	if db.closed {
		db.mu.RUnlock()
		return ErrClosed
	}
	db.readers.Add(1)
	db.mu.RUnlock()
	defer db.readers.Done()
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(db.ending, func() { cancel(ErrClosed) })()
	err := f(inner)
	if err != nil && ctx.Err() == nil && inner.Err() != nil {
		return ErrClosed
	}
	return err
}

// enqueue hands a function to the writer without waiting.
func (db *DB[T]) enqueue(j *job) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return ErrClosed
	}
	select {
	case db.queue <- j:
		return nil
	default:
		return ErrQueueFull
	}
}
