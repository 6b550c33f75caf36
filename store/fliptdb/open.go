package fliptdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// conn is a connection to a database of Flipt. It cannot write.
type conn struct {
	sqlite *sqlite.Conn
}

// unfit is why a file is not one that can be read here; it completes a sentence that begins with the path.
type unfit string

func (u unfit) Error() string { return string(u) }

func unfitf(format string, args ...any) error { return unfit(fmt.Sprintf(format, args...)) }

// busyTimeout is how long a read waits for Flipt to end a transaction of its own.
const busyTimeout = 2 * time.Second

// open opens the database for reading. The file may be anybody's: its schema is not trusted.
func open(ctx context.Context, path string) (*conn, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, unfit("does not exist")
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, unfit("is not a file")
	case info.Size() == 0:
		return nil, unfit("is empty: Flipt has never written to it")
	}
	opened, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	opened.SetBusyTimeout(busyTimeout)
	opened.SetInterrupt(ctx.Done())
	c := &conn{opened}
	for _, pragma := range []string{`PRAGMA query_only = ON`, `PRAGMA trusted_schema = OFF`, `PRAGMA cell_size_check = ON`} {
		if err == nil {
			err = sqlitex.ExecuteTransient(opened, pragma, nil)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) close() error { return c.sqlite.Close() }

func (c *conn) query(row func(*sqlite.Stmt), query string, args ...any) error {
	return sqlitex.Execute(c.sqlite, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		row(stmt)
		return nil
	}})
}

// reading runs f on one snapshot of the database.
func (c *conn) reading(f func() error) error {
	if err := c.query(nil, `BEGIN`); err != nil {
		return err
	}
	return errors.Join(f(), c.query(nil, `ROLLBACK`))
}

// newestSchema is the number of the last migration of Flipt v1 for SQLite.
const newestSchema = 15

// requirements are the tables and columns without which there is no reading a schema, by the first one that has them.
var requirements = []struct {
	since   int64
	table   string
	columns string
}{
	{0, "flags", "key name description enabled created_at updated_at"},
	{0, "variants", "id flag_key key name description created_at updated_at"},
	{0, "segments", "key name description created_at updated_at"},
	{0, "constraints", "id segment_key type property operator value created_at updated_at"},
	{0, "rules", "id flag_key rank created_at updated_at"},
	{0, "distributions", "id rule_id variant_id rollout created_at updated_at"},
	{7, "namespaces", "key name description protected created_at updated_at"},
	{7, "flags", "namespace_key"},
	{7, "variants", "namespace_key"},
	{7, "segments", "namespace_key"},
	{7, "constraints", "namespace_key"},
	{7, "rules", "namespace_key"},
	{11, "rules", "segment_operator"},
	{11, "rule_segments", "rule_id namespace_key segment_key"},
	{11, "rollouts", "id namespace_key flag_key type rank description created_at updated_at"},
	{11, "rollout_thresholds", "rollout_id percentage value"},
	{11, "rollout_segments", "id rollout_id value segment_operator"},
	{11, "rollout_segment_references", "rollout_segment_id namespace_key segment_key"},
	{13, "flags", "default_variant_id"},
	{14, "flags", "metadata"},
}

// examine returns the version of the schema and the columns of each table, or says why the file is not one of Flipt v1.
func (c *conn) examine() (int64, map[string]map[string]bool, error) {
	tables, names := make(map[string]map[string]bool), []string{}
	err := c.query(func(row *sqlite.Stmt) {
		table := row.ColumnText(0)
		if tables[table] == nil {
			tables[table], names = make(map[string]bool), append(names, table)
		}
		tables[table][row.ColumnText(1)] = true
	}, `SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY t.name`)
	if err != nil {
		return 0, nil, err
	}
	migrations := tables["schema_migrations"]
	if !migrations["version"] || !migrations["dirty"] || tables["flags"] == nil || tables["distributions"] == nil {
		return 0, nil, unfitf("is not a database of Flipt v1: it has %s", listed(names))
	}
	schema, err := c.schema()
	if err != nil {
		return 0, nil, err
	}
	for _, needed := range requirements {
		for column := range strings.FieldsSeq(needed.columns) {
			if schema >= needed.since && !tables[needed.table][column] {
				return 0, nil, unfitf("is not a whole database of Flipt v1: it says that it has schema %d, but it has no %s.%s",
					schema, needed.table, column)
			}
		}
	}
	return schema, tables, c.quickCheck()
}

// listed names the tables of a foreign file, the first few of them.
func listed(tables []string) string {
	const few = 6
	switch {
	case len(tables) == 0:
		return "no tables"
	case len(tables) > few:
		return fmt.Sprintf("the tables %s and %d others", strings.Join(tables[:few], ", "), len(tables)-few)
	}
	return "the tables " + strings.Join(tables, ", ")
}

// schema returns the number of the last migration.
func (c *conn) schema() (int64, error) {
	var version int64
	var rows int
	var dirty bool
	err := c.query(func(row *sqlite.Stmt) {
		rows++
		version, dirty = row.ColumnInt64(0), row.ColumnBool(1)
	}, `SELECT version, dirty FROM schema_migrations`)
	switch {
	case err != nil:
		return 0, err
	case rows != 1:
		return 0, unfitf("is not a database that Flipt v1 has set up: it names %d schema versions", rows)
	case dirty:
		return 0, unfitf("was left half-way by a failed migration of Flipt to schema %d: repair it with Flipt first", version)
	case version > newestSchema:
		return 0, unfitf("was written by a newer Flipt (schema %d, this burgee knows up to %d)", version, newestSchema)
	case version < 0:
		return 0, unfitf("is not a database of Flipt v1: it names schema %d", version)
	}
	return version, nil
}

// quickCheck lets SQLite look for damage.
func (c *conn) quickCheck() error {
	var found string
	err := c.query(func(row *sqlite.Stmt) { found = row.ColumnText(0) }, `PRAGMA quick_check(1)`)
	if err == nil && found != "ok" {
		err = unfitf("is damaged: %s", strings.Join(strings.Fields(found), " "))
	}
	return err
}

// refusal returns the sentence for an error.
func refusal(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", path, ctx.Err())
	}
	if why := unfit(""); errors.As(err, &why) {
		return fmt.Errorf("%s %s", path, why)
	}
	code := sqlite.ErrCode(err)
	switch code {
	case sqlite.ResultReadOnlyRollback:
		return fmt.Errorf("%s has a transaction that was interrupted and that only its owner may undo: start and stop Flipt once", path)
	case sqlite.ResultReadOnlyRecovery, sqlite.ResultReadOnlyCantInit, sqlite.ResultReadOnlyDirectory:
		return unreadable(path)
	}
	switch code.ToPrimary() {
	case sqlite.ResultNotADB:
		return fmt.Errorf("%s is not a SQLite database", path)
	case sqlite.ResultCorrupt:
		return fmt.Errorf("%s is damaged: %w", path, err)
	case sqlite.ResultBusy:
		return fmt.Errorf("%s is locked: Flipt is writing to it, try again or stop Flipt", path)
	case sqlite.ResultCantOpen, sqlite.ResultPerm:
		return unreadable(path)
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

// unreadable is said of files that this user may not read, and of those with a write-ahead log in a folder in which no index
// of that log can be made.
func unreadable(path string) error {
	return fmt.Errorf("%s cannot be read where it is: copy it, with %s-wal if there is one, to a folder of your own and import the copy", path, path)
}
