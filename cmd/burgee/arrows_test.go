package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The tests of this file hold the repository to its own rules: which package imports which, what lies in the root, which versions are pinned.

const module = "github.com/burgeehq/burgee"

// root is the folder of go.mod, seen from this package.
const root = "../.."

// arrows has a row for every package of ours: what its code, not its tests, may import of ours. A row stands for the packages below it that have no
// row of their own; "gen" in a row allows all of gen.
var arrows = map[string][]string{
	"cmd/bench":       {"gen"},
	"cmd/burgee":      {"server", "server/features", "store", "webui", "gen"},
	"server":          {"server/counts", "server/diff", "server/eval", "server/features", "server/rest", "server/wire", "store", "gen"},
	"server/rest":     {"gen"},
	"server/wire":     {"gen"},
	"server/diff":     {"gen"},
	"server/counts":   {"server/eval", "gen"},
	"server/eval":     {"gen"},
	"server/features": {"gen"},
	"store":           {"gen"},
	"store/fliptdb":   {"gen"},
	"webui":           {},
	"gen":             {"gen"},
}

// fences name imports that only some packages may have. A path stands for the packages below it too.
var fences = []struct {
	path   string
	within []string // the packages that may import it, and none else
	reason string
}{
	{"zombiezen.com/go/sqlite", []string{"store", "store/fliptdb"}, "store holds the only SQL"},
	{"modernc.org", []string{"store"}, "store holds the only database driver"},
	{"database/sql", nil, "there is one driver, zombiezen.com/go/sqlite"},
	{"net/http", []string{"server", "server/rest", "cmd/bench", "cmd/burgee", "gen"}, "server holds the only HTTP"},
	{"connectrpc.com", []string{"server", "server/rest", "cmd/bench", "cmd/burgee", "gen"}, "server holds the only Connect code"},
	{"connectrpc.com/vanguard", []string{"server", "server/rest"}, "server holds the only REST"},
	{"google.golang.org/grpc", []string{"cmd/bench"}, "connect speaks gRPC; grpc-go is a client in tests"},
	{"testing", nil, "tests only"},
	{"log", []string{"server", "cmd/burgee"}, "logs go through zerolog; only http.Server.ErrorLog wants a *log.Logger"},
}

// pure lists what server/eval may not import: documents in, programs out.
var pure = map[string]string{
	"context":                "no I/O",
	"crypto/rand":            "no randomness",
	"embed":                  "no I/O",
	"github.com/google/uuid": "no randomness",
	"github.com/rs/zerolog":  "no log",
	"io/fs":                  "no I/O",
	"math/rand":              "no randomness",
	"net":                    "no I/O",
	"os":                     "no I/O",
	"path/filepath":          "no I/O",
	"sync":                   "no lock",
	"syscall":                "no I/O",
	"golang.org/x/sys":       "no I/O",
}

// clocks are the calls that would make an evaluation depend on more than its documents and its request.
var clocks = regexp.MustCompile(`\btime\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)\b|\btimestamppb\.Now\b`)

// goPackage is what this file reads of `go list -json`.
type goPackage struct {
	ImportPath string
	Doc        string
	GoFiles    []string
	Imports    []string
}

// name is the package's path below the module.
func (p goPackage) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestArrows(t *testing.T) {
	t.Parallel()
	rows := make([]string, 0, len(arrows))
	for row := range arrows {
		rows = append(rows, row)
	}
	for _, p := range packages(t) {
		row := nearest(rows, p.name())
		if row == "" || row != "gen" && row != p.name() {
			t.Errorf("package %s has no row in arrows", p.name())
			continue
		}
		if p.Doc == "" && row != "gen" && len(p.GoFiles) > 0 {
			t.Errorf("package %s does not say what it is for", p.name())
		}
		for _, path := range p.Imports {
			if own, ok := strings.CutPrefix(path, module+"/"); ok && nearest(arrows[row], own) == "" {
				t.Errorf("%s imports %s, which is no arrow of ARCHITECTURE.md", p.name(), own)
			}
			for _, fence := range fences {
				if below(path, fence.path) && !slices.Contains(fence.within, row) {
					t.Errorf("%s imports %s: %s", p.name(), path, fence.reason)
				}
			}
			for forbidden, reason := range pure {
				if row == "server/eval" && below(path, forbidden) {
					t.Errorf("%s imports %s: %s", p.name(), path, reason)
				}
			}
		}
	}
}

func TestEvalReadsNoClock(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(filepath.Join(root, "server", "eval"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if call := clocks.Find(source); call != nil {
			t.Errorf("%s calls %s", path, call)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRootHoldsTheCard(t *testing.T) {
	t.Parallel()
	allowed := []string{
		// the card
		"proto", "gen", "server", "store", "webui", "cmd", "buf.yaml", "buf.gen.yaml", "buf.work.yaml", "go.mod", "go.sum", "Makefile", "README.md",
		// what tools demand
		".git", ".gitignore", ".ci", "LICENSE", "staticcheck.conf",
		// what make writes, not committed
		".make", ".proto-deps", "bin", "dist",
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(allowed, entry.Name()) {
			t.Errorf("the root holds %s", entry.Name())
		}
	}
}

// TestPins holds the versions that a `go get -u` must not move.
func TestPins(t *testing.T) {
	t.Parallel()
	pins := []struct{ path, version, reason string }{
		{"modernc.org/libc", "v1.77.1", "the only one that modernc.org/sqlite v1.60.1 is built and tested with"},
		{"modernc.org/sqlite", "v1.60.1", "SQLite 3.53.4: before 3.51.3 a WAL reset may corrupt, and v1.61 re-plans cached joins at each run"},
	}
	for _, pin := range pins {
		if got := strings.TrimSpace(goList(t, "-m", "-f", "{{.Version}}", pin.path)); got != pin.version {
			t.Errorf("%s is %s, want %s: %s", pin.path, got, pin.version, pin.reason)
		}
	}
}

// TestWireContractIsFrozen keeps `make baseline` from moving what proto/flipt is compared with: clients of Flipt v1 have it in their binaries.
func TestWireContractIsFrozen(t *testing.T) {
	t.Parallel()
	const want = "28d3557a02a5771b9c97d6a38cae04d2bb18193f46dc9243bf891d452fe1f4f0"
	image, err := os.ReadFile(filepath.Join(root, "proto", "flipt.baseline.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(image)
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("SHA-256 of proto/flipt.baseline.binpb is %s, want %q", got, want)
	}
}

// packages lists the packages of the module. It reads each Go file as well, only so that `go test` knows when its cached answer is stale.
func packages(t *testing.T) []goPackage {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "node_modules" || name == "gen" || strings.HasPrefix(name, ".") && path != root) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	decoder := json.NewDecoder(strings.NewReader(goList(t, "-json=ImportPath,Doc,GoFiles,Imports", "./...")))
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// goList runs `go list` in the root.
func goList(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	command.Dir = root
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// below says whether path is other or lies below it.
func below(path, other string) bool { return nearest([]string{other}, path) != "" }

// nearest returns the longest of the rows that is path or lies above it, or "".
func nearest(rows []string, path string) string {
	best := ""
	for _, row := range rows {
		if (path == row || strings.HasPrefix(path, row+"/")) && len(row) > len(best) {
			best = row
		}
	}
	return best
}

// TestNoSetDefensive keeps out a call that corrupts memory: SetDefensive of zombiezen v1.4.2 hands SQLite one argument where it reads two, and
// SQLite writes through the second.
func TestNoSetDefensive(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(filepath.Join(root, "store"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(path)
		if bytes.Contains(source, []byte(".SetDefensive(")) {
			t.Errorf("%s calls SetDefensive", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
