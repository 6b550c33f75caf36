package store

import (
	"context"
	"errors"
)

// OpenHasty is Open with a fault: its writer answers before it commits.
func OpenHasty[T any](ctx context.Context, s Settings, derive func(prev T, next *State, changed []Change) (T, error)) (*DB[T], error) {
	db, err := open(ctx, s, derive)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(db.done)
		for first := range db.queue {
			b := &batch[T]{view: db.view.Load()}
			for j := first; j != nil; j = db.next(b) {
				b.jobs = append(b.jobs, j)
				b.answers = append(b.answers, db.run(b, j))
			}
			for i, j := range b.jobs {
				j.answer <- b.answers[i]
			}
			_ = db.commit(b)
		}
		db.closeErr = db.shut()
	}()
	return db, nil
}

// Publish runs a function and publishes what it changed without storing it; call nothing that writes before or meanwhile, but Close.
func Publish[T any](db *DB[T], f func(*Draft) error) error {
	b := &batch[T]{view: db.view.Load()}
	if a := db.run(b, &job{run: f}); a.err != nil {
		return a.err
	}
	b.view.replaced = make(chan struct{})
	close(db.view.Swap(b.view).replaced)
	return nil
}

// Audit is Verify of a file that is known to be a database of this version, and leaves the log that reading makes.
func Audit(ctx context.Context, path string) (Report, error) {
	return audit(ctx, path, int64(len(migrations())), nil)
}

// Commits returns the number of transactions; call it after Close.
func (db *DB[T]) Commits() int { return db.commits }

// Waiting returns the number of functions in the queue.
func (db *DB[T]) Waiting() int { return len(db.queue) }

// SetSlice bounds the rows that a fold deletes in one transaction; call it before anything is folded.
func (db *DB[T]) SetSlice(rows int) { db.slice = rows }

// SetScan bounds what a call of History looks at; call it before the first.
func (db *DB[T]) SetScan(scan, span uint64) { db.past.scan, db.past.span = scan, span }

// FoldOld does what is done once a day.
func (db *DB[T]) FoldOld(ctx context.Context) error { return db.foldOld(ctx) }

// Aside lets the writer run statements in a transaction of their own, and then f.
func (db *DB[T]) Aside(ctx context.Context, f func() error, statements ...string) error {
	return db.aside(ctx, func(c *conn) error {
		for _, statement := range statements {
			if _, err := c.text(statement); err != nil {
				return err
			}
		}
		return f()
	})
}

// Exec runs a statement on the connection of the writer; call it inside of a function given to Update.
func (db *DB[T]) Exec(statement string) error {
	_, err := db.conn.text(statement)
	return err
}

// Text returns the first column of the last row of a query on the connection of the writer, like Exec.
func (db *DB[T]) Text(query string) (string, error) { return db.conn.text(query) }

// Settle calls settle as after an error of COMMIT; call it inside of a function given to Update.
func (db *DB[T]) Settle(failure error, want Position) error { return db.settle(failure, want) }

// SQLiteError returns the error of SQLite with that code.
func SQLiteError(code int32) error { return codeFor(fatalCode, code).ToError() }

// codeFor converts a number to the type of the parameter of a function.
func codeFor[P ~int32](_ func(P) string, code int32) P { return P(code) }

// Raw runs statements on a connection of its own, as another program would.
func Raw(path string, statements ...string) error {
	c, err := openWriter(path)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := c.text(statement); err != nil {
			return errors.Join(err, c.close())
		}
	}
	return c.close()
}

// RawText returns the first column of the last row of a query, read on a connection of its own.
func RawText(path, query string) (string, error) {
	c, err := openWriter(path)
	if err != nil {
		return "", err
	}
	text, err := c.text(query)
	return text, errors.Join(err, c.close())
}

// Lock is SQLite's lock for writing, held as another program would.
type Lock struct{ conn *conn }

// HoldLock takes the lock of a database.
func HoldLock(path string) (*Lock, error) {
	c, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	if err := c.exec(`BEGIN IMMEDIATE`); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &Lock{c}, nil
}

// Exec runs a statement on the connection that holds the lock.
func (l *Lock) Exec(statement string) error {
	_, err := l.conn.text(statement)
	return err
}

// Close gives the lock back.
func (l *Lock) Close() error {
	return errors.Join(l.conn.exec(`ROLLBACK`), l.conn.close())
}

// VerifyChain recomputes every hash of the history and returns the number of revisions.
func VerifyChain(path string) (uint64, error) {
	c, err := openWriter(path)
	if err != nil {
		return 0, err
	}
	defer c.close()
	h, err := c.head()
	if err != nil {
		return 0, err
	}
	var previous [32]byte
	for number := uint64(1); number <= h.position.Revision; number++ {
		r, err := c.revision(number)
		if err != nil {
			return 0, err
		}
		if err := c.readRecords(r); err != nil {
			return 0, err
		}
		if r.previous != previous || chainHash(h.position.Epoch, r) != r.hash {
			return 0, damage("the chain is broken")
		}
		previous = r.hash
	}
	if previous != h.position.Hash {
		return 0, damage("head is not the end of the chain")
	}
	return h.position.Revision, nil
}
