//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// ledger is what clients know of their writes: which they began, and which of them were acknowledged. Its methods may be
// called by several goroutines at once.
type ledger struct {
	mu           sync.Mutex        // guards both
	begun        map[string]string // what was to be written, by key
	acknowledged map[string]string
}

func newLedger() *ledger {
	return &ledger{begun: make(map[string]string), acknowledged: make(map[string]string)}
}

func (l *ledger) begin(key, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun[key] = value
}

func (l *ledger) acknowledge(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[key] = l.begun[key]
}

// check compares the ledger with everything that is stored. What was acknowledged must be there; what was begun may be;
// nothing else is. revision is the number of the newest one: the first made the namespace, and each write made one more.
func (l *ledger) check(stored map[string]string, revision uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wrong []error
	for key, value := range l.acknowledged {
		if got, ok := stored[key]; !ok {
			wrong = append(wrong, fmt.Errorf("write %q was acknowledged and is lost", key))
		} else if got != value {
			wrong = append(wrong, fmt.Errorf("write %q is %q, %q was acknowledged", key, got, value))
		}
	}
	for key, got := range stored {
		if want, ok := l.begun[key]; !ok {
			wrong = append(wrong, fmt.Errorf("write %q is stored and nobody made it", key))
		} else if got != want {
			wrong = append(wrong, fmt.Errorf("write %q is %q, %q was sent", key, got, want))
		}
	}
	if revision != uint64(len(stored))+1 {
		wrong = append(wrong, fmt.Errorf("revision %d after %d writes", revision, len(stored)))
	}
	return errors.Join(wrong...)
}

func TestLedgerCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                string
		begun, acknowledged []string
		stored              map[string]string
		revision            uint64
		want                string // part of the error; empty for none
	}{
		{"nothing", nil, nil, nil, 1, ""},
		{"all there", []string{"a", "b"}, []string{"a", "b"}, map[string]string{"a": "value a", "b": "value b"}, 3, ""},
		{"begun and stored", []string{"a", "b"}, []string{"a"}, map[string]string{"a": "value a", "b": "value b"}, 3, ""},
		{"begun and not stored", []string{"a", "b"}, []string{"a"}, map[string]string{"a": "value a"}, 2, ""},
		{"lost", []string{"a", "b"}, []string{"a", "b"}, map[string]string{"a": "value a"}, 2, `"b" was acknowledged and is lost`},
		{"all lost", []string{"a"}, []string{"a"}, nil, 1, `"a" was acknowledged and is lost`},
		{"torn", []string{"a"}, []string{"a"}, map[string]string{"a": "valu"}, 2, `"a" is "valu", "value a" was acknowledged`},
		{"torn and not acknowledged", []string{"a"}, nil, map[string]string{"a": "valu"}, 2, `"a" is "valu", "value a" was sent`},
		{"invented", nil, nil, map[string]string{"a": "value a"}, 2, `"a" is stored and nobody made it`},
		{"revision too small", []string{"a"}, []string{"a"}, map[string]string{"a": "value a"}, 1, "revision 1 after 1 writes"},
		{"revision too large", []string{"a"}, nil, nil, 2, "revision 2 after 0 writes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			for _, key := range test.begun {
				l.begin(key, "value "+key)
			}
			for _, key := range test.acknowledged {
				l.acknowledge(key)
			}
			err := l.check(test.stored, test.revision)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("check(%v, %d): %v, want %q", test.stored, test.revision, err, test.want)
			}
		})
	}
}

// write creates a flag and notes it, once it is acknowledged.
func (l *ledger) write(ctx context.Context, s *served, key string) error {
	value := "the value of " + key
	l.begin(key, value)
	flag, err := s.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{Key: key, Name: key, Description: value})
	if err == nil && flag.Description == value {
		l.acknowledge(key)
	}
	return err
}

// hastyWrite is wrong: it notes the write before the answer.
func (l *ledger) hastyWrite(ctx context.Context, s *served, key string) error {
	l.begin(key, key)
	l.acknowledge(key)
	_, err := s.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{Key: key, Name: key, Description: key})
	return err
}

// checkServer compares the ledger with a server that was just started.
func (l *ledger) checkServer(t *testing.T, s *served) {
	t.Helper()
	stored, err := storedFlags(t.Context(), s)
	if err == nil {
		err = l.check(stored, s.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// storedFlags reads the flags of the default namespace page by page.
func storedFlags(ctx context.Context, s *served) (map[string]string, error) {
	stored := make(map[string]string)
	for token := ""; ; {
		page, err := s.flipt.ListFlags(ctx, &flipt.ListFlagRequest{Limit: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, flag := range page.Flags {
			stored[flag.Key] = flag.Description
		}
		if token = page.NextPageToken; token == "" {
			return stored, nil
		}
	}
}

// TestCrashHarnessSeesLostWrites lets a client count a write before its answer, and wants it to be found out.
func TestCrashHarnessSeesLostWrites(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "burgee.db")
	s, l := serveOn(t, db), newLedger()
	if err := l.write(t.Context(), s, "kept"); err != nil {
		t.Fatal(err)
	}
	s.kill(t)
	if err := l.hastyWrite(t.Context(), s, "lost"); err == nil {
		t.Fatal("a server that was killed has answered")
	}
	s = serveOn(t, db)
	stored, err := storedFlags(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.check(stored, s.Revision); err == nil || err.Error() != `write "lost" was acknowledged and is lost` {
		t.Errorf("check of a client that counts too early: %v", err)
	}
}

// TestKilledWhileWriting kills the server 200 times while 4 clients write, a quarter of the times while it starts. Every
// acknowledged write must outlive all of it. Like the other tests with many kills it is not parallel: it keeps the machine busy.
func TestKilledWhileWriting(t *testing.T) {
	const kills, clients = 200, 4
	db := filepath.Join(t.TempDir(), "burgee.db")
	random := rand.New(rand.NewPCG(1, 2))
	l := newLedger()
	begin := time.Now()
	for kill := range kills {
		if kill%4 == 0 {
			killWhileStarting(t, db, time.Duration(random.Int64N(int64(60*time.Millisecond))))
			continue
		}
		s := serveOn(t, db)
		if kill%20 == 1 {
			l.checkServer(t, s)
		}
		writeUntilKilled(t, s, l, fmt.Sprintf("k%03d", kill), clients, time.Duration(random.Int64N(int64(60*time.Millisecond))))
	}
	s := serveOn(t, db)
	l.checkServer(t, s)
	s.stop(t)
	t.Logf("%d kills in %.1f s: %d writes begun, %d acknowledged, %d stored, none lost",
		kills, time.Since(begin).Seconds(), len(l.begun), len(l.acknowledged), s.Revision-1)
	if len(l.acknowledged) < kills {
		t.Errorf("%d acknowledged writes are too few to prove anything", len(l.acknowledged))
	}
}

// killWhileStarting starts the server and kills it after a time, wherever it is then.
func killWhileStarting(t *testing.T, db string, after time.Duration) {
	t.Helper()
	p, err := launch(program(t), t.TempDir(), plainEnvironment(), freePorts(db)...)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	state, err := p.state()
	if err != nil {
		t.Fatal(err)
	}
	if status := state.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Fatalf("a start after a kill ended with %v:\n%s", state, &p.output)
	}
}

// writeUntilKilled lets clients write one flag after the other until the server is killed, then asks nothing of it.
func writeUntilKilled(t *testing.T, s *served, l *ledger, prefix string, clients int, after time.Duration) {
	t.Helper()
	timer := time.AfterFunc(after, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			for n := 0; ; n++ {
				if err := l.write(t.Context(), s, fmt.Sprintf("%s-%d-%d", prefix, client, n)); err != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	if _, err := s.state(); err != nil {
		t.Fatal(err)
	}
}

// The imports that are killed.
var crashShape = shape{flags: 500, variants: 2, rules: 1, segments: 5}

// TestKilledWhileImporting kills 20 commands that import into a database, and 20 servers that are given a file. Each time
// all of it is there or nothing, and all of it if it was acknowledged.
func TestKilledWhileImporting(t *testing.T) {
	const kills = 20
	db := filepath.Join(t.TempDir(), "burgee.db")
	random := rand.New(rand.NewPCG(3, 4))
	begin := time.Now()
	must(t, "import", "--db", db, writeFeatures(t, "undisturbed", crashShape))
	commandTime := time.Since(begin)
	reference := []byte(must(t, "export", "--db", db, "--namespaces", "undisturbed"))
	outcomes := make(map[string]int)
	note := func(s *served, namespace string, acknowledged bool) {
		t.Helper()
		landed, err := importLanded(t.Context(), s, namespace, reference)
		if err != nil {
			t.Fatal(err)
		}
		if acknowledged && !landed {
			t.Fatalf("the import of %s was acknowledged and is lost", namespace)
		}
		outcomes[fmt.Sprintf("acknowledged %t, there %t", acknowledged, landed)]++
	}
	for kill := range kills {
		namespace := fmt.Sprintf("command-%d", kill)
		acknowledged := importByCommand(t, db, namespace, time.Duration(random.Int64N(int64(2*commandTime))))
		s := serveOn(t, db)
		note(s, namespace, acknowledged)
		s.stop(t)
	}
	s := serveOn(t, db)
	begin = time.Now()
	if err := importByServer(t.Context(), s, "undisturbed-by-server"); err != nil {
		t.Fatal(err)
	}
	serverTime := time.Since(begin)
	for kill := range kills {
		namespace := fmt.Sprintf("server-%d", kill)
		timer := time.AfterFunc(time.Duration(random.Int64N(int64(2*serverTime))), func() { _ = s.cmd.Process.Kill() })
		err := importByServer(t.Context(), s, namespace)
		if _, ended := s.state(); ended != nil {
			t.Fatal(ended)
		}
		timer.Stop()
		s = serveOn(t, db)
		note(s, namespace, err == nil)
	}
	s.stop(t)
	t.Logf("%d kills in imports of %d flags (%v by command, %v by server): %v", 2*kills, crashShape.flags,
		commandTime.Round(time.Millisecond), serverTime.Round(time.Millisecond), outcomes)
}

// importByCommand imports a namespace by `burgee import --db`, kills it after a time, and says whether it told of success.
func importByCommand(t *testing.T, db, namespace string, after time.Duration) bool {
	t.Helper()
	file := writeFeatures(t, namespace, crashShape)
	ctx, cancel := context.WithTimeout(t.Context(), after) // kills
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := newCommand(ctx, program(t), "import", "--db", db, file)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		t.Fatalf("import: %v\n%s", err, &stderr)
	}
	return strings.Contains(stdout.String(), "imported 500 flags")
}

func importByServer(ctx context.Context, s *served, namespace string) error {
	file := &httpbody.HttpBody{ContentType: "application/yaml", Data: featuresFile(namespace, crashShape)}
	_, err := s.features.Import(ctx, &burgeev1.ImportRequest{Name: namespace + ".yml", File: file})
	return err
}

// importLanded says whether all of a namespace is there, or nothing of it; anything between is an error.
func importLanded(ctx context.Context, s *served, namespace string, reference []byte) (bool, error) {
	namespaces, err := s.flipt.ListNamespaces(ctx, &flipt.ListNamespaceRequest{})
	if err != nil {
		return false, err
	}
	there := false
	for _, one := range namespaces.Namespaces {
		there = there || one.Key == namespace
	}
	if !there {
		return false, nil
	}
	answer, err := s.features.Export(ctx, &burgeev1.ExportRequest{Namespaces: []string{namespace}})
	if err != nil {
		return false, err
	}
	want := bytes.ReplaceAll(reference, []byte("undisturbed"), []byte(namespace))
	if !bytes.Equal(answer.File.Data, want) {
		return false, fmt.Errorf("namespace %s is there in part: %d bytes of %d", namespace, len(answer.File.Data), len(want))
	}
	return true, nil
}
