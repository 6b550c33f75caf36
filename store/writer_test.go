package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/store"
)

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	release := hold(t, db, func(*store.Draft) {})
	const updaters = 64
	var group sync.WaitGroup
	positions := make([]store.Position, updaters)
	for n := range updaters {
		group.Go(func() {
			_, position, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) })
			if err != nil {
				t.Errorf("update %d: %v", n, err)
			}
			positions[n] = position
		})
	}
	waitUntil(t, func() bool { return db.Waiting() == updaters })
	release()
	group.Wait()
	s, _ := db.View()
	seen := make(map[uint64]bool)
	for n, p := range positions {
		if p.Revision < 2 || p.Revision > updaters+1 || seen[p.Revision] {
			t.Errorf("update %d was acknowledged at %v", n, p)
		}
		seen[p.Revision] = true
		if s.Flag("default", fmt.Sprint("f", n)) == nil {
			t.Errorf("flag %d is missing", n)
		}
	}
	db.Close()
	if got := db.Commits(); got != 1 {
		t.Errorf("%d transactions for %d waiting updates, want 1", got, updaters)
	}
	if n, err := store.VerifyChain(path); n != updaters+1 || err != nil {
		t.Errorf("VerifyChain = %d, %v", n, err)
	}
}

func TestBatchIsBounded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		updates, size int
		commits       int
	}{
		{"functions", 600, 1, 3},
		{"bytes", 6, 3 << 20, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := open(t, store.Settings{})
			release := hold(t, db, func(*store.Draft) {})
			var group sync.WaitGroup
			for n := range test.updates {
				group.Go(func() {
					f := newFlag("default", fmt.Sprint("f", n))
					f.Flag.Description = strings.Repeat("x", test.size)
					if _, _, err := update(db, func(d *store.Draft) { d.CreateFlag(f) }); err != nil {
						t.Errorf("update %d: %v", n, err)
					}
				})
			}
			waitUntil(t, func() bool { return db.Waiting() == test.updates })
			release()
			group.Wait()
			db.Close()
			if got := db.Commits(); got != test.commits {
				t.Errorf("%d transactions for %d updates, want %d", got, test.updates, test.commits)
			}
		})
	}
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	release := hold(t, db, func(*store.Draft) {})
	var group sync.WaitGroup
	for n := range 1024 {
		group.Go(func() {
			if _, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) }); err != nil {
				t.Errorf("update %d: %v", n, err)
			}
		})
	}
	waitUntil(t, func() bool { return db.Waiting() == 1024 })
	if _, _, err := update(db, func(d *store.Draft) {}); !errors.Is(err, store.ErrQueueFull) {
		t.Errorf("update 1,025: %v, want ErrQueueFull", err)
	}
	release()
	group.Wait()
	if s, _ := db.View(); s.Flags("default").Len() != 1024 {
		t.Errorf("%d flags, want 1024", s.Flags("default").Len())
	}
}

func TestContextBoundsTheWait(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	release := hold(t, db, func(*store.Draft) {})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	create := func(d *store.Draft) (int, error) { d.CreateFlag(newFlag("default", d.NewID())); return 0, nil }
	go func() {
		_, _, err := store.Update(ctx, db, store.Author{}, create)
		left <- err
	}()
	waitUntil(t, func() bool { return db.Waiting() == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who left got %v", err)
	}
	if _, _, err := store.Update(ctx, db, store.Author{}, create); !errors.Is(err, context.Canceled) || db.Waiting() != 1 {
		t.Errorf("a caller with an ended context got %v, %d wait", err, db.Waiting())
	}
	release()
	change(t, db, func(*store.Draft) {})
	if s, _ := db.View(); s.Flags("default").Len() != 1 {
		t.Errorf("%d flags, want that of the caller who left", s.Flags("default").Len())
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	release := hold(t, db, func(*store.Draft) {})
	waiting := make(chan error)
	go func() {
		_, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })
		waiting <- err
	}()
	waitUntil(t, func() bool { return db.Waiting() == 1 })
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	waitUntil(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, _, err := store.Update(ctx, db, store.Author{}, func(*store.Draft) (int, error) { return 0, nil })
		return errors.Is(err, store.ErrClosed)
	})
	release()
	if err := <-waiting; err != nil {
		t.Errorf("the update that waited: %v", err)
	}
	if err := errors.Join(<-closed, db.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if s, _ := db.View(); s.Flag("default", "a") == nil {
		t.Error("a closed database does not answer")
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is left: %v", err)
	}
	if s, _ := open(t, store.Settings{Path: path}).View(); s.Flag("default", "a") == nil {
		t.Error("the update that waited was lost")
	}
}

// TestFaults lets the writer meet errors of SQLite on real files.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		provoke func(t *testing.T, db *store.DB[derived], path string) error
		clear   func(t *testing.T, db *store.DB[derived], path string) error
		latches string
	}{
		{name: "disk full",
			provoke: func(_ *testing.T, db *store.DB[derived], _ string) error { return db.Exec(`PRAGMA max_page_count = 1`) },
			clear: func(_ *testing.T, db *store.DB[derived], _ string) error {
				return db.Exec(`PRAGMA max_page_count = 1000000`)
			}},
		{name: "damaged",
			provoke: func(_ *testing.T, db *store.DB[derived], path string) error {
				return errors.Join(db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`), overwrite(path, 8192), db.Exec(`PRAGMA shrink_memory`))
			},
			latches: "the database is damaged"},
		{name: "overwritten",
			provoke: func(_ *testing.T, db *store.DB[derived], path string) error {
				return errors.Join(db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`), overwrite(path, 0), db.Exec(`PRAGMA shrink_memory`))
			},
			latches: "the database was overwritten"},
		{name: "written by another program",
			provoke: func(_ *testing.T, _ *store.DB[derived], path string) error {
				return store.Raw(path, `UPDATE head SET revision = revision + 1`)
			},
			latches: "another program changed the database"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "burgee.db")
			db := open(t, store.Settings{Path: path})
			change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })

			// Two functions in one batch, of which one fails by itself: both get the error of the batch.
			other := make(chan error, 1)
			release := hold(t, db, func(d *store.Draft) {
				if err := test.provoke(t, db, path); err != nil {
					t.Error(err)
				}
				d.CreateFlag(large("b"))
			})
			errOwn := errors.New("its own")
			go func() {
				_, _, err := store.Update(context.Background(), db, store.Author{}, func(d *store.Draft) (int, error) { return 0, errOwn })
				other <- err
			}()
			waitUntil(t, func() bool { return db.Waiting() == 1 })
			err := release()
			if second := <-other; err == nil || second == nil || errors.Is(second, errOwn) || second.Error() != err.Error() {
				t.Errorf("errors = %v and %v, want one error for both", err, second)
			}
			if s, _ := db.View(); s.Flag("default", "b") != nil || s.Position().Revision != 2 {
				t.Errorf("the state is at %v, want the last acknowledged one", s.Position())
			}
			if test.latches != "" {
				if health := db.Health(); health == nil || !strings.Contains(health.Error(), test.latches) || !errors.Is(err, store.ErrReadOnly) {
					t.Errorf("Health = %v, error %v, want %q", health, err, test.latches)
				}
				return
			}
			if errors.Is(err, store.ErrReadOnly) || db.Health() != nil {
				t.Fatalf("writes stopped: %v", err)
			}
			change(t, db, func(d *store.Draft) {
				if err := test.clear(t, db, path); err != nil {
					t.Error(err)
				}
				d.CreateFlag(large("b"))
			})
			db.Close()
			if n, err := store.VerifyChain(path); n != 3 || err != nil {
				t.Errorf("VerifyChain = %d, %v", n, err)
			}
		})
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	lock, err := store.HoldLock(path)
	must(t, err)
	_, _, err = update(db, func(d *store.Draft) {
		if err := db.Exec(`PRAGMA busy_timeout = 1`); err != nil {
			t.Error(err)
		}
		d.CreateFlag(newFlag("default", "a"))
	})
	if err == nil || db.Health() != nil {
		t.Errorf("update beside a writer: %v, Health %v, want an error alone", err, db.Health())
	}
	must(t, lock.Close())
	if p := change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) }); p.Revision != 2 {
		t.Errorf("the next revision is %d, want 2", p.Revision)
	}
}

// large returns a flag that does not fit the pages that a database has.
func large(key string) *storev1.Flag {
	f := newFlag("default", key)
	f.Flag.Description = strings.Repeat("x", 100_000)
	return f
}

// overwrite puts garbage over all that follows offset, as long as the file is.
func overwrite(path string, offset int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt([]byte(strings.Repeat("garbage!", int(info.Size()-offset)/8)), offset)
	}
	return errors.Join(err, f.Close())
}

// TestUnknownOutcome calls what the writer does when COMMIT returns an error.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	failure := errors.New("commit: input/output error")
	tests := []struct {
		name    string
		failure error
		prepare string
		want    func(now store.Position) store.Position
		err     bool
		latches string
	}{
		{"our hash", failure, "", func(now store.Position) store.Position { return now }, false, ""},
		{"another hash", failure, "", func(now store.Position) store.Position { now.Hash[0]++; return now }, true, ""},
		{"unreadable", failure, `DROP TABLE head`, func(now store.Position) store.Position { return now }, true, "it is unknown what became of a change"},
		{"open transaction", failure, `BEGIN`, func(now store.Position) store.Position { return now }, true, "a transaction could not be ended"},
		{"failed fsync", store.SQLiteError(1034), "", func(now store.Position) store.Position { return now }, true, "the disk failed to keep a change"},
		{"failed fsync of the directory", store.SQLiteError(1290), "", func(now store.Position) store.Position { return now }, true, "the disk failed"},
		{"damaged index", store.SQLiteError(779), "", func(now store.Position) store.Position { return now }, true, "the database is damaged"},
		{"not a database", store.SQLiteError(26), "", func(now store.Position) store.Position { return now }, true, "the database was overwritten"},
		{"full", store.SQLiteError(13), "", func(now store.Position) store.Position { now.Hash[0]++; return now }, true, ""},
		{"busy", store.SQLiteError(5), "", func(now store.Position) store.Position { now.Hash[0]++; return now }, true, ""},
		{"failed write", store.SQLiteError(778), "", func(now store.Position) store.Position { now.Hash[0]++; return now }, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := open(t, store.Settings{})
			s, _ := db.View()
			var got error
			update(db, func(d *store.Draft) {
				if test.prepare != "" {
					if err := db.Exec(test.prepare); err != nil {
						t.Error(err)
					}
				}
				got = db.Settle(test.failure, test.want(s.Position()))
			})
			if (got != nil) != test.err || test.err && !errors.Is(got, test.failure) {
				t.Errorf("settle = %v, want an error: %v", got, test.err)
			}
			health := db.Health()
			if (health != nil) != (test.latches != "") || health != nil && !strings.Contains(health.Error(), test.latches) {
				t.Errorf("Health = %v, want %q", health, test.latches)
			}
		})
	}
}

func TestCheckpoints(t *testing.T) {
	t.Parallel()
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "burgee.db")
		synctest.Test(t, func(t *testing.T) {
			db, err := store.Open(context.Background(), store.Settings{Path: path}, record)
			must(t, err)
			defer db.Close()
			change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })
			time.Sleep(4 * time.Second)
			synctest.Wait()
			if size(t, path+"-wal") == 0 {
				t.Error("the log is empty before 5 s have passed")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := size(t, path+"-wal"); got != 0 {
				t.Errorf("the log has %d bytes after 6 s", got)
			}
		})
	})
	t.Run("large log", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "burgee.db")
		db := open(t, store.Settings{Path: path})
		change(t, db, func(d *store.Draft) {
			for n := range 5 {
				f := newFlag("default", fmt.Sprint("f", n))
				f.Flag.Description = strings.Repeat("x", 5<<20)
				d.CreateFlag(f)
			}
		})
		// The checkpoint follows the answer: the next update comes after it.
		change(t, db, func(*store.Draft) {})
		if got := size(t, path+"-wal"); got != 0 {
			t.Errorf("the log has %d bytes", got)
		}
	})
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

func TestStats(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{Path: filepath.Join(t.TempDir(), "burgee.db")})
	const updates = 5
	for n := range updates {
		if _, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) }); err != nil {
			t.Fatal(err)
		}
	}
	got := db.Stats()
	if got.Waiting != 0 || got.Commits != updates || got.Revisions != updates || got.Batches[0] != updates || got.LogBytes == 0 {
		t.Errorf("after %d changes one by one: %+v", updates, got)
	}
}
