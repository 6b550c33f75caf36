//go:build unix

package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/burgeehq/burgee/store"
)

// BenchmarkCreates creates flags from 64 clients, each of which waits for its answer: with the quantiles of that wait, the CPU
// time of a create, and what an append of 4 KiB with its fsync takes on this disk when nothing else is done.
func BenchmarkCreates(b *testing.B) {
	const clients = 64
	dir := b.TempDir()
	fsync := loneFsync(b, dir)
	db, err := store.Open(b.Context(), store.Settings{Path: filepath.Join(dir, "burgee.db")}, trivial)
	must(b, err)
	b.Cleanup(func() { db.Close() })
	waits := make([][]time.Duration, clients)
	var next atomic.Int64
	var group sync.WaitGroup
	begin := cpuTime(b)
	b.ResetTimer()
	for client := range clients {
		group.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				flag, begin := realistic(n), time.Now()
				flag.Flag.Key = fmt.Sprintf("flag-%07d", n)
				_, _, err := store.Update(context.Background(), db, store.Author{Method: "bench"}, func(d *store.Draft) (int, error) {
					d.CreateFlag(flag)
					return 0, nil
				})
				if err != nil {
					b.Error(err)
					return
				}
				waits[client] = append(waits[client], time.Since(begin))
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/float64(b.N), "cpu-µs/op")
	all := slices.Concat(waits...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "creates/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(fsync.Microseconds())/1000, "fsync-ms")
	must(b, db.Close())
	b.ReportMetric(float64(b.N)/float64(db.Commits()), "creates/commit")
}

// loneFsync returns the median time of an append of 4 KiB and its fsync.
func loneFsync(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "fsync"))
	must(b, err)
	defer f.Close()
	var took []time.Duration
	for range 101 {
		begin := time.Now()
		_, err := f.Write(make([]byte, 4096))
		must(b, err)
		must(b, f.Sync())
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// cpuTime returns the processor time of the process so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
