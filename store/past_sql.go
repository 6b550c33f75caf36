package store

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// documentsAt calls each for every document as it was at a revision, by ascending id.
func (c *conn) documentsAt(revision uint64, each func(i id, revision uint64, body []byte)) error {
	return c.query(func(r *row) error {
		i := id{r.ColumnText(0), Kind(r.ColumnText(1)), r.ColumnText(2)}
		each(i, uint64(r.ColumnInt64(3)), columnBody(r, 4))
		return nil
	}, `SELECT c.namespace, c.kind, c.key, c.revision, c.body
		FROM change AS c
		WHERE c.revision <= $1 AND c.body IS NOT NULL AND NOT EXISTS (
			SELECT 1 FROM change AS later
			WHERE later.namespace = c.namespace AND later.kind = c.kind AND later.key = c.key
				AND later.revision > c.revision AND later.revision <= $1
		)
		ORDER BY c.namespace, c.kind, c.key`, revision)
}

// before returns what a document was before a revision changed it: its body, nil when it did not exist.
func (c *conn) before(i id, revision uint64) (body []byte, err error) {
	err = c.query(func(r *row) error {
		body = columnBody(r, 0)
		return nil
	}, `SELECT body FROM change
		WHERE namespace = $1 AND kind = $2 AND key = $3 AND revision < $4
		ORDER BY revision DESC LIMIT 1`, i.namespace, string(i.kind), i.key, revision)
	return body, err
}

// existedBefore is before without the body.
func (c *conn) existedBefore(i id, revision uint64) (existed bool, err error) {
	err = c.query(func(r *row) error {
		existed = r.ColumnInt64(0) != 0
		return nil
	}, `SELECT body IS NOT NULL FROM change
		WHERE namespace = $1 AND kind = $2 AND key = $3 AND revision < $4
		ORDER BY revision DESC LIMIT 1`, i.namespace, string(i.kind), i.key, revision)
	return existed, err
}

// revisionsAfter calls each for stored revisions without their records, by ascending number, until it returns false.
func (c *conn) revisionsAfter(after uint64, each func(*revision) (more bool, err error)) error {
	err := c.query(func(r *row) error {
		found, err := columnRevision(r)
		if err != nil {
			return err
		}
		more, err := each(found)
		if err == nil && !more {
			err = errEnough
		}
		return err
	}, `SELECT revision, at, body, previous_hash, hash FROM revision WHERE revision > $1 ORDER BY revision`, after)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends a query whose remaining rows are not needed.
var errEnough = errors.New("enough")

func columnRevision(r *row) (*revision, error) {
	found := &revision{number: uint64(r.ColumnInt64(0)), at: r.ColumnInt64(1), body: columnBody(r, 2)}
	var err error
	if found.previous, err = columnHash(r, 3); err == nil {
		found.hash, err = columnHash(r, 4)
	}
	if err != nil {
		err = damage(fmt.Sprintf("revision %d: %v", found.number, err))
	}
	return found, err
}

// said decodes the body of a revision.
func (r *revision) said() (*storev1.Revision, error) {
	said := new(storev1.Revision)
	if err := proto.Unmarshal(r.body, said); err != nil {
		return nil, damage(fmt.Sprintf("revision %d cannot be decoded: %v", r.number, err))
	}
	return said, nil
}

// revisionsBefore calls each for the revisions below before and not below from, the newest first, that changed what the filter
// names, until it returns false. Without a filter it calls it for every one.
func (c *conn) revisionsBefore(f filter, before, from uint64, each func(*revision) (more bool, err error)) error {
	visit := func(r *revision, err error) error {
		if err != nil {
			return err
		}
		more, err := each(r)
		if err == nil && !more {
			err = errEnough
		}
		return err
	}
	var err error
	switch {
	case f == filter{}:
		err = c.query(func(r *row) error { return visit(columnRevision(r)) }, `SELECT revision, at, body, previous_hash, hash FROM revision
			WHERE revision < $1 AND revision >= $2 ORDER BY revision DESC`, before, from)
	case f.document():
		err = c.query(func(r *row) error { return visit(c.revision(uint64(r.ColumnInt64(0)))) }, `SELECT revision FROM change
			WHERE namespace = $1 AND kind = $2 AND key = $3 AND revision < $4 AND revision >= $5
			ORDER BY revision DESC`, f.namespace, string(f.kind), f.key, before, from)
	default:
		err = c.query(func(r *row) error { return visit(c.revision(uint64(r.ColumnInt64(0)))) }, `SELECT DISTINCT revision FROM change INDEXED BY change_revision
			WHERE revision < $1 AND revision >= $2
				AND ($3 = '' OR namespace = $3) AND ($4 = '' OR kind = $4) AND ($5 = '' OR key = $5)
			ORDER BY revision DESC`, before, from, f.namespace, string(f.kind), f.key)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// filter names what a revision must have changed; what is empty is anything.
type filter struct {
	namespace string
	kind      Kind
	key       string
}

// document reports whether it names one document, whose changes an index finds.
func (f filter) document() bool { return f.namespace != "" && f.kind != "" && f.key != "" }

// ids returns the first of the documents that a revision changed, in the order of the chain, with whether each was deleted, and
// how many there are.
func (c *conn) ids(number uint64, limit int) (ids []id, deleted []bool, total int, err error) {
	err = c.query(func(r *row) error {
		ids = append(ids, id{r.ColumnText(0), Kind(r.ColumnText(1)), r.ColumnText(2)})
		deleted = append(deleted, r.ColumnInt64(3) != 0)
		return nil
	}, `SELECT namespace, kind, key, body IS NULL FROM change WHERE revision = $1 ORDER BY namespace, kind, key LIMIT $2`, number, limit)
	if total = len(ids); err != nil || total < limit {
		return ids, deleted, total, err
	}
	err = c.query(func(r *row) error {
		total = int(r.ColumnInt64(0))
		return nil
	}, `SELECT count(*) FROM change WHERE revision = $1`, number)
	return ids, deleted, total, err
}
