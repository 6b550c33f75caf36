package store

import (
	"context"
	"errors"
	"time"
)

const (
	// firstRetention is how long after the start the history is folded for the first time, and retentionEvery how often.
	firstRetention = time.Minute
	retentionEvery = 24 * time.Hour
)

// retain deletes what a fold that was cut short has left, and folds the history once a day if there is a retention. It ends
// with the database; the writer waits for it.
func (db *DB[T]) retain(unfinished bool) {
	defer db.readers.Done()
	if unfinished {
		db.retained(db.finishFold(db.ending))
	}
	if db.retention <= 0 {
		return
	}
	timer := time.NewTimer(firstRetention)
	defer timer.Stop()
	for {
		select {
		case <-db.ending.Done():
			return
		case <-timer.C:
			db.retained(db.foldOld(db.ending))
			timer.Reset(retentionEvery)
		}
	}
}

// retained tells of an error, unless it is that the database was closed.
func (db *DB[T]) retained(err error) {
	if err != nil && db.ending.Err() == nil && db.retentionFailed != nil {
		db.retentionFailed(err)
	}
}

func (db *DB[T]) finishFold(ctx context.Context) error {
	done, err := db.startFolding(ctx)
	if err != nil {
		return err
	}
	defer done()
	return db.sweep(ctx)
}

// foldOld folds the history into the newest revision that is older than the retention, if it is not the base already and
// there is a change to give up. A day without changes makes no revision.
func (db *DB[T]) foldOld(ctx context.Context) error {
	var now time.Time
	// On the goroutine of the writer, the one that may call the clock.
	if err := db.aside(ctx, func(*conn) error { now = db.clock(); return nil }); err != nil {
		return err
	}
	into, err := db.RevisionAt(ctx, now.Add(-db.retention))
	if errors.Is(err, ErrNoRevision) {
		return nil
	}
	if err != nil {
		return err
	}
	state, _ := db.View()
	_, err = db.fold(ctx, Author{}, min(into, state.position.Revision-1), true)
	if errors.Is(err, ErrBase) { // it is the base
		return nil
	}
	return err
}
