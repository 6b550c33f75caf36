package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the processes that a run starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "drive" || os.Args[1] == "anchor") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun makes a run of the smallest windows with the real program: every subject at every server gives figures.
func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := plan{
		dir: t.TempDir(), rounds: 1, warm: time.Millisecond, window: 10 * time.Millisecond, sizes: []int{10, 20}, only: regexp.MustCompile(""),
		progress: io.Discard, out: &out,
	}
	found, err := p.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := 13*2 + 1 + 6; len(found.cells) != want {
		t.Errorf("%d subjects at servers, want %d", len(found.cells), want)
	}
	for _, c := range found.cells {
		f, ok := found.figures[c.String()]
		if !ok && c.subject.name == "list, If-None-Match" {
			continue // where lists have no ETag
		}
		windows := 1
		if p.compared(c) {
			windows = 2
		}
		if f.windows != windows || f.cpu <= 0 || f.rate <= 0 || f.p50 <= 0 || f.p99 < f.p50 || f.bytes <= 0 && !strings.HasSuffix(c.subject.name, "If-None-Match") {
			t.Errorf("%s: %+v", c, f)
		}
	}
	if len(found.memory) != 3 || slices.ContainsFunc(found.memory, func(m held) bool { return m.now < 1<<20 || m.peak < m.now }) {
		t.Errorf("memory: %+v, want that of an empty server and two others", found.memory)
	}
	if len(found.cold) != 1 || found.cold[0].flags != 20 || found.cold[0].took <= 0 || found.cold[0].cpu <= 0 || found.fsync <= 0 {
		t.Errorf("start: %+v, fsync: %v", found.cold, found.fsync)
	}
	if _, err := found.print(p.out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"grpc-go batch 100 echo", "OFREP single, 20 flags", "1.90 x net/http JSON echo", "gRPC variant, 20 flags", "1.10 x 10 flags", "lone fsync"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables have no %q:\n%s", want, &out)
		}
	}
}

// TestOnly picks subjects, and what they are compared with.
func TestOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ only, want string }{
		{"(?i)rest v", "REST variant, 10 flags; REST variant, 2000 flags; net/http JSON echo"},
		{"^list$|^create$", "list, 10 flags; list, 2000 flags; create"},
		{"grpc-go echo", "grpc-go echo"},
		{"memory", ""},
	} {
		p := plan{sizes: []int{10, 2000}, only: regexp.MustCompile(test.only)}
		var got []string
		for _, c := range p.cells() {
			got = append(got, c.String())
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("-only %q: %q, want %s", test.only, got, test.want)
		}
	}
}

// TestTurns looks at the order of a round: what is compared is asked side by side, and twice.
func TestTurns(t *testing.T) {
	t.Parallel()
	p := plan{sizes: []int{10, 1000}, only: regexp.MustCompile("gRPC variant|REST variant|OFREP single|list")}
	for round := range 20 {
		var got []string
		for _, c := range p.turns(p.cells(), round) {
			got = append(got, cmp.Or(c.subject.anchor, c.subject.name))
		}
		groups := slices.Compact(slices.Clone(got))
		if len(got) != 6+8+2+2 || len(groups) != 4 {
			t.Fatalf("round %d: %d windows in %d groups: %q", round, len(got), len(groups), got)
		}
	}
}

// TestWrongAnswersFail has servers answer what is not asked for: the driver says so and gives no figures.
func TestWrongAnswersFail(t *testing.T) {
	t.Parallel()
	const right = `{"match":true,"reason":"MATCH_EVALUATION_REASON","variantKey":"variant-1","flagKey":"%s"}`
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, key string, n int)
		want   string // in what the driver says; "" when the window is good
	}{
		{"right", func(w http.ResponseWriter, key string, _ int) { fmt.Fprintf(w, right, key) }, ""},
		{"another flag", func(w http.ResponseWriter, _ string, _ int) { fmt.Fprintf(w, right, "flag-77777") }, "the answer is about"},
		{"another flag later", func(w http.ResponseWriter, key string, n int) {
			if n > proofs {
				key = "flag-77777"
			}
			fmt.Fprintf(w, right, key)
		}, "the answer has no"},
		{"no variant", func(w http.ResponseWriter, key string, _ int) { fmt.Fprintf(w, `{"flagKey":%q}`, key) }, "is not decided"},
		{"status", func(w http.ResponseWriter, key string, _ int) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, right, key)
		}, "status 500, want 200"},
		{"no JSON", func(w http.ResponseWriter, key string, _ int) { fmt.Fprint(w, "variant-1", key) }, "syntax error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan int, 1)
			asked <- 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := <-asked + 1
				asked <- n
				var ask jsonRequest
				if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
					t.Error(err)
				}
				test.answer(w, ask.FlagKey, n)
			}))
			defer srv.Close()
			var orders, windows bytes.Buffer
			o := order{Subject: "REST variant", Address: srv.Listener.Addr().String(), PID: os.Getpid(), Flags: 10, Window: time.Millisecond}
			if err := json.NewEncoder(&orders).Encode(o); err != nil {
				t.Fatal(err)
			}
			if err := drive(t.Context(), json.NewDecoder(&orders), json.NewEncoder(&windows)); err != nil {
				t.Fatal(err)
			}
			var w window
			if err := json.NewDecoder(&windows).Decode(&w); err != nil {
				t.Fatal(err)
			}
			if good := w.Failed == "" && w.Requests >= 32; good != (test.want == "") || !strings.Contains(w.Failed, test.want) {
				t.Errorf("window: %+v, want failed with %q", w, test.want)
			}
		})
	}
}

// answering returns the address of a server that answers the first request with these bytes and closes the connection.
func answering(t *testing.T, bytes string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1<<10)); err == nil {
			_, _ = io.WriteString(conn, bytes)
		}
	}()
	return listener.Addr().String()
}

func TestHTTPAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer string
		status       int // that is asked for
		body, etag   string
		fails        string
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Type: x\r\ncontent-length:  5\r\nETag: W/\"a:b\"\r\n\r\nhello", 200, "hello", `W/"a:b"`, ""},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", "", ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nA\r\nlo, world!\r\n0\r\n\r\n", 200, "hello, world!", "", ""},
		{"not modified", "HTTP/1.1 304 Not Modified\r\nEtag: abc\r\n\r\n", 304, "", "abc", ""},
		{"another status", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 200, "", "", `status 404, want 200: "gone"`},
		{"not modified but asked for", "HTTP/1.1 304 Not Modified\r\n\r\n", 200, "", "", "status 304, want 200"},
		{"no length", "HTTP/1.1 200 OK\r\n\r\nhello", 200, "", "", "without a length"},
		{"wrong length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", 200, "", "", "no length"},
		{"short", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 200, "", "", "unexpected EOF"},
		{"short chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\r\n", 200, "", "", "EOF"},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", 200, "", "", "no length of a chunk"},
		{"long chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", 200, "", "", "end of a chunk"},
		{"closing", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, "", "", "closes the connection"},
		{"other protocol", "SSH-2.0-OpenSSH_9.6\r\n", 200, "", "", "no status line"},
		{"nothing", "", 200, "", "", "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := dialHTTP(answering(t, test.answer))
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			body, err := c.do(ask{request: []byte("GET / HTTP/1.1\r\n\r\n"), status: test.status})
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("%q, %v, want an error with %q", body, err, test.fails)
				}
				return
			}
			if err != nil || string(body) != test.body || c.etag != test.etag {
				t.Errorf("%q with ETag %q, %v, want %q with %q", body, c.etag, err, test.body, test.etag)
			}
		})
	}
}

func TestQuartile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values       []float64
		lower, upper float64
	}{
		{nil, 0, 0},
		{[]float64{7}, 7, 7},
		{[]float64{9, 1, 5, 3, 7}, 3, 7},
		{[]float64{4, 1, 3, 2}, 1.75, 3.25},
		{[]float64{2, 1, 1000, 3, 4, 5, 6, 7, 8}, 3, 7},
	} {
		given := slices.Clone(test.values)
		if lower, upper := quartile(given), upperQuartile(given); lower != test.lower || upper != test.upper {
			t.Errorf("quartiles of %v: %v and %v, want %v and %v", test.values, lower, upper, test.lower, test.upper)
		}
		if !slices.Equal(given, test.values) {
			t.Errorf("%v became %v", test.values, given)
		}
	}
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	if p50, p99, all := percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1); p50 != 51 || p99 != 100 || all != 100 {
		t.Errorf("percentiles of 1 to 100: %d, %d, %d", p50, p99, all)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	got := figuresOf([]window{
		{Requests: 100, Took: time.Second, CPU: 10 * time.Millisecond, P50: 1, P99: 5, Bytes: 1000},
		{Requests: 200, Took: time.Second, CPU: 10 * time.Millisecond, P50: 3, P99: 7, Bytes: 2000},
		{Requests: 100, Took: time.Second, CPU: 30 * time.Millisecond, P50: 2, P99: 9, Bytes: 1000},
	})
	want := figures{windows: 3, cpu: 75 * time.Microsecond, rate: 150, p50: 1, p99: 6, bytes: 10}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestGoals(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "go.txt")
	output := "goos: linux\nBenchmarkBesideAnchor-2  100  50.0 ns/op  16.5 anchor-ns/op\nBenchmarkVariant-2  100  16.0 ns/op  0 B/op  0 allocs/op\n" +
		"BenchmarkBesideAnchor-2 \t 100\t 41.0 ns/op\t 16.0 anchor-ns/op\t 0 B/op\t 0 allocs/op\nBenchmarkPublish/100000-2  10  21000000 ns/op  7.5 extra\nPASS\n"
	if err := os.WriteFile(name, []byte(output), 0o600); err != nil {
		t.Fatal(err)
	}
	benchmarks, err := readBenchmarks(name)
	if err != nil {
		t.Fatal(err)
	}
	r := results{
		usual: 1000, sizes: []int{10, 1000, 10_000}, benchmarks: benchmarks,
		memory: []held{{0, 1, 59e6}, {1000, 1, 900e6}, {10_000, 1, 201e6}},
		cold:   []cold{{flags: 10_000, took: 301 * time.Millisecond}},
		figures: map[string]figures{
			"gRPC variant, 10 flags": {cpu: 30}, "gRPC variant, 1000 flags": {cpu: 32}, "gRPC variant, 10000 flags": {cpu: 34},
			"Connect echo": {cpu: 50}, "REST variant, 1000 flags": {cpu: 33}, "net/http JSON echo": {cpu: 20},
			"list, 1000 flags": {cpu: 5 * time.Millisecond}, "create": {rate: 4999, p99: time.Millisecond},
		},
	}
	var out bytes.Buffer
	missed, err := r.printGoals(&out)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`gRPC variant, 1000 flags +0\.65 x Connect echo +0\.64 \(.*\) +ok`,
		`REST variant, 1000 flags +1\.60 x net/http JSON echo +1\.65 \(.*\) +MISSED`,
		`gRPC variant, 10000 flags +1\.10 x 10 flags +1\.13 \(.*\) +MISSED`,
		`list of 1000 flags, unchanged +5ms of CPU +5\.000 ms +ok`,
		`creates, 64 clients +.* +4999/s .* +MISSED`,
		`creates, 64 clients, p99 +50 ms +1\.0 ms +ok`,
		`start with 10000 flags +300ms +0\.301 s .* +MISSED`,
		`peak RSS, 0 flags +60 MB +59 MB +ok`,
		`peak RSS, 10000 flags +200 MB +201 MB +MISSED`,
		`eval variant, 10000 flags +2\.50 x .* +2\.56 \(41\.0 / 16\.0 ns\), 0 allocations +MISSED`,
		`publish one flag of 100000 +20 ms +21\.000 ms +MISSED`,
	}
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
	if len(rows) != len(want) || missed != 7 {
		t.Errorf("%d goals of which %d are missed, want %d and 7:\n%s", len(rows), missed, len(want), &out)
	}
	for _, pattern := range want {
		if !slices.ContainsFunc(rows, regexp.MustCompile("^"+pattern+" *$").MatchString) {
			t.Errorf("no row is %s:\n%s", pattern, &out)
		}
	}
}

func TestCommandsAreChecked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"walk"}, "unknown command"},
		{[]string{"run", "fast"}, `unexpected argument "fast"`},
		{[]string{"-only", "("}, "-only: error parsing regexp"},
		{[]string{"-flags", "ten"}, `-flags: "ten" is no whole number`},
		{[]string{"-flags", ","}, "at least one round and one number of flags"},
		{[]string{"-flags", "3"}, "at least 10 flags"},
		{[]string{"-rounds", "0"}, "at least one round"},
		{[]string{"-cpus", "-1"}, "-cpus"},
		{[]string{"anchor", "grpc-go"}, "usage"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is measured, whatever it says
		if err := command(ctx, test.args); err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("bench %q: %v, want %q", test.args, err, test.want)
		}
	}
}
