package server

import (
	"context"
	"time"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/store"
)

// watches serves burgee.v1.WatchService.
type watches struct {
	feed *feed
}

const (
	// keepAlive is how long a stream is silent before a sign of life.
	keepAlive = 15 * time.Second
	// bookmarkTime is the time between bookmarks when the request does not say.
	bookmarkTime = 10 * time.Second
)

// Watch implements burgee.v1.WatchService.
func (s *watches) Watch(ctx context.Context, r *burgeev1.WatchRequest, stream *connect.ServerStream[burgeev1.WatchResponse]) error {
	w, err := newWatcher(r)
	if err != nil {
		return err
	}
	w.send = func(m *message) error { return stream.Send(m.response) }
	return s.feed.watch(ctx, w)
}

// watcher is what one stream asks for, and how far it is. It belongs to one goroutine.
type watcher struct {
	at        store.Position // of the state that it knows; zero when it knows none
	interest  interest
	bookmarks time.Duration
	send      func(*message) error
	alive     func() error // sends a sign of life; nil where there is none

	stopping <-chan struct{}
	bookmark *time.Timer
	silence  *time.Timer // nil without alive
	begun    bool        // whether it was told anything
}

// newWatcher returns the watcher of a valid request, without what sends.
func newWatcher(r *burgeev1.WatchRequest) (*watcher, error) {
	w := &watcher{interest: interest{documents: !r.OmitDocuments}, bookmarks: time.Duration(r.BookmarkSeconds) * time.Second}
	if r.Position != "" {
		var err error
		if w.at, err = store.ParsePosition(r.Position); err != nil {
			return nil, invalid("invalid field position: %v", err)
		}
	}
	if w.bookmarks == 0 {
		w.bookmarks = bookmarkTime
	}
	if len(r.NamespaceKeys) > 0 {
		w.interest.namespaces = make(map[string]bool, len(r.NamespaceKeys))
		for _, key := range r.NamespaceKeys {
			w.interest.namespaces[key] = true
		}
	}
	return w, nil
}

// watch tells a watcher every revision after the one that it knows, or else a snapshot, until ctx ends, the server stops or
// the watcher cannot be reached.
func (f *feed) watch(ctx context.Context, w *watcher) error {
	leave, stopping := f.join()
	defer leave()
	w.stopping = stopping
	w.bookmark = time.NewTimer(w.bookmarks)
	defer w.bookmark.Stop()
	if w.alive != nil {
		w.silence = time.NewTimer(keepAlive)
		defer w.silence.Stop()
	}
	if err := f.catchUp(ctx, w); err != nil {
		return err
	}
	for {
		moved, err := f.step(w)
		if err == nil && moved != nil && !w.begun {
			err = w.tell(bookmarkAt(w.at)) // the caller learns that its position is known
		}
		if err == nil && moved != nil {
			err = w.wait(ctx, moved)
		}
		if err != nil {
			return err
		}
	}
}

// step tells what comes next, and returns what to wait for when there is nothing. Of the window it keeps nothing while it
// sends.
func (f *feed) step(w *watcher) (<-chan struct{}, error) {
	window := f.window.Load()
	next, known := window.after(w.at)
	switch {
	case known && next == nil:
		return window.moved, nil
	case known:
		return nil, w.tellEvent(next)
	case f.ahead(w.at, window):
		return window.moved, nil
	}
	return nil, w.tellSnapshot(window.state)
}

// ahead says whether a position is that of a state that the window has not come to yet.
func (f *feed) ahead(at store.Position, w *window) bool {
	state, _ := f.db.View()
	newest := state.Position()
	return at.Epoch == newest.Epoch && at.Revision > w.newest().Revision && at.Revision <= newest.Revision
}

// catchUp tells a watcher the revisions before the window, if they can be read and are not too many.
func (f *feed) catchUp(ctx context.Context, w *watcher) error {
	base := f.window.Load().base
	if w.at.Epoch == "" || w.at.Revision >= base.Revision || base.Revision-w.at.Revision > maxCatchUp {
		return nil
	}
	select {
	case f.catching <- struct{}{}:
		defer func() { <-f.catching }()
	default:
		return nil
	}
	known, err := f.db.Revision(ctx, w.at.Revision)
	if err != nil || known.Position.Epoch != w.at.Epoch {
		return ctx.Err()
	}
	for w.at.Revision < base.Revision {
		next, err := f.revision(ctx, w.at.Revision+1)
		if err != nil || next.size > maxEvent {
			return ctx.Err()
		}
		if err := w.tellEvent(next); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when moved is closed, and sends bookmarks and signs of life meanwhile.
func (w *watcher) wait(ctx context.Context, moved <-chan struct{}) error {
	var silence <-chan time.Time
	if w.silence != nil {
		silence = w.silence.C
	}
	for {
		select {
		case <-moved:
			return nil
		case <-w.bookmark.C:
			if err := w.tell(bookmarkAt(w.at)); err != nil {
				return err
			}
		case <-silence:
			w.silence.Reset(keepAlive)
			if err := w.alive(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-w.stopping:
			return errStopping()
		}
	}
}

// tell sends an event.
func (w *watcher) tell(m *message) error {
	select {
	case <-w.stopping:
		return errStopping()
	default:
	}
	if err := w.send(m); err != nil {
		return err
	}
	w.begun = true
	w.bookmark.Reset(w.bookmarks)
	if w.silence != nil {
		w.silence.Reset(keepAlive)
	}
	return nil
}

// tellEvent sends what a revision is to the watcher; it may be nothing.
func (w *watcher) tellEvent(e *event) error {
	w.at = e.position
	if m := e.message(w.interest); m != nil {
		return w.tell(m)
	}
	return nil
}

// tellSnapshot sends a state in parts.
func (w *watcher) tellSnapshot(state *store.State) error {
	for part := range snapshotParts(state, w.interest) {
		if err := w.tell(part); err != nil {
			return err
		}
	}
	w.at = state.Position()
	return nil
}
