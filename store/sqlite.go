package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// busyTimeout is how long the writer waits for a lock.
const busyTimeout = 2 * time.Second

var (
	// errForeignWrite says that the head row is not the one that the writer left.
	errForeignWrite = errors.New("its head is not the one that was written last")
	// errUnfit says that a pragma did not take effect.
	errUnfit = errors.New("SQLite cannot work here as it must")
)

// conn is a connection to the database. One goroutine at a time uses it. What touches the driver is in this file alone, which makes
// it a long one.
type conn struct {
	sqlite *sqlite.Conn
}

// row is a row of a result; it is valid until its function returns.
type row = sqlite.Stmt

// openReader opens a connection that cannot write and leaves the files as they are. ctx ends its statements.
func openReader(ctx context.Context, path string) (*conn, error) {
	opened, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	opened.SetBusyTimeout(time.Second)
	opened.SetInterrupt(ctx.Done())
	c := &conn{opened}
	if err := c.set(`PRAGMA query_only = ON`, `PRAGMA query_only`, "1"); err != nil {
		return nil, also(err, c.close())
	}
	if err := c.set(`PRAGMA cell_size_check = ON`, `PRAGMA cell_size_check`, "1"); err != nil {
		return nil, also(err, c.close())
	}
	return c, nil
}

// readMuch gives a connection room for the index of 100,000 changes, in which every document is looked up at the start.
func (c *conn) readMuch() error {
	return c.set(`PRAGMA cache_size = -16384`, `PRAGMA cache_size`, "-16384")
}

// openWriter opens a connection that may write, and waits at most busyTimeout for a lock. It writes nothing before configure.
func openWriter(path string) (*conn, error) {
	opened, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	opened.SetBusyTimeout(busyTimeout)
	return &conn{opened}, nil
}

// configure makes a connection the writer of a file that is known to be ours or empty.
//
// It leaves out SetDefensive: that of zombiezen v1.4.2 hands SQLite one argument where it reads two, so that SQLite writes
// a 1 through whatever pointer lies behind the first, into memory of any connection of the process. All our SQL is constant.
func (c *conn) configure() error {
	for _, p := range pragmas() {
		if err := c.set(p[0], p[1], p[2]); err != nil {
			return err
		}
	}
	return nil
}

// set runs a pragma outside of any transaction, where alone some take effect, and reads the value back.
func (c *conn) set(set, get, want string) error {
	if err := sqlitex.ExecuteTransient(c.sqlite, set, nil); err != nil {
		return err
	}
	got, err := c.text(get)
	if err == nil && got != want {
		return fmt.Errorf("%s leaves the value %q: %w", set, got, errUnfit)
	}
	return err
}

// text returns the first column of the last row of a query.
func (c *conn) text(query string) (string, error) {
	var value string
	err := sqlitex.ExecuteTransient(c.sqlite, query, &sqlitex.ExecOptions{ResultFunc: func(row *sqlite.Stmt) error {
		value = row.ColumnText(0)
		return nil
	}})
	return value, err
}

func (c *conn) exec(query string, args ...any) error {
	return sqlitex.Execute(c.sqlite, query, &sqlitex.ExecOptions{Args: args})
}

func (c *conn) query(row func(*sqlite.Stmt) error, query string, args ...any) error {
	return sqlitex.Execute(c.sqlite, query, &sqlitex.ExecOptions{Args: args, ResultFunc: row})
}

// interruptBy ends statements of this connection once done is closed; nil ends none.
func (c *conn) interruptBy(done <-chan struct{}) {
	c.sqlite.SetInterrupt(done)
}

func (c *conn) close() error {
	return c.sqlite.Close()
}

// transaction runs f inside of one, which takes the write lock at once. After an error nothing of it is kept, unless the
// error came from COMMIT, whose outcome is then unknown. (The functions of sqlitex for this panic on some errors, and
// report success when the engine has rolled back by itself.)
func (c *conn) transaction(f func() error) error {
	if err := c.exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.exec(`COMMIT`)
	}
	if err != nil && !c.sqlite.AutocommitEnabled() {
		err = also(err, c.exec(`ROLLBACK`))
	}
	return err
}

// identity is what tells our files from others.
type identity struct {
	application, version, objects int64
}

func (c *conn) identity() (identity, error) {
	var found identity
	for _, q := range [...]struct {
		query string
		value *int64
	}{
		{`PRAGMA application_id`, &found.application},
		{`PRAGMA user_version`, &found.version},
		{`SELECT count(*) FROM sqlite_schema`, &found.objects},
	} {
		err := c.query(func(row *sqlite.Stmt) error { *q.value = row.ColumnInt64(0); return nil }, q.query)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// create makes the tables of an empty file, with the first revision, in one transaction.
func (c *conn) create(first *State, r *revision) error {
	if err := c.set(`PRAGMA page_size = 8192`, `PRAGMA page_size`, "8192"); err != nil {
		return err
	}
	if err := c.configure(); err != nil {
		return err
	}
	return c.transaction(func() error {
		if err := c.migrate(0); err != nil {
			return err
		}
		err := c.exec(`INSERT INTO head (epoch, revision, hash, created, at) VALUES ($1, 0, $2, 0, 0)`,
			first.position.Epoch, r.previous[:])
		if err != nil {
			return err
		}
		if err := c.writeEpoch(r.number, first.position.Epoch); err != nil {
			return err
		}
		return c.write(first, []*revision{r})
	})
}

// migrate carries out the migrations after the first n, inside of a transaction.
func (c *conn) migrate(n int64) error {
	for _, statements := range migrations()[n:] {
		for _, statement := range statements {
			if err := sqlitex.ExecuteTransient(c.sqlite, statement, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// append stores revisions in one transaction; next is the state after the last of them.
func (c *conn) append(next *State, revisions []*revision) error {
	return c.transaction(func() error { return c.write(next, revisions) })
}

func (c *conn) write(next *State, revisions []*revision) error {
	for _, r := range revisions {
		err := c.exec(`INSERT INTO revision (revision, at, body, previous_hash, hash) VALUES ($1, $2, $3, $4, $5)`,
			r.number, r.at, r.body, r.previous[:], r.hash[:])
		if err != nil {
			return err
		}
		for _, rec := range r.records {
			if err := c.writeRecord(r.number, rec); err != nil {
				return err
			}
		}
		if r.fold != nil {
			if err := c.writeBase(r.fold); err != nil {
				return err
			}
		}
	}
	first, last := revisions[0], next.position
	err := c.exec(`UPDATE head SET revision = $1, hash = $2, created = $3, at = $4
		WHERE epoch = $5 AND revision = $6 AND hash = $7`,
		last.Revision, last.Hash[:], next.created, next.at.UnixMicro(), last.Epoch, first.number-1, first.previous[:])
	if err == nil && c.sqlite.Changes() != 1 {
		return errForeignWrite
	}
	return err
}

func (c *conn) writeRecord(number uint64, rec record) error {
	// An untyped nil is stored as NULL, an empty slice would not be.
	var body any
	if rec.body != nil {
		body = rec.body
	}
	err := c.exec(`INSERT INTO change (namespace, kind, key, revision, body) VALUES ($1, $2, $3, $4, $5)`,
		rec.id.namespace, string(rec.id.kind), rec.id.key, number, body)
	if err != nil {
		return err
	}
	if rec.body == nil {
		return c.exec(`DELETE FROM document WHERE namespace = $1 AND kind = $2 AND key = $3`,
			rec.id.namespace, string(rec.id.kind), rec.id.key)
	}
	return c.exec(`INSERT INTO document (namespace, kind, key, revision) VALUES ($1, $2, $3, $4)
		ON CONFLICT (namespace, kind, key) DO UPDATE SET revision = excluded.revision`,
		rec.id.namespace, string(rec.id.kind), rec.id.key, number)
}

// checkpoint moves the log into the database file and empties the log. Beside a reader it moves what it may and does not
// wait, since a backup reads for as long as it takes and the writer must go on.
func (c *conn) checkpoint() error {
	c.sqlite.SetBusyTimeout(0)
	defer c.sqlite.SetBusyTimeout(busyTimeout)
	return c.exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
}

// fatal returns a few words if writes must stop after the error, because what lies on disk cannot be trusted any more.
func fatal(err error) string {
	if errors.Is(err, errForeignWrite) {
		return "another program changed the database"
	}
	return fatalCode(sqlite.ErrCode(err))
}

func fatalCode(code sqlite.ResultCode) string {
	switch {
	case code == sqlite.ResultIOErrFsync, code == sqlite.ResultIOErrDirFsync:
		return "the disk failed to keep a change"
	case code.ToPrimary() == sqlite.ResultCorrupt:
		return "the database is damaged"
	case code == sqlite.ResultNotADB:
		return "the database was overwritten"
	}
	return ""
}

// refusal returns the sentence for an error that was met while opening a file.
func refusal(path string, err error) error {
	if errors.Is(err, errUnfit) {
		return fmt.Errorf("%s cannot be used, name a file on a local disk: %w", path, err)
	}
	if d := damage(""); errors.As(err, &d) {
		return damaged(path, err)
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB:
		return fmt.Errorf("%s is not a SQLite database: name another file, or restore a backup of this one", path)
	case sqlite.ResultCorrupt, sqlite.ResultError:
		// A plain error is a table or column that is not there.
		return damaged(path, err)
	case sqlite.ResultReadOnly, sqlite.ResultCantOpen, sqlite.ResultPerm:
		return unwritable(path, err)
	case sqlite.ResultBusy:
		return inUse(path)
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

// copyRefusal returns the sentence for an error that was met while a database was copied.
func copyRefusal(from, to string, err error) error {
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultFull {
		return fmt.Errorf("%s does not fit on the disk: make room there, or name a file on another disk: %w", to, err)
	}
	return refusal(from, err)
}

// needsWriter reports whether only a connection that may write can read the file: a rollback or recovery is due.
func needsWriter(err error) bool {
	switch sqlite.ErrCode(err) {
	case sqlite.ResultReadOnlyRollback, sqlite.ResultReadOnlyRecovery, sqlite.ResultReadOnlyCantInit:
		return true
	}
	return false
}

// head is the row that says what the newest state is.
type head struct {
	position Position
	created  uint64
	at       int64
}

func (c *conn) head() (head, error) {
	if !c.sqlite.AutocommitEnabled() {
		return head{}, errors.New("a transaction could not be ended")
	}
	return c.readHead()
}

func (c *conn) readHead() (head, error) {
	var h head
	rows := 0
	err := c.query(func(row *sqlite.Stmt) (err error) {
		rows++
		h.position.Epoch = row.ColumnText(0)
		h.position.Revision = uint64(row.ColumnInt64(1))
		h.position.Hash, err = columnHash(row, 2)
		h.created = uint64(row.ColumnInt64(3))
		h.at = row.ColumnInt64(4)
		return err
	}, `SELECT epoch, revision, hash, created, at FROM head`)
	if err == nil && rows != 1 {
		err = damage(fmt.Sprintf("head has %d rows", rows))
	}
	return h, err
}

func columnHash(row *sqlite.Stmt, column int) (hash [32]byte, err error) {
	if n := row.ColumnLen(column); n != len(hash) {
		return hash, damage(fmt.Sprintf("a hash has %d bytes", n))
	}
	row.ColumnBytes(column, hash[:])
	return hash, nil
}

func columnBody(row *sqlite.Stmt, column int) []byte {
	if row.ColumnIsNull(column) {
		return nil
	}
	body := make([]byte, row.ColumnLen(column))
	row.ColumnBytes(column, body)
	return body
}

// reading runs f on one snapshot of the database.
func (c *conn) reading(f func() error) error {
	if err := c.exec(`BEGIN`); err != nil {
		return err
	}
	err := f()
	if !c.sqlite.AutocommitEnabled() { // some errors end the transaction
		err = also(err, c.exec(`ROLLBACK`))
	}
	return err
}

// quickCheck lets SQLite look for damage.
func (c *conn) quickCheck() error {
	found, err := c.text(`PRAGMA quick_check(1)`)
	if err == nil && found != "ok" {
		err = damage(strings.Join(strings.Fields(found), " "))
	}
	return err
}

// documents calls row for each current document, by ascending id; its body is nil when it points to none.
func (c *conn) documents(row func(i id, revision uint64, body []byte)) error {
	return c.query(func(r *sqlite.Stmt) error {
		i := id{r.ColumnText(0), Kind(r.ColumnText(1)), r.ColumnText(2)}
		row(i, uint64(r.ColumnInt64(3)), columnBody(r, 4))
		return nil
	}, `SELECT d.namespace, d.kind, d.key, d.revision, c.body
		FROM document AS d
		LEFT JOIN change AS c ON c.namespace = d.namespace AND c.kind = d.kind AND c.key = d.key AND c.revision = d.revision
		ORDER BY d.namespace, d.kind, d.key`)
}

// lastDeletion returns the number of the newest revision, up to one, that deleted something in a namespace, or 0.
func (c *conn) lastDeletion(namespace string, upTo uint64) (uint64, error) {
	var number uint64
	err := c.query(func(row *sqlite.Stmt) error {
		number = uint64(row.ColumnInt64(0))
		return nil
	}, `SELECT revision FROM change WHERE namespace = $1 AND body IS NULL AND revision <= $2 ORDER BY revision DESC LIMIT 1`, namespace, upTo)
	return number, err
}

// newest returns the number of the newest revision, 0 when there is none.
func (c *conn) newest() (uint64, error) {
	var number uint64
	err := c.query(func(row *sqlite.Stmt) error {
		number = uint64(row.ColumnInt64(0))
		return nil
	}, `SELECT max(revision) FROM revision`)
	return number, err
}

// revision returns a stored revision without its records.
func (c *conn) revision(number uint64) (*revision, error) {
	r := &revision{}
	err := c.query(func(row *sqlite.Stmt) (err error) {
		r.number, r.at, r.body = number, row.ColumnInt64(0), columnBody(row, 1)
		if r.previous, err = columnHash(row, 2); err == nil {
			r.hash, err = columnHash(row, 3)
		}
		return err
	}, `SELECT at, body, previous_hash, hash FROM revision WHERE revision = $1`, number)
	if err == nil && r.number == 0 {
		err = damage(fmt.Sprintf("revision %d is missing", number))
	}
	return r, err
}

// readRecords adds the records of a stored revision.
func (c *conn) readRecords(r *revision) error {
	return c.query(func(row *sqlite.Stmt) error {
		i := id{row.ColumnText(0), Kind(row.ColumnText(1)), row.ColumnText(2)}
		r.records = append(r.records, record{i, columnBody(row, 3)})
		return nil
	}, `SELECT namespace, kind, key, body FROM change WHERE revision = $1 ORDER BY namespace, kind, key`, r.number)
}
