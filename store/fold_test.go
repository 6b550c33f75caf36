package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/burgeehq/burgee/store"
)

// fold folds a history that a chronicle knows, and checks all that is told then.
func (c *chronicle) fold(t testing.TB, db *store.DB[derived], base uint64) {
	t.Helper()
	for _, revision := range []uint64{base - 1, base} { // so that they are in memory
		if _, _, err := db.At(t.Context(), revision); err != nil {
			t.Fatal(err)
		}
	}
	position, err := db.Fold(t.Context(), store.Author{Name: "ann", Comment: "too long"}, base)
	must(t, err)
	c.note(t, db)
	if position != c.told[c.newest()].position {
		t.Errorf("the fold is %v, the newest revision %v", position, c.told[c.newest()].position)
	}
	for r, err := range db.Changes(t.Context(), c.told[c.newest()-1].position) {
		must(t, err)
		if r.Said.Method != "fold" || r.Said.Author != "ann" || r.Said.Fold.GetBase() != base || len(r.Said.Fold.GetDigest()) != 32 || len(r.Changes) != 0 {
			t.Errorf("the fold is told as %v with %d changes", r.Said, len(r.Changes))
		}
	}
	c.folded(t, db, base)
}

// folded checks that all is told from a base on, and nothing before.
func (c *chronicle) folded(t testing.TB, db *store.DB[derived], base uint64) {
	t.Helper()
	c.holds(t, db, base, 40/crashShare)
	c.follows(t, db, base)
	c.follows(t, db, base+c.r.Uint64N(c.newest()-base))
	for _, revision := range []uint64{1, base - 1, base / 2} {
		if _, _, err := db.At(t.Context(), revision); !errors.Is(err, store.ErrNoRevision) {
			t.Errorf("At(%d) = %v, want ErrNoRevision", revision, err)
		}
		if _, err := db.Revision(t.Context(), revision); !errors.Is(err, store.ErrNoRevision) {
			t.Errorf("Revision(%d) = %v, want ErrNoRevision", revision, err)
		}
		for _, err := range db.Changes(t.Context(), c.told[revision].position) {
			if !errors.Is(err, store.ErrNoRevision) {
				t.Errorf("after revision %d: %v, want ErrNoRevision", revision, err)
			}
		}
	}
	if _, err := db.Revision(t.Context(), base); !errors.Is(err, store.ErrNoRevision) {
		t.Errorf("Revision(%d) = %v, want ErrNoRevision", base, err)
	}
	if at := c.told[base-1].at; at.Before(c.told[base].at) {
		if _, err := db.RevisionAt(t.Context(), at); !errors.Is(err, store.ErrNoRevision) {
			t.Errorf("the revision of %v: %v, want ErrNoRevision", at, err)
		}
	}
}

// left returns how many changes and revisions a fold into a base leaves, by the chronicle. Of the changes these are: all from
// base on, the newest of each document at the base, and of a namespace a deletion if its revision is that.
func (c *chronicle) left(base uint64) (changes, revisions int64) {
	kept := make(map[uint64]bool)
	for revision := base; revision <= c.newest(); revision++ {
		changes += int64(len(c.changed(revision)))
		kept[revision] = true
	}
	newest := make(map[string]uint64)      // of each document
	ofNamespace := make(map[string]uint64) // the newest that changed anything in it
	for revision := uint64(1); revision <= base; revision++ {
		for _, name := range c.changed(revision) {
			newest[name] = revision
			ofNamespace[strings.Split(name, "/")[0]] = revision
		}
	}
	told := make(map[string]bool) // namespaces whose revision a document tells
	for name := range c.told[base].documents {
		space := strings.Split(name, "/")[0]
		if newest[name] == ofNamespace[space] {
			told[space] = true
		}
		if newest[name] < base {
			changes++
			kept[newest[name]] = true
		}
	}
	for space, revision := range ofNamespace {
		if _, exists := c.told[base].documents[named(space, store.KindNamespace, space)]; exists && !told[space] && revision < base {
			changes++
			kept[revision] = true
		}
	}
	return changes, int64(len(kept))
}

// verifies checks a database that is closed or at rest.
func (c *chronicle) verifies(t testing.TB, path string, base uint64) {
	t.Helper()
	report, err := store.Verify(t.Context(), path, nil)
	must(t, err)
	changes, revisions := c.left(base)
	if report.Base != base || report.Changes != changes || report.Revisions != revisions || report.Position != c.told[c.newest()].position {
		t.Errorf("report = %+v, want base %d with %d changes of %d revisions", report, base, changes, revisions)
	}
	if surplus, err := store.RawText(path, `SELECT surplus FROM base`); err != nil || surplus != "0" {
		t.Errorf("%s rows are still to be deleted, %v", surplus, err)
	}
}

// TestFold folds a history again and again, with edits, restarts, backups and restores in between.
func TestFold(t *testing.T) {
	t.Parallel()
	c := newChronicle(3)
	path := c.tell(t, 600)
	db := open(t, c.settings(path))
	for n, base := range []uint64{2, 40, 41, 250, 310, 500} {
		c.fold(t, db, base)
		c.verifies(t, path, base)
		if n%2 == 1 {
			c.pages(t, db, base)
			c.revisions(t, db, base)
			c.times(t, db, base)
		}
		for _, wrong := range []uint64{0, 1, base, c.newest(), c.newest() + 5} {
			position, err := db.Fold(t.Context(), store.Author{}, wrong)
			if !errors.Is(err, store.ErrBase) || position != (store.Position{}) || strings.Contains(err.Error(), "\n") {
				t.Errorf("into revision %d: %v, %v, want ErrBase", wrong, position, err)
			}
		}
		for range 10 {
			c.edit(t, db)
		}
		must(t, db.Close())
		c.verifies(t, path, base)
		if n%2 == 1 { // goes on from a backup
			backup, next := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "burgee.db")
			_, err := store.Backup(t.Context(), path, backup, store.BackupOptions{})
			must(t, err)
			_, err = store.Restore(t.Context(), backup, next, store.RestoreOptions{})
			must(t, err)
			path = next
		}
		db = open(t, c.settings(path))
		c.note(t, db)
		c.folded(t, db, base)
		var sent bytes.Buffer
		must(t, db.SendBackup(t.Context(), &sent, func(int64) error { return nil }))
	}
	c.fold(t, db, c.newest()-1)
	c.verifies(t, path, c.newest()-2)
}

// TestFoldCutShort takes what lies on disk at moments of a fold, as after a kill, and goes on from there.
func TestFoldCutShort(t *testing.T) {
	t.Parallel()
	c := newChronicle(4)
	path := c.tell(t, 300)
	const base = 250
	db := open(t, c.settings(path))
	db.SetSlice(7)
	var folded atomic.Bool
	result := make(chan error, 1)
	go func() {
		_, err := db.Fold(t.Context(), store.Author{Name: "ann"}, base)
		folded.Store(true)
		result <- err
	}()
	killed := moments(t, db, path, &folded)
	must(t, <-result)
	c.note(t, db)
	c.folded(t, db, base)
	c.verifies(t, path, base)

	amid := 0
	for n := 0; n < len(killed); n += 1 + len(killed)/12 {
		report, err := store.Verify(t.Context(), killed[n], nil)
		must(t, err)
		surplus, err := store.RawText(killed[n], `SELECT ifnull(max(surplus), 0) FROM base`)
		must(t, err)
		if report.Base != base {
			continue // before the fold
		}
		rows := waiting(t, killed[n])
		if rows != surplus {
			t.Errorf("%s rows should be there to be deleted, there are %s", surplus, rows)
		}
		if surplus != "0" {
			amid++
			tamperAmid(t, killed[n])
			restored := filepath.Join(t.TempDir(), "burgee.db")
			_, err := store.Restore(t.Context(), killed[n], restored, store.RestoreOptions{})
			must(t, err)
			finished(t, restored, c)
		}
		again := finished(t, killed[n], c)
		c.folded(t, again, base)
		must(t, again.Close())
		c.verifies(t, killed[n], base)
	}
	if amid < 3 {
		t.Errorf("only %d of %d moments were amid the fold", amid, len(killed))
	}
}

// moments takes what lies on disk again and again until the fold has ended, and returns the paths of the copies.
func moments(t testing.TB, db *store.DB[derived], path string, ended *atomic.Bool) (killed []string) {
	t.Helper()
	for !ended.Load() {
		// A function that changes nothing holds the writer between two transactions.
		dir := t.TempDir()
		_, _, err := update(db, func(*store.Draft) {
			if err := copyFiles(path, dir); err != nil {
				panic(err)
			}
		})
		must(t, err)
		killed = append(killed, filepath.Join(dir, "burgee.db"))
	}
	return killed
}

// tamperAmid makes one row more or less than there should be in a database that was killed amid a fold into revision 250.
func tamperAmid(t testing.TB, path string) {
	t.Helper()
	rows := waiting(t, path)
	for _, statement := range []string{
		`DELETE FROM change WHERE rowid = (SELECT rowid FROM change WHERE revision < 250 AND body IS NULL LIMIT 1)`,
		`INSERT INTO change SELECT 'a', kind, key, revision, NULL FROM change WHERE revision < 250 LIMIT 1`,
		`UPDATE base SET surplus = surplus - 1`, `DELETE FROM base`,
	} {
		copied := duplicate(t, path)
		must(t, store.Raw(copied, `PRAGMA foreign_keys = OFF`, statement))
		changed := strings.Contains(statement, "base") || rows != waiting(t, copied)
		if _, err := store.Verify(t.Context(), copied, nil); err == nil && changed {
			t.Errorf("amid a fold nothing is wrong after %s", statement)
		}
	}
}

// waiting counts what is before revision 250 and neither a document, nor the newest deletion of a namespace, nor their revision.
func waiting(t testing.TB, path string) string {
	t.Helper()
	text, err := store.RawText(path, `WITH
		newest AS (SELECT namespace, kind, key, max(revision) AS revision, body IS NULL AS deleted FROM change WHERE revision <= 250 GROUP BY namespace, kind, key),
		kept AS (
			SELECT namespace, kind, key, revision FROM newest WHERE NOT deleted UNION
			SELECT namespace, kind, key, revision FROM change WHERE revision = 250 UNION
			SELECT namespace, min(kind), min(key), revision FROM change AS c WHERE body IS NULL AND revision < 250
				AND revision = (SELECT max(revision) FROM change AS d WHERE d.namespace = c.namespace AND d.revision <= 250)
				AND NOT EXISTS (SELECT 1 FROM change AS d WHERE d.namespace = c.namespace AND d.revision = c.revision AND d.body IS NOT NULL)
				AND EXISTS (SELECT 1 FROM newest AS n WHERE n.namespace = c.namespace AND n.kind = 'namespace' AND NOT n.deleted)
			GROUP BY namespace, revision)
		SELECT (SELECT count(*) FROM change WHERE revision < 250) - (SELECT count(*) FROM kept WHERE revision < 250) +
			(SELECT count(*) FROM revision WHERE revision < 250 AND revision NOT IN (SELECT revision FROM kept))`)
	must(t, err)
	return text
}

// duplicate copies a database and its log, and returns the path of the copy.
func duplicate(t testing.TB, path string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, copyFiles(path, dir))
	return filepath.Join(dir, "burgee.db")
}

func copyFiles(path, dir string) error {
	for _, suffix := range []string{"", "-wal"} {
		body, err := os.ReadFile(path + suffix)
		if suffix != "" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "burgee.db"+suffix), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// finished opens a database that was killed amid a fold and waits until nothing of that is left to do.
func finished(t testing.TB, path string, c *chronicle) *store.DB[derived] {
	t.Helper()
	db := open(t, c.settings(path))
	waitUntil(t, func() bool {
		surplus, err := store.RawText(path, `SELECT surplus FROM base`)
		must(t, err)
		return surplus == "0"
	})
	if _, err := store.Verify(t.Context(), path, nil); err != nil {
		t.Errorf("after the rest was deleted: %v", err)
	}
	return db
}

// TestFoldLeft folds with a context that ends amid it, and finishes with the next fold.
func TestFoldLeft(t *testing.T) {
	t.Parallel()
	c := newChronicle(5)
	path := c.tell(t, 300)
	db := open(t, c.settings(path))
	db.SetSlice(1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for _, _, replaced := db.Watch(); ; {
			<-replaced // the fold is made
			cancel()
			return
		}
	}()
	position, err := db.Fold(ctx, store.Author{}, 200)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the fold ended with %v", err)
	}
	c.note(t, db)
	if newest := c.told[c.newest()].position; position != newest {
		t.Errorf("the fold is %v, the newest revision %v", position, newest)
	}
	c.folded(t, db, 200)
	if _, err := store.Verify(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
	if left, err := store.RawText(path, `SELECT surplus FROM base`); err != nil || left == "0" {
		t.Errorf("%s rows are still to be deleted, %v", left, err)
	}
	c.fold(t, db, 230)
	c.verifies(t, path, 230)
	if _, err := db.Fold(ctx, store.Author{}, 240); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	must(t, db.Close())
	if _, err := db.Fold(t.Context(), store.Author{}, 240); !errors.Is(err, store.ErrClosed) {
		t.Errorf("of a closed database: %v", err)
	}
}
