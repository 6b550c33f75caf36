package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
)

// The tests of this package see burgee from outside: as a program that is started, asked and stopped. Scripts run the
// test binary under that name, with whatever the tests are built with; all others run what `make build` makes.

func TestMain(m *testing.M) {
	testscript.Main(&suite{m}, map[string]func(){"burgee": main})
}

// suite runs the tests with a folder for the program, and removes it.
type suite struct {
	m *testing.M
}

func (s *suite) Run() int {
	dir, err := os.MkdirTemp("", "burgee-program-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv(programDir, dir)
	return s.m.Run()
}

// programDir is the variable that names the folder of the program.
const programDir = "BURGEE_TEST_PROGRAM_DIR"

// testVersion is the version that the program is built with.
const testVersion = "v0.0.0-test"

var buildProgram = sync.OnceValues(func() (string, error) {
	file := filepath.Join(os.Getenv(programDir), "burgee")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version="+testVersion, "-o", file, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, nil
})

// program returns the path of the program, as `make build` makes it.
func program(t testing.TB) string {
	t.Helper()
	file, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// patience is how long a test waits for what comes in milliseconds, unless something is wrong.
const patience = time.Minute

// process is a running burgee.
type process struct {
	cmd     *exec.Cmd
	serving chan servingLine // gets the line once
	exited  chan struct{}    // closed when it has ended and its output is read
	waitErr error            // what Wait returned; read it after exited
	output  strings.Builder  // what it wrote to standard error; read it after exited
}

// servingLine is what the server says of itself when it is up.
type servingLine struct {
	Message, HTTP, GRPC, Database, Version string
	Revision                               uint64
}

// launch starts a program with the arguments and does not wait for anything.
func launch(file, dir string, environment []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(file, args...), serving: make(chan servingLine, 1), exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir = environment, dir
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.follow(stderr)
	return p, nil
}

func (p *process) follow(stderr io.Reader) {
	defer close(p.exited)
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadBytes('\n')
		p.output.Write(line)
		var said servingLine
		if json.Unmarshal(line, &said) == nil && said.Message == "burgee is serving" {
			p.serving <- said
		}
		if err != nil {
			break
		}
	}
	p.waitErr = p.cmd.Wait()
}

// awaitServing returns once the server is up.
func (p *process) awaitServing() (servingLine, error) {
	select {
	case line := <-p.serving:
		return line, nil
	case <-p.exited:
		return servingLine{}, fmt.Errorf("burgee has ended instead of serving (%w):\n%s", errors.Join(p.waitErr, io.EOF), &p.output)
	case <-time.After(patience):
		return servingLine{}, errors.New("burgee does not serve")
	}
}

// end sends a signal and returns how the process ended.
func (p *process) end(signal os.Signal) (*os.ProcessState, error) {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, err
	}
	return p.state()
}

// state waits for the end of the process.
func (p *process) state() (*os.ProcessState, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState, nil
	case <-time.After(patience):
		return nil, errors.Join(errors.New("burgee does not end"), p.cmd.Process.Kill())
	}
}

// served is a server on free ports with clients of it.
type served struct {
	*process
	servingLine
	httpURL, grpcURL string
	flipt            fliptconnect.FliptClient
	features         burgeev1connect.FeaturesServiceClient
}

// freePorts are the arguments that let the system choose the ports.
func freePorts(db string, more ...string) []string {
	return append([]string{"serve", "--db", db, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"}, more...)
}

// serveOn starts the program on a database and returns once it serves. It is killed at the end of the test, if it still runs.
func serveOn(t testing.TB, db string, more ...string) *served {
	t.Helper()
	p, err := launch(program(t), t.TempDir(), plainEnvironment(), freePorts(db, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	line, err := p.awaitServing()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{process: p, servingLine: line, httpURL: "http://" + line.HTTP, grpcURL: "http://" + line.GRPC}
	client := h2c()
	t.Cleanup(client.CloseIdleConnections)
	s.flipt = fliptconnect.NewFliptClient(client, s.grpcURL, connect.WithGRPC())
	s.features = burgeev1connect.NewFeaturesServiceClient(client, s.grpcURL, connect.WithGRPC())
	return s
}

// stop ends the server as an operator does and fails the test if that is not clean.
func (s *served) stop(t testing.TB) {
	t.Helper()
	state, err := s.end(os.Interrupt)
	if err != nil {
		t.Fatal(err)
	}
	if !state.Success() {
		t.Fatalf("burgee ended with %v:\n%s", state, &s.output)
	}
}

// kill ends the server as a power cut does for its memory.
func (s *served) kill(t testing.TB) {
	t.Helper()
	if _, err := s.end(os.Kill); err != nil {
		t.Fatal(err)
	}
}

// command runs the program to its end and returns what it wrote.
func command(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	file := program(t) // which compiles it the first time
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, problems strings.Builder
	cmd := newCommand(ctx, file, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

// newCommand prepares a run of the program, which the end of ctx kills.
func newCommand(ctx context.Context, file string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Env = plainEnvironment()
	return cmd
}

// must is command for what must succeed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	stdout, stderr, status := command(t, args...)
	if status != 0 {
		t.Fatalf("burgee %s: exit status %d\n%s", strings.Join(args, " "), status, stderr)
	}
	return stdout
}

// plainEnvironment is the environment without the settings of whoever runs the tests.
func plainEnvironment() []string {
	var plain []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "BURGEE_") {
			plain = append(plain, entry)
		}
	}
	return plain
}

// h2c returns a client that speaks HTTP/2 in the clear.
func h2c() *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: patience}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: transport}
}

// shape says how much a generated features file holds. Every flag has all variants, its rules take the segments in turn.
type shape struct {
	flags, variants, rules, segments int
}

// featuresFile writes a features file of one namespace.
func featuresFile(namespace string, s shape) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "version: \"1.4\"\nnamespace: {key: %s, name: %s}\nflags:\n", namespace, namespace)
	for f := range s.flags {
		fmt.Fprintf(&b, "- key: flag-%05d\n  name: Flag %d\n  type: VARIANT_FLAG_TYPE\n  description: the flag number %d\n  enabled: true\n", f, f, f)
		fmt.Fprint(&b, "  variants:\n")
		for v := range s.variants {
			fmt.Fprintf(&b, "  - key: variant-%d\n    name: Variant %d\n    attachment: {color: \"#00%d\", size: %d}\n", v, v, v, v)
		}
		if s.rules > 0 {
			fmt.Fprint(&b, "  rules:\n")
		}
		for r := range s.rules {
			fmt.Fprintf(&b, "  - segment: segment-%d\n    distributions:\n", (f+r)%s.segments)
			for v := range s.variants {
				fmt.Fprintf(&b, "    - variant: variant-%d\n      rollout: %d\n", v, []int{50, 30, 20}[v])
			}
		}
	}
	fmt.Fprint(&b, "segments:\n")
	for i := range s.segments {
		fmt.Fprintf(&b, "- key: segment-%d\n  name: Segment %d\n  match_type: ALL_MATCH_TYPE\n  constraints:\n", i, i)
		fmt.Fprintf(&b, "  - {type: STRING_COMPARISON_TYPE, property: plan, operator: eq, value: plan-%d}\n", i)
	}
	return []byte(b.String())
}

// writeFeatures writes a features file into a temporary folder and returns its path.
func writeFeatures(t testing.TB, namespace string, s shape) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), namespace+".yml")
	if err := os.WriteFile(file, featuresFile(namespace, s), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
