package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/burgeehq/burgee/store"
)

// refuse opens a file that must be refused and returns the sentence.
func refuse(t *testing.T, path string) error {
	t.Helper()
	db, err := store.Open(t.Context(), store.Settings{Path: path}, record)
	if err == nil {
		db.Close()
		t.Fatalf("%s was opened", path)
	}
	return err
}

// made returns the path of a closed database of three revisions.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })
	change(t, db, func(d *store.Draft) {
		d.CreateFlag(newFlag("default", "b"))
		d.EditFlag("default", "a").Flag.Enabled = true
	})
	must(t, db.Close())
	return path
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	// raw lets another program run statements on a database.
	raw := func(statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) { must(t, store.Raw(path, statements...)) }
	}
	// replace makes another file of it.
	replace := func(body string, statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(body), 0o600))
			if len(statements) > 0 {
				must(t, store.Raw(path, statements...))
			}
		}
	}
	const damaged = "is damaged and was left as it is, restore a backup of it"
	tests := []struct {
		name string
		act  func(t *testing.T, path string)
		want string
	}{
		{"short text", replace("hello"), "is not a SQLite database: name another file"},
		{"long text", replace(strings.Repeat("hello world\n", 5000)), "is not a SQLite database: name another file"},
		{"foreign database", replace("", `CREATE TABLE flags (id INTEGER)`), "is a database of another program: name another file"},
		{"foreign id", raw(`PRAGMA application_id = 7`), "is a database of another program: name another file"},
		{"foreign log", replace("", `PRAGMA journal_mode = WAL`, `CREATE TABLE flags (id INTEGER)`), "is a database of another program"},
		{"newer", raw(`PRAGMA user_version = 4`), "was written by a newer burgee (format 4, this one knows 3): run that one"},
		{"no version", raw(`PRAGMA user_version = 0`), damaged},
		{"no table", raw(`DROP TABLE document`), damaged},
		{"no head", raw(`DELETE FROM head`), damaged + ": head has 0 rows"},
		{"two heads", raw(`INSERT INTO head SELECT * FROM head`), damaged + ": head has 2 rows"},
		{"other epoch", raw(`UPDATE head SET epoch = '0123456789abcdef'`), damaged + ": revision 3 does not have the hash"},
		{"no epoch", raw(`UPDATE head SET epoch = ''`), damaged + `: epoch "" is not hexadecimal`},
		{"other head hash", raw(`UPDATE head SET hash = zeroblob(32)`), damaged + ": revision 3 does not have the hash"},
		{"short hash", raw(`UPDATE head SET hash = x'00'`), damaged + ": a hash has 1 bytes"},
		{"head behind", raw(`UPDATE head SET revision = 2`), damaged + ": head is at revision 2, the newest is 3"},
		{"other time", raw(`UPDATE revision SET at = at + 1`), damaged + ": revision 3 does not tell its time"},
		{"other author", raw(`UPDATE revision SET body = CAST(replace(CAST(body AS TEXT), 'ann', 'bob') AS BLOB) WHERE revision = 3`), damaged + ": revision 3 does not have the hash"},
		{"other body", raw(`UPDATE change SET body = CAST(body || x'820700' AS BLOB) WHERE revision = 3 AND key = 'a'`), damaged + ": revision 3 does not have the hash"},
		{"change removed", raw(`DELETE FROM document WHERE key = 'b'`, `DELETE FROM change WHERE revision = 3 AND key = 'b'`), damaged + ": revision 3 does not have the hash"},
		{"predecessor replaced", raw(`UPDATE revision SET hash = zeroblob(32) WHERE revision = 2`), damaged + ": revision 3 does not follow revision 2"},
		{"predecessor removed", raw(`DELETE FROM revision WHERE revision = 2`), damaged + ": revision 2 is missing"},
		{"points nowhere", raw(`UPDATE document SET revision = 1 WHERE key = 'a'`), damaged + `: flag "default/a" points to revision 1, which has no body of it`},
		{"points to a deletion", raw(`UPDATE change SET body = NULL WHERE revision = 1`), damaged + `: namespace "default" points to revision 1, which has no body of it`},
		{"body cut", raw(`UPDATE change SET body = substr(body, 1, 20) WHERE revision = 1`), damaged + `: namespace "default" cannot be decoded`},
		{"body of another", raw(`UPDATE change SET body = (SELECT body FROM change WHERE key = 'a' AND revision = 2) WHERE revision = 1`), damaged + `: namespace "default" cannot be decoded`},
		{"unknown kind", raw(`INSERT INTO change VALUES ('default', 'token', 'x', 2, x'00')`, `INSERT INTO document VALUES ('default', 'token', 'x', 2)`), damaged + `: token "default/x" cannot be decoded: its kind is unknown`},
		{"no namespace", raw(`DELETE FROM document WHERE kind = 'namespace'`), damaged + `: flag "default/a" lies in a namespace that does not exist`},
		{"place not given out", raw(`UPDATE head SET created = 2`), damaged + `: flag "default/b" has place 3`},
		{"torn pages", func(t *testing.T, path string) { must(t, overwrite(path, 8192)) }, damaged},
		{"cut", func(t *testing.T, path string) { must(t, os.Truncate(path, size(t, path)-8192)) }, damaged},
		{"directory", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}, "is a directory: name a file in it, such as "},
		{"socket or device", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Symlink(os.DevNull, path))
		}, "is not a regular file: name another file"},
		{"read-only", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o400)) }, "cannot be written: make the file and its directory writable"},
		{"lock not a file", func(t *testing.T, path string) {
			must(t, os.Remove(path+".lock"))
			must(t, os.Symlink(filepath.Join(path, "x"), path+".lock"))
		}, "cannot be written: make the file and its directory writable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := made(t)
			test.act(t, path)
			before, _ := os.ReadFile(path)
			err := refuse(t, path)
			if !strings.HasPrefix(err.Error(), "open store: ") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("refused with %q, want a sentence with %q", err, test.want)
			}
			if name := filepath.Dir(path); test.name != "socket or device" && !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name the file", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the refused file was changed")
			}
		})
	}
}

// TestRefusedLogIsLeft refuses files whose newest content lies in their log: both stay as they are.
func TestRefusedLogIsLeft(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"foreign": `PRAGMA application_id = 7`,
		"damaged": `UPDATE head SET created = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := made(t)
			lock, err := store.HoldLock(path)
			must(t, err)
			must(t, lock.Exec(`ROLLBACK`))
			must(t, lock.Exec(statement))
			must(t, lock.Exec(`BEGIN IMMEDIATE`))
			copied := filepath.Join(t.TempDir(), "burgee.db")
			var before [2]string
			for i, suffix := range []string{"", "-wal"} {
				body, err := os.ReadFile(path + suffix)
				must(t, err)
				must(t, os.WriteFile(copied+suffix, body, 0o600))
				before[i] = string(body)
			}
			must(t, lock.Close())
			if before[1] == "" {
				t.Fatal("there is nothing in the log")
			}
			refuse(t, copied)
			for i, suffix := range []string{"", "-wal"} {
				if after, err := os.ReadFile(copied + suffix); err != nil || string(after) != before[i] {
					t.Errorf("%s was changed: %v", copied+suffix, err)
				}
			}
		})
	}
}

func TestRefusedByDerive(t *testing.T) {
	t.Parallel()
	path := made(t)
	_, err := store.Open(t.Context(), store.Settings{Path: path}, func(derived, *store.State, []store.Change) (derived, error) {
		return nil, errRefused
	})
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v", err)
	}
	open(t, store.Settings{Path: path})
}

func TestOpenIsBounded(t *testing.T) {
	t.Parallel()
	path := made(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Open(ctx, store.Settings{Path: path}, record); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with an ended context = %v", err)
	}
	if _, err := store.Open(t.Context(), store.Settings{}, record); err == nil || !strings.Contains(err.Error(), "no database file is named") {
		t.Errorf("Open without a path = %v", err)
	}
	open(t, store.Settings{Path: path})
}

func TestLocked(t *testing.T) {
	t.Parallel()
	path := made(t)
	db := open(t, store.Settings{Path: path})
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(path, link))
	for _, name := range []string{path, link} {
		err := refuse(t, name)
		if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path+" is in use, another process holds the database: stop that process") {
			t.Errorf("second Open = %v, want ErrLocked", err)
		}
	}
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "c")) })
	must(t, db.Close())
	db = open(t, store.Settings{Path: link})
	if s, _ := db.View(); s.Flag("default", "c") == nil {
		t.Error("the link leads elsewhere")
	}
	change(t, db, func(d *store.Draft) { d.DeleteFlag("default", "c") })
}

func TestHeldByAnotherProgram(t *testing.T) {
	t.Parallel()
	path := made(t)
	lock, err := store.HoldLock(path)
	must(t, err)
	if err := refuse(t, path); !errors.Is(err, store.ErrLocked) {
		t.Errorf("Open beside a writer = %v, want ErrLocked", err)
	}
	must(t, lock.Close())
	open(t, store.Settings{Path: path})
}

func TestEmptyFileIsNew(t *testing.T) {
	t.Parallel()
	for _, statements := range [][]string{nil, {`PRAGMA page_size = 8192`, `PRAGMA journal_mode = WAL`}} {
		path := filepath.Join(t.TempDir(), "burgee.db")
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, store.Raw(path, statements...))
		if s, _ := open(t, store.Settings{Path: path}).View(); s.Position().Revision != 1 {
			t.Errorf("after %q: %v, want the first revision", statements, s.Position())
		}
	}
}

// TestKilled opens copies of a database that was not closed: what was acknowledged lies in its log.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	for n := range 5 {
		change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) })
	}
	copied := filepath.Join(t.TempDir(), "burgee.db")
	for _, suffix := range []string{"", "-wal"} {
		body, err := os.ReadFile(path + suffix)
		must(t, err)
		must(t, os.WriteFile(copied+suffix, body, 0o600))
	}
	want, _ := db.View()
	got, _ := open(t, store.Settings{Path: copied}).View()
	if dump(got) != dump(want) {
		t.Errorf("after a kill:\n%s\nbefore:\n%s", dump(got), dump(want))
	}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	update(db, func(*store.Draft) {
		for query, want := range map[string]string{
			`PRAGMA journal_mode`:       "wal",
			`PRAGMA page_size`:          "8192",
			`PRAGMA application_id`:     fmt.Sprint(0x42524745),
			`PRAGMA user_version`:       "3",
			`PRAGMA synchronous`:        "2",
			`PRAGMA fullfsync`:          "1",
			`PRAGMA foreign_keys`:       "1",
			`PRAGMA wal_autocheckpoint`: "1000",
			`PRAGMA journal_size_limit`: "67108864",
			`PRAGMA trusted_schema`:     "0",
			`PRAGMA cell_size_check`:    "1",
			`PRAGMA cache_size`:         "-16384",
			`PRAGMA temp_store`:         "2",
			`PRAGMA mmap_size`:          "0",
			`PRAGMA busy_timeout`:       "2000",

			`SELECT sqlite_version() >= '3.53.4'`: "1",
			`SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name)`: "base,change,count,counting,current_document,document,epoch,evaluated,head,missing,revision",
		} {
			if got, err := db.Text(query); got != want || err != nil {
				t.Errorf("%s = %q, %v, want %q", query, got, err, want)
			}
		}
	})
}

// makeV1 is how testdata/v1.db was made, once: go test -run TestV1 -make-v1. It must not be made again, since its point
// is to be old.
var makeV1 = flag.Bool("make-v1", false, "write testdata/v1.db, if there is none")

const v1 = "testdata/v1.db"

func writeV1(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(v1); err == nil {
		t.Fatalf("%s exists and is not made again", v1)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	db := open(t, store.Settings{Path: v1, Clock: func() time.Time { now = now.Add(time.Second); return now }})
	change(t, db, func(d *store.Draft) {
		d.CreateSegment(segment("default", "staff"))
		f := newFlag("default", "new-ui")
		f.Flag.CreatedAt, f.Flag.UpdatedAt = d.Now(), d.Now()
		d.CreateFlag(f)
		d.CreateFlag(newFlag("default", "gone"))
	})
	change(t, db, func(d *store.Draft) {
		d.CreateNamespace(namespace("other"))
		d.CreateFlag(newFlag("other", "new-ui"))
	})
	change(t, db, func(d *store.Draft) {
		d.EditFlag("default", "new-ui").Flag.Enabled = true
		d.DeleteFlag("default", "gone")
	})
	change(t, db, func(d *store.Draft) { d.EditSegment("default", "staff").Segment.Name = "Staff" })
	must(t, db.Close())
	must(t, os.Remove(v1+".lock"))
}

func TestV1(t *testing.T) {
	t.Parallel()
	if *makeV1 {
		writeV1(t)
	}
	body, err := os.ReadFile(v1)
	must(t, err)
	path := filepath.Join(t.TempDir(), "burgee.db")
	must(t, os.WriteFile(path, body, 0o600))
	db := open(t, store.Settings{Path: path})
	s, built := db.View()
	if got := fmt.Sprintf("%v %x", s.Position(), s.Position().Hash); got != "21122f17a1ada567-5 ad55ba461d8a0c4c8b6f77da9df35842d7ccdb6600cf86a449c3699760d4e408" {
		t.Errorf("position = %s", got)
	}
	want := "+namespace default/default +namespace other/other +segment default/staff +flag default/new-ui +flag other/new-ui"
	if got := strings.Join(built, " "); got != want {
		t.Errorf("documents = %q, want %q", got, want)
	}
	f := s.Flag("default", "new-ui")
	if !f.Flag.Enabled || f.Flag.DefaultVariant != f.Flag.Variants[1] || f.Rules[0].Distributions[0].VariantId != "new-ui-on" ||
		!f.Flag.CreatedAt.AsTime().Equal(time.Date(2026, 11, 22, 12, 0, 2, 0, time.UTC)) || f.Created != 3 {
		t.Errorf("flag = %v", f)
	}
	if got := s.Segment("default", "staff").Segment; got.Name != "Staff" || len(got.Constraints) != 1 {
		t.Errorf("segment = %v", got)
	}
	if d, o := s.NamespaceRevision("default"), s.NamespaceRevision("other"); d != 5 || o != 3 {
		t.Errorf("revisions of the namespaces = %d and %d, want 5 and 3", d, o)
	}
	if p := change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("other", "next")) }); p.Revision != 6 {
		t.Errorf("the next revision is %d, want 6", p.Revision)
	}
	s, _ = db.View()
	if got := s.Flag("other", "next").Created; got != 7 {
		t.Errorf("the next place is %d, want 7", got)
	}
	must(t, db.Close())
	if n, err := store.VerifyChain(path); n != 6 || err != nil {
		t.Errorf("VerifyChain = %d, %v", n, err)
	}
}
