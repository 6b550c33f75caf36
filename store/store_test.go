package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// derived is what the tests let derive build: the ids of the documents that it was told of, oldest first.
type derived []string

var errRefused = errors.New("derive refuses")

// record is the derive function of the tests. It refuses states with a flag named "refused".
func record(prev derived, next *store.State, changed []store.Change) (derived, error) {
	for _, c := range changed {
		if c.Key == "refused" {
			return nil, errRefused
		}
		sign := "+"
		if c.NamespaceDoc == nil && c.Flag == nil && c.Segment == nil {
			sign = "-"
		}
		prev = append(slices.Clip(prev), fmt.Sprintf("%s%s %s/%s", sign, c.Kind, c.Namespace, c.Key))
	}
	return prev, nil
}

func open(t testing.TB, s store.Settings) *store.DB[derived] {
	t.Helper()
	if s.Path == "" {
		s.Path = filepath.Join(t.TempDir(), "burgee.db")
	}
	db, err := store.Open(t.Context(), s, record)
	if err != nil {
		t.Fatalf("Open(%s): %v", s.Path, err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// change runs f as an update that must succeed.
func change(t testing.TB, db *store.DB[derived], f func(*store.Draft)) store.Position {
	t.Helper()
	_, position, err := update(db, f)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return position
}

func update(db *store.DB[derived], f func(*store.Draft)) (struct{}, store.Position, error) {
	return store.Update(context.Background(), db, store.Author{Name: "ann", Method: "test"}, func(d *store.Draft) (struct{}, error) {
		f(d)
		return struct{}{}, nil
	})
}

func newFlag(namespace, key string) *storev1.Flag {
	on := &flipt.Variant{Id: key + "-on", FlagKey: key, NamespaceKey: namespace, Key: "on", Attachment: `{"a":1}`}
	off := &flipt.Variant{Id: key + "-off", FlagKey: key, NamespaceKey: namespace, Key: "off"}
	return &storev1.Flag{
		Flag: &flipt.Flag{NamespaceKey: namespace, Key: key, Name: key, Variants: []*flipt.Variant{on, off}, DefaultVariant: &flipt.Variant{Id: off.Id}},
		Rules: []*flipt.Rule{{Id: key + "-rule", FlagKey: key, NamespaceKey: namespace, Rank: 1, SegmentKeys: []string{"staff"},
			Distributions: []*flipt.Distribution{{Id: key + "-distribution", RuleId: key + "-rule", VariantId: on.Id, Rollout: 100}}}},
	}
}

func segment(namespace, key string) *storev1.Segment {
	return &storev1.Segment{Segment: &flipt.Segment{NamespaceKey: namespace, Key: key, Name: key,
		Constraints: []*flipt.Constraint{{Id: key + "-1", SegmentKey: key, NamespaceKey: namespace, Property: "staff", Operator: "true"}}}}
}

func namespace(key string) *storev1.Namespace {
	return &storev1.Namespace{Namespace: &flipt.Namespace{Key: key, Name: key}}
}

// dump returns a state as text: two states with one dump are equal, byte for byte.
func dump(s *store.State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %x\n", s.Position(), s.Position().Hash)
	for n := range s.Namespaces().All() {
		key := n.Namespace.Key
		fmt.Fprintf(&b, "namespace %d %x\n", s.NamespaceRevision(key), encoded(n))
		for g := range s.Segments(key).All() {
			fmt.Fprintf(&b, "segment %x %v\n", encoded(g), s.Segment(key, g.Segment.Key) == g)
		}
		for f := range s.Flags(key).All() {
			fmt.Fprintf(&b, "flag %x %v\n", encoded(f), s.Flag(key, f.Flag.Key) == f)
		}
	}
	return b.String()
}

func encoded(m proto.Message) []byte {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return body
}

func keys(list store.List[*storev1.Flag]) string {
	var keys []string
	for f := range list.All() {
		keys = append(keys, f.Flag.Key)
	}
	return strings.Join(keys, " ")
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "here", "burgee.db")
	db := open(t, store.Settings{Path: path})
	s, built := db.View()
	if got := s.Position(); !regexp.MustCompile(`^[0-9a-f]{16}-1$`).MatchString(got.String()) || got.Hash == [32]byte{} {
		t.Errorf("position = %v, want a random epoch, revision 1 and a hash", got)
	}
	n := s.Namespace("default").GetNamespace()
	if n.GetName() != "Default" || n.GetDescription() != "Default namespace" || !n.GetProtected() || !n.GetCreatedAt().IsValid() {
		t.Errorf("first namespace = %v", n)
	}
	if want := []string{"+namespace default/default"}; !slices.Equal(built, want) {
		t.Errorf("derive was told of %q, want %q", built, want)
	}
	if err := db.Health(); err != nil {
		t.Errorf("Health = %v", err)
	}
	for file, want := range map[string]os.FileMode{path: 0o600, path + "-wal": 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %v", file, info.Mode().Perm(), err, want)
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	steps := []struct {
		name     string
		f        func(*store.Draft)
		revision uint64
		derived  string
		flags    string // of default
		touched  uint64 // revision of default
	}{
		{"create", func(d *store.Draft) {
			d.CreateFlag(newFlag("default", "b"))
			d.CreateFlag(newFlag("default", "a"))
			d.CreateSegment(segment("default", "staff"))
		}, 2, "+segment default/staff +flag default/a +flag default/b", "b a", 2},
		{"edit", func(d *store.Draft) { d.EditFlag("default", "a").Flag.Enabled = true }, 3, "+flag default/a", "b a", 3},
		{"edit nothing", func(d *store.Draft) { d.EditFlag("default", "a").Flag.Enabled = true }, 3, "", "b a", 3},
		{"read only", func(d *store.Draft) { d.Flag("default", "a") }, 3, "", "b a", 3},
		{"edit what is absent", func(d *store.Draft) {
			if d.EditFlag("default", "x") != nil || d.EditFlag("x", "a") != nil || d.EditSegment("x", "a") != nil || d.EditNamespace("x") != nil {
				panic("found what is absent")
			}
		}, 3, "", "b a", 3},
		{"delete what is absent", func(d *store.Draft) {
			d.DeleteFlag("default", "x")
			d.DeleteFlag("x", "a")
			d.DeleteSegment("x", "a")
			d.DeleteNamespace("x")
		}, 3, "", "b a", 3},
		{"create and delete", func(d *store.Draft) {
			d.CreateFlag(newFlag("default", "c"))
			d.DeleteFlag("default", "c")
		}, 3, "", "b a", 3},
		{"other namespace", func(d *store.Draft) {
			d.CreateNamespace(namespace("other"))
			d.CreateFlag(newFlag("other", "a"))
		}, 4, "+namespace other/other +flag other/a", "b a", 3},
		{"delete and create again", func(d *store.Draft) {
			d.DeleteFlag("default", "b")
			d.CreateFlag(newFlag("default", "b"))
		}, 5, "+flag default/b", "a b", 5},
		{"edit and delete", func(d *store.Draft) {
			d.EditFlag("default", "b").Flag.Name = "gone"
			d.DeleteFlag("default", "b")
			if d.Flag("default", "b") != nil || d.EditFlag("default", "b") != nil {
				panic("found what was deleted")
			}
		}, 6, "-flag default/b", "a", 6},
		{"delete namespace", func(d *store.Draft) {
			d.EditFlag("other", "a").Flag.Name = "edited first"
			d.CreateFlag(newFlag("other", "new"))
			d.DeleteNamespace("other")
		}, 7, "-namespace other/other -flag other/a", "a", 6},
		{"delete and create namespace", func(d *store.Draft) {
			d.DeleteNamespace("default")
			d.CreateNamespace(namespace("default"))
			d.CreateFlag(newFlag("default", "z"))
		}, 8, "+namespace default/default -segment default/staff -flag default/a +flag default/z", "z", 8},
	}
	for _, step := range steps {
		_, before := db.View()
		position := change(t, db, step.f)
		s, built := db.View()
		if position != s.Position() || position.Revision != step.revision {
			t.Errorf("%s: position %v, published %v, want revision %d", step.name, position, s.Position(), step.revision)
		}
		if got := strings.Join(built[len(before):], " "); got != step.derived {
			t.Errorf("%s: derived %q, want %q", step.name, got, step.derived)
		}
		if got := keys(s.Flags("default")); got != step.flags {
			t.Errorf("%s: flags %q, want %q", step.name, got, step.flags)
		}
		if got := s.NamespaceRevision("default"); got != step.touched {
			t.Errorf("%s: revision of the namespace %d, want %d", step.name, got, step.touched)
		}
	}
	s, _ := db.View()
	if s.NamespaceRevision("other") != 0 || s.Namespace("other") != nil || s.Flags("other").Len() != 0 || s.Segments("other").Len() != 0 {
		t.Error("a deleted namespace is still there")
	}
	before := dump(s)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := store.VerifyChain(path); n != 8 || err != nil {
		t.Errorf("VerifyChain = %d, %v", n, err)
	}
	reopened, _ := open(t, store.Settings{Path: path}).View()
	if got := dump(reopened); got != before {
		t.Errorf("after reopening:\n%s\nbefore:\n%s", got, before)
	}
}

func TestAuthorIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	now := time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC)
	db := open(t, store.Settings{Path: path, Clock: func() time.Time { return now }})
	by := store.Author{Name: "ann", Method: "/x.Y/Z", Comment: "why", RequestID: "r1", Reverts: 1}
	_, _, err := store.Update(t.Context(), db, by, func(d *store.Draft) (int, error) {
		d.CreateFlag(newFlag("default", "a"))
		return 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	body, err := store.RawText(path, `SELECT body FROM revision`)
	if err != nil {
		t.Fatal(err)
	}
	var got storev1.Revision
	if err := proto.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Author != "ann" || got.Method != "/x.Y/Z" || got.Comment != "why" || got.RequestId != "r1" || got.Reverts != 1 ||
		!got.At.AsTime().Equal(now.Truncate(time.Microsecond)) {
		t.Errorf("revision = %v, want %+v at %v", &got, by, now)
	}
	rows, err := store.RawText(path, `SELECT group_concat(kind || ' ' || key || ' ' || revision || ' ' || at, ', ' ORDER BY kind) FROM current_document`)
	if want := fmt.Sprintf("flag a 2 %[1]d, namespace default 1 %[1]d", now.UnixMicro()); err != nil || rows != want {
		t.Errorf("current_document = %q, %v, want %q", rows, err, want)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	errDry := errors.New("dry run")
	got, _, err := store.Update(t.Context(), db, store.Author{}, func(d *store.Draft) (string, error) {
		d.CreateFlag(newFlag("default", "a"))
		return keys(d.Flags("default")), errDry
	})
	if got != "a" || !errors.Is(err, errDry) {
		t.Errorf("dry run = %q, %v", got, err)
	}
	if s, _ := db.View(); s.Position().Revision != 1 || s.Flags("default").Len() != 0 {
		t.Error("a dry run changed the state")
	}
}

func TestOneFunctionFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		f    func(*store.Draft) (int, error)
		want string
	}{
		{"error", func(d *store.Draft) (int, error) { return 0, errors.New("not like this") }, "not like this"},
		{"panic", func(d *store.Draft) (int, error) { panic("it went wrong") }, "panic: it went wrong"},
		{"derive", func(d *store.Draft) (int, error) { d.CreateFlag(newFlag("default", "refused")); return 0, nil }, "derive refuses"},
		{"key taken", func(d *store.Draft) (int, error) { d.CreateFlag(newFlag("default", "kept")); return 0, nil }, `panic: store: flag "default/kept"`},
		{"no namespace", func(d *store.Draft) (int, error) { d.CreateSegment(segment("nowhere", "a")); return 0, nil }, "no namespace"},
		{"no flag", func(d *store.Draft) (int, error) { d.CreateFlag(&storev1.Flag{}); return 0, nil }, "no namespace"},
		{"renamed", func(d *store.Draft) (int, error) { d.EditFlag("default", "kept").Flag.Key = "b"; return 0, nil }, `flag "default/kept": its key`},
		{"moved", func(d *store.Draft) (int, error) { d.EditFlag("default", "kept").Created = 99; return 0, nil }, `flag "default/kept": its key`},
		{"not UTF-8", func(d *store.Draft) (int, error) { d.EditFlag("default", "kept").Flag.Name = "\xff"; return 0, nil }, `encode flag "default/kept"`},
		{"too large", func(d *store.Draft) (int, error) {
			d.EditFlag("default", "kept").Flag.Description = strings.Repeat("x", 8<<20)
			return 0, nil
		}, "too large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "burgee.db")
			db := open(t, store.Settings{Path: path})
			// The first function holds the writer until the three are in one batch.
			second, third := make(chan error, 1), make(chan error, 1)
			release := hold(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "kept")) })
			go func() {
				_, _, err := store.Update(context.Background(), db, store.Author{}, func(d *store.Draft) (int, error) {
					d.CreateFlag(newFlag("default", "undone"))
					return test.f(d)
				})
				second <- err
			}()
			waitUntil(t, func() bool { return db.Waiting() == 1 })
			go func() {
				_, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "also")) })
				third <- err
			}()
			waitUntil(t, func() bool { return db.Waiting() == 2 })
			first := release()
			if err := <-second; err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one with %q", err, test.want)
			}
			if a, b := first, <-third; a != nil || b != nil {
				t.Errorf("the neighbours failed: %v, %v", a, b)
			}
			s, _ := db.View()
			if got := keys(s.Flags("default")); got != "kept also" || s.Position().Revision != 3 {
				t.Errorf("flags = %q at revision %d, want the neighbours at 3", got, s.Position().Revision)
			}
			if _, _, err := update(db, func(d *store.Draft) { d.DeleteFlag("default", "kept") }); err != nil {
				t.Errorf("a later update: %v", err)
			}
		})
	}
}

// hold starts an update whose function, having run f, waits for release, which returns the error of the update.
func hold(t testing.TB, db *store.DB[derived], f func(*store.Draft)) (release func() error) {
	t.Helper()
	running, released, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, _, err := update(db, func(d *store.Draft) {
			f(d)
			close(running)
			<-released
		})
		result <- err
	}()
	<-running
	release = sync.OnceValue(func() error {
		close(released)
		return <-result
	})
	t.Cleanup(func() { release() })
	return release
}

// waitUntil lets other goroutines run until what it waits for has come.
func waitUntil(t testing.TB, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

func TestTooLargeState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path, MaxState: 2000})
	var err error
	n := 0
	for ; err == nil; n++ {
		_, _, err = update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) })
	}
	if !errors.Is(err, store.ErrTooLarge) || n < 3 || n > 20 {
		t.Fatalf("update %d: %v, want ErrTooLarge after a few", n, err)
	}
	db.Close()

	// A state over its bound opens, and may shrink but not grow.
	db = open(t, store.Settings{Path: path, MaxState: 100})
	change(t, db, func(d *store.Draft) { d.DeleteFlag("default", "f0") })
	if _, _, err := update(db, func(d *store.Draft) { d.EditFlag("default", "f1").Flag.Description = "more" }); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("growing: %v, want ErrTooLarge", err)
	}
}

func TestClockStepsBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	now := time.Date(2026, 5, 1, 12, 0, 0, 1234567, time.UTC)
	db := open(t, store.Settings{Path: path, Clock: func() time.Time { return now }})
	times := func() (got [2]time.Time) {
		got, _, err := store.Update(t.Context(), db, store.Author{}, func(d *store.Draft) ([2]time.Time, error) {
			d.CreateFlag(newFlag("default", d.NewID()))
			return [2]time.Time{d.Now().AsTime(), d.Now().AsTime()}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := now.Truncate(time.Microsecond)
	if got := times(); got != [2]time.Time{want, want} {
		t.Errorf("times %v, want %v twice", got, want)
	}
	now = now.Add(-time.Hour)
	if got := times(); got[0] != want {
		t.Errorf("after a step back %v, want %v", got[0], want)
	}
	db.Close()
	db = open(t, store.Settings{Path: path, Clock: func() time.Time { return now }})
	if got := times(); got[0] != want {
		t.Errorf("after a step back and a restart %v, want %v", got[0], want)
	}
	now = now.Add(2 * time.Hour)
	if got := times(); got[0] != now.Truncate(time.Microsecond) {
		t.Errorf("after a step forward %v, want %v", got[0], now)
	}
}
