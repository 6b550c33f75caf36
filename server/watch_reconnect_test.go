package server_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// mirror is what a watcher makes of its events. It refuses what no stream may tell.
type mirror struct {
	position  string
	documents map[string]*burgeev1.Document // by kind, namespace and key
	partial   map[string]*burgeev1.Document // of the parts of a snapshot so far; nil outside of one
	revisions int
	snapshots int
}

func keyOf(d *burgeev1.Document) string {
	return strings.Join([]string{d.Kind, d.NamespaceKey, d.Key}, "/")
}

// take applies an event.
func (m *mirror) take(e *burgeev1.WatchResponse) error {
	switch e.Event {
	case burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT:
		return m.takeSnapshot(e)
	case burgeev1.WatchEvent_WATCH_EVENT_REVISION:
		return m.takeRevision(e)
	case burgeev1.WatchEvent_WATCH_EVENT_BOOKMARK:
		if e.Position != m.position {
			return fmt.Errorf("bookmark at %s of a mirror at %s", e.Position, m.position)
		}
		return nil
	}
	return fmt.Errorf("event %v", e.Event)
}

func (m *mirror) takeSnapshot(e *burgeev1.WatchResponse) error {
	if e.First != (m.partial == nil) || e.Last != (e.Position != "") {
		return fmt.Errorf("a part of a snapshot out of its place: first %v, last %v, position %q", e.First, e.Last, e.Position)
	}
	if e.First {
		m.partial = make(map[string]*burgeev1.Document)
	}
	for _, d := range e.Documents {
		if d.Document == nil || m.partial[keyOf(d)] != nil {
			return fmt.Errorf("a snapshot with %s twice or empty", keyOf(d))
		}
		m.partial[keyOf(d)] = d
	}
	if e.Last {
		before, after := numberOf(m.position), numberOf(e.Position)
		if after < before {
			return fmt.Errorf("a snapshot of %d after %d", after, before)
		}
		m.position, m.documents, m.partial = e.Position, m.partial, nil
		m.snapshots++
	}
	return nil
}

func (m *mirror) takeRevision(e *burgeev1.WatchResponse) error {
	if m.partial != nil || m.position == "" {
		return errors.New("a revision before the end of a snapshot")
	}
	if want := numberOf(m.position) + 1; e.Revision.GetRevision() != want || numberOf(e.Position) != want || e.Revision.Position != e.Position {
		return fmt.Errorf("revision %d at %s after %s", e.Revision.GetRevision(), e.Position, m.position)
	}
	if len(e.Documents) != len(e.Revision.Changes) || int(e.Revision.ChangeCount) != len(e.Documents) {
		return fmt.Errorf("revision %d has %d documents, %d changes and a count of %d", e.Revision.Revision, len(e.Documents), len(e.Revision.Changes), e.Revision.ChangeCount)
	}
	for i, d := range e.Documents {
		want, existed := burgeev1.DocumentAction_DOCUMENT_ACTION_CREATED, m.documents[keyOf(d)] != nil
		switch {
		case d.Document == nil && !existed:
			return fmt.Errorf("revision %d deletes %s, which is not there", e.Revision.Revision, keyOf(d))
		case d.Document == nil:
			want = burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED
		case existed:
			want = burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED
		}
		if got := e.Revision.Changes[i]; got.Action != want || got.Kind != d.Kind || got.Key != d.Key {
			return fmt.Errorf("revision %d: %v of %s, want %v", e.Revision.Revision, got, keyOf(d), want)
		}
		if m.documents[keyOf(d)] = d; d.Document == nil {
			delete(m.documents, keyOf(d))
		}
	}
	m.position = e.Position
	m.revisions++
	return nil
}

func numberOf(position string) uint64 {
	_, number, _ := strings.Cut(position, "-")
	n, _ := strconv.ParseUint(number, 10, 64) // of no position: 0
	return n
}

func (m *mirror) equals(other *mirror) bool {
	return m.position == other.position && maps.EqualFunc(m.documents, other.documents, func(a, b *burgeev1.Document) bool { return proto.Equal(a, b) })
}

// reach takes events until the mirror is at a revision.
func (m *mirror) reach(w watching, revision uint64) error {
	return m.follow(w, func() uint64 { return revision })
}

// follow takes events until the mirror is at a revision that may become known meanwhile.
func (m *mirror) follow(w watching, revision func() uint64) error {
	for m.partial != nil || numberOf(m.position) < revision() {
		e, err := w.next()
		if err != nil {
			return err
		}
		if err := m.take(e); err != nil {
			return &violation{err}
		}
	}
	return nil
}

// violation is what no stream may tell; other errors are ends of streams.
type violation struct{ error }

// changer makes random changes of flags in three namespaces.
type changer struct {
	random *rand.Rand
	exists map[string]bool
	call   func(call) error
}

func (c *changer) change() error {
	namespace, key := []string{"default", "a", "b"}[c.random.IntN(3)], fmt.Sprintf("f%d", c.random.IntN(20))
	path := namespace + "/" + key
	switch {
	case !c.exists[path]:
		c.exists[path] = true
		return c.call(to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: namespace, Key: key, Name: "F"}))
	case c.random.IntN(3) == 0:
		delete(c.exists, path)
		return c.call(to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: namespace, Key: key}))
	}
	return c.call(to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: namespace, Key: key, Name: fmt.Sprint(c.random.Uint32())}))
}

// watchChanges and watchCuts are how many changes TestWatchReconnects makes, and how often each of its watchers is cut off.
const watchChanges, watchCuts = 1000, 50

// TestWatchReconnects makes changes while every watcher is cut off again and again, and stops and starts the server once. Each
// must have been told every revision once and in order, and be left with what a fresh snapshot says.
func TestWatchReconnects(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	srv, stop := startStoppable(t, path)
	var current atomic.Pointer[running]
	current.Store(srv)
	var last atomic.Uint64 // number of the last revision, once all are made
	last.Store(1 << 62)
	restarted := make(chan struct{})
	var first, watchers sync.WaitGroup
	for n, p := range []watchProtocol{watchProtocols[0], watchProtocols[2], watchProtocols[4]} {
		for i := range 2 {
			first.Add(1)
			watchers.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), uint64(i)))
				cutWatcher(t, p, &current, restarted, &last, random, first.Done)
			})
		}
	}
	first.Wait()
	c := &changer{random: rand.New(rand.NewPCG(1, 2)), exists: make(map[string]bool)}
	c.call = func(call call) error { return call(t.Context(), current.Load().overGRPC()) }
	for _, key := range []string{"a", "b"} {
		if err := c.call(to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: key, Name: key})); err != nil {
			t.Fatal(err)
		}
	}
	for n := range watchChanges {
		if n == watchChanges/2 {
			stop()
			srv, stop = startStoppable(t, path)
			current.Store(srv)
			close(restarted)
		}
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
	}
	last.Store(srv.Position().Revision)
	if err := c.change(); err != nil { // wakes those who have seen the last one before they could know
		t.Fatal(err)
	}
	watchers.Wait()
}

// cutWatcher watches until the last revision, and is cut off after a random number of events.
func cutWatcher(t *testing.T, p watchProtocol, current *atomic.Pointer[running], restarted <-chan struct{}, last *atomic.Uint64, random *rand.Rand, begun func()) {
	var m mirror
	cuts, ends, opened := 0, 0, false
	for numberOf(m.position) < last.Load() {
		srv := current.Load()
		w, err := p.open(t.Context(), srv, &burgeev1.WatchRequest{Position: m.position})
		if err != nil {
			<-restarted
			if srv == current.Load() {
				t.Errorf("%s: %v", p.name, err)
				return
			}
			continue
		}
		if !opened {
			opened = true
			begun()
		}
		m.partial = nil
		cut := uint64(1 << 62)
		if cuts < watchCuts {
			cut = numberOf(m.position) + 1 + random.Uint64N(watchChanges/watchCuts)
			cuts++
		}
		err = m.follow(w, func() uint64 { return min(cut, last.Load()) })
		w.close()
		if wrong := (*violation)(nil); errors.As(err, &wrong) {
			t.Errorf("%s, after %d cuts: %v", p.name, cuts, wrong.error)
			return
		}
		if err != nil {
			ends++
		}
	}
	if cuts < watchCuts || ends == 0 || m.snapshots != 1 || m.revisions < watchChanges {
		t.Errorf("%s: %d cuts, %d ends by the server, %d snapshots, %d revisions", p.name, cuts, ends, m.snapshots, m.revisions)
	}
	var fresh mirror
	w, err := p.open(t.Context(), current.Load(), new(burgeev1.WatchRequest))
	if err != nil {
		t.Error(err)
		return
	}
	defer w.close()
	if err := errors.Join(fresh.reach(w, 1), m.catchUp(t.Context(), p, current.Load(), numberOf(fresh.position))); err != nil || !m.equals(&fresh) {
		t.Errorf("%s: the mirror is not what a snapshot says: %v", p.name, err)
	}
}

// catchUp opens a stream and takes its events until a revision.
func (m *mirror) catchUp(ctx context.Context, p watchProtocol, srv *running, revision uint64) error {
	w, err := p.open(ctx, srv, &burgeev1.WatchRequest{Position: m.position})
	if err != nil {
		return err
	}
	defer w.close()
	return m.reach(w, revision)
}

// TestMirror shows that the mirror refuses streams with a fault.
func TestMirror(t *testing.T) {
	t.Parallel()
	srv := start(t)
	w := ok(watchProtocols[0].open(t.Context(), srv, new(burgeev1.WatchRequest)))(t)
	defer w.close()
	events := []*burgeev1.WatchResponse{proto.CloneOf(ok(w.next())(t))}
	c := &changer{random: rand.New(rand.NewPCG(3, 4)), exists: make(map[string]bool), call: func(call call) error { return call(t.Context(), srv.overGRPC()) }}
	for _, key := range []string{"a", "b"} {
		if err := c.call(to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: key, Name: key})); err != nil {
			t.Fatal(err)
		}
	}
	for range 40 {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
	}
	for len(events) < 43 {
		events = append(events, proto.CloneOf(ok(w.next())(t)))
	}
	broken := func(events []*burgeev1.WatchResponse) error {
		var m mirror
		for _, e := range events {
			if err := m.take(e); err != nil {
				return err
			}
		}
		return nil
	}
	if err := broken(events); err != nil {
		t.Fatalf("a good stream: %v", err)
	}
	for at := 1; at < len(events)-1; at++ {
		for fault, mutant := range map[string][]*burgeev1.WatchResponse{
			"dropped":  append(append([]*burgeev1.WatchResponse(nil), events[:at]...), events[at+1:]...),
			"repeated": append(append([]*burgeev1.WatchResponse(nil), events[:at+1]...), events[at:]...),
			"swapped":  append(append(append([]*burgeev1.WatchResponse(nil), events[:at]...), events[at+1], events[at]), events[at+2:]...),
		} {
			if broken(mutant) == nil {
				t.Errorf("event %d %s: not noticed", at, fault)
			}
		}
	}
}
