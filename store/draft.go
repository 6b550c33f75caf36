package store

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// Draft is the newest state, open for changes. It belongs to the function that it was given to and to its goroutine; when
// the function returns, nothing of it may be used any more, and what the function kept is not part of the new state.
//
// Readers return what the draft holds: a document that was edited or created in this draft may be changed until the
// function returns, every other one is shared and must not be. The keys and the field created of a document stay as
// they are: to rename is to delete and create.
type Draft struct {
	// next is a private copy of the newest state; its tables of contents are private once they are in owned.
	next *State
	// base is the newest state itself.
	base  *State
	owned map[string]*contents
	edits map[id]*edit
	now   time.Time
	// fold makes the draft a revision even when it changes no document.
	fold *fold
}

// edit is what a draft does to one document.
type edit struct {
	// before and after are the document in the newest state and in the draft; nil where there is none.
	before, after proto.Message
	// created is the place of after in the order of creation.
	created uint64
	// size is the length of the encoded body of before, and revision the one that made it.
	size     int
	revision uint64
}

func newDraft(base *State, clock time.Time) *Draft {
	next := *base
	next.namespaces = base.namespaces.copy()
	next.contents = base.contents.Copy()
	now := clock.UTC().Truncate(time.Microsecond)
	if now.Before(base.at) {
		now = base.at
	}
	return &Draft{next: &next, base: base, owned: make(map[string]*contents), edits: make(map[id]*edit), now: now}
}

// Now returns the time of the change: the same in the whole draft, in microseconds, never before the newest revision.
func (d *Draft) Now() *timestamppb.Timestamp {
	return timestamppb.New(d.now)
}

// NewID returns a random UUID of version 4.
func (d *Draft) NewID() string {
	return uuid.NewString()
}

// Namespace returns the namespace with that key, or nil.
func (d *Draft) Namespace(key string) *storev1.Namespace {
	return d.next.Namespace(key)
}

// Flag returns the flag with that key, or nil.
func (d *Draft) Flag(namespace, key string) *storev1.Flag {
	return d.next.Flag(namespace, key)
}

// Segment returns the segment with that key, or nil.
func (d *Draft) Segment(namespace, key string) *storev1.Segment {
	return d.next.Segment(namespace, key)
}

// Namespaces returns all namespaces. What the draft creates, edits or deletes later does not show in the list.
func (d *Draft) Namespaces() List[*storev1.Namespace] {
	return d.next.namespaces.copy().list()
}

// Flags returns the flags of a namespace. What the draft creates, edits or deletes later does not show in the list.
func (d *Draft) Flags(namespace string) List[*storev1.Flag] {
	if c := d.owned[namespace]; c != nil {
		return c.flags.copy().list()
	}
	return d.next.Flags(namespace)
}

// Segments returns the segments of a namespace. What the draft creates, edits or deletes later does not show in the list.
func (d *Draft) Segments(namespace string) List[*storev1.Segment] {
	if c := d.owned[namespace]; c != nil {
		return c.segments.copy().list()
	}
	return d.next.Segments(namespace)
}

// EditNamespace returns a private clone of a namespace to change in place, the same one for the whole draft, or nil when
// there is none.
func (d *Draft) EditNamespace(key string) *storev1.Namespace {
	return editIn(d, d.next.namespaces, id{key, KindNamespace, key})
}

// EditFlag returns a private clone of a flag to change in place, the same one for the whole draft, or nil when there is
// none. Its default variant is one of its variants, and becomes again the one with its id when the function returns.
func (d *Draft) EditFlag(namespace, key string) *storev1.Flag {
	c := d.open(namespace)
	if c == nil {
		return nil
	}
	return editIn(d, c.flags, id{namespace, KindFlag, key})
}

// EditSegment returns a private clone of a segment to change in place, the same one for the whole draft, or nil when
// there is none.
func (d *Draft) EditSegment(namespace, key string) *storev1.Segment {
	c := d.open(namespace)
	if c == nil {
		return nil
	}
	return editIn(d, c.segments, id{namespace, KindSegment, key})
}

// CreateNamespace adds a namespace and takes ownership of the message, which may be changed until the function returns.
// It gives it its place in the order of creation. The caller has checked that the key is free.
func (d *Draft) CreateNamespace(doc *storev1.Namespace) {
	d.next.created++
	doc.Created = d.next.created
	createIn(d, d.next.namespaces, doc)
	c := newContents()
	d.owned[doc.Namespace.Key] = c
	d.next.contents.Set(doc.Namespace.Key, c)
}

// CreateFlag adds a flag to the namespace that it names, like CreateNamespace.
func (d *Draft) CreateFlag(doc *storev1.Flag) {
	c := d.open(doc.GetFlag().GetNamespaceKey())
	if c == nil {
		panic(fmt.Sprintf("store: %s created where there is no namespace", identify(doc)))
	}
	d.next.created++
	doc.Created = d.next.created
	createIn(d, c.flags, doc)
}

// CreateSegment adds a segment to the namespace that it names, like CreateNamespace.
func (d *Draft) CreateSegment(doc *storev1.Segment) {
	c := d.open(doc.GetSegment().GetNamespaceKey())
	if c == nil {
		panic(fmt.Sprintf("store: %s created where there is no namespace", identify(doc)))
	}
	d.next.created++
	doc.Created = d.next.created
	createIn(d, c.segments, doc)
}

// DeleteNamespace deletes a namespace with everything in it, if it is there.
func (d *Draft) DeleteNamespace(key string) {
	c := d.open(key)
	if c == nil {
		return
	}
	// A copy, since deleting while ranging skips documents.
	for _, flag := range c.flags.keys.Keys() {
		deleteIn(d, c.flags, id{key, KindFlag, flag})
	}
	for _, segment := range c.segments.keys.Keys() {
		deleteIn(d, c.segments, id{key, KindSegment, segment})
	}
	deleteIn(d, d.next.namespaces, id{key, KindNamespace, key})
	d.next.contents.Delete(key)
	delete(d.owned, key)
}

// DeleteFlag deletes a flag, if it is there.
func (d *Draft) DeleteFlag(namespace, key string) {
	if c := d.open(namespace); c != nil {
		deleteIn(d, c.flags, id{namespace, KindFlag, key})
	}
}

// DeleteSegment deletes a segment, if it is there.
func (d *Draft) DeleteSegment(namespace, key string) {
	if c := d.open(namespace); c != nil {
		deleteIn(d, c.segments, id{namespace, KindSegment, key})
	}
}

// Base returns the newest state, as it was before this draft.
func (d *Draft) Base() *State {
	return d.base
}

// Put makes a document what it once was: the one of the change exactly, with its ids, its times and its place in the order of
// creation, or none at all. Whatever has its key now is replaced; a namespace that is taken away goes with everything in
// it. The namespace of a flag or segment must exist.
func (d *Draft) Put(c Change) {
	switch {
	case c.NamespaceDoc != nil:
		putIn(d, d.next.namespaces, c.NamespaceDoc)
		if d.open(c.Key) == nil {
			fresh := newContents()
			d.owned[c.Key] = fresh
			d.next.contents.Set(c.Key, fresh)
		}
	case c.Flag != nil:
		putIn(d, d.mustOpen(c).flags, c.Flag)
	case c.Segment != nil:
		putIn(d, d.mustOpen(c).segments, c.Segment)
	case c.Kind == KindNamespace:
		d.DeleteNamespace(c.Key)
	case c.Kind == KindFlag:
		d.DeleteFlag(c.Namespace, c.Key)
	case c.Kind == KindSegment:
		d.DeleteSegment(c.Namespace, c.Key)
	}
}

func (d *Draft) mustOpen(c Change) *contents {
	contents := d.open(c.Namespace)
	if contents == nil {
		panic(fmt.Sprintf("store: %s put where there is no namespace", id{c.Namespace, c.Kind, c.Key}))
	}
	return contents
}

func putIn[D document](d *Draft, t table[D], doc D) {
	i := identify(doc)
	found, exists := t.keys.Get(i.key)
	e := d.edits[i]
	if e == nil {
		e = new(edit)
		if exists {
			e.before, e.size, e.revision = found.doc, found.size, found.revision
		}
		d.edits[i] = e
	}
	if exists {
		t.remove(i.key, found.doc.GetCreated())
	}
	clone := proto.CloneOf(doc)
	if f, ok := any(clone).(*storev1.Flag); ok {
		link(f)
	}
	e.after, e.created = clone, clone.GetCreated()
	t.set(clone, 0, 0)
}

// open returns the contents of a namespace for writing, or nil when there is none.
func (d *Draft) open(namespace string) *contents {
	if c := d.owned[namespace]; c != nil {
		return c
	}
	shared, ok := d.next.contents.Get(namespace)
	if !ok {
		return nil
	}
	c := &contents{revision: shared.revision, flags: shared.flags.copy(), segments: shared.segments.copy()}
	d.owned[namespace] = c
	d.next.contents.Set(namespace, c)
	return c
}

func editIn[D document](d *Draft, t table[D], i id) D {
	var none D
	if e := d.edits[i]; e != nil {
		if e.after == nil {
			return none
		}
		return e.after.(D)
	}
	found, ok := t.keys.Get(i.key)
	if !ok {
		return none
	}
	clone := proto.CloneOf(found.doc)
	if f, ok := any(clone).(*storev1.Flag); ok {
		link(f)
	}
	d.edits[i] = &edit{before: found.doc, after: clone, created: clone.GetCreated(), size: found.size, revision: found.revision}
	t.set(clone, 0, 0)
	return clone
}

func createIn[D document](d *Draft, t table[D], doc D) {
	i := identify(doc)
	if _, taken := t.keys.Get(i.key); taken || i.key == "" {
		panic(fmt.Sprintf("store: %s created with a key that is not free", i))
	}
	e := d.edits[i]
	if e == nil {
		e = new(edit)
		d.edits[i] = e
	}
	e.after, e.created = doc, doc.GetCreated()
	t.set(doc, 0, 0)
}

func deleteIn[D document](d *Draft, t table[D], i id) {
	found, ok := t.keys.Get(i.key)
	if !ok {
		return
	}
	e := d.edits[i]
	switch {
	case e == nil:
		d.edits[i] = &edit{before: found.doc, size: found.size, revision: found.revision}
		t.remove(i.key, found.doc.GetCreated())
	case e.before == nil:
		delete(d.edits, i)
		t.remove(i.key, e.created)
	default:
		e.after = nil
		t.remove(i.key, e.created)
	}
}
