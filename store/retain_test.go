package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burgeehq/burgee/store"
)

// TestRetention lets virtual months pass: every day the history is folded into what is older than 30 days.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "burgee.db")
		const month = 30 * 24 * time.Hour
		settings := store.Settings{Path: path, Retention: month, RetentionFailed: func(err error) { t.Error(err) }}
		db := open(t, settings)
		edit := func() store.Position {
			return change(t, db, func(d *store.Draft) {
				if f := d.EditFlag("default", "a"); f != nil {
					f.Flag.Description = fmt.Sprint(d.Now())
					return
				}
				d.CreateFlag(newFlag("default", "a"))
			})
		}
		edit()
		for day := range 75 {
			time.Sleep(12 * time.Hour)
			edit()
			time.Sleep(12 * time.Hour)
			synctest.Wait()
			page, err := db.History(t.Context(), store.Query{Limit: 1})
			must(t, err)
			s, _, err := db.At(t.Context(), page.Oldest)
			must(t, err)
			if age := time.Since(s.At()); day < 29 && page.Oldest != 1 || day > 32 && (age < month || age > month+36*time.Hour) {
				t.Errorf("on day %d the oldest state that is told is of revision %d, %v ago", day, page.Oldest, age)
			}
			if day == 40 { // it goes on after a restart
				must(t, db.Close())
				db = open(t, settings)
			}
		}
		folds := func() int {
			page, err := db.History(t.Context(), store.Query{Method: "fold", Limit: 1000})
			must(t, err)
			return len(page.Revisions)
		}
		if n := folds(); n < 25 {
			t.Errorf("the last month had %d folds", n)
		}
		// After a while without changes there are no more folds.
		time.Sleep(100 * 24 * time.Hour)
		synctest.Wait()
		s, _ := db.View()
		before := s.Position()
		time.Sleep(300 * 24 * time.Hour)
		synctest.Wait()
		if s, _ := db.View(); s.Position() != before {
			t.Errorf("in an idle year %v became %v", before, s.Position())
		}
		// The newest revision cannot be the base, however old it is.
		p := edit()
		time.Sleep(400 * 24 * time.Hour)
		synctest.Wait()
		edit()
		time.Sleep(40 * 24 * time.Hour)
		synctest.Wait()
		page, err := db.History(t.Context(), store.Query{Limit: 1})
		must(t, err)
		if page.Oldest < p.Revision {
			t.Errorf("long after revision %d the oldest is %d", p.Revision, page.Oldest)
		}
		must(t, db.Close()) // and all goroutines end
		report, err := store.Verify(t.Context(), path, nil)
		if err != nil || report.Changes != 2 {
			t.Errorf("report = %+v, %v, want 2 changes", report, err)
		}
	})
}

// TestNoRetention keeps everything for years when nothing else is asked for.
func TestNoRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, store.Settings{Path: filepath.Join(t.TempDir(), "burgee.db")})
		for n := range 50 {
			change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", strconv.Itoa(n))) })
			time.Sleep(30 * 24 * time.Hour)
		}
		synctest.Wait()
		page, err := db.History(t.Context(), store.Query{Limit: 100})
		if err != nil || page.Oldest != 1 || len(page.Revisions) != 51 {
			t.Errorf("there are %d revisions from %d on, %v", len(page.Revisions), page.Oldest, err)
		}
		must(t, db.Close())
	})
}

// TestRetentionFails tells of a day when it did not work.
func TestRetentionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "burgee.db")
		failures := make(chan error, 100)
		db := open(t, store.Settings{Path: path, Retention: time.Hour, RetentionFailed: func(err error) { failures <- err }})
		for n := range 5 {
			change(t, db, func(d *store.Draft) {
				d.CreateFlag(newFlag("default", "a"))
				_ = n
				d.DeleteFlag("default", "a")
				d.EditNamespace("default").Namespace.Name = fmt.Sprint(n)
			})
		}
		must(t, os.Rename(path, path+".moved"))
		time.Sleep(50 * time.Hour)
		synctest.Wait()
		if len(failures) == 0 || !errors.Is(<-failures, store.ErrReadOnly) {
			t.Errorf("%d failures were told", len(failures))
		}
		must(t, os.Rename(path+".moved", path))
		db.Close()
	})
}
