package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/store"
)

// told returns the path of a closed database with all that a history can have: 14 revisions in two epochs, two of which
// deleted something, and the namespaces default and other. Revision 10 is the restore.
func told(t testing.TB) string {
	t.Helper()
	first := filepath.Join(t.TempDir(), "first.db")
	tell(t, first,
		func(d *store.Draft) { d.CreateSegment(segment("default", "staff")) },
		func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) },
		func(d *store.Draft) {
			d.CreateNamespace(namespace("other"))
			d.CreateFlag(newFlag("other", "a"))
		},
		func(d *store.Draft) { d.CreateFlag(newFlag("default", "b")); d.CreateFlag(newFlag("default", "gone")) },
		func(d *store.Draft) { d.EditFlag("default", "a").Flag.Enabled = true },
		func(d *store.Draft) { d.DeleteFlag("default", "gone") },
		func(d *store.Draft) { d.EditSegment("default", "staff").Segment.Name = "Staff" },
		func(d *store.Draft) { d.EditFlag("other", "a").Flag.Name = "A" },
	)
	path := filepath.Join(t.TempDir(), "burgee.db")
	if _, err := store.Restore(t.Context(), first, path, store.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	tell(t, path,
		func(d *store.Draft) { d.CreateFlag(newFlag("other", "b")) },
		func(d *store.Draft) { d.DeleteFlag("other", "b"); d.EditFlag("default", "b").Flag.Enabled = true },
		func(d *store.Draft) { d.CreateFlag(newFlag("default", "c")) },
		func(d *store.Draft) { d.EditNamespace("other").Namespace.Name = "Other" },
	)
	return path
}

// tell opens a database, makes the changes and closes it.
func tell(t testing.TB, path string, changes ...func(*store.Draft)) {
	t.Helper()
	db := open(t, store.Settings{Path: path})
	for _, f := range changes {
		change(t, db, f)
	}
	must(t, db.Close())
}

func TestVerify(t *testing.T) {
	t.Parallel()
	path := told(t)
	var steps []string
	var last [2]int64
	report, err := store.Verify(t.Context(), path, func(step string, done, total int64) {
		if len(steps) == 0 || steps[len(steps)-1] != step {
			steps = append(steps, step)
		}
		last = [2]int64{done, total}
	})
	must(t, err)
	db := open(t, store.Settings{Path: path})
	s, _ := db.View()
	want := store.Report{Position: s.Position(), Epochs: 2, Base: 1, Revisions: 14, Changes: 16, Documents: 7, Bytes: size(t, path)}
	if report != want || want.Position.Revision != 14 {
		t.Errorf("report = %+v, want %+v", report, want)
	}
	if got := strings.Join(steps, ", "); got != "checking pages, checking history" || last != [2]int64{14, 14} {
		t.Errorf("progress: %s, at last %v", got, last)
	}

	// Beside the one who holds it, with the newest revision in the log.
	position := change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "d")) })
	if report, err = store.Verify(t.Context(), path, nil); err != nil || report.Position != position || report.Documents != 8 {
		t.Errorf("of a database in use: %+v, %v, want position %v", report, err, position)
	}
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "e")) })
	must(t, db.Close())
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", suffix, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Verify(ctx, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// TestVerifyV1 verifies a file of the first version as it is.
func TestVerifyV1(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(v1)
	must(t, err)
	path := filepath.Join(t.TempDir(), "v1.db")
	must(t, os.WriteFile(path, body, 0o400))
	report, err := store.Verify(t.Context(), path, nil)
	if err != nil || report.Position.String() != "21122f17a1ada567-5" || report.Epochs != 1 || report.Changes != 9 || report.Documents != 5 {
		t.Errorf("report = %+v, %v", report, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside it lie %v, %v", entries, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(body) {
		t.Errorf("it was changed: %v", err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("hello world\n", 5000)), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	must(t, store.Raw(func() string {
		path := filepath.Join(dir, "foreign")
		must(t, os.WriteFile(path, nil, 0o600))
		return path
	}(), `CREATE TABLE flags (id INTEGER)`))
	for name, want := range map[string]string{
		"text": "is not a SQLite database", "empty": "is empty", "foreign": "is a database of another program",
		"nosuch": "there is no database", ".": "is not a regular file",
	} {
		_, err := store.Verify(t.Context(), filepath.Join(dir, name), nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want a sentence with %q", name, err, want)
		}
	}
}

// tampering is what somebody does to a database with another program, who knows the tables but not the hashes.
type tampering struct {
	statement string
	want      string // of the sentence that Verify says
}

// tamperings returns one of each kind, with rows and bytes drawn from the seed.
func tamperings(seed uint64) []tampering {
	r := rand.New(rand.NewPCG(seed, 1))
	number := 2 + r.IntN(12) // a revision that is neither the first nor the newest
	other := 2 + (number-2+1+r.IntN(11))%12
	changed := []int{2, 3, 4, 5, 6, 8, 9, 11, 13}[r.IntN(9)] // one that changed documents and deleted none
	says := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	// flip changes one byte of a column, at a place drawn from its length.
	flip := func(table, column, where string) string {
		at := says("(2 * (%d %% length(%s)))", r.IntN(1000), column)
		return says(`UPDATE %[1]s SET %[2]s = unhex(substr(hex(%[2]s), 1, %[3]s) ||
			CASE substr(hex(%[2]s), %[3]s + 1, 2) WHEN 'A5' THEN '5A' ELSE 'A5' END || substr(hex(%[2]s), %[3]s + 3)) WHERE %[4]s`, table, column, at, where)
	}
	oneChange := says("rowid = (SELECT rowid FROM change WHERE revision = %d ORDER BY rowid LIMIT 1)", changed)
	return []tampering{
		{flip("revision", "body", says("revision = %d", number)), says("revision %d does not have the hash", number)},
		{flip("revision", "hash", says("revision = %d", number)), says("revision %d does not have the hash", number)},
		{flip("revision", "previous_hash", says("revision = %d", number)), says("revision %d does not follow revision %d", number, number-1)},
		{says(`UPDATE revision SET at = at + %d WHERE revision = %d`, 1+r.IntN(1000), number), says("revision %d does not tell its time", number)},
		{says(`DELETE FROM revision WHERE revision = %d`, number), says("revision %d is missing", number)},
		{`DELETE FROM revision WHERE revision = 14`, "head is at revision 14, the newest is 13"},
		{`INSERT INTO revision SELECT revision + 1, at, body, hash, hash FROM revision WHERE revision = 14`, "revision 15 does not have the hash"},
		{says(`UPDATE revision SET (body, at) = (SELECT body, at FROM revision WHERE revision = %d) WHERE revision = %d`, other, number), says("revision %d does not have the hash", number)},
		{flip("change", "body", oneChange), says("revision %d does not have the hash", changed)},
		{says(`UPDATE change SET body = substr(body, 1, length(body) - %d) WHERE %s`, 1+r.IntN(8), oneChange), says("revision %d does not have the hash", changed)},
		{says(`UPDATE change SET body = NULL WHERE %s`, oneChange), says("revision %d does not have the hash", changed)},
		{says(`UPDATE change SET key = key || 'x' WHERE %s`, oneChange), says("revision %d does not have the hash", changed)},
		{says(`UPDATE change SET namespace = 'nowhere' WHERE %s`, oneChange), says("revision %d does not have the hash", changed)},
		{says(`UPDATE change SET kind = 'token' WHERE %s`, oneChange), says("revision %d does not have the hash", changed)},
		{says(`UPDATE change SET revision = 10 WHERE %s`, oneChange), says("revision %d does not have the hash", min(changed, 10))},
		{says(`UPDATE change SET revision = 99 WHERE %s`, oneChange), says("revision %d does not have the hash", changed)},
		{says(`DELETE FROM change WHERE %s`, oneChange), says("revision %d does not have the hash", changed)},
		{says(`DELETE FROM change WHERE revision = 12 AND body IS NULL`), "revision 12 does not have the hash"},
		{says(`INSERT INTO change SELECT namespace, kind, key || 'x', %d, body FROM change WHERE %s`, number, oneChange), says("revision %d does not have the hash", number)},
		{says(`INSERT INTO change SELECT namespace, kind, key, %d, body FROM change WHERE %s`, 15+r.IntN(9), oneChange), "1 changes belong to no revision"},
		{`UPDATE document SET revision = 3 WHERE namespace = 'default' AND key = 'a'`, `flag "default/a" points to revision 3, the newest that changed it is 6`},
		{says(`UPDATE document SET revision = %d WHERE namespace = 'default' AND key = 'c'`, 20+r.IntN(9)), `flag "default/c" points to revision 2`},
		{`DELETE FROM document WHERE namespace = 'default' AND key = 'b'`, `flag "default/b" of revision 12 is not among the documents`},
		{`DELETE FROM document WHERE kind = 'namespace' AND key = 'other'`, `namespace "other" of revision 14 is not among the documents`},
		{`INSERT INTO document VALUES ('default', 'flag', 'gone', 5)`, `flag "default/gone" points to revision 5, the newest that changed it is 7`},
		{`INSERT INTO document VALUES ('default', 'flag', 'gone', 7)`, `flag "default/gone" points to revision 7, which has no body of it`},
		{says(`INSERT INTO document VALUES ('default', 'flag', 'never', %d)`, number), says(`flag "default/never" points to revision %d, the newest that changed it is 0`, number)},
		{`UPDATE head SET epoch = '0123456789abcdef'`, "head is in epoch 0123456789abcdef"},
		{says(`UPDATE head SET revision = %d`, number), says("which does not exist|head is at revision %d, the newest is 14", number)},
		{says(`UPDATE head SET revision = %d`, 15+r.IntN(9)), "the newest is 14"},
		{flip("head", "hash", "true"), "head does not have the hash of revision 14"},
		{says(`UPDATE head SET at = at - %d`, 1+r.IntN(1000)), "head does not have the time of revision 14"},
		{says(`UPDATE head SET created = %d`, 1+r.IntN(8)), "in the order of creation"},
		{`DELETE FROM head`, "head has 0 rows"},
		{`INSERT INTO head SELECT * FROM head`, "head has 2 rows"},
		{`UPDATE epoch SET epoch = '0123456789abcdef' WHERE first = 1`, "revision 1 does not have the hash"},
		{`UPDATE epoch SET epoch = 'x' WHERE first = 1`, `epoch "x", which begins with revision 1, is not hexadecimal`},
		{says(`UPDATE epoch SET first = %d WHERE first = 10`, 2+r.IntN(8)), "does not have the hash"},
		{says(`UPDATE epoch SET first = %d WHERE first = 10`, 11+r.IntN(4)), "revision 10 does not have the hash"},
		{`UPDATE epoch SET first = 15 WHERE first = 10`, "begins with revision 15, which does not exist"},
		{`DELETE FROM epoch WHERE first = 10`, "head is in epoch"},
		{`DELETE FROM epoch WHERE first = 1`, "it is unknown in which epoch revision 1 was made"},
		{says(`INSERT INTO epoch VALUES (%d, '0123456789abcdef')`, 2+r.IntN(8)), "does not have the hash"},
	}
}

// TestTampering tampers with a good database in every way, twice over: Verify finds each and says where.
func TestTampering(t *testing.T) {
	t.Parallel()
	good := told(t)
	body, err := os.ReadFile(good)
	must(t, err)
	path := filepath.Join(t.TempDir(), "burgee.db")
	tried := 0
	for seed := range uint64(2) {
		for _, try := range tamperings(seed) {
			must(t, os.WriteFile(path, body, 0o600))
			changed, err := store.RawText(path, try.statement+` RETURNING 'changed'`)
			if err != nil || changed != "changed" {
				t.Fatalf("seed %d: %s: %q, %v", seed, try.statement, changed, err)
			}
			_, err = store.Verify(t.Context(), path, nil)
			if err == nil {
				t.Errorf("seed %d: nothing is wrong after %s", seed, try.statement)
				continue
			}
			said := func(want string) bool { return strings.Contains(err.Error(), want) }
			want := strings.Split(try.want, "|")
			if !said(want[0]) && !said(want[len(want)-1]) || !said(path) || said("\n") {
				t.Errorf("seed %d: after %s:\n%v\nwant a sentence with %q", seed, try.statement, err, try.want)
			}
			tried++
		}
	}
	if tried < 80 {
		t.Errorf("only %d tamperings were tried", tried)
	}
	must(t, os.WriteFile(path, body, 0o600))
	if _, err := store.Verify(t.Context(), path, nil); err != nil {
		t.Errorf("without tampering: %v", err)
	}
}

// TestRot flips single bits all over the file. What Verify does not find must be in space that holds nothing: then all
// that the database says is what it said before.
func TestRot(t *testing.T) {
	t.Parallel()
	good := told(t)
	body, err := os.ReadFile(good)
	must(t, err)
	path := filepath.Join(t.TempDir(), "burgee.db")
	must(t, os.WriteFile(path, body, 0o600))
	want := spoken(t, path)
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	const bits = 50
	for range bits {
		at, bit := r.IntN(len(body)), r.IntN(8)
		rotten := []byte(string(body))
		rotten[at] ^= 1 << bit
		must(t, os.WriteFile(path, rotten, 0o600))
		if _, err := store.Verify(t.Context(), path, nil); err != nil {
			found++
			continue
		}
		if got := spoken(t, path); got != want {
			t.Errorf("bit %d of byte %d is flipped and nobody noticed", bit, at)
		}
	}
	t.Logf("%d of %d flipped bits were found, the others change nothing", found, bits)
	if found == 0 {
		t.Error("no flipped bit was found")
	}
}

// spoken returns all rows of a database as text.
func spoken(t *testing.T, path string) string {
	t.Helper()
	text, err := store.RawText(path, `SELECT (SELECT ifnull(group_concat(epoch || revision || hex(hash) || created || at), '') FROM head) ||
		(SELECT group_concat(first || epoch) FROM epoch) || (SELECT ifnull(group_concat(revision || ' ' || surplus), '') FROM base) ||
		(SELECT group_concat(revision || at || hex(body) || hex(previous_hash) || hex(hash)) FROM revision) ||
		(SELECT group_concat(namespace || kind || key || revision || ifnull(hex(body), 'deleted')) FROM change) ||
		(SELECT group_concat(namespace || kind || key || revision) FROM document)`)
	must(t, err)
	return text
}
