package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/burgeehq/burgee/store"
)

// Loss of power and failing disks. A shim between SQLite and the file system records what SQLite writes and when it
// waits for the disk, or lets one call fail. What was acknowledged to clients must be there afterwards.
//
// The model: a sync makes all that was written to its file before durable. What was written since may have arrived, or
// not, or in part, by sectors of 512 bytes, in any combination. A name that was removed may come back until something
// else is synced.

var (
	crashImages = flag.Int("crash.images", 300/crashShare, "how many images of disks that lost power TestCrashImages opens")
	crashFaults = flag.Int("crash.faults", 200/crashShare, "how many faults TestCrashFaults lets SQLite meet")
	crashSeed   = flag.Uint64("crash.seed", 1, "where both begin")
)

// mutant is a store that is known to be wrong in one way, or the right one.
type mutant struct {
	name   string
	pragma string // that the connection of the writer is given
	open   func(context.Context, store.Settings, func(derived, *store.State, []store.Change) (derived, error)) (*store.DB[derived], error)
	folds  bool // its history now and then
}

var sound = mutant{name: "sound", open: store.Open[derived], folds: true}

// memory returns a directory for the files of a test, where fsync costs nothing if there is such a place.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "burgee-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// plain is the derive function of the crash tests, which build nothing.
func plain(derived, *store.State, []store.Change) (derived, error) { return nil, nil }

// clients write to a database, and know what was acknowledged.
type clients struct {
	db   *store.DB[derived]
	disk *disk
	n    int

	mu     sync.Mutex     // guards newest
	newest store.Position // acknowledged
}

// batchSize functions go into one transaction: with fewer, SQLite meets no fault in the middle of one.
const batchSize = 12

// tune makes a connection meet the disk often: a cache of 10 pages, a checkpoint every 20.
func (c *clients) tune(m mutant) error {
	_, _, err := update(c.db, func(*store.Draft) {
		pragmas := []string{`PRAGMA cache_size = 10`, `PRAGMA wal_autocheckpoint = 20`}
		if m.pragma != "" {
			pragmas = append(pragmas, m.pragma)
		}
		for _, pragma := range pragmas {
			if err := c.db.Exec(pragma); err != nil {
				panic(err)
			}
		}
	})
	return err
}

// batch lets batchSize clients write at once, while the writer is held, and returns the error of the one that did.
func (c *clients) batch(r *rand.Rand) error {
	running, released, held := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		held <- c.write(func(*store.Draft) {
			close(running)
			<-released
		})
	}()
	select {
	case <-running:
	case err := <-held: // writes have stopped
		return err
	}
	var group sync.WaitGroup
	for range batchSize {
		f := c.function(r)
		group.Go(func() { _ = c.write(f) })
	}
	for c.db.Waiting() < batchSize {
		runtime.Gosched()
	}
	close(released)
	group.Wait()
	return <-held
}

// function returns the next change: a flag is created, changed or deleted.
func (c *clients) function(r *rand.Rand) func(*store.Draft) {
	c.n++
	key, text, drop := fmt.Sprint("k", r.IntN(24)), fmt.Sprint(c.n, strings.Repeat("x", r.IntN(1500))), r.IntN(6) == 0
	return func(d *store.Draft) {
		switch f := d.EditFlag("default", key); {
		case f == nil:
			f := newFlag("default", key)
			f.Flag.Description = text
			d.CreateFlag(f)
		case drop:
			d.DeleteFlag("default", key)
		default:
			f.Flag.Description = text
		}
	}
}

// write makes one change and notes its position once it is acknowledged. No answer within a minute is a deadlock.
func (c *clients) write(f func(*store.Draft)) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, position, err := store.Update(ctx, c.db, store.Author{Name: "ann"}, func(d *store.Draft) (int, error) {
		f(d)
		return 0, nil
	})
	if err != nil {
		return err
	}
	c.acknowledged(position)
	return nil
}

func (c *clients) acknowledged(position store.Position) {
	c.disk.keep(event{acknowledged: &position})
	c.mu.Lock()
	defer c.mu.Unlock()
	if position.Revision > c.newest.Revision {
		c.newest = position
	}
}

// fold gives up all of the history but the newest revisions.
func (c *clients) fold() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, _ := c.db.View()
	position, err := c.db.Fold(ctx, store.Author{}, s.Position().Revision-5)
	if position != (store.Position{}) {
		c.acknowledged(position)
	}
	return err
}

// errLost says that something that was acknowledged is not there.
var errLost = errors.New("an acknowledged write is lost")

// examined opens what a disk was left with, as the next start does, and checks it: what was acknowledged is there, the
// whole chain verifies, and it can be written.
func examined(ctx context.Context, path string, acknowledged store.Position) error {
	db, err := store.Open(ctx, store.Settings{Path: path}, plain)
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer db.Close()
	s, _ := db.View()
	found := s.Position()
	if found.Revision < acknowledged.Revision {
		return fmt.Errorf("%w: it is at %v, %v was acknowledged", errLost, found, acknowledged)
	}
	c := clients{db: db, disk: new(disk)}
	if err := c.write(func(d *store.Draft) { d.CreateFlag(newFlag("default", "afterwards")) }); err != nil {
		return fmt.Errorf("it cannot be written: %w", err)
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("it does not close: %w", err)
	}
	if _, err := store.Audit(ctx, path); err != nil {
		return err
	}
	if acknowledged.Revision > 0 && acknowledged.Revision < found.Revision {
		hash, err := store.RawText(path, fmt.Sprintf(`SELECT hash FROM revision WHERE revision = %d`, acknowledged.Revision))
		if err != nil {
			return err
		}
		found.Revision, found.Hash = acknowledged.Revision, [32]byte([]byte(hash))
	}
	if acknowledged.Revision > 0 && found != acknowledged {
		return fmt.Errorf("%w: %v has the hash %x, %x was acknowledged", errLost, found, found.Hash, acknowledged.Hash)
	}
	return nil
}

// recorded runs clients on a new database and returns what its disk was asked for, over two starts and a clean stop.
func recorded(t testing.TB, m mutant, seed uint64) []event {
	t.Helper()
	dir := memory(t)
	d := &disk{record: true}
	theShim().insert(dir, d)
	defer theShim().take(dir)
	c := clients{disk: d}
	r := rand.New(rand.NewPCG(seed, 1))
	start := func() {
		var err error
		c.db, err = m.open(t.Context(), store.Settings{Path: filepath.Join(dir, "burgee.db")}, plain)
		must(t, err)
		must(t, c.tune(m))
	}
	start()
	c.db.SetSlice(9)
	for n := range 16 {
		must(t, c.batch(r))
		if n == 4 {
			must(t, c.write(func(*store.Draft) { must(t, c.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)) }))
		}
		if n == 10 {
			must(t, c.db.Close())
			start()
		}
		if n%6 == 3 && m.folds {
			must(t, c.fold())
		}
	}
	d.mu.Lock()
	d.record = false
	d.mu.Unlock()
	must(t, c.db.Close())
	return d.events
}

// TestCrashImages cuts the power at random moments and starts again on what the disk may have kept.
func TestCrashImages(t *testing.T) {
	t.Parallel()
	runs := min(20, max(2, *crashImages/150))
	var opened, torn atomic.Int64
	t.Run("runs", func(t *testing.T) {
		for run := range runs {
			t.Run(fmt.Sprint("seed ", *crashSeed+uint64(run)), func(t *testing.T) {
				t.Parallel()
				images := (*crashImages + runs - 1) / runs
				events := recorded(t, sound, *crashSeed+uint64(run))
				err := cut(t, events, images, *crashSeed+uint64(run), func(moment int, changed bool, err error) bool {
					opened.Add(1)
					if changed {
						torn.Add(1)
					}
					if err != nil {
						t.Errorf("power lost after event %d of %d: %v", moment, len(events), err)
					}
					return true
				})
				must(t, err)
			})
		}
	})
	t.Logf("%d images of %d runs, %d of them with writes that were not synced", opened.Load(), runs, torn.Load())
	if torn.Load() == 0 {
		t.Error("no image lacks anything")
	}
}

// TestCrashMutants shows that the images catch a store that does not wait for the disk, or not long enough.
func TestCrashMutants(t *testing.T) {
	t.Parallel()
	for _, m := range []mutant{
		{"synchronous=NORMAL", `PRAGMA synchronous = NORMAL`, store.Open[derived], false},
		{"synchronous=OFF", `PRAGMA synchronous = OFF`, store.Open[derived], false},
		{"acknowledge first", "", store.OpenHasty[derived], false},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tried, lost, bad := 0, 0, 0
			for seed := *crashSeed; seed < *crashSeed+5 && lost == 0; seed++ {
				events := recorded(t, m, seed)
				err := cut(t, events, max(40, *crashImages/20), seed, func(_ int, _ bool, err error) bool {
					tried++
					switch {
					case errors.Is(err, errLost):
						lost++
					case err != nil:
						bad++
					}
					return true
				})
				must(t, err)
			}
			t.Logf("of %d images %d have lost writes and %d are damaged", tried, lost, bad)
			if lost == 0 {
				t.Errorf("%s was not caught in %d images", m.name, tried)
			}
		})
	}
}

// cut loses power at random moments of a recording and tells found of each: whether unsynced writes were there to lose,
// and what is wrong. found returns whether to go on.
func cut(t testing.TB, events []event, images int, seed uint64, found func(moment int, unsynced bool, err error) bool) error {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	per := make([]int, len(events)+1)
	for range images {
		per[r.IntN(len(per))]++
	}
	disk := newPlatter()
	var acknowledged store.Position
	dir := memory(t)
	path := filepath.Join(dir, "burgee.db")
	for moment, n := range per {
		for range n {
			for _, name := range strings.Fields(names(t, dir)) {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					return err
				}
			}
			unsynced, err := disk.image(dir, r)
			if err != nil {
				return err
			}
			if !found(moment, unsynced, examined(t.Context(), path, acknowledged)) {
				return nil
			}
		}
		if moment < len(events) {
			if p := events[moment].acknowledged; p != nil {
				if p.Revision > acknowledged.Revision {
					acknowledged = *p
				}
				continue
			}
			disk.take(events[moment])
		}
	}
	return nil
}
