package store

import (
	"time"

	"github.com/tidwall/btree"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// State is the whole configuration at one position. It and its documents are immutable and shared: any number of
// goroutines may read them, and nobody may change them.
type State struct {
	position Position
	// at is the time of the newest revision; no later one is before it.
	at time.Time
	// created is the last place given out in the order of creation.
	created uint64
	// size is the length of all encoded bodies, in bytes.
	size int64

	namespaces table[*storev1.Namespace]
	contents   *btree.Map[string, *contents]
}

// contents is what lies in one namespace.
type contents struct {
	// revision is the newest one that touched the namespace or anything in it.
	revision uint64
	flags    table[*storev1.Flag]
	segments table[*storev1.Segment]
}

func newState(epoch string) *State {
	return &State{
		position:   Position{Epoch: epoch},
		namespaces: newTable[*storev1.Namespace](),
		contents:   new(btree.Map[string, *contents]),
	}
}

func newContents() *contents {
	return &contents{flags: newTable[*storev1.Flag](), segments: newTable[*storev1.Segment]()}
}

// Position returns what identifies the state.
func (s *State) Position() Position {
	return s.position
}

// Namespace returns the namespace with that key, or nil.
func (s *State) Namespace(key string) *storev1.Namespace {
	return s.namespaces.get(key)
}

// Flag returns the flag with that key, or nil.
func (s *State) Flag(namespace, key string) *storev1.Flag {
	c, ok := s.contents.Get(namespace)
	if !ok {
		return nil
	}
	return c.flags.get(key)
}

// Segment returns the segment with that key, or nil.
func (s *State) Segment(namespace, key string) *storev1.Segment {
	c, ok := s.contents.Get(namespace)
	if !ok {
		return nil
	}
	return c.segments.get(key)
}

// Namespaces returns all namespaces.
func (s *State) Namespaces() List[*storev1.Namespace] {
	return s.namespaces.list()
}

// Flags returns the flags of a namespace: none when there is no such namespace.
func (s *State) Flags(namespace string) List[*storev1.Flag] {
	c, ok := s.contents.Get(namespace)
	if !ok {
		return List[*storev1.Flag]{}
	}
	return c.flags.list()
}

// Segments returns the segments of a namespace: none when there is no such namespace.
func (s *State) Segments(namespace string) List[*storev1.Segment] {
	c, ok := s.contents.Get(namespace)
	if !ok {
		return List[*storev1.Segment]{}
	}
	return c.segments.list()
}

// NamespaceRevision returns the number of the newest revision that touched the namespace or anything in it, or 0 when
// there is no such namespace.
func (s *State) NamespaceRevision(namespace string) uint64 {
	c, ok := s.contents.Get(namespace)
	if !ok {
		return 0
	}
	return c.revision
}

// DocumentRevision returns the number of the revision that made a document what it is, or 0 when it does not exist. For a
// namespace both names are its key.
func (s *State) DocumentRevision(namespace string, kind Kind, key string) uint64 {
	if kind == KindNamespace {
		return s.namespaces.revision(key)
	}
	c, ok := s.contents.Get(namespace)
	switch {
	case !ok:
		return 0
	case kind == KindFlag:
		return c.flags.revision(key)
	default:
		return c.segments.revision(key)
	}
}

// At returns the time of the newest revision.
func (s *State) At() time.Time {
	return s.at
}

// table holds the documents of one kind in one namespace, by key and by place in the order of creation. A change costs
// O(log n). Only the writer may call copy, set and remove: copying writes to what is copied, though to nothing that
// readers look at.
type table[D document] struct {
	keys  *btree.Map[string, entry[D]]
	order *btree.Map[uint64, D]
}

// entry is a document with the length of its encoded body and the revision that made it; both are 0 while a draft changes it.
type entry[D document] struct {
	doc      D
	size     int
	revision uint64
}

func newTable[D document]() table[D] {
	return table[D]{keys: new(btree.Map[string, entry[D]]), order: new(btree.Map[uint64, D])}
}

func (t table[D]) get(key string) D {
	e, _ := t.keys.Get(key)
	return e.doc
}

func (t table[D]) revision(key string) uint64 {
	e, _ := t.keys.Get(key)
	return e.revision
}

func (t table[D]) list() List[D] {
	return List[D]{t.order}
}

func (t table[D]) copy() table[D] {
	return table[D]{keys: t.keys.Copy(), order: t.order.Copy()}
}

// set puts a document in the place of the one with its key.
func (t table[D]) set(doc D, size int, revision uint64) {
	t.keys.Set(identify(doc).key, entry[D]{doc, size, revision})
	t.order.Set(doc.GetCreated(), doc)
}

// remove takes the document with that key out, whose place is created.
func (t table[D]) remove(key string, created uint64) {
	t.keys.Delete(key)
	t.order.Delete(created)
}
