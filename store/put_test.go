package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/store"
)

// TestPut brings random states of the past back, whole and in parts, by Put alone.
func TestPut(t *testing.T) {
	t.Parallel()
	c := newChronicle(2)
	path := t.TempDir() + "/burgee.db"
	db := open(t, c.settings(path))
	c.note(t, db)
	for range 300 {
		c.edit(t, db)
	}
	for n := range 60 {
		revision := 1 + c.r.Uint64N(c.newest())
		if n == 59 {
			revision = 1 // all of it
		}
		past, _, err := db.At(t.Context(), revision)
		must(t, err)
		change(t, db, func(d *store.Draft) {
			if n%3 == 1 { // what the draft did before does not matter
				for range 6 {
					c.step(d)
				}
			}
			restore(d, past)
			if n%3 == 2 { // neither does doing it twice
				restore(d, past)
			}
		})
		c.note(t, db)
		now, _ := db.View()
		if got, want := shape(now), shape(past); got != want {
			t.Fatalf("revision %d was brought back as\n%s\nit was\n%s", revision, got, want)
		}
		for range 3 {
			c.edit(t, db)
		}
	}
	c.holds(t, db, 1, 100)
	c.follows(t, db, 1)
	must(t, db.Close())
	if report, err := store.Verify(t.Context(), path, nil); err != nil || report.Revisions != int64(c.newest()) {
		t.Errorf("report = %+v, %v", report, err)
	}
	c.holds(t, open(t, c.settings(path)), 1, 100)
}

// restore makes a draft what a state is.
func restore(d *store.Draft, past *store.State) {
	now := documentNames(d)
	for namespace := range past.Namespaces().All() {
		key := namespace.Namespace.Key
		d.Put(put(past, key, store.KindNamespace, key))
		for f := range past.Flags(key).All() {
			d.Put(put(past, key, store.KindFlag, f.Flag.Key))
		}
		for g := range past.Segments(key).All() {
			d.Put(put(past, key, store.KindSegment, g.Segment.Key))
		}
	}
	for _, name := range now {
		p := strings.Split(name, "/")
		if c := put(past, p[0], store.Kind(p[1]), p[2]); c.NamespaceDoc == nil && c.Flag == nil && c.Segment == nil {
			d.Put(c)
		}
	}
}

func documentNames(d *store.Draft) (names []string) {
	for n := range d.Namespaces().All() {
		key := n.Namespace.Key
		for f := range d.Flags(key).All() {
			names = append(names, named(key, store.KindFlag, f.Flag.Key))
		}
		for g := range d.Segments(key).All() {
			names = append(names, named(key, store.KindSegment, g.Segment.Key))
		}
		names = append(names, named(key, store.KindNamespace, key))
	}
	return names
}

// shape is a state as text without what belongs to its revision: bodies and order of all lists.
func shape(s *store.State) string {
	var b strings.Builder
	for n := range s.Namespaces().All() {
		fmt.Fprintf(&b, "namespace %x\n", encoded(n))
		for g := range s.Segments(n.Namespace.Key).All() {
			fmt.Fprintf(&b, "segment %x %v\n", encoded(g), s.Segment(n.Namespace.Key, g.Segment.Key) == g)
		}
		for f := range s.Flags(n.Namespace.Key).All() {
			fmt.Fprintf(&b, "flag %x %v %v\n", encoded(f), s.Flag(n.Namespace.Key, f.Flag.Key) == f, f.Flag.DefaultVariant == f.Flag.Variants[1])
		}
	}
	return b.String()
}

func TestPutInADraft(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })
	old, _ := db.View()
	change(t, db, func(d *store.Draft) { d.EditFlag("default", "a").Flag.Name = "A" })
	now, _ := db.View()

	// What is there already makes no revision.
	if p := change(t, db, func(d *store.Draft) { d.Put(put(now, "default", store.KindFlag, "a")) }); p != now.Position() {
		t.Errorf("putting what is there leads to %v", p)
	}
	if p := change(t, db, func(d *store.Draft) { d.Put(put(now, "default", store.KindFlag, "absent")) }); p != now.Position() {
		t.Errorf("putting nothing where nothing is leads to %v", p)
	}
	s, _ := db.View()
	if s.Flag("default", "a") != now.Flag("default", "a") || s.DocumentRevision("default", store.KindFlag, "a") != 3 {
		t.Error("an unchanged flag is another one")
	}
	change(t, db, func(d *store.Draft) {
		if d.Base() != now {
			panic("the base is another state")
		}
		d.Put(put(old, "default", store.KindFlag, "a"))
		f := d.EditFlag("default", "a")
		if f.Flag.Name != "a" || f == old.Flag("default", "a") || d.Flag("default", "a") != f {
			panic("what was put cannot be edited")
		}
		f.Flag.Description = "put and edited"
		if d.Base().Flag("default", "a").Flag.Name != "A" {
			panic("the base was changed")
		}
	})
	s, _ = db.View()
	if f := s.Flag("default", "a").Flag; f.Name != "a" || f.Description != "put and edited" || old.Flag("default", "a").Flag.Description != "" {
		t.Errorf("flag = %v", f)
	}
	if got := s.DocumentRevision("default", store.KindFlag, "a"); got != 4 {
		t.Errorf("it was made by revision %d, want 4", got)
	}
	_, _, err := update(db, func(d *store.Draft) {
		d.Put(store.Change{Namespace: "nowhere", Kind: store.KindFlag, Key: "a", Flag: newFlag("nowhere", "a")})
	})
	if err == nil || !strings.Contains(err.Error(), `flag "nowhere/a" put where there is no namespace`) {
		t.Errorf("into no namespace: %v", err)
	}
}

func TestDocumentRevision(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/burgee.db"
	db := open(t, store.Settings{Path: path})
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")); d.CreateSegment(segment("default", "a")) })
	change(t, db, func(d *store.Draft) { d.EditFlag("default", "a").Flag.Name = "A" })
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "gone")) })
	change(t, db, func(d *store.Draft) { d.DeleteFlag("default", "gone") })
	check := func(s *store.State) {
		for _, want := range []struct {
			kind     store.Kind
			key      string
			revision uint64
		}{{store.KindNamespace, "default", 1}, {store.KindFlag, "a", 3}, {store.KindSegment, "a", 2}, {store.KindFlag, "gone", 0}, {store.KindSegment, "x", 0}} {
			if got := s.DocumentRevision("default", want.kind, want.key); got != want.revision {
				t.Errorf("%s %s is of revision %d, want %d", want.kind, want.key, got, want.revision)
			}
		}
		if s.DocumentRevision("nowhere", store.KindFlag, "a") != 0 || s.DocumentRevision("nowhere", store.KindNamespace, "nowhere") != 0 {
			t.Error("what does not exist has a revision")
		}
	}
	s, _ := db.View()
	check(s)
	must(t, db.Close())
	s, _ = open(t, store.Settings{Path: path}).View()
	check(s)
}

func TestAside(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/burgee.db"
	db := open(t, store.Settings{Path: path})
	nothing := func() error { return nil }
	const write = `INSERT INTO counting (since) VALUES (5)`
	errNot := errors.New("not like this")
	if err := db.Aside(t.Context(), func() error { return errNot }, write); !errors.Is(err, errNot) {
		t.Errorf("an error comes back as %v", err)
	}
	if err := db.Aside(t.Context(), func() error { panic("it went wrong") }, write); err == nil || !strings.Contains(err.Error(), "panic: it went wrong") {
		t.Errorf("a panic comes back as %v", err)
	}
	// Neither left anything, nor a transaction that is open.
	change(t, db, func(d *store.Draft) {
		if got, err := db.Text(`SELECT count(*) FROM counting`); got != "0" || err != nil {
			t.Errorf("%s rows are left, %v", got, err)
		}
		d.CreateFlag(newFlag("default", "a"))
	})
	must(t, db.Aside(t.Context(), nothing, write))
	if got, err := store.RawText(path, `SELECT since FROM counting`); got != "5" || err != nil {
		t.Errorf("the row is %q, %v", got, err)
	}
	if s, _ := db.View(); s.Position().Revision != 2 {
		t.Errorf("it made a revision: %v", s.Position())
	}
	must(t, db.Close())
	if err := db.Aside(t.Context(), nothing, write); !errors.Is(err, store.ErrClosed) {
		t.Errorf("of a closed database: %v", err)
	}
}
