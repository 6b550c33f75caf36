package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/store"
)

// chronicle is what tests know of a history: they wrote it down when it happened.
type chronicle struct {
	r *rand.Rand
	// now is what the clock of the database tells. It jumps, also back.
	now time.Time
	// told holds each revision, the first at index 1.
	told []account
}

// account is one revision.
type account struct {
	position store.Position
	at       time.Time
	// picture is the state with everything that can be asked of it.
	picture string
	// documents are the bodies by "namespace/kind/key".
	documents map[string]string
}

func newChronicle(seed uint64) *chronicle {
	return &chronicle{r: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2036, 3, 1, 0, 0, 0, 0, time.UTC), told: make([]account, 1)}
}

func (c *chronicle) settings(path string) store.Settings {
	return store.Settings{Path: path, Clock: func() time.Time { return c.now }}
}

// note writes the newest state down, if it is new.
func (c *chronicle) note(t testing.TB, db *store.DB[derived]) {
	t.Helper()
	s, _ := db.View()
	switch want := s.Position().Revision; {
	case want == uint64(len(c.told)):
		c.told = append(c.told, account{s.Position(), s.At(), picture(s), documents(s)})
	case want > uint64(len(c.told)):
		t.Fatalf("the chronicle ends before revision %d, the state is at %d", len(c.told), want)
	}
}

func (c *chronicle) newest() uint64 { return uint64(len(c.told) - 1) }

// edit makes a random change and writes it down.
func (c *chronicle) edit(t testing.TB, db *store.DB[derived]) {
	t.Helper()
	c.now = c.now.Add([]time.Duration{0, time.Second, time.Hour, -time.Minute}[c.r.IntN(4)])
	steps := 1
	if c.r.IntN(8) == 0 {
		steps = 2 + c.r.IntN(12) // a batch
	}
	change(t, db, func(d *store.Draft) {
		for range steps {
			c.step(d)
		}
	})
	c.note(t, db)
}

// step does one thing to a random document.
func (c *chronicle) step(d *store.Draft) {
	space, key := []string{"default", "n1", "n2", "n3"}[c.r.IntN(4)], fmt.Sprint("k", c.r.IntN(9))
	text := fmt.Sprint("text ", c.r.IntN(1<<30))
	if d.Namespace(space) == nil {
		d.CreateNamespace(namespace(space))
		return
	}
	switch n := c.r.IntN(100); {
	case n < 2 && space != "default":
		d.DeleteNamespace(space)
	case n < 6:
		d.EditNamespace(space).Namespace.Description = text
	case n < 18:
		d.DeleteFlag(space, key)
	case n < 24:
		d.DeleteSegment(space, key)
	case n < 45:
		if g := d.EditSegment(space, key); g != nil {
			g.Segment.Description = text
			return
		}
		d.CreateSegment(segment(space, key))
	default:
		if f := d.EditFlag(space, key); f != nil {
			f.Flag.Description = text
			return
		}
		d.CreateFlag(newFlag(space, key))
	}
}

// picture returns a state as text: bodies, order of the lists, revisions and time.
func picture(s *store.State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%v\n", dump(s), s.At())
	for n := range s.Namespaces().All() {
		key := n.Namespace.Key
		fmt.Fprintf(&b, "%s %d\n", key, s.DocumentRevision(key, store.KindNamespace, key))
		for g := range s.Segments(key).All() {
			fmt.Fprintf(&b, "%s %d\n", g.Segment.Key, s.DocumentRevision(key, store.KindSegment, g.Segment.Key))
		}
		for f := range s.Flags(key).All() {
			fmt.Fprintf(&b, "%s %d %v\n", f.Flag.Key, s.DocumentRevision(key, store.KindFlag, f.Flag.Key), f.Flag.DefaultVariant == f.Flag.Variants[1])
		}
	}
	return b.String()
}

func documents(s *store.State) map[string]string {
	all := make(map[string]string)
	for n := range s.Namespaces().All() {
		key := n.Namespace.Key
		all[named(key, store.KindNamespace, key)] = string(encoded(n))
		for g := range s.Segments(key).All() {
			all[named(key, store.KindSegment, g.Segment.Key)] = string(encoded(g))
		}
		for f := range s.Flags(key).All() {
			all[named(key, store.KindFlag, f.Flag.Key)] = string(encoded(f))
		}
	}
	return all
}

func named(namespace string, kind store.Kind, key string) string {
	return fmt.Sprintf("%s/%s/%s", namespace, kind, key)
}

// bodyOf returns the body of a change, empty when the document was deleted.
func bodyOf(c store.Change) string {
	for _, doc := range []proto.Message{c.NamespaceDoc, c.Flag, c.Segment} {
		if doc.ProtoReflect().IsValid() {
			return string(encoded(doc))
		}
	}
	return ""
}

// put returns the change that makes a document what it is in a state.
func put(s *store.State, namespace string, kind store.Kind, key string) store.Change {
	c := store.Change{Namespace: namespace, Kind: kind, Key: key}
	switch kind {
	case store.KindNamespace:
		c.NamespaceDoc = s.Namespace(key)
	case store.KindFlag:
		c.Flag = s.Flag(namespace, key)
	case store.KindSegment:
		c.Segment = s.Segment(namespace, key)
	}
	return c
}

// changed returns the names of the documents that a revision changed, in order.
func (c *chronicle) changed(revision uint64) []string {
	before, after := c.told[revision-1].documents, c.told[revision].documents
	var names []string
	for name, body := range after {
		if before[name] != body {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// tell makes a number of random edits of the database at path, with a restore to another path in between, and returns the
// path where the closed database lies then.
func (c *chronicle) tell(t testing.TB, edits int) string {
	t.Helper()
	path := t.TempDir() + "/first.db"
	db := open(t, c.settings(path))
	c.note(t, db)
	for range edits / 2 {
		c.edit(t, db)
	}
	must(t, db.Close())
	next := t.TempDir() + "/burgee.db"
	_, err := store.Restore(t.Context(), path, next, store.RestoreOptions{})
	must(t, err)
	db = open(t, c.settings(next))
	c.note(t, db)
	for range edits - edits/2 {
		c.edit(t, db)
	}
	must(t, db.Close())
	return next
}

// holds checks that a database tells the states from a revision on as they were: all, or that one and some others.
func (c *chronicle) holds(t testing.TB, db *store.DB[derived], base uint64, some int) {
	t.Helper()
	revisions := c.r.Perm(int(c.newest() - base + 1))
	if some < len(revisions) {
		revisions = append(revisions[:some], 0)
	}
	for _, revision := range revisions {
		want := c.told[base+uint64(revision)]
		s, built, err := db.At(t.Context(), want.position.Revision)
		must(t, err)
		if got := picture(s); got != want.picture {
			t.Fatalf("revision %d is told as\n%s\nit was\n%s", want.position.Revision, got, want.picture)
		}
		if len(built) < len(want.documents) {
			t.Fatalf("derive was told of %d documents of %d", len(built), len(want.documents))
		}
	}
}

// follows checks that Changes tells everything after a revision, and returns how many revisions that were.
func (c *chronicle) follows(t testing.TB, db *store.DB[derived], revision uint64) int {
	t.Helper()
	documents := maps.Clone(c.told[revision].documents)
	n := 0
	for r, err := range db.Changes(t.Context(), c.told[revision].position) {
		must(t, err)
		n++
		want := c.told[revision+uint64(n)]
		if r.Position != want.position || !r.Said.At.AsTime().Equal(want.at) {
			t.Fatalf("after revision %d, as number %d, comes %v, want %v", revision, n, r.Position, want.position)
		}
		var names []string
		for _, ch := range r.Changes {
			name := named(ch.Namespace, ch.Kind, ch.Key)
			names = append(names, name)
			if body := bodyOf(ch); body != "" {
				documents[name] = body
			} else {
				delete(documents, name)
			}
		}
		if !maps.Equal(documents, want.documents) {
			t.Fatalf("revision %d leads to other documents", r.Position.Revision)
		}
		if !slices.IsSorted(names) {
			t.Fatalf("revision %d has its changes in the order %q", r.Position.Revision, names)
		}
	}
	if want := int(c.newest() - revision); n != want {
		t.Fatalf("after revision %d come %d, want %d", revision, n, want)
	}
	return n
}
