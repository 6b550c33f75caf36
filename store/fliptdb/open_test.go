package fliptdb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/burgeehq/burgee/store/fliptdb"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	written := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flipt := func(edit ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			d := fliptDBAt(t, path, newest)
			plain(d)
			for _, statement := range edit {
				d.exec(statement)
			}
			d.done()
		}
	}
	for name, c := range map[string]struct {
		make func(*testing.T, string)
		want string // after the path
	}{
		"no file": {func(*testing.T, string) {}, " does not exist"},
		"directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, " is not a file"},
		"empty":     {func(t *testing.T, path string) { written(t, path, "") }, " is empty: Flipt has never written to it"},
		"text":      {func(t *testing.T, path string) { written(t, path, strings.Repeat("flags:\n", 1000)) }, " is not a SQLite database"},
		"no tables": {func(t *testing.T, path string) { d := openDB(t, path); d.exec(`PRAGMA user_version = 1`); d.close() }, " is not a database of Flipt v1: it has no tables"},
		"a database of burgee": {func(t *testing.T, path string) {
			d := openDB(t, path)
			for _, table := range []string{"head", "revision", "change", "document"} {
				d.exec(`CREATE TABLE ` + table + ` (x)`)
			}
			d.close()
		}, " is not a database of Flipt v1: it has the tables change, document, head, revision"},
		"another program": {func(t *testing.T, path string) {
			d := openDB(t, path)
			d.exec(`CREATE TABLE schema_migrations (version text)`)
			for _, table := range strings.Fields("a b c d e f g h") {
				d.exec(`CREATE TABLE ` + table + ` (x)`)
			}
			d.close()
		}, " is not a database of Flipt v1: it has the tables a, b, c, d, e, f and 3 others"},
		"newer":            {flipt(`UPDATE schema_migrations SET version = 16`), " was written by a newer Flipt (schema 16, this burgee knows up to 15)"},
		"negative":         {flipt(`UPDATE schema_migrations SET version = -1`), " is not a database of Flipt v1: it names schema -1"},
		"never set up":     {flipt(`DELETE FROM schema_migrations`), " is not a database that Flipt v1 has set up: it names 0 schema versions"},
		"failed migration": {flipt(`UPDATE schema_migrations SET dirty = 1`), " was left half-way by a failed migration of Flipt to schema 15: repair it with Flipt first"},
		"table missing":    {flipt(`DROP TABLE rule_segments`), " is not a whole database of Flipt v1: it says that it has schema 15, but it has no rule_segments.rule_id"},
		"column missing":   {flipt(`ALTER TABLE flags DROP COLUMN metadata`), " is not a whole database of Flipt v1: it says that it has schema 15, but it has no flags.metadata"},
		"view for a table": {flipt(`ALTER TABLE rules RENAME TO rules2`, `CREATE VIEW rules AS SELECT * FROM rules2`), " is not a whole database of Flipt v1: it says that it has schema 15, but it has no rules.id"},
		"index is damaged": {flipt(`PRAGMA writable_schema = ON`, `UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'flags') WHERE name = 'version_unique'`), " is damaged: "},
		"cut off": {func(t *testing.T, path string) {
			flipt()(t, path)
			written(t, path, readFile(t, path)[:40000])
		}, " is damaged: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "flipt.db")
			c.make(t, path)
			contents, err := fliptdb.Read(t.Context(), path)
			want := path + c.want
			if err == nil || contents != nil || !strings.HasPrefix(err.Error(), want) || strings.HasSuffix(want, " ") == (err.Error() == want) {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	d := fliptDB(t, newest)
	plain(d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fliptdb.Read(ctx, d.done()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestFliptRuns reads what a running Flipt holds open: what it has committed, not what it is about to, and without a trace.
func TestFliptRuns(t *testing.T) {
	t.Parallel()
	for _, journal := range []string{"delete", "wal"} {
		t.Run(journal, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "flipt.db")
			d := openDB(t, path)
			d.exec(`PRAGMA journal_mode = ` + journal)
			d.close()
			d = fliptDBAt(t, path, newest)
			plain(d)
			d.exec(`COMMIT`)
			d.exec(`BEGIN IMMEDIATE`)
			d.insert("flags", "key", "unborn")
			before := files(t, path)
			contents, err := fliptdb.Read(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if len(contents.Flags) != 2 || len(contents.Problems) != 0 {
				t.Errorf("%d flags, problems %v", len(contents.Flags), contents.Problems)
			}
			if after := files(t, path); after != before {
				t.Error("reading changed the files")
			}
			d.exec(`COMMIT`)
			contents, err = fliptdb.Read(t.Context(), path)
			if err != nil || len(contents.Flags) != 3 {
				t.Errorf("after the commit: %v, %v", contents, err)
			}
		})
	}
}

// TestReadIsOneMoment reads while Flipt replaces a whole flag time and again, each time in one transaction: what is read is whole.
func TestReadIsOneMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flipt.db")
	d := openDB(t, path)
	d.exec(`PRAGMA journal_mode = wal`)
	d.close()
	d = fliptDBAt(t, path, newest)
	plain(d)
	d.exec(`COMMIT`)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := replaceVariants(d.conn); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range 50 {
		contents, err := fliptdb.Read(t.Context(), path)
		if err != nil || len(contents.Problems) != 0 {
			t.Errorf("read %v, %v", contents, err)
			break
		}
	}
	close(stop)
	<-stopped
}

// replaceVariants gives the variants other ids, in one transaction.
func replaceVariants(conn *sqlite.Conn) error {
	for _, statement := range []string{
		`BEGIN IMMEDIATE`, `UPDATE variants SET id = id || 'x'`, `UPDATE distributions SET variant_id = variant_id || 'x'`, `COMMIT`,
	} {
		if err := sqlitex.ExecuteTransient(conn, statement, nil); err != nil {
			return err
		}
	}
	return nil
}

// files returns the bytes of a database and its logs; the index of a log is no part of it.
func files(t *testing.T, path string) string {
	t.Helper()
	text := readFile(t, path)
	for _, suffix := range []string{"-wal", "-journal"} {
		if _, err := os.Stat(path + suffix); err == nil {
			text += suffix + readFile(t, path+suffix)
		}
	}
	return text
}

// TestFliptWasKilled reads what a Flipt left that could not close its database, and says what to do where only Flipt can help.
func TestFliptWasKilled(t *testing.T) {
	t.Parallel()
	left := func(t *testing.T, journal string, spill bool) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "flipt.db")
		d := openDB(t, path)
		d.exec(`PRAGMA journal_mode = ` + journal)
		d.close()
		d = fliptDBAt(t, path, newest)
		plain(d)
		d.exec(`COMMIT`)
		if spill { // changed pages are in the file before the end of the transaction
			d.exec(`PRAGMA cache_size = 1`)
			d.exec(`BEGIN IMMEDIATE`)
			for i := range 100 {
				d.insert("segments", "key", i, "description", strings.Repeat("x", 4000))
			}
		}
		copied := filepath.Join(t.TempDir(), "flipt.db")
		for _, suffix := range []string{"", "-wal", "-journal"} {
			if text, err := os.ReadFile(path + suffix); err == nil {
				if err := os.WriteFile(copied+suffix, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		return copied
	}
	t.Run("with a log", func(t *testing.T) {
		t.Parallel()
		path := left(t, "wal", false)
		before := files(t, path)
		contents, err := fliptdb.Read(t.Context(), path)
		if err != nil || len(contents.Flags) != 2 {
			t.Errorf("got %v, %v", contents, err)
		}
		if after := files(t, path); after != before {
			t.Error("reading changed the files")
		}
	})
	t.Run("within a transaction", func(t *testing.T) {
		t.Parallel()
		path := left(t, "delete", true)
		_, err := fliptdb.Read(t.Context(), path)
		if want := path + " has a transaction that was interrupted and that only its owner may undo: start and stop Flipt once"; err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	})
}

// TestFliptWrites waits for Flipt, but not for ever.
func TestFliptWrites(t *testing.T) {
	t.Parallel()
	d := fliptDB(t, newest)
	plain(d)
	d.exec(`COMMIT`)
	d.exec(`BEGIN EXCLUSIVE`)
	_, err := fliptdb.Read(t.Context(), d.path)
	if want := d.path + " is locked: Flipt is writing to it, try again or stop Flipt"; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := sqlitex.ExecuteTransient(d.conn, `COMMIT`, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := fliptdb.Read(t.Context(), d.path); err != nil {
		t.Error(err)
	}
}
