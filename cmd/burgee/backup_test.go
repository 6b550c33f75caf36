//go:build unix

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burgeehq/burgee/store"
)

// backupsVariable tells TestBackupsUnderLoad how many backups to take; then it also insists on the load. Otherwise it
// takes 6.
const backupsVariable = "BURGEE_BACKUPS"

// loadRate is the load under which backups are taken, in writes per second.
const loadRate = 500

// copyOf returns what the ledger knows by now.
func (l *ledger) copyOf() (begun, acknowledged map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.begun), maps.Clone(l.acknowledged)
}

// load lets 16 clients write flags, a fifth more a second than loadRate, until the returned function is called, which
// waits for them.
func load(t *testing.T, s *served, l *ledger) (stop func()) {
	t.Helper()
	const tick = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	due := make(chan int, 1<<20) // what is late is caught up with
	var clients sync.WaitGroup
	clients.Go(func() {
		defer close(due)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		begin, sent := time.Now(), 0
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				for ; sent < int(now.Sub(begin).Seconds()*loadRate*1.2); sent++ {
					due <- sent
				}
			}
		}
	})
	for range 16 {
		clients.Go(func() {
			for n := range due {
				if ctx.Err() != nil {
					return
				}
				if err := l.write(context.Background(), s, fmt.Sprintf("flag-%d", n)); err != nil {
					t.Errorf("write %d: %v", n, err)
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		cancel()
		clients.Wait()
	})
}

// TestBackupsUnderLoad takes backups of a server that is busy, by its file and by both doors, and restores each: it holds
// every write that was acknowledged before, none that nobody began, and the restored database verifies.
func TestBackupsUnderLoad(t *testing.T) {
	backups, insist := 6, false
	if given := os.Getenv(backupsVariable); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil {
			t.Fatalf("%s: %v", backupsVariable, err)
		}
		backups, insist = n, true
	}
	const round = 20 // on one database, which grows meanwhile
	writes, busy := 0, time.Duration(0)
	for taken := 0; taken < backups; taken += round {
		n, elapsed := backUpUnderLoad(t, min(round, backups-taken))
		writes += n
		busy += elapsed
	}
	rate := float64(writes) / busy.Seconds()
	t.Logf("%d backups, each restored and verified, under %.0f writes/s (%d in %v)", backups, rate, writes, busy.Round(time.Second))
	if insist && rate < loadRate {
		t.Errorf("%.0f writes/s, want at least %d: the machine is too busy to tell", rate, loadRate)
	}
}

// backUpUnderLoad takes backups of a new server and returns how many writes it acknowledged meanwhile, and in what time.
func backUpUnderLoad(t *testing.T, backups int) (writes int, elapsed time.Duration) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "burgee.db")
	s := serveOn(t, db)
	targets := [][]string{{"--db", db}, {"--address", "grpc://" + s.GRPC}, {"--address", s.httpURL}}
	l := newLedger()
	stop := load(t, s, l)
	defer stop()
	begin := time.Now()
	dir := t.TempDir()
	epochs := make(map[string]bool)
	for n := range backups {
		file, restored := filepath.Join(dir, "backup.db"), filepath.Join(dir, "restored.db")
		target := targets[n%len(targets)]
		_, acknowledged := l.copyOf()
		must(t, append([]string{"backup", file}, target...)...)
		begun, _ := l.copyOf()
		must(t, "restore", file, "--db", restored)
		must(t, "verify", "--db", restored)
		position, err := (&ledger{begun: begun, acknowledged: acknowledged}).checkDatabase(t.Context(), restored)
		if err != nil {
			t.Errorf("backup %d, %v: %v", n, target, err)
		}
		if epochs[position.Epoch] {
			t.Errorf("backup %d: two restores began epoch %s", n, position.Epoch)
		}
		epochs[position.Epoch] = true
		for _, name := range []string{file, restored, restored + ".lock"} {
			if err := os.Remove(name); err != nil {
				t.Error(err)
			}
		}
	}
	elapsed = time.Since(begin)
	_, acknowledged := l.copyOf()
	stop()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	s.stop(t)
	if _, err := store.Verify(t.Context(), db, nil); err != nil {
		t.Error(err)
	}
	return len(acknowledged), elapsed
}

// checkDatabase compares the ledger with a restored database that nobody holds.
func (l *ledger) checkDatabase(ctx context.Context, path string) (store.Position, error) {
	none := func(struct{}, *store.State, []store.Change) (struct{}, error) { return struct{}{}, nil }
	db, err := store.Open(ctx, store.Settings{Path: path}, none)
	if err != nil {
		return store.Position{}, err
	}
	state, _ := db.View()
	stored := make(map[string]string)
	for doc := range state.Flags("default").All() {
		stored[doc.Flag.Key] = doc.Flag.Description
	}
	err = l.check(stored, state.Position().Revision-1) // the restore made one
	if closed := db.Close(); err == nil {
		err = closed
	}
	return state.Position(), err
}

// TestKilledWhileBackingUp kills backups all over their time, and servers that send one: what has the final name is whole.
func TestKilledWhileBackingUp(t *testing.T) {
	db := filepath.Join(t.TempDir(), "burgee.db")
	must(t, "import", "--db", db, writeFeatures(t, "default", shape{flags: 3000, variants: 3, rules: 2, segments: 20}))
	s := serveOn(t, db)
	dir := t.TempDir()
	begin := time.Now()
	must(t, "backup", filepath.Join(dir, "undisturbed.db"), "--db", db)
	undisturbed := time.Since(begin)
	const kills = 24
	outcomes := make(map[string]int)
	whole := func(file string) bool {
		t.Helper()
		if _, err := os.Stat(file); os.IsNotExist(err) {
			return false
		}
		if _, err := store.Verify(t.Context(), file, nil); err != nil {
			t.Errorf("after a kill: %v", err)
		}
		return true
	}
	for kill := range kills {
		file := filepath.Join(dir, fmt.Sprintf("backup-%d.db", kill))
		target := []string{"--db", db}
		if kill%2 == 1 {
			target = []string{"--address", "grpc://" + s.GRPC}
		}
		ctx, cancel := context.WithTimeout(t.Context(), undisturbed*time.Duration(kill+1)/(kills-4)) // kills
		err := newCommand(ctx, program(t), append([]string{"backup", file}, target...)...).Run()
		cancel()
		there := whole(file)
		if err == nil && !there {
			t.Error("a backup that was reported is not there")
		}
		outcomes[fmt.Sprintf("command: reported %t, there %t", err == nil, there)]++
	}
	for kill := range 4 {
		file := filepath.Join(dir, fmt.Sprintf("server-%d.db", kill))
		p, err := launch(program(t), dir, plainEnvironment(), "backup", file, "--address", s.httpURL)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(undisturbed*time.Duration(kill+1)/5, func() { _ = s.cmd.Process.Kill() })
		state, err := p.state()
		if err != nil {
			t.Fatal(err)
		}
		there := whole(file)
		if state.Success() != there {
			t.Errorf("the server was killed: %v, the backup is there: %t\n%s", state, there, &p.output)
		}
		outcomes[fmt.Sprintf("server: reported %t, there %t", state.Success(), there)]++
		if _, err := s.state(); err != nil {
			t.Fatal(err)
		}
		s = serveOn(t, db)
	}
	s.stop(t)
	t.Logf("%d kills in backups of %v: %v", kills+4, undisturbed.Round(time.Millisecond), outcomes)
	if outcomes["command: reported false, there false"] == 0 {
		t.Error("no kill met a backup")
	}
	// Half files are there, under other names, and hinder nobody.
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".db") && !strings.HasPrefix(name, ".") {
			t.Errorf("left behind: %s", name)
		}
	}
	must(t, "backup", filepath.Join(dir, "last.db"), "--db", db)
}
