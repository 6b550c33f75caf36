package server

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"

	"github.com/burgeehq/burgee/store"
)

const (
	// windowRevisions and windowBytes bound the revisions that are kept for watchers, the latter by the encoded documents.
	windowRevisions = 1024
	windowBytes     = 4 << 20
	// maxEvent bounds the documents of a revision that is told as such; clients of gRPC take messages of 4 MiB. Watchers get a
	// snapshot in the place of a larger one.
	maxEvent = 3 << 20
	// firstRevisions is how many revisions of the past the first watcher finds: enough for those who come back after a restart.
	firstRevisions = 256
	// maxCatchUp is how many revisions a watcher is told that the window does not hold, and maxCatchingUp how many watchers are
	// told such ones at a time. The others get a snapshot.
	maxCatchUp    = 10_000
	maxCatchingUp = 16
)

// errStopping is the reason that streams end with.
func errStopping() error { return &failure{connect.CodeUnavailable, "server is stopping"} }

// feed tells watchers what changes. It reads each revision once, for all of them, and only while there are some. Watchers keep
// no more than a position: what they read next is in the window, which they share, and who has fallen out of it goes on with a
// snapshot of the newest state.
type feed struct {
	db  *database
	log zerolog.Logger
	// catching holds an element for each watcher that reads older revisions.
	catching chan struct{}
	// window is what is told; nil while there is no watcher.
	window atomic.Pointer[window]

	mu       sync.Mutex
	watchers int           // guarded by mu
	end      func()        // guarded by mu; ends the reader and waits for it
	stopping chan struct{} // guarded by mu; closed while streams shall end
	stopped  bool          // guarded by mu; whether stopping is closed
}

func newFeed(db *database, log zerolog.Logger) *feed {
	return &feed{
		db: db, log: log,
		catching: make(chan struct{}, maxCatchingUp), stopping: make(chan struct{}),
	}
}

// serve says whether streams are welcome; those that run end when they are not.
func (f *feed) serve(welcome bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case welcome && f.stopped:
		f.stopping = make(chan struct{})
	case !welcome && !f.stopped:
		close(f.stopping)
	}
	f.stopped = !welcome
}

// count returns the number of open streams.
func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watchers
}

// join keeps the window up to date until leave is called. The channel is closed when the stream shall end.
func (f *feed) join() (leave func(), stopping <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers++
	if f.watchers == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		first := f.first(ctx)
		f.window.Store(first)
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.run(ctx, first)
		}()
		f.end = func() {
			cancel()
			<-done
		}
	}
	return f.leave, f.stopping
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers--
	if f.watchers == 0 {
		f.end()
		f.window.Store(nil)
	}
}

// run replaces the window whenever there is a newer state.
func (f *feed) run(ctx context.Context, w *window) {
	for {
		state, _, replaced := f.db.Watch()
		if state.Position() == w.newest() {
			select {
			case <-replaced:
				continue
			case <-ctx.Done():
				return
			}
		}
		next := f.next(ctx, w, state)
		if ctx.Err() != nil {
			return
		}
		f.window.Store(next)
		close(w.moved)
		w = next
	}
}

// first returns a window on the newest state with some revisions of the past.
func (f *feed) first(ctx context.Context) *window {
	state, _ := f.db.View()
	head := state.Position()
	if head.Revision <= 1 {
		return newWindow(state)
	}
	begin := max(head.Revision, firstRevisions+1) - firstRevisions
	base, err := f.db.Revision(ctx, begin)
	if err != nil {
		return newWindow(state)
	}
	w := newWindow(state)
	w.base = base.Position
	for n := begin + 1; n <= head.Revision; n++ {
		e, err := f.revision(ctx, n)
		if err != nil {
			return newWindow(state)
		}
		w.add(e)
	}
	return w
}

// next returns the window that follows w when state is the newest one. It begins anew where the revisions in between cannot
// be read, or are too many.
func (f *feed) next(ctx context.Context, w *window, state *store.State) *window {
	begin, head := w.newest(), state.Position()
	next := &window{state: state, base: w.base, events: slices.Clone(w.events), size: w.size, moved: make(chan struct{})}
	existed := make(map[documentID]bool)
	if head.Revision-begin.Revision > windowRevisions {
		return newWindow(state)
	}
	for told, err := range f.db.Changes(ctx, begin) {
		if err != nil {
			if ctx.Err() == nil {
				f.log.Warn().Err(err).Msg("revisions cannot be read, watchers get a snapshot")
			}
			return newWindow(state)
		}
		next.add(newEvent(told, head.Epoch, func(id documentID, exists bool) bool {
			before, known := existed[id]
			if !known {
				before = w.state.DocumentRevision(id.namespace, id.kind, id.key) != 0
			}
			existed[id] = exists
			return before
		}))
		if told.Position.Revision == head.Revision {
			return next
		}
	}
	return newWindow(state)
}

// revision reads one revision of the past.
func (f *feed) revision(ctx context.Context, number uint64) (*event, error) {
	told, err := f.db.Revision(ctx, number)
	if err != nil {
		return nil, err
	}
	state, _ := f.db.View()
	at := -1
	return newEvent(told.Revision, state.Position().Epoch, func(documentID, bool) bool {
		at++
		return documentIn(told.Before[at]) != nil
	}), nil
}

// window is the newest revisions. It is immutable once watchers have it.
type window struct {
	state  *store.State   // the newest one
	base   store.Position // of the state before the first event
	events []*event       // every revision after the base, in order
	size   int            // of their documents, in bytes
	moved  chan struct{}  // closed when another window has taken the place
}

func newWindow(state *store.State) *window {
	return &window{state: state, base: state.Position(), moved: make(chan struct{})}
}

// add appends the next revision, and drops what goes beyond the limits.
func (w *window) add(e *event) {
	w.events, w.size = append(w.events, e), w.size+e.size
	drop := 0
	for w.size > windowBytes || len(w.events)-drop > windowRevisions || e.size > maxEvent && drop < len(w.events) {
		w.base = w.events[drop].position
		w.size -= w.events[drop].size
		drop++
	}
	if drop > 0 {
		w.events = slices.Clone(w.events[drop:]) // what is dropped must not stay in memory
	}
}

// newest returns the position of the newest state.
func (w *window) newest() store.Position { return w.state.Position() }

// after returns the revision that follows a position, nil when that is the newest one, and false when it is not in the window.
func (w *window) after(at store.Position) (*event, bool) {
	if at.Revision < w.base.Revision || at.Revision > w.newest().Revision {
		return nil, false
	}
	told, epoch := at.Revision-w.base.Revision, w.base.Epoch
	if told > 0 {
		epoch = w.events[told-1].position.Epoch
	}
	if at.Epoch != epoch {
		return nil, false
	}
	if told == uint64(len(w.events)) {
		return nil, true
	}
	return w.events[told], true
}
