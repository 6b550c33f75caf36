package store

import (
	"context"
	"fmt"
)

// aside is work for the connection of the writer that makes no revision.
type aside struct {
	run func(*conn) error
	// answer has room for one answer, so that the writer never waits for a caller who left.
	answer chan error
}

// aside lets the writer run f in a transaction of its own, between two batches of changes. f must be short: changes wait for
// it. ctx bounds only the wait.
func (db *DB[T]) aside(ctx context.Context, f func(*conn) error) error {
	a := &aside{run: f, answer: make(chan error, 1)}
	select {
	case db.asides <- a:
	case <-db.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-a.answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w while waiting, it may still be done", ctx.Err())
	}
}

// runAside keeps the rules of commit for what must stop writes.
func (db *DB[T]) runAside(a *aside) error {
	if reason := db.Health(); reason != nil {
		return reason
	}
	err := db.conn.transaction(func() error { return guard(func() error { return a.run(db.conn) }) })
	db.asided.Add(1)
	if moved := db.files.check(); moved != nil {
		return db.stop(moved)
	}
	if why := fatal(err); err != nil && why != "" {
		return db.stop(fmt.Errorf("%s: %w", why, err))
	}
	return err
}
