package fliptdb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The tests of this package write their databases themselves, by the tables that Flipt v1 makes.

// times are the columns that most tables end with.
const times = `created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL`

// tablesOf returns the statements that make the tables of a schema.
func tablesOf(schema int) []string {
	column := func(since int, text string) string {
		if schema < since {
			return ""
		}
		return text + ", "
	}
	until := func(last int, text string) string {
		if schema > last {
			return ""
		}
		return text + ", "
	}
	namespace := column(7, `namespace_key VARCHAR(255) NOT NULL DEFAULT 'default' REFERENCES namespaces ON DELETE CASCADE`)
	keyed := `, PRIMARY KEY (key)`
	if schema >= 7 {
		keyed = `, PRIMARY KEY (namespace_key, key)`
	}
	statements := []string{
		`CREATE TABLE schema_migrations (version uint64, dirty bool)`,
		`CREATE UNIQUE INDEX version_unique ON schema_migrations (version)`,
		`CREATE TABLE flags (key VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT NOT NULL, enabled BOOLEAN DEFAULT FALSE NOT NULL, ` +
			namespace + column(9, `type INTEGER DEFAULT 0 NOT NULL`) +
			column(13, `default_variant_id VARCHAR(255) REFERENCES variants (id) ON DELETE SET NULL`) + column(14, `metadata JSON`) + times + keyed + `)`,
		`CREATE TABLE variants (id VARCHAR(255) PRIMARY KEY NOT NULL, flag_key VARCHAR(255) NOT NULL, key VARCHAR(255) NOT NULL,
			name VARCHAR(255) NOT NULL, description TEXT NOT NULL, ` + column(3, `attachment TEXT`) + namespace + times + `)`,
		`CREATE TABLE segments (key VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT NOT NULL, ` +
			column(2, `match_type INTEGER DEFAULT 0 NOT NULL`) + namespace + times + keyed + `)`,
		`CREATE TABLE constraints (id VARCHAR(255) PRIMARY KEY NOT NULL, segment_key VARCHAR(255) NOT NULL, type INTEGER DEFAULT 0 NOT NULL,
			property VARCHAR(255) NOT NULL, operator VARCHAR(255) NOT NULL, value TEXT NOT NULL, ` + column(8, `description TEXT`) + namespace + times + `)`,
		`CREATE TABLE rules (id VARCHAR(255) PRIMARY KEY NOT NULL, flag_key VARCHAR(255) NOT NULL, ` +
			until(10, `segment_key VARCHAR(255) NOT NULL`) + `rank INTEGER DEFAULT 1 NOT NULL, ` + column(11, `segment_operator INTEGER NOT NULL DEFAULT 0`) +
			namespace + times + `)`,
		`CREATE TABLE distributions (id VARCHAR(255) PRIMARY KEY NOT NULL, rule_id VARCHAR(255) NOT NULL REFERENCES rules ON DELETE CASCADE,
			variant_id VARCHAR(255) NOT NULL REFERENCES variants ON DELETE CASCADE, rollout float DEFAULT 0 NOT NULL, ` + times + `)`,
		`CREATE TABLE authentications (id VARCHAR(255) PRIMARY KEY UNIQUE NOT NULL, hashed_client_token VARCHAR(255) UNIQUE NOT NULL,
			method INTEGER DEFAULT 0 NOT NULL, metadata TEXT, expires_at TIMESTAMP, ` + times + `)`,
	}
	if schema >= 7 {
		statements = append(statements, `CREATE TABLE namespaces (key VARCHAR(255) PRIMARY KEY UNIQUE NOT NULL, name VARCHAR(255) NOT NULL,
			description TEXT NOT NULL, protected BOOLEAN DEFAULT FALSE NOT NULL, `+column(12, `state_modified_at TIMESTAMP`)+times+`)`)
	}
	if schema >= 9 {
		statements = append(statements,
			`CREATE TABLE rollouts (id VARCHAR(255) PRIMARY KEY NOT NULL, namespace_key VARCHAR(255) NOT NULL, flag_key VARCHAR(255) NOT NULL,
				type INTEGER DEFAULT 0 NOT NULL, description TEXT NOT NULL, rank INTEGER DEFAULT 1 NOT NULL, `+times+`)`,
			`CREATE TABLE rollout_thresholds (id VARCHAR(255) PRIMARY KEY NOT NULL, namespace_key VARCHAR(255) NOT NULL,
				rollout_id VARCHAR(255) UNIQUE NOT NULL, percentage float DEFAULT 0 NOT NULL, value BOOLEAN DEFAULT FALSE NOT NULL)`,
			`CREATE TABLE rollout_segments (id VARCHAR(255) PRIMARY KEY NOT NULL, rollout_id VARCHAR(255) NOT NULL, `+
				until(10, `namespace_key VARCHAR(255) NOT NULL, segment_key VARCHAR(255) NOT NULL`)+
				column(11, `segment_operator INTEGER NOT NULL DEFAULT 0`)+`value BOOLEAN DEFAULT FALSE NOT NULL)`)
	}
	if schema >= 11 {
		statements = append(statements,
			`CREATE TABLE rule_segments (rule_id VARCHAR(255) NOT NULL REFERENCES rules ON DELETE CASCADE, namespace_key VARCHAR(255) NOT NULL,
				segment_key VARCHAR(255) NOT NULL, UNIQUE (rule_id, namespace_key, segment_key))`,
			`CREATE TABLE rollout_segment_references (rollout_segment_id VARCHAR(255) NOT NULL REFERENCES rollout_segments ON DELETE CASCADE,
				namespace_key VARCHAR(255) NOT NULL, segment_key VARCHAR(255) NOT NULL, UNIQUE (rollout_segment_id, namespace_key, segment_key))`)
	}
	return statements
}

// newest is the schema of Flipt v1.61.1.
const newest = 15

// database is a database of Flipt that a test writes, without foreign keys, so that it can break them.
type database struct {
	t    testing.TB
	path string
	conn *sqlite.Conn
}

// fliptDB makes a database of a schema, with the namespace that Flipt makes. It is in one transaction until done.
func fliptDB(t testing.TB, schema int) *database {
	t.Helper()
	return fliptDBAt(t, filepath.Join(t.TempDir(), "flipt.db"), schema)
}

func fliptDBAt(t testing.TB, path string, schema int) *database {
	t.Helper()
	d := openDB(t, path)
	d.exec(`BEGIN`)
	for _, statement := range tablesOf(schema) {
		d.exec(statement)
	}
	d.insert("schema_migrations", "version", schema, "dirty", false)
	if schema >= 7 {
		d.insert("namespaces", "key", "default", "name", "Default", "description", "Default namespace", "protected", true)
	}
	return d
}

// openDB opens a file as Flipt does; it is closed by the end of the test.
func openDB(t testing.TB, path string) *database {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t, path, conn}
	t.Cleanup(d.close)
	return d
}

func (d *database) close() {
	if d.conn != nil {
		if err := d.conn.Close(); err != nil {
			d.t.Error(err)
		}
		d.conn = nil
	}
}

// done ends the transaction, closes the file and returns its path.
func (d *database) done() string {
	d.t.Helper()
	d.exec(`COMMIT`)
	d.close()
	return d.path
}

func (d *database) exec(statement string, args ...any) {
	d.t.Helper()
	if err := sqlitex.ExecuteTransient(d.conn, statement, &sqlitex.ExecOptions{Args: args}); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
}

// required are the columns that have no default.
var required = map[string][]any{
	"namespaces":  {"name", "", "description", ""},
	"flags":       {"name", "", "description", ""},
	"variants":    {"name", "", "description", ""},
	"segments":    {"name", "", "description", ""},
	"constraints": {"type", 1, "property", "p", "operator", "eq", "value", "x"},
	"rollouts":    {"namespace_key", "default", "description", ""},

	"rollout_thresholds":         {"namespace_key", "default"},
	"rule_segments":              {"namespace_key", "default"},
	"rollout_segment_references": {"namespace_key", "default"},
}

// insert adds a row of columns and values. Columns that have no default and are not given get something.
func (d *database) insert(table string, columnsAndValues ...any) {
	d.t.Helper()
	d.insertWith(`INSERT`, table, columnsAndValues)
}

// insertOrIgnore is insert for a row that may break a constraint, and is not added then.
func (d *database) insertOrIgnore(table string, columnsAndValues ...any) {
	d.t.Helper()
	d.insertWith(`INSERT OR IGNORE`, table, columnsAndValues)
}

func (d *database) insertWith(verb, table string, columnsAndValues []any) {
	d.t.Helper()
	row := make(map[string]bool)
	var columns, marks []string
	var values []any
	add := func(pairs []any) {
		for i := 0; i < len(pairs); i += 2 {
			if column := pairs[i].(string); !row[column] {
				row[column] = true
				columns, marks, values = append(columns, column), append(marks, "?"), append(values, pairs[i+1])
			}
		}
	}
	add(columnsAndValues)
	add(required[table])
	statement := fmt.Sprintf(`%s INTO %s (%s) VALUES (%s)`, verb, table, strings.Join(columns, ", "), strings.Join(marks, ", "))
	if err := sqlitex.Execute(d.conn, statement, &sqlitex.ExecOptions{Args: values}); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
}

// at returns the times of a row as Flipt writes them: created on a day of 2024, changed a day later.
func at(day int) []any {
	return []any{"created_at", fmt.Sprintf("2024-05-%02d 10:00:00.123456+00:00", day), "updated_at", fmt.Sprintf("2024-05-%02d 11:30:00.5+00:00", day+1)}
}

// stamped is columns and values with times.
func stamped(day int, columnsAndValues ...any) []any { return append(columnsAndValues, at(day)...) }

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
