package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burgeehq/burgee/store"
)

// TestHistory makes 1,000 random edits, with a restore in the middle, and asks for all that was.
func TestHistory(t *testing.T) {
	t.Parallel()
	c := newChronicle(1)
	path := c.tell(t, 1000)
	if c.newest() < 900 {
		t.Fatalf("only %d revisions were made", c.newest())
	}
	db := open(t, c.settings(path))
	c.holds(t, db, 1, 1000/(crashShare*crashShare))
	for range 20 {
		c.follows(t, db, 1+c.r.Uint64N(c.newest()))
	}
	c.follows(t, db, 1)
	c.follows(t, db, c.newest())
	t.Run("positions that it does not have", func(t *testing.T) { c.foreign(t, db) })
	t.Run("times", func(t *testing.T) { c.times(t, db, 1) })
	t.Run("revisions", func(t *testing.T) { c.revisions(t, db, 1) })
	t.Run("pages", func(t *testing.T) { c.pages(t, db, 1) })
	must(t, db.Close())
	db = open(t, c.settings(path))
	db.SetScan(13, 29)
	t.Run("pages of bounded calls", func(t *testing.T) { c.pages(t, db, 1) })
}

// foreign asks for what came after positions of other histories, and for states that never were.
func (c *chronicle) foreign(t *testing.T, db *store.DB[derived]) {
	first, newest := c.told[1].position, c.told[c.newest()].position
	for _, p := range []store.Position{
		{}, {Epoch: first.Epoch}, {Epoch: newest.Epoch, Revision: 1}, {Epoch: first.Epoch, Revision: newest.Revision},
		{Epoch: newest.Epoch, Revision: newest.Revision + 1}, {Epoch: "0123456789abcdef", Revision: 5},
	} {
		n := 0
		for r, err := range db.Changes(t.Context(), p) {
			n++
			if !errors.Is(err, store.ErrNoRevision) {
				t.Errorf("after %v comes %v, %v, want ErrNoRevision", p, r.Position, err)
			}
		}
		if n != 1 {
			t.Errorf("after %v come %d", p, n)
		}
	}
	for _, revision := range []uint64{0, newest.Revision + 1, 1 << 63} {
		if _, _, err := db.At(t.Context(), revision); !errors.Is(err, store.ErrNoRevision) {
			t.Errorf("At(%d): %v, want ErrNoRevision", revision, err)
		}
		if _, err := db.Revision(t.Context(), revision); !errors.Is(err, store.ErrNoRevision) {
			t.Errorf("Revision(%d): %v, want ErrNoRevision", revision, err)
		}
	}
	// The position of the newest revision before the restore goes on into the new epoch.
	last := slices.IndexFunc(c.told[1:], func(a account) bool { return a.position.Epoch == newest.Epoch })
	c.follows(t, db, uint64(last))
	for r := range db.Changes(t.Context(), c.told[last].position) {
		if r.Position.Epoch != newest.Epoch || r.Said.Method != "restore" || len(r.Changes) != 0 {
			t.Errorf("the restore is told as %v, %v", r.Position, r.Said)
		}
		break
	}
}

// times asks which revision was the newest one at each time that there was, and around it.
func (c *chronicle) times(t *testing.T, db *store.DB[derived], base uint64) {
	for revision := base; revision <= c.newest(); revision += 1 + c.r.Uint64N(9) {
		for _, at := range []time.Time{c.told[revision].at, c.told[revision].at.Add(time.Microsecond), c.told[revision].at.Add(-time.Nanosecond)} {
			want := uint64(0)
			for n := base; n <= c.newest() && !c.told[n].at.After(at); n++ {
				want = n
			}
			got, err := db.RevisionAt(t.Context(), at)
			if got != want || (want == 0) != errors.Is(err, store.ErrNoRevision) {
				t.Fatalf("at %v it was revision %d, %v, want %d", at, got, err, want)
			}
		}
	}
	if got, err := db.RevisionAt(t.Context(), c.told[base].at.Add(-time.Hour)); !errors.Is(err, store.ErrNoRevision) {
		t.Errorf("before the history it was revision %d, %v", got, err)
	}
}

// revisions asks for single revisions with what was before.
func (c *chronicle) revisions(t *testing.T, db *store.DB[derived], base uint64) {
	for revision := base + 1; revision <= c.newest(); revision += 1 + c.r.Uint64N(5) {
		told, err := db.Revision(t.Context(), revision)
		must(t, err)
		want := c.changed(revision)
		if told.Position != c.told[revision].position || len(told.Changes) != len(want) || len(told.Before) != len(want) {
			t.Fatalf("revision %d is told as %v with %d and %d documents, want %q", revision, told.Position, len(told.Before), len(told.Changes), want)
		}
		for n, name := range want {
			before, after := told.Before[n], told.Changes[n]
			if named(after.Namespace, after.Kind, after.Key) != name || named(before.Namespace, before.Kind, before.Key) != name {
				t.Errorf("revision %d changed %v, want %s", revision, after, name)
			}
			if bodyOf(before) != c.told[revision-1].documents[name] || bodyOf(after) != c.told[revision].documents[name] {
				t.Errorf("revision %d has another %s before or after", revision, name)
			}
		}
	}
}

// pages lists revisions through all filters and compares them with the chronicle.
func (c *chronicle) pages(t *testing.T, db *store.DB[derived], base uint64) {
	middle := c.told[(base+c.newest())/2].at
	queries := []store.Query{
		{Limit: 1000000}, {Limit: 7}, {Namespace: "n1", Limit: 50}, {Namespace: "n1", Kind: store.KindFlag, Limit: 11},
		{Namespace: "n2", Kind: store.KindFlag, Key: "k3", Limit: 3}, {Kind: store.KindNamespace, Limit: 10}, {Key: "k5", Limit: 100},
		{Kind: store.KindSegment, Key: "k1", Limit: 100}, {Namespace: "nowhere", Limit: 10}, {Author: "ann", Limit: 100}, {Author: "bob", Limit: 9},
		{Method: "test", Limit: 100}, {Method: "restore", Limit: 4}, {Method: "fold", Limit: 2}, {From: middle, Limit: 50}, {To: middle, Limit: 50},
		{From: middle, To: middle.Add(10 * time.Hour), Limit: 5}, {To: c.told[base].at, Limit: 5}, {Before: base + 10, Limit: 3},
		{Namespace: "n3", From: middle, Author: "ann", Limit: 4}, {From: middle.Add(1e6 * time.Hour), Limit: 5},
	}
	for _, q := range queries {
		var got, want []uint64
		name := fmt.Sprintf("%+v", q)
		before := q.Before
		for revision := c.newest(); revision >= base; revision-- {
			if (before == 0 || revision < before) && c.passes(q, revision) {
				want = append(want, revision)
			}
		}
		for {
			page, err := db.History(t.Context(), q)
			must(t, err)
			if len(page.Revisions) > q.Limit || page.Oldest != base {
				t.Fatalf("%s: a page of %d, the oldest is %d", name, len(page.Revisions), page.Oldest)
			}
			for _, s := range page.Revisions {
				got = append(got, s.Position.Revision)
				c.summary(t, s, base)
			}
			if page.Next == 0 {
				break
			}
			q.Before = page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// passes reports whether a revision passes the filters of a query.
func (c *chronicle) passes(q store.Query, revision uint64) bool {
	a := c.told[revision]
	author, method := "ann", "test"
	switch {
	case revision == 1:
		author, method = "", "init"
	case a.position.Epoch != c.told[revision-1].position.Epoch:
		author, method = "", "restore"
	case len(c.changed(revision)) == 0:
		method = "fold"
	}
	if q.Author != "" && q.Author != author || q.Method != "" && q.Method != method {
		return false
	}
	if !q.From.IsZero() && a.at.Before(q.From) || !q.To.IsZero() && !a.at.Before(q.To) {
		return false
	}
	if q.Namespace == "" && q.Kind == "" && q.Key == "" {
		return true
	}
	return slices.ContainsFunc(c.changed(revision), func(name string) bool {
		p := strings.Split(name, "/")
		return (q.Namespace == "" || p[0] == q.Namespace) && (q.Kind == "" || p[1] == string(q.Kind)) && (q.Key == "" || p[2] == q.Key)
	})
}

// summary checks what a page says of a revision.
func (c *chronicle) summary(t *testing.T, s store.Summary, base uint64) {
	t.Helper()
	revision := s.Position.Revision
	want := c.changed(revision)
	if s.Position != c.told[revision].position || s.Total != len(want) || len(s.Touched) != min(len(want), 100) || !s.Said.At.AsTime().Equal(c.told[revision].at) {
		t.Fatalf("revision %d is listed as %+v, want %q", revision, s, want)
	}
	for n, touched := range s.Touched {
		_, before := c.told[revision-1].documents[want[n]]
		_, after := c.told[revision].documents[want[n]]
		action := store.Deleted
		switch {
		case after && revision == base && base > 1:
			action = 0
		case after && before:
			action = store.Updated
		case after:
			action = store.Created
		}
		if named(touched.Namespace, touched.Kind, touched.Key) != want[n] || touched.Action != action {
			t.Errorf("revision %d touched %+v, want %s and action %d", revision, touched, want[n], action)
		}
	}
}

func TestParsePosition(t *testing.T) {
	t.Parallel()
	good := store.Position{Epoch: "0123456789abcdef", Revision: 18446744073709551615}
	if got, err := store.ParsePosition(good.String()); got != good || err != nil {
		t.Errorf("%v is read as %v, %v", good, got, err)
	}
	for _, text := range []string{"", "-", "0123456789abcdef", "0123456789abcdef-", "0123456789abcdef-x", "0123456789abcdef--1", "0123456789ABCDEF-1",
		"0123456789abcde-1", "0123456789abcdef0-1", "0123456789abcdeg-1", "0123456789abcdef-18446744073709551616", "0123456789abcdef-1 "} {
		if got, err := store.ParsePosition(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// TestManyTouched lists a revision that changed more documents than a summary holds.
func TestManyTouched(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	change(t, db, func(d *store.Draft) {
		for n := range 250 {
			d.CreateFlag(newFlag("default", fmt.Sprintf("f%03d", n)))
		}
	})
	page, err := db.History(t.Context(), store.Query{Limit: 1})
	must(t, err)
	s := page.Revisions[0]
	if s.Total != 250 || len(s.Touched) != 100 || s.Touched[99].Key != "f099" || page.Next != 2 {
		t.Errorf("%d of %d documents, the last %v; next %d", len(s.Touched), s.Total, s.Touched[99], page.Next)
	}
}

// TestChangesWhileWriting follows a history that grows while it is read.
func TestChangesWhileWriting(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	s, _, replaced := db.Watch()
	last := s.Position()
	const revisions = 300
	go func() {
		for n := range revisions {
			if _, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) }); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for last.Revision < revisions+1 {
		<-replaced
		_, _, replaced = db.Watch() // before the changes are read, so that none goes unnoticed
		for r, err := range db.Changes(t.Context(), last) {
			must(t, err)
			if r.Position.Revision != last.Revision+1 || len(r.Changes) != 1 || r.Changes[0].Key != fmt.Sprint("f", last.Revision-1) {
				t.Fatalf("after %v comes %v with %v", last, r.Position, r.Changes)
			}
			last = r.Position
		}
	}
	if s, _, replaced := db.Watch(); s.Position() != last {
		t.Errorf("the newest state is %v, the last change was %v", s.Position(), last)
	} else {
		select {
		case <-replaced:
			t.Error("the newest state was replaced")
		default:
		}
	}
}

// TestPastContexts asks for one state many times at once, some of them with a context that ends.
func TestPastContexts(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	change(t, db, func(d *store.Draft) {
		for n := range 500 {
			d.CreateFlag(newFlag("default", fmt.Sprint("f", n)))
		}
	})
	for n := range 30 {
		change(t, db, func(d *store.Draft) { d.EditFlag("default", "f1").Flag.Name = fmt.Sprint(n) })
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for revision := uint64(2); revision < 30; revision++ {
		answers := make(chan error, 8)
		for n := range 8 {
			go func() {
				ctx := t.Context()
				if n%2 == 0 {
					ctx = ended
				}
				s, _, err := db.At(ctx, revision)
				switch {
				case err == nil && s.Position().Revision != revision:
					err = fmt.Errorf("the state of revision %d", s.Position().Revision)
				case n%2 == 0 && errors.Is(err, context.Canceled):
					err = nil
				}
				answers <- err
			}()
		}
		for range 8 {
			if err := <-answers; err != nil {
				t.Errorf("revision %d: %v", revision, err)
			}
		}
	}
	must(t, db.Close())
	if _, _, err := db.At(t.Context(), 3); !errors.Is(err, store.ErrClosed) {
		t.Errorf("of a closed database: %v", err)
	}
	if _, err := db.History(t.Context(), store.Query{Limit: 3}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("of a closed database: %v", err)
	}
}

// TestDeriveOfThePast asks for a state that derive refuses, or at which it panics.
func TestDeriveOfThePast(t *testing.T) {
	t.Parallel()
	calls := 0
	db, err := store.Open(t.Context(), store.Settings{Path: t.TempDir() + "/burgee.db"}, func(_ int, s *store.State, _ []store.Change) (int, error) {
		if calls++; calls > 3 {
			panic("it went wrong")
		}
		return 0, nil
	})
	must(t, err)
	defer db.Close()
	for range 2 {
		_, _, err = store.Update(t.Context(), db, store.Author{}, func(d *store.Draft) (int, error) {
			d.CreateFlag(newFlag("default", d.NewID()))
			return 0, nil
		})
		must(t, err)
	}
	for range 2 {
		if _, _, err := db.At(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "panic: it went wrong") {
			t.Errorf("At = %v", err)
		}
	}
}
