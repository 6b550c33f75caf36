package store

import (
	"math/bits"
	"sync/atomic"
)

// batchClasses is how many powers of two there are up to maxBatch.
const batchClasses = 9

// Stats says how the writer fares.
type Stats struct {
	// Waiting is the number of changes that wait for the writer, at most 1,024.
	Waiting int
	// Commits and Revisions count what was committed since the database was opened.
	Commits, Revisions uint64
	// Batches counts the commits by size: at index i those of more than 2^(i-1) and at most 2^i revisions.
	Batches [batchClasses]uint64
	// LogBytes is the length of the write-ahead log.
	LogBytes int64
}

// Stats returns how the writer fares. It costs one look at the file system.
func (db *DB[T]) Stats() Stats {
	s := Stats{Waiting: len(db.queue), Revisions: db.tally.revisions.Load(), LogBytes: db.files.logSize()}
	for i := range s.Batches {
		s.Batches[i] = db.tally.batches[i].Load()
		s.Commits += s.Batches[i]
	}
	return s
}

// tally counts what Stats tells. Only the writer adds to it.
type tally struct {
	revisions atomic.Uint64
	batches   [batchClasses]atomic.Uint64
}

func (t *tally) add(revisions int) {
	t.revisions.Add(uint64(revisions))
	t.batches[bits.Len(uint(revisions-1))].Add(1)
}
