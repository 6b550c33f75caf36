package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scripts of testdata/script. Beside the commands of testscript they have:
//
//   - serve [NAME=VALUE...] [flag...]: starts a server on free ports and waits until it serves; $HTTP and $GRPC are its
//     addresses. Without --db it uses burgee.db.
//   - stop: ends that server by SIGTERM; it must exit with 0. What it logged is then in server.log.
//   - evaluate FLAG ENTITY: prints what the server answers over REST.
//   - exits STATUS PROGRAM [argument...]: like exec, for an exact exit status.
//   - mode PERMISSIONS FILE...: compares permissions.
//   - patch FILE OFFSET HEX: writes bytes into a file.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = new(scriptServer)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":    scriptServe,
			"stop":     scriptStop,
			"evaluate": scriptEvaluate,
			"exits":    scriptExits,
			"mode":     scriptMode,
			"patch":    scriptPatch,
		},
	})
}

// scriptServer is the server of a script, if it runs one.
type scriptServer struct{ *process }

type serverKey struct{}

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.Value(serverKey{}).(*scriptServer)
	if neg || running.process != nil {
		ts.Fatalf("usage: serve [NAME=VALUE...] [flag...], one server at a time")
	}
	environment := []string{"HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		environment, args = append(environment, args[0]), args[1:]
	}
	file, err := exec.LookPath("burgee")
	ts.Check(err)
	p, err := launch(file, ts.MkAbs("."), environment, freePorts("burgee.db", args...)...)
	ts.Check(err)
	running.process = p
	ts.Defer(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	line, err := p.awaitServing()
	ts.Check(err)
	ts.Setenv("HTTP", line.HTTP)
	ts.Setenv("GRPC", line.GRPC)
}

func scriptStop(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.Value(serverKey{}).(*scriptServer)
	if neg || len(args) > 0 || running.process == nil {
		ts.Fatalf("usage: stop, after serve")
	}
	state, err := running.end(os.Interrupt)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("server.log"), []byte(running.output.String()), 0o600))
	if !state.Success() {
		ts.Fatalf("the server ended with %v:\n%s", state, &running.output)
	}
	running.process = nil
}

func scriptEvaluate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: evaluate FLAG ENTITY")
	}
	body := fmt.Sprintf(`{"flagKey":%q,"entityId":%q,"context":{"plan":"pro"}}`, args[0], args[1])
	answer, err := http.Post("http://"+ts.Getenv("HTTP")+"/evaluate/v1/variant", "application/json", strings.NewReader(body))
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n", answer.StatusCode, text)
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [argument...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	var status int
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		status = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got := strconv.Itoa(status); got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode PERMISSIONS FILE...")
	}
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", file, got, args[0])
		}
	}
}

func scriptPatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: patch FILE OFFSET HEX")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	bytes, err := hex.DecodeString(args[2])
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	_, err = file.WriteAt(bytes, offset)
	ts.Check(err)
	ts.Check(file.Close())
}
