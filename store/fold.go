package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// ErrBase is wrapped when a history cannot be folded into the revision that was asked for.
var ErrBase = errors.New("the history cannot be folded into that revision")

// maxSlice bounds the rows that a fold deletes in one transaction.
const maxSlice = 500

// fold is what a revision that folds the history stores besides itself.
type fold struct {
	base    uint64
	digest  [sha256.Size]byte
	surplus int64
}

// Fold gives up the history before revision base, so that base becomes the oldest revision whose state can be told; what came
// after it is kept whole. Of a change before base there remains what the state as of base needs: the newest change of each
// document that exists then, and of each namespace its newest deletion where nothing in it was changed later, since that is
// the revision of the namespace. All other changes before base go, and the revisions without any. The room is used again by
// what comes; the file does not shrink, but backups do.
//
// The fold is a revision of its own, of the method "fold", that changes no document. It tells base and a digest of what is
// left up to base, so that the chain vouches for both; [Verify] checks the digest in the place of the hashes that cannot be
// recomputed any more. base itself stays whole and has the hash that it always had.
//
// First that revision and the row of base are stored, in one transaction: at that moment the history before base is given
// up, nobody can read it any more, and all that Verify needs is on disk, with the number of rows that still have to go. Then
// these are deleted, at most 500 in a transaction together with the new number, so that changes wait only for a moment.
// Until the number is 0 Verify counts the rows, and finds one that is too many or too few; a crash at any moment leaves such
// a state, and the next Open goes on.
//
// An error that wraps ErrBase says that base is not newer than the present one, or not older than the newest revision. A
// position beside an error is that of a fold that was made, of which the next fold, or the next Open, deletes the rest. ctx
// bounds the work. Folds wait for each other.
func (db *DB[T]) Fold(ctx context.Context, by Author, base uint64) (Position, error) {
	position, err := db.fold(ctx, by, base, false)
	if err != nil {
		return position, fmt.Errorf("fold history into revision %d: %w", base, err)
	}
	return position, nil
}

// fold is Fold; with sparing it does nothing, and returns no position, when no change would be given up.
func (db *DB[T]) fold(ctx context.Context, by Author, base uint64, sparing bool) (Position, error) {
	done, err := db.startFolding(ctx)
	if err != nil {
		return Position{}, err
	}
	defer done()
	if err := db.sweep(ctx); err != nil {
		return Position{}, err
	}
	var l left
	err = db.past.read(ctx, func(c *conn) (err error) {
		if err = c.mayFold(base); err == nil {
			l, err = c.survey(base, nil, nil)
		}
		return err
	})
	if err != nil || sparing && l.surplusChanges == 0 {
		return Position{}, err
	}
	by.Method = "fold"
	if err := ctx.Err(); err != nil {
		return Position{}, err
	}
	// Whoever left now would leave a fold behind that others do not know of.
	_, position, err := Update(context.WithoutCancel(ctx), db, by, func(d *Draft) (struct{}, error) {
		d.fold = &fold{base, l.digest, l.surplusChanges + l.surplusRevisions}
		return struct{}{}, nil
	})
	if err != nil {
		return Position{}, err
	}
	return position, db.sweep(ctx)
}

// startFolding waits until no fold is at work; the caller calls done at the end of his own.
func (db *DB[T]) startFolding(ctx context.Context) (done func(), err error) {
	select {
	case db.folding <- struct{}{}:
		return func() { <-db.folding }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mayFold returns an error that wraps ErrBase unless a revision is between the base and the newest one.
func (c *conn) mayFold(into uint64) error {
	present, err := c.base()
	if err != nil {
		return err
	}
	h, err := c.readHead()
	if err != nil {
		return err
	}
	if into <= present.revision || into >= h.position.Revision {
		return fmt.Errorf("%w: it must be newer than revision %d, the oldest that can be told, and older than %d, the newest",
			ErrBase, present.revision, h.position.Revision)
	}
	return nil
}

// sweep deletes what the last fold gave up, in slices by ascending id and revision, so that nothing that was superseded comes
// to the fore. The caller holds folding.
func (db *DB[T]) sweep(ctx context.Context) error {
	var (
		present base
		needed  map[place]struct{}
	)
	err := db.past.read(ctx, func(c *conn) (err error) {
		if present, err = c.base(); err == nil && present.surplus > 0 {
			needed, err = c.neededDeletions(present.revision)
		}
		return err
	})
	if err != nil || present.surplus == 0 {
		return err
	}
	if err := db.sweepChanges(ctx, present.revision, needed); err != nil {
		return err
	}
	if err := db.sweepRevisions(ctx, present.revision); err != nil {
		return err
	}
	return db.past.read(ctx, func(c *conn) error {
		present, err := c.base()
		if err == nil && present.surplus != 0 {
			err = damage(fmt.Sprintf("%d rows should still be there before revision %d", present.surplus, present.revision))
		}
		return err
	})
}

func (db *DB[T]) sweepChanges(ctx context.Context, base uint64, needed map[place]struct{}) error {
	for after := (place{}); ; {
		var slice []surplusChange
		err := db.past.read(ctx, func(c *conn) (err error) {
			slice, err = c.surplusChanges(base, after, db.slice)
			return err
		})
		if err != nil || len(slice) == 0 {
			return err
		}
		after = slice[len(slice)-1].place
		slice = slices.DeleteFunc(slice, func(s surplusChange) bool {
			_, needs := needed[s.place]
			return needs
		})
		err = db.aside(ctx, func(c *conn) error { return c.giveUp(base, slice, nil) })
		if err != nil {
			return err
		}
	}
}

func (db *DB[T]) sweepRevisions(ctx context.Context, base uint64) error {
	for after := uint64(0); ; {
		var slice []uint64
		err := db.past.read(ctx, func(c *conn) (err error) {
			slice, err = c.surplusRevisions(base, after, db.slice)
			return err
		})
		if err != nil || len(slice) == 0 {
			return err
		}
		after = slice[len(slice)-1]
		err = db.aside(ctx, func(c *conn) error { return c.giveUp(base, nil, slice) })
		if err != nil {
			return err
		}
	}
}
