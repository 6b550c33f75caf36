package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/store"
)

// deed is one way to tamper with a history, with rows, bytes and values drawn at random.
type deed struct {
	name      string
	statement func(*rand.Rand) string
}

// anyRow returns a condition that one row of a table fulfils.
func anyRow(r *rand.Rand, table string) string {
	return fmt.Sprintf(`(%[1]s) = (SELECT %[1]s FROM %[2]s ORDER BY %[1]s LIMIT 1 OFFSET %[3]d %% (SELECT count(*) FROM %[2]s))`,
		primary(table), table, r.IntN(1<<20))
}

// primary names the columns of the key of a table.
func primary(table string) string {
	switch table {
	case "revision", "base", "head":
		return "revision"
	case "epoch":
		return "first"
	case "document":
		return "namespace, kind, key"
	}
	return "namespace, kind, key, revision"
}

// flipped changes a byte of a column.
func flipped(table, column string) deed {
	return deed{"byte of " + table + "." + column, func(r *rand.Rand) string {
		at := fmt.Sprintf("(2 * (%d %% length(%s)))", r.IntN(1<<20), column)
		return fmt.Sprintf(`UPDATE %[1]s SET %[2]s = unhex(substr(hex(%[2]s), 1, %[3]s) || printf('%%02X', %[4]d) || substr(hex(%[2]s), %[3]s + 3)) WHERE %[5]s`,
			table, column, at, r.IntN(256), anyRow(r, table))
	}}
}

// lettered changes a letter of a text.
func lettered(table, column string) deed {
	return deed{"letter of " + table + "." + column, func(r *rand.Rand) string {
		at := fmt.Sprintf("(%d %% length(%s))", r.IntN(1<<20), column)
		return fmt.Sprintf(`UPDATE %[1]s SET %[2]s = substr(%[2]s, 1, %[3]s) || '%[4]c' || substr(%[2]s, %[3]s + 2) WHERE %[5]s`,
			table, column, at, 'a'+rune(r.IntN(6)), anyRow(r, table))
	}}
}

// moved changes a number by a little or a lot.
func moved(table, column string) deed {
	return deed{"number of " + table + "." + column, func(r *rand.Rand) string {
		by := []int64{1, -1, r.Int64N(100), -r.Int64N(100), r.Int64N(1 << 40), -r.Int64N(1 << 40)}[r.IntN(6)]
		return fmt.Sprintf(`UPDATE %[1]s SET %[2]s = %[2]s + %[3]d WHERE %[4]s`, table, column, by, anyRow(r, table))
	}}
}

func deleted(table string) deed {
	return deed{"row of " + table + " deleted", func(r *rand.Rand) string {
		return fmt.Sprintf(`DELETE FROM %s WHERE %s`, table, anyRow(r, table))
	}}
}

// deeds returns all ways to tamper.
func deeds() []deed {
	text := func(name, format string, args ...func(*rand.Rand) any) deed {
		return deed{name, func(r *rand.Rand) string {
			var values []any
			for _, arg := range args {
				values = append(values, arg(r))
			}
			return fmt.Sprintf(format, values...)
		}}
	}
	row := func(table string) func(*rand.Rand) any { return func(r *rand.Rand) any { return anyRow(r, table) } }
	number := func(r *rand.Rand) any { return r.IntN(340) - 5 }
	small := func(r *rand.Rand) any { return 1 + r.IntN(9) }
	return []deed{
		flipped("revision", "body"), flipped("revision", "hash"), flipped("revision", "previous_hash"), flipped("change", "body"), flipped("head", "hash"),
		moved("revision", "at"), moved("revision", "revision"), moved("change", "revision"), moved("document", "revision"), moved("head", "revision"),
		moved("head", "at"), moved("epoch", "first"), moved("base", "revision"), moved("base", "surplus"),
		lettered("change", "namespace"), lettered("change", "kind"), lettered("change", "key"), lettered("document", "namespace"), lettered("document", "kind"),
		lettered("document", "key"), lettered("epoch", "epoch"), lettered("head", "epoch"),
		deleted("revision"), deleted("change"), deleted("document"), deleted("head"), deleted("epoch"), deleted("base"),
		text("body of revision cut", `UPDATE revision SET body = substr(body, 1, length(body) - %d) WHERE %s`, small, row("revision")),
		text("body of change cut", `UPDATE change SET body = substr(body, 1, length(body) - %d) WHERE %s`, small, row("change")),
		text("body of change taken", `UPDATE change SET body = NULL WHERE %s`, row("change")),
		text("body of deletion given", `UPDATE change SET body = (SELECT body FROM change WHERE body IS NOT NULL AND %s) WHERE body IS NULL AND %s`, row("change"), row("change")),
		text("body of a revision in the place of another", `UPDATE revision SET body = (SELECT body FROM revision WHERE %s) WHERE %s`, row("revision"), row("revision")),
		text("body of a change in the place of another", `UPDATE change SET body = (SELECT body FROM change WHERE %s) WHERE %s`, row("change"), row("change")),
		text("row of revision inserted", `INSERT INTO revision SELECT %d, at, body, previous_hash, hash FROM revision WHERE %s`, number, row("revision")),
		text("row of change inserted", `INSERT INTO change SELECT namespace, kind, key, %d, body FROM change WHERE %s`, number, row("change")),
		text("deletion inserted", `INSERT INTO change SELECT namespace, kind, key, %d, NULL FROM change WHERE %s`, number, row("change")),
		text("new document inserted", `INSERT INTO change SELECT namespace, kind, key || 'x', revision, body FROM change WHERE %s`, row("change")),
		text("row of document inserted", `INSERT INTO document SELECT namespace, kind, key, revision FROM change WHERE %s`, row("change")),
		text("document points to an older change", `UPDATE document AS d SET revision = (SELECT c.revision FROM change AS c
			WHERE c.namespace = d.namespace AND c.kind = d.kind AND c.key = d.key ORDER BY c.revision LIMIT 1) WHERE %s`, row("document")),
		text("row of head inserted", `INSERT INTO head SELECT * FROM head`),
		text("row of epoch repeated", `INSERT INTO epoch SELECT first + %d, epoch FROM epoch WHERE %s`, small, row("epoch")),
		text("row of epoch inserted", `INSERT INTO epoch VALUES (%d, (SELECT epoch FROM epoch LIMIT 1))`, number),
		text("row of base inserted", `INSERT INTO base VALUES (%d, 0)`, number),
		text("last place of head", `UPDATE head SET created = created - 20 - %d`, small),
	}
}

// exchange returns statements by which columns of two rows change places.
func exchange(r *rand.Rand, table, columns string) []string {
	return []string{
		fmt.Sprintf(`CREATE TEMP TABLE a AS SELECT * FROM %s WHERE %s`, table, anyRow(r, table)),
		fmt.Sprintf(`CREATE TEMP TABLE b AS SELECT * FROM %s WHERE %s`, table, anyRow(r, table)),
		fmt.Sprintf(`UPDATE %[1]s SET (%[2]s) = (SELECT %[2]s FROM b) WHERE (%[3]s) = (SELECT %[3]s FROM a)`, table, columns, primary(table)),
		fmt.Sprintf(`UPDATE %[1]s SET (%[2]s) = (SELECT %[2]s FROM a) WHERE (%[3]s) = (SELECT %[3]s FROM b)`, table, columns, primary(table)),
	}
}

// TestTamperings tampers at random with a history of 300 revisions in two epochs, and with one that was folded: Verify finds
// each deed that changed anything.
func TestTamperings(t *testing.T) {
	t.Parallel()
	c := newChronicle(6)
	whole := c.tell(t, 320)
	if c.newest() < 290 {
		t.Fatalf("the history has %d revisions", c.newest())
	}
	folded := duplicate(t, whole)
	db := open(t, c.settings(folded))
	c.fold(t, db, 90)
	for range 10 {
		c.edit(t, db)
	}
	c.fold(t, db, 180)
	must(t, db.Close())
	for name, path := range map[string]string{"whole": whole, "folded": folded} {
		t.Run(name, func(t *testing.T) { tamper(t, path, 200/crashShare) })
	}
}

func tamper(t *testing.T, good string, deedsWanted int) {
	body, err := os.ReadFile(good)
	must(t, err)
	path := filepath.Join(t.TempDir(), "burgee.db")
	restore := func() { must(t, os.WriteFile(path, body, 0o600)) }
	restore()
	if _, err := store.Verify(t.Context(), path, nil); err != nil {
		t.Fatalf("without tampering: %v", err)
	}
	before := spoken(t, path)
	found := make(map[string]int)
	all := deeds()
	kinds := []string{"body", "hash", "previous_hash", "at", "at, body", "hash, previous_hash", "revision"}
	tried := 0
	for seed := uint64(0); tried < deedsWanted && seed < uint64(20*deedsWanted); seed++ {
		r := rand.New(rand.NewPCG(seed, 8))
		var name string
		var statements []string
		if seed%4 == 3 {
			table, columns := "revision", kinds[r.IntN(6)]
			if r.IntN(2) == 0 {
				table, columns = "change", "body"
			} else if r.IntN(3) == 0 {
				table, columns = "document", "revision"
			}
			name, statements = fmt.Sprintf("%s of two rows of %s", columns, table), exchange(r, table, columns)
		} else {
			d := all[r.IntN(len(all))]
			name, statements = d.name, []string{d.statement(r)}
		}
		restore()
		if err := store.Raw(path, statements...); err != nil {
			continue // the tables do not allow it
		}
		if spoken(t, path) == before {
			continue // it changes nothing
		}
		tried++
		_, err := store.Verify(t.Context(), path, nil)
		if err == nil {
			t.Errorf("seed %d: nothing is wrong after %s: %s", seed, name, strings.Join(statements, "; "))
			continue
		}
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path) {
			t.Errorf("seed %d: after %s Verify says %v", seed, name, err)
		}
		found[name]++
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	var told strings.Builder
	for _, name := range names {
		fmt.Fprintf(&told, "\n%4d %s", found[name], name)
	}
	t.Logf("%d tamperings from seed 0 on:%s", tried, told.String())
	if tried < deedsWanted || len(names) < 30 {
		t.Errorf("only %d tamperings of %d kinds were tried", tried, len(names))
	}
}

// TestCountsAreNotHistory changes what is counted, which no hash covers.
func TestCountsAreNotHistory(t *testing.T) {
	t.Parallel()
	path := told(t)
	must(t, store.Raw(path, `INSERT INTO count VALUES ('default', 'a', 60, 0, 'on', 3, 'r', 5)`, `INSERT INTO evaluated VALUES ('default', 'a', 7)`,
		`INSERT INTO missing VALUES ('default', 'x', 1, 2, 3)`, `INSERT INTO counting VALUES (1)`, `UPDATE count SET evaluations = 6`))
	if _, err := store.Verify(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
}
