package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
)

// fromEnvironment returns the number that a variable holds, for a run that is larger than the usual one.
func fromEnvironment(t *testing.T, name string, usual int) int {
	t.Helper()
	text, given := os.LookupEnv(name)
	if !given {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number above 0", name, text)
	}
	return n
}

// TestWatchSlow has a client that stops reading while changes of 100 kB are made. The server must not keep them for it, and
// it must end up with the newest state.
func TestWatchSlow(t *testing.T) { // not parallel: it measures memory
	changes := fromEnvironment(t, "BURGEE_WATCH_CHANGES", 500)
	srv := start(t)
	c := srv.overGRPC()
	ok(c.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "f", Name: "F"}))(t)
	w := ok(watchProtocols[0].open(t.Context(), srv, new(burgeev1.WatchRequest)))(t)
	defer w.close()
	var m mirror
	if err := m.reach(w, 2); err != nil {
		t.Fatal(err)
	}
	before := heap()
	most := before
	const rounds = 20
	for round := range rounds {
		var writers sync.WaitGroup
		var next atomic.Int64
		for range 8 {
			writers.Go(func() {
				for n := next.Add(1); n <= int64(changes/rounds); n = next.Add(1) {
					update := &flipt.UpdateFlagRequest{Key: "f", Name: "F", Description: noise(uint64(round*changes) + uint64(n))}
					if _, err := c.flipt.UpdateFlag(t.Context(), update); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		most = max(most, heap())
	}
	made := srv.Position().Revision - 2
	t.Logf("%d changes of 100 kB: %d MB before, at most %d MB", made, before>>20, most>>20)
	if bound := min(50<<20, made*100_000/2); made != uint64(changes/rounds*rounds) || most-before > bound {
		t.Errorf("%d changes of 100 kB: memory grew from %d MB to %d MB, want %d MB more at most", made, before>>20, most>>20, bound>>20)
	}
	if err := m.reach(w, srv.Position().Revision); err != nil {
		t.Fatal(err)
	}
	var fresh mirror
	if err := fresh.catchUp(t.Context(), watchProtocols[0], srv, 1); err != nil || !m.equals(&fresh) {
		t.Errorf("the slow client is left with something else than the newest state: %v", err)
	}
	if m.snapshots < 2 || m.revisions > int(made/2) {
		t.Errorf("the slow client was told %d revisions and %d snapshots, want the latter in the place of most revisions", m.revisions, m.snapshots)
	}
	t.Logf("the slow client was told %d revisions and %d snapshots", m.revisions, m.snapshots)
}

// TestEventsStalled has a client of server-sent events that takes nothing. It must be cut off.
func TestEventsStalled(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := srv.overGRPC()
	ok(c.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "f", Name: "F"}))(t)
	w := ok(openEvents(t.Context(), srv, new(burgeev1.WatchRequest)))(t)
	defer w.close()
	ok(w.next())(t)
	for n := range uint64(150) { // more than fits into the buffers of a connection
		ok(c.flipt.UpdateFlag(t.Context(), &flipt.UpdateFlagRequest{Key: "f", Name: "F", Description: noise(n)}))(t)
	}
	until(t, "the stream to be cut off", func() bool { return srv.Watchers() == 0 })
}

// noise returns 100 kB of text that no compression makes much smaller.
func noise(seed uint64) string {
	bytes := make([]byte, 75_000)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = source.Read(bytes) // never fails
	return base64.StdEncoding.EncodeToString(bytes)
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestWatchSpread measures the time from a change to all of many watchers, 250 on a connection.
func TestWatchSpread(t *testing.T) { // not parallel: it measures time
	const perConnection = 250
	watchers, changes := fromEnvironment(t, "BURGEE_WATCHERS", 500), 100
	_, whole := os.LookupEnv("BURGEE_WATCHERS")
	for _, c := range []struct {
		watchers int
		bound    time.Duration
	}{{1, 25 * time.Millisecond}, {watchers, 250 * time.Millisecond}} {
		t.Run(fmt.Sprint(c.watchers), func(t *testing.T) {
			srv := start(t)
			arrived := make(chan time.Time, 1)
			var waiting atomic.Int64
			waiting.Store(int64(c.watchers))
			arrive := func() {
				if waiting.Add(-1) == 0 {
					arrived <- time.Now()
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			var client *http.Client
			var transports []*http.Transport
			for n := range c.watchers {
				if n%perConnection == 0 {
					transports = append(transports, h2c())
					client = &http.Client{Transport: transports[len(transports)-1]}
				}
				rpc := burgeev1connect.NewWatchServiceClient(client, srv.grpcURL, connect.WithGRPC())
				stream, err := rpc.Watch(ctx, new(burgeev1.WatchRequest))
				if err != nil {
					t.Fatal(err)
				}
				running.Go(func() {
					for stream.Receive() {
						if stream.Msg().Event != burgeev1.WatchEvent_WATCH_EVENT_BOOKMARK {
							arrive()
						}
					}
				})
			}
			<-arrived // all snapshots
			writer := srv.overGRPC()
			var took, writes []time.Duration
			for n := range changes {
				waiting.Store(int64(c.watchers))
				begin := time.Now()
				ok(writer.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: fmt.Sprintf("f%d", n), Name: "F"}))(t)
				writes = append(writes, time.Since(begin))
				took = append(took, (<-arrived).Sub(begin))
			}
			cancel()
			running.Wait()
			for _, transport := range transports {
				transport.CloseIdleConnections()
			}
			slices.Sort(took)
			slices.Sort(writes)
			p50, p99 := took[len(took)/2], took[len(took)*99/100]
			t.Logf("from a change to the last of %d watchers: p50 %s, p99 %s; to the answer of its writer: p50 %s, p99 %s",
				c.watchers, p50, p99, writes[len(writes)/2], writes[len(writes)*99/100])
			slowest := p99
			if !whole { // on a machine that runs other tests too
				slowest = p50
			}
			if slowest > c.bound*raceFactor {
				t.Errorf("from a change to the last of %d watchers: p50 %s, p99 %s, want %s", c.watchers, p50, p99, c.bound)
			}
		})
	}
}
