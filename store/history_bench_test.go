package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/burgeehq/burgee/store"
)

// longHistory returns a database of 10,000 flags in default, 10 small namespaces and a number of revisions, made by 100
// clients at once.
func longHistory(b *testing.B, revisions int) *store.DB[int] {
	b.Helper()
	db, err := store.Open(b.Context(), store.Settings{Path: filepath.Join(b.TempDir(), "burgee.db")}, trivial)
	must(b, err)
	b.Cleanup(func() { db.Close() })
	_, _, err = store.Update(b.Context(), db, store.Author{}, func(d *store.Draft) (int, error) {
		for n := range 10_000 {
			d.CreateFlag(realistic(n))
		}
		for n := range 10 {
			d.CreateNamespace(namespace(fmt.Sprint("small", n)))
			d.CreateFlag(newFlag(fmt.Sprint("small", n), "a"))
		}
		return 0, nil
	})
	must(b, err)
	var group sync.WaitGroup
	for client := range 100 {
		group.Go(func() {
			for n := client; n < revisions-2; n += 100 {
				by := store.Author{Name: fmt.Sprint("author", n%20), Method: "/flipt.Flipt/UpdateFlag"}
				if n%1000 == 0 {
					by = store.Author{Name: "rare", Method: "/flipt.Flipt/OrderRules"}
				}
				_, _, err := store.Update(context.Background(), db, by, func(d *store.Draft) (int, error) {
					f := d.EditFlag("default", fmt.Sprintf("flag-%05d", n*7919%10_000))
					if n%1000 == 0 {
						f = d.EditFlag(fmt.Sprint("small", n/1000%10), "a")
					}
					f.Flag.Description = fmt.Sprint("as of ", n)
					return 0, nil
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return db
}

// BenchmarkAt reads a state of 10,000 flags that is 10,000 of 20,000 revisions old.
func BenchmarkAt(b *testing.B) {
	db := longHistory(b, 20_000)
	revision := uint64(10_000)
	for b.Loop() {
		revision++ // a state that is not in memory
		s, _, err := db.At(b.Context(), revision)
		must(b, err)
		if s.Flags("default").Len() != 10_000 {
			b.Fatal("flags are missing")
		}
	}
}

// BenchmarkChanges reads all of 20,000 revisions; ns/op is of one.
func BenchmarkChanges(b *testing.B) {
	db := longHistory(b, 20_000)
	s, _ := db.View()
	first := store.Position{Epoch: s.Position().Epoch, Revision: 2}
	b.ResetTimer()
	for n := 0; n < b.N; {
		for _, err := range db.Changes(b.Context(), first) {
			must(b, err)
			if n++; n == b.N {
				break
			}
		}
	}
}

// BenchmarkHistory lists pages of 50 of 100,000 revisions.
func BenchmarkHistory(b *testing.B) {
	db := longHistory(b, 100_000)
	for name, q := range map[string]store.Query{
		"newest": {}, "middle": {Before: 50_000}, "big namespace": {Namespace: "default"}, "small namespace": {Namespace: "small3"},
		"kind": {Namespace: "small3", Kind: store.KindFlag}, "document": {Namespace: "default", Kind: store.KindFlag, Key: "flag-00001"},
		"no such namespace": {Namespace: "nowhere"}, "all of a kind": {Kind: store.KindNamespace}, "common author": {Author: "author3"},
		"rare author": {Author: "rare"}, "no such author": {Author: "nobody"}, "rare method": {Method: "OrderRules"},
	} {
		b.Run(name, func(b *testing.B) {
			q.Limit = 50
			found := 0
			for b.Loop() {
				page, err := db.History(b.Context(), q)
				must(b, err)
				found = len(page.Revisions)
			}
			b.ReportMetric(float64(found), "revisions")
		})
	}
}

// BenchmarkFold folds 50,000 of 100,000 revisions; update-ms is the longest that a change waited meanwhile.
func BenchmarkFold(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		db := longHistory(b, 100_000)
		var longest time.Duration
		ended, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				begin := time.Now()
				if err := toggle(context.Background(), db, n); err != nil {
					b.Error(err)
				}
				longest = max(longest, time.Since(begin))
			}
		}()
		b.StartTimer()
		_, err := db.Fold(b.Context(), store.Author{}, 50_000)
		must(b, err)
		b.StopTimer()
		close(ended)
		<-done
		b.ReportMetric(float64(longest.Microseconds())/1000, "update-ms")
		b.StartTimer()
	}
}
