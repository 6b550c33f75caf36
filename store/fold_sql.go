package store

import "fmt"

// The statements of Fold, and of Verify about what a fold has left.

// base is the row of that table. Without one it is revision 1, and nothing was folded.
type base struct {
	revision uint64
	// surplus counts the rows of change and revision that a fold gives up and that are still there.
	surplus int64
	folded  bool
}

// base returns the oldest revision whose state can be told.
func (c *conn) base() (base, error) {
	found, rows := base{revision: 1}, 0
	err := c.query(func(r *row) error {
		rows++
		found = base{uint64(r.ColumnInt64(0)), r.ColumnInt64(1), true}
		return nil
	}, `SELECT revision, surplus FROM base`)
	if err == nil && rows > 1 {
		err = damage(fmt.Sprintf("base has %d rows", rows))
	}
	return found, err
}

// writeBase notes a fold. It is part of the transaction that stores its revision.
func (c *conn) writeBase(f *fold) error {
	if err := c.exec(`DELETE FROM base`); err != nil {
		return err
	}
	return c.exec(`INSERT INTO base (revision, surplus) VALUES ($1, $2)`, f.base, f.surplus)
}

// older is a change up to the base, without its body.
type older struct {
	place      place
	deleted    bool
	superseded bool
	// body reads the body; it is valid as long as the row.
	body func() []byte
}

// place is where a change lies in the history.
type place struct {
	id       id
	revision uint64
}

// marks calls each for every change up to a revision, by ascending id and revision, without its body.
func (c *conn) marks(upTo uint64, each func(p place, deleted bool)) error {
	return c.query(func(r *row) error {
		each(place{id{r.ColumnText(0), Kind(r.ColumnText(1)), r.ColumnText(2)}, uint64(r.ColumnInt64(3))}, r.ColumnInt64(4) != 0)
		return nil
	}, `SELECT namespace, kind, key, revision, body IS NULL FROM change WHERE revision <= $1 ORDER BY namespace, kind, key, revision`, upTo)
}

// olderChanges calls each for every change up to a revision, by ascending id and revision.
func (c *conn) olderChanges(upTo uint64, each func(older) error) error {
	return c.query(func(r *row) error {
		return each(older{
			place:      place{id{r.ColumnText(0), Kind(r.ColumnText(1)), r.ColumnText(2)}, uint64(r.ColumnInt64(3))},
			deleted:    r.ColumnIsNull(4),
			superseded: r.ColumnInt64(5) != 0,
			body:       func() []byte { return columnBody(r, 4) },
		})
	}, `SELECT c.namespace, c.kind, c.key, c.revision, c.body, EXISTS (
			SELECT 1 FROM change AS later
			WHERE later.namespace = c.namespace AND later.kind = c.kind AND later.key = c.key
				AND later.revision > c.revision AND later.revision <= $1
		)
		FROM change AS c WHERE c.revision <= $1 ORDER BY c.namespace, c.kind, c.key, c.revision`, upTo)
}

// olderRevisions calls each for every revision up to one, by ascending number, without its records.
func (c *conn) olderRevisions(upTo uint64, each func(*revision) error) error {
	return c.query(func(r *row) error {
		found, err := columnRevision(r)
		if err != nil {
			return err
		}
		return each(found)
	}, `SELECT revision, at, body, previous_hash, hash FROM revision WHERE revision <= $1 ORDER BY revision`, upTo)
}

// surplusChange is a change that a fold gives up.
type surplusChange struct {
	row   int64
	place place
}

// surplusChanges returns the first changes after a place that are before the base and superseded up to it, or deletions.
func (c *conn) surplusChanges(base uint64, after place, limit int) (found []surplusChange, err error) {
	err = c.query(func(r *row) error {
		found = append(found, surplusChange{
			r.ColumnInt64(0), place{id{r.ColumnText(1), Kind(r.ColumnText(2)), r.ColumnText(3)}, uint64(r.ColumnInt64(4))},
		})
		return nil
	}, `SELECT c.rowid, c.namespace, c.kind, c.key, c.revision FROM change AS c
		WHERE (c.namespace, c.kind, c.key, c.revision) > ($1, $2, $3, $4) AND c.revision < $5 AND (c.body IS NULL OR EXISTS (
			SELECT 1 FROM change AS later
			WHERE later.namespace = c.namespace AND later.kind = c.kind AND later.key = c.key
				AND later.revision > c.revision AND later.revision <= $5
		))
		ORDER BY c.namespace, c.kind, c.key, c.revision LIMIT $6`,
		after.id.namespace, string(after.id.kind), after.id.key, after.revision, base, limit)
	return found, err
}

// surplusRevisions returns the first revisions after a number that are before the base and have no changes.
func (c *conn) surplusRevisions(base, after uint64, limit int) (numbers []uint64, err error) {
	err = c.query(func(r *row) error {
		numbers = append(numbers, uint64(r.ColumnInt64(0)))
		return nil
	}, `SELECT r.revision FROM revision AS r
		WHERE r.revision > $1 AND r.revision < $2 AND NOT EXISTS (SELECT 1 FROM change AS c WHERE c.revision = r.revision)
		ORDER BY r.revision LIMIT $3`, after, base, limit)
	return numbers, err
}

// giveUp deletes changes and revisions of a fold, inside of a transaction.
func (c *conn) giveUp(base uint64, changes []surplusChange, revisions []uint64) error {
	for _, s := range changes {
		if err := c.execOne(`DELETE FROM change WHERE rowid = $1 AND revision = $2`, s.row, s.place.revision); err != nil {
			return err
		}
	}
	for _, number := range revisions {
		if err := c.execOne(`DELETE FROM revision WHERE revision = $1`, number); err != nil {
			return err
		}
	}
	gone := len(changes) + len(revisions)
	return c.execOne(`UPDATE base SET surplus = surplus - $1 WHERE revision = $2 AND surplus >= $1`, gone, base)
}

// execOne is exec of a statement that must change one row.
func (c *conn) execOne(query string, args ...any) error {
	err := c.exec(query, args...)
	if err == nil && c.sqlite.Changes() != 1 {
		err = errForeignWrite
	}
	return err
}
