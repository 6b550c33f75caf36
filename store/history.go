package store

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// Revision is one revision of the history.
type Revision struct {
	// Position identifies the state that it led to.
	Position Position
	// Said is who made it, when and how. It is shared and must not be changed.
	Said *storev1.Revision
	// Changes are the documents that it changed, as they were afterwards, by namespace, kind and key.
	Changes []Change
}

// ParsePosition reads the text form of a position, which has no hash.
func ParsePosition(text string) (Position, error) {
	epoch, number, ok := strings.Cut(text, "-")
	revision, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || len(epoch) != 16 || strings.Trim(epoch, "0123456789abcdef") != "" {
		return Position{}, fmt.Errorf("%q is no position: want 16 hexadecimal digits, a hyphen and a number", text)
	}
	return Position{Epoch: epoch, Revision: revision}, nil
}

const (
	// maxChunk and maxChunkBytes bound what Changes reads at a time.
	maxChunk      = 256
	maxChunkBytes = 8 << 20
)

// Changes returns every revision after a position, in order and without a gap, up to the newest one at the time that the last
// one is read. Its hash is not looked at. It ends with an error that wraps ErrNoRevision when this history does not have the
// position, or has forgotten what came after it.
func (db *DB[T]) Changes(ctx context.Context, after Position) iter.Seq2[Revision, error] {
	return func(yield func(Revision, error) bool) {
		for last := after; ; {
			chunk, err := db.changes(ctx, last)
			if err != nil {
				yield(Revision{}, fmt.Errorf("read the changes after %s: %w", last, err))
				return
			}
			for _, r := range chunk {
				if !yield(r, nil) {
					return
				}
			}
			if len(chunk) == 0 {
				return
			}
			last = chunk[len(chunk)-1].Position
		}
	}
}

// changes reads the revisions that follow a position, some of them at a time, none when there are none.
func (db *DB[T]) changes(ctx context.Context, after Position) (chunk []Revision, err error) {
	err = db.past.read(ctx, func(c *conn) error {
		h, err := c.readHead()
		if err != nil {
			return err
		}
		epochs, err := c.epochs(int64(len(migrations())), h)
		if err != nil {
			return err
		}
		base, err := c.base()
		if err != nil {
			return err
		}
		if after.Revision > h.position.Revision || after.Revision < base.revision || epochOf(epochs, after.Revision) != after.Epoch {
			return ErrNoRevision
		}
		size := 0
		s := newSharer()
		return c.revisionsAfter(after.Revision, func(r *revision) (bool, error) {
			if err := c.readRecords(r); err != nil {
				return false, err
			}
			next, err := r.decode(epochs, s)
			if err != nil {
				return false, err
			}
			chunk = append(chunk, next)
			for _, rec := range r.records {
				size += len(rec.body)
			}
			return len(chunk) < maxChunk && size < maxChunkBytes, nil
		})
	})
	return chunk, err
}

// decode returns a stored revision, whose records were read, as history tells it.
func (r *revision) decode(epochs []epoch, s *sharer) (Revision, error) {
	said, err := r.said()
	if err != nil {
		return Revision{}, err
	}
	told := Revision{Position: Position{epochOf(epochs, r.number), r.number, r.hash}, Said: said}
	for _, rec := range r.records {
		change, err := rec.decode(r.number, s)
		if err != nil {
			return Revision{}, err
		}
		told.Changes = append(told.Changes, change)
	}
	return told, nil
}

// decode returns the document of a record, or that there is none.
func (rec record) decode(number uint64, s *sharer) (Change, error) {
	if rec.body == nil {
		return Change{Namespace: rec.id.namespace, Kind: rec.id.kind, Key: rec.id.key}, nil
	}
	d := stored{id: rec.id, revision: number, body: rec.body}
	if err := d.decode(s); err != nil {
		return Change{}, err
	}
	return changeOf(rec.id, d.doc), nil
}

// Action says what a revision did to a document.
type Action uint8

// What a revision may do to a document.
const (
	Created Action = iota + 1
	Updated
	Deleted
)

// Touched is a document that a revision changed.
type Touched struct {
	Namespace string
	Kind      Kind
	Key       string
	// Action is 0 where it is not known whether the document was there before: in the revision that a history was folded into.
	Action Action
}

// Summary is one revision of the history without its documents.
type Summary struct {
	Position Position
	// Said is who made it, when and how.
	Said *storev1.Revision
	// Touched are the first of the documents that it changed, by namespace, kind and key, and Total is how many there are.
	Touched []Touched
	Total   int
}

// maxTouched bounds Summary.Touched.
const maxTouched = 100

const (
	// maxScan bounds the revisions of which one call of History reads who made them and when.
	maxScan = 20000
	// maxSpan bounds the numbers among which it looks for those that changed what a query names.
	maxSpan = 100000
)

// Query says which revisions to list. A revision must pass every filter; what is empty or zero is anything.
type Query struct {
	// Namespace, Kind and Key name what it must have changed; with a namespace alone, anything in it.
	Namespace string
	Kind      Kind
	Key       string
	// Author and Method say who and how. A method is the full one or its last part, after a slash.
	Author, Method string
	// From and To are times: not before the one, and before the other.
	From, To time.Time
	// Before is a number that it must be below; 0 for the newest.
	Before uint64
	// Limit is how many to list at most.
	Limit int
}

// Page is a part of the history, the newest revision first.
type Page struct {
	Revisions []Summary
	// Next is the Before of the next page; 0 when there is none. A page that is not the last may hold fewer than asked for, since
	// one call looks at a bounded number of revisions.
	Next uint64
	// Oldest is the number of the oldest revision that can be listed.
	Oldest uint64
}

// History lists revisions.
func (db *DB[T]) History(ctx context.Context, q Query) (Page, error) {
	var page Page
	err := db.past.read(ctx, func(c *conn) (err error) {
		page, err = c.history(q, db.past.scan, db.past.span)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list revisions: %w", err)
	}
	return page, nil
}

// history looks at most at scan revisions, and for those that changed something at most at span numbers.
func (c *conn) history(q Query, scan, span uint64) (Page, error) {
	h, err := c.readHead()
	if err != nil {
		return Page{}, err
	}
	epochs, err := c.epochs(int64(len(migrations())), h)
	if err != nil {
		return Page{}, err
	}
	base, err := c.base()
	if err != nil {
		return Page{}, err
	}
	before, err := c.upperBound(q, base.revision, h.position.Revision+1)
	if err != nil {
		return Page{}, err
	}
	page := Page{Oldest: base.revision}
	f := filter{q.Namespace, q.Kind, q.Key}
	from := base.revision
	if f != (filter{}) && !f.document() && before > from+span {
		from = before - span
	}
	scanned, ended := uint64(0), from == base.revision
	err = c.revisionsBefore(f, before, from, func(r *revision) (bool, error) {
		if len(page.Revisions) == q.Limit || scanned == scan {
			page.Next, ended = r.number+1, true
			return false, nil
		}
		scanned++
		if !q.From.IsZero() && r.at < q.From.UnixMicro() {
			ended = true
			return false, nil // all that follow are older
		}
		said, wanted, err := q.wants(r)
		if err != nil || !wanted {
			return true, err
		}
		summary := Summary{Position: Position{epochOf(epochs, r.number), r.number, r.hash}, Said: said}
		summary.Touched, summary.Total, err = c.touched(r.number, base, maxTouched)
		page.Revisions = append(page.Revisions, summary)
		return true, err
	})
	if !ended {
		page.Next = from
	}
	return page, err
}

// upperBound returns the number that listed revisions are below.
func (c *conn) upperBound(q Query, base, end uint64) (uint64, error) {
	if q.Before != 0 && q.Before < end {
		end = q.Before
	}
	if q.To.IsZero() {
		return end, nil
	}
	first, err := c.revision(base)
	if err != nil || first.at >= q.To.UnixMicro() {
		return base, err
	}
	newest, err := c.revisionAt(q.To.UnixMicro() - 1)
	return min(end, newest+1), err
}

// wants returns what a revision says of itself, and whether author and method are those that are asked for.
func (q Query) wants(r *revision) (said *storev1.Revision, wanted bool, err error) {
	// A body holds its texts as they are: most others need not be decoded.
	if !bytes.Contains(r.body, []byte(q.Author)) || !bytes.Contains(r.body, []byte(q.Method)) {
		return nil, false, nil
	}
	if said, err = r.said(); err != nil {
		return nil, false, err
	}
	method := q.Method == "" || said.Method == q.Method || strings.HasSuffix(said.Method, "/"+q.Method)
	return said, method && (q.Author == "" || said.Author == q.Author), nil
}

// touched returns the documents that a revision changed, up to limit, and how many there are.
func (c *conn) touched(number uint64, oldest base, limit int) ([]Touched, int, error) {
	ids, deleted, total, err := c.ids(number, limit)
	if err != nil {
		return nil, 0, err
	}
	all := make([]Touched, len(ids))
	for n, i := range ids {
		all[n] = Touched{i.namespace, i.kind, i.key, Deleted}
		if deleted[n] {
			continue
		}
		if oldest.folded && number == oldest.revision {
			all[n].Action = 0
			continue
		}
		existed, err := c.existedBefore(i, number)
		if err != nil {
			return nil, 0, err
		}
		all[n].Action = Created
		if existed {
			all[n].Action = Updated
		}
	}
	return all, total, nil
}

// Revised is a revision with what its documents were before.
type Revised struct {
	Revision
	// Before are the documents before the revision, in the order of its changes; one that did not exist has no document.
	Before []Change
}

// Revision returns one revision of the history. ErrNoRevision is wrapped when it cannot be told; of the revision that a history
// was folded into, only the state can.
func (db *DB[T]) Revision(ctx context.Context, number uint64) (Revised, error) {
	var told Revised
	err := db.past.read(ctx, func(c *conn) (err error) {
		told, err = c.revised(number)
		return err
	})
	if err != nil {
		return Revised{}, fmt.Errorf("read revision %d: %w", number, err)
	}
	return told, nil
}

func (c *conn) revised(number uint64) (Revised, error) {
	h, err := c.readHead()
	if err != nil {
		return Revised{}, err
	}
	epochs, err := c.epochs(int64(len(migrations())), h)
	if err != nil {
		return Revised{}, err
	}
	base, err := c.base()
	if err != nil {
		return Revised{}, err
	}
	switch {
	case number < base.revision || number > h.position.Revision:
		return Revised{}, fmt.Errorf("%w: the oldest is %d, the newest %d", ErrNoRevision, base.revision, h.position.Revision)
	case number == base.revision && base.folded:
		return Revised{}, fmt.Errorf("%w: what was before it was given up, only its state can be told", ErrNoRevision)
	}
	r, err := c.revision(number)
	if err != nil {
		return Revised{}, err
	}
	if err := c.readRecords(r); err != nil {
		return Revised{}, err
	}
	s := newSharer()
	var told Revised
	if told.Revision, err = r.decode(epochs, s); err != nil {
		return Revised{}, err
	}
	for _, rec := range r.records {
		body, err := c.before(rec.id, number)
		if err != nil {
			return Revised{}, err
		}
		was, err := record{rec.id, body}.decode(number, s)
		if err != nil {
			return Revised{}, err
		}
		told.Before = append(told.Before, was)
	}
	return told, nil
}
