package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/burgeehq/burgee/store"
)

// baseline returns the bytes of a closed database with some history, from which each case begins.
func baseline(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(memory(t), "burgee.db")
	db, err := store.Open(t.Context(), store.Settings{Path: path}, plain)
	must(t, err)
	c := clients{db: db, disk: new(disk)}
	r := rand.New(rand.NewPCG(1, 3))
	for range 3 {
		must(t, c.batch(r))
	}
	must(t, db.Close())
	body, err := os.ReadFile(path)
	must(t, err)
	return body
}

// outcome is how a case ended.
type outcome struct {
	refused bool // to open
	latched bool // writes stopped
	met     bool // the fault
	wrong   error
}

// suffer opens a database on a disk with a fault, writes to it, lets the fault end and looks what is left. The disk says
// afterwards how often each action was asked for.
func suffer(t testing.TB, m mutant, base []byte, f *fault, seed uint64) (o outcome, d *disk) {
	t.Helper()
	dir := memory(t)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "burgee.db")
	must(t, os.WriteFile(path, base, 0o600))
	d = &disk{platter: newPlatter()}
	d.platter.files["burgee.db"] = &image{durable: append([]byte(nil), base...)}
	theShim().insert(dir, d)
	defer theShim().take(dir)
	d.arm(f)
	defer func() { o.met = f != nil && f.met }()

	c := clients{disk: d}
	var err error
	r := rand.New(rand.NewPCG(seed, 4))
	// Two starts, with a clean stop between them.
	for start := range 2 {
		c.db, err = m.open(t.Context(), store.Settings{Path: path}, plain)
		if err != nil {
			o.refused = true
			if o.wrong = oneSentence(err); o.wrong == nil {
				d.arm(nil)
				o.wrong = examined(t.Context(), path, c.newest)
			}
			return o, d
		}
		defer c.db.Close()
		if s, _ := c.db.View(); start == 0 {
			c.newest = s.Position()
		}
		_ = c.tune(m) // fails when writes have stopped
		if start == 0 {
			c.db.SetSlice(9)
		}
		for range 2 {
			_ = c.batch(r)
			if m.folds {
				_ = c.fold()
			}
		}
		if start == 0 {
			_ = c.db.Close()
		}
	}
	d.mu.Lock()
	calls := d.calls
	d.mu.Unlock()
	defer func() { d.calls = calls }()
	d.arm(nil)
	// The fault is over: it can be written within a second, unless writes have stopped, with a reason.
	begin := time.Now()
	err = c.write(func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("after", seed))) })
	health := c.db.Health()
	switch {
	case health != nil:
		o.latched = true
		if o.wrong = oneSentence(health); o.wrong == nil && !errors.Is(err, store.ErrReadOnly) {
			o.wrong = fmt.Errorf("writes have stopped, and one returns %v", err)
		}
	case err != nil:
		o.wrong = fmt.Errorf("the fault is over and a write fails: %w", err)
	case time.Since(begin) > 10*time.Second: // on a busy machine
		o.wrong = fmt.Errorf("the fault is over and a write takes %v", time.Since(begin))
	}
	if s, _ := c.db.View(); o.wrong == nil && s.Position().Revision < c.newest.Revision {
		o.wrong = fmt.Errorf("readers see %v, %v was acknowledged", s.Position(), c.newest)
	}
	if err := c.db.Close(); o.wrong == nil && err != nil && !o.latched {
		o.wrong = fmt.Errorf("it does not close: %w", err)
	}
	if o.wrong == nil {
		o.wrong = examined(t.Context(), path, c.newest)
	}
	return o, d
}

// oneSentence returns an error unless err fits on one line.
func oneSentence(err error) error {
	if strings.Contains(err.Error(), "\n") {
		return fmt.Errorf("more than a sentence: %w", err)
	}
	return nil
}

// drawFault returns the i-th fault, within the calls that a run without one makes.
func drawFault(i int, seed uint64, calls [actions]int) *fault {
	r := rand.New(rand.NewPCG(seed, uint64(i)+5))
	f := &fault{action: action(i % int(actions)), stays: r.IntN(2) == 0}
	f.n = 1 + r.IntN(max(1, calls[f.action]))
	switch f.action {
	case actWrite:
		f.half = r.IntN(3) == 0
		if r.IntN(2) == 0 {
			f.code = lib.SQLITE_FULL
		}
	case actSync:
		f.drops = r.IntN(2) == 0
	}
	return f
}

// TestCrashFaults lets SQLite meet one fault in each run: the n-th opening, reading, writing, truncating, syncing or
// removing of a file fails, once or from then on. Nothing that was acknowledged is lost, and it goes on when the fault is
// over, or says why it does not.
func TestCrashFaults(t *testing.T) {
	t.Parallel()
	base := baseline(t)
	_, undisturbed := suffer(t, sound, base, nil, 0)
	var mu sync.Mutex // guards what follows
	met, refused, latched := 0, 0, 0
	byAction := make(map[string]int)
	t.Run("faults", func(t *testing.T) {
		const workers = 4
		for worker := range workers {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for i := worker; i < *crashFaults; i += workers {
					f := drawFault(i, *crashSeed, undisturbed.calls)
					o, _ := suffer(t, sound, base, f, uint64(i))
					if o.wrong != nil {
						t.Errorf("fault %d, %v: %v", i, f, o.wrong)
					}
					mu.Lock()
					if o.met {
						met++
						byAction[f.action.String()]++
					}
					if o.refused {
						refused++
					}
					if o.latched {
						latched++
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d faults, %d of them met %v in runs of %v calls: %d starts refused, %d times writes stopped",
		*crashFaults, met, byAction, undisturbed.calls, refused, latched)
	if met < *crashFaults/2 || refused == 0 || latched == 0 {
		t.Error("too few faults did anything")
	}
}

// TestCrashFaultMutant shows that the faults catch a store that acknowledges first.
func TestCrashFaultMutant(t *testing.T) {
	t.Parallel()
	m := mutant{"acknowledge first", "", store.OpenHasty[derived], false}
	base := baseline(t)
	_, undisturbed := suffer(t, m, base, nil, 0)
	tried := 0
	for i := range 100 {
		tried++
		o, _ := suffer(t, m, base, drawFault(int(actWrite)+i*int(actions), *crashSeed, undisturbed.calls), uint64(i))
		if o.wrong != nil {
			t.Logf("caught by fault %d: %v", i, o.wrong)
			return
		}
	}
	t.Errorf("it was not caught by %d faults", tried)
}
