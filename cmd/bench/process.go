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
	"slices"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/api/httpbody"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
)

// environment is that of every process of a run: what would tune the runtime of Go or burgee is left out.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return name == "GOGC" || name == "GOMEMLIMIT" || name == "GODEBUG" || strings.HasPrefix(name, "BURGEE_")
	})
}

// build compiles the program as it is shipped, but for the web UI, whatever state that is in, and returns a copy that no other
// build touches.
func build(ctx context.Context, dir string) (string, error) {
	where, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(where)))
	built := filepath.Join(root, ".make", "bench", "burgee")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", built, "./cmd/burgee")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build burgee: %w\n%s", err, out)
	}
	data, err := os.ReadFile(built)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "burgee")
	return program, os.WriteFile(program, data, 0o700)
}

// server is a running process that is measured.
type server struct {
	cmd        *exec.Cmd
	http, grpc string    // addresses
	input      io.Closer // of an anchor, which ends with it
	exited     chan error
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// address returns that of a door, or the only one.
func (s *server) address(door string) string {
	if door == "http" {
		return s.http
	}
	return s.grpc
}

// stop ends the process and waits for it. A process that has ended already is no error.
func (s *server) stop() error {
	if s.input != nil {
		s.input.Close()
	} else if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s did not stop", s.cmd.Path), s.cmd.Process.Kill())
	}
}

// startBurgee starts the program on a database and returns when it says that it serves.
func startBurgee(ctx context.Context, program, db string) (*server, error) {
	cmd := exec.CommandContext(ctx, program, "serve", "--db", db, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
	cmd.Env = environment()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start burgee: %w", err)
	}
	s := &server{cmd: cmd, exited: make(chan error, 1)}
	serving := make(chan struct{})
	go func() {
		var said []string
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			var line struct{ Message, HTTP, GRPC string }
			said = append(said[max(0, len(said)-20):], lines.Text())
			if s.grpc == "" && json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "burgee is serving" {
				s.http, s.grpc = line.HTTP, line.GRPC
				close(serving)
			}
		}
		err := errors.Join(lines.Err(), cmd.Wait())
		if err != nil {
			err = fmt.Errorf("burgee ended: %w\n%s", err, strings.Join(said, "\n"))
		}
		s.exited <- err
	}()
	select {
	case <-serving:
		return s, nil
	case err := <-s.exited:
		return nil, errors.Join(errors.New("burgee did not serve"), err)
	}
}

// fill imports flags into namespaces of a running burgee: `default`, and as many more as there are more than most flags in one.
func (s *server) fill(ctx context.Context, flags int) error {
	const most = 10_000
	client := burgeev1connect.NewFeaturesServiceClient(http.DefaultClient, "http://"+s.http, connect.WithSendGzip())
	for i := 0; i*most < flags; i++ {
		namespace := "default"
		if i > 0 {
			namespace = fmt.Sprintf("namespace-%d", i)
		}
		n := min(most, flags-i*most)
		answer, err := client.Import(ctx, &burgeev1.ImportRequest{
			File: &httpbody.HttpBody{ContentType: "application/yaml", Data: featuresFile(namespace, n)}, Overwrite: true,
		})
		if err != nil {
			return fmt.Errorf("import %d flags: %w", n, err)
		}
		if int(answer.Flags) != n || len(answer.Warnings) > 0 {
			return fmt.Errorf("import of %d flags took in %d, and warned: %q", n, answer.Flags, answer.Warnings)
		}
	}
	return nil
}

// role starts this program again in another role.
func role(ctx context.Context, args ...string) (*server, *json.Encoder, *json.Decoder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env, cmd.Stderr = environment(), os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	output, theirs, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd.Stdout = theirs
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	s := &server{cmd: cmd, input: stdin, exited: make(chan error, 1)}
	go func() { s.exited <- cmd.Wait() }()
	return s, json.NewEncoder(stdin), json.NewDecoder(output), nil
}

// startAnchor starts an anchor that answers batches with what the file holds.
func startAnchor(ctx context.Context, name, batches string) (*server, error) {
	s, _, said, err := role(ctx, "anchor", name, batches)
	if err != nil {
		return nil, err
	}
	if err := said.Decode(&s.grpc); err != nil {
		return nil, errors.Join(fmt.Errorf("anchor %s did not serve: %w", name, err), s.stop())
	}
	s.http = s.grpc
	return s, nil
}
