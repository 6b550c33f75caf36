package store

import "strings"

// The statements of Verify, Backup and Restore.

// integrityCheck lets SQLite look for damage on every page and in every index.
func (c *conn) integrityCheck() error {
	found, err := c.text(`PRAGMA integrity_check(1)`)
	if err == nil && found != "ok" {
		err = damage(strings.Join(strings.Fields(found), " "))
	}
	return err
}

// bytes returns the size of the database, with what of it lies in the log.
func (c *conn) bytes() (size int64, err error) {
	err = c.query(func(r *row) error {
		size = r.ColumnInt64(0)
		return nil
	}, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
	return size, err
}

// count returns the single number that a query has for its result.
func (c *conn) count(query string) (n int64, err error) {
	err = c.query(func(r *row) error {
		n = r.ColumnInt64(0)
		return nil
	}, query)
	return n, err
}

// copyInto writes the newest snapshot of the database into a file that is empty or does not exist. The copy is one file,
// without a log.
func (c *conn) copyInto(path string) error {
	// It counts as writing, although only to the other file.
	if err := c.set(`PRAGMA query_only = OFF`, `PRAGMA query_only`, "0"); err != nil {
		return err
	}
	return also(c.exec(`VACUUM INTO $1`, path), c.set(`PRAGMA query_only = ON`, `PRAGMA query_only`, "1"))
}

// epoch is a row of the table of that name.
type epoch struct {
	first uint64
	name  string
}

// epochs returns the epochs by ascending first revision. A file of the first version has one, that of its head.
func (c *conn) epochs(version int64, h head) ([]epoch, error) {
	if version < 2 {
		return []epoch{{1, h.position.Epoch}}, nil
	}
	var all []epoch
	err := c.query(func(r *row) error {
		all = append(all, epoch{uint64(r.ColumnInt64(0)), r.ColumnText(1)})
		return nil
	}, `SELECT first, epoch FROM epoch ORDER BY first`)
	return all, err
}

// writeEpoch notes that an epoch begins with a revision.
func (c *conn) writeEpoch(first uint64, name string) error {
	return c.exec(`INSERT INTO epoch (first, epoch) VALUES ($1, $2)`, first, name)
}

// writeRestore begins a new epoch with a revision that changes no document, in one transaction.
func (c *conn) writeRestore(from head, name string, r *revision) error {
	return c.transaction(func() error {
		err := c.exec(`INSERT INTO revision (revision, at, body, previous_hash, hash) VALUES ($1, $2, $3, $4, $5)`,
			r.number, r.at, r.body, r.previous[:], r.hash[:])
		if err != nil {
			return err
		}
		if err := c.writeEpoch(r.number, name); err != nil {
			return err
		}
		err = c.exec(`UPDATE head SET epoch = $1, revision = $2, hash = $3, at = $4 WHERE epoch = $5 AND revision = $6 AND hash = $7`,
			name, r.number, r.hash[:], r.at, from.position.Epoch, from.position.Revision, from.position.Hash[:])
		if err == nil && c.sqlite.Changes() != 1 {
			return errForeignWrite
		}
		return err
	})
}

// found is the id of a document with numbers of revisions that do not fit together.
type found struct {
	id             id
	points, newest uint64
}

// oddDocument returns the first document, by revision, that a query says is not what the history says; nil when there is
// none. Its columns are namespace, kind, key, the revision that the document points to and the newest one that changed it.
func (c *conn) oddDocument(query string) (odd *found, err error) {
	err = c.query(func(r *row) error {
		odd = &found{id{r.ColumnText(0), Kind(r.ColumnText(1)), r.ColumnText(2)}, uint64(r.ColumnInt64(3)), uint64(r.ColumnInt64(4))}
		return nil
	}, query)
	return odd, err
}

// staleDocument returns a document that does not point to the newest change of its id.
func (c *conn) staleDocument() (*found, error) {
	return c.oddDocument(`SELECT namespace, kind, key, revision, newest FROM (
			SELECT d.namespace, d.kind, d.key, d.revision, (
				SELECT max(c.revision) FROM change AS c WHERE c.namespace = d.namespace AND c.kind = d.kind AND c.key = d.key
			) AS newest FROM document AS d
		) WHERE newest IS NOT revision ORDER BY max(revision, ifnull(newest, 0)) LIMIT 1`)
}

// lostDocument returns the newest change of an id for which there is no document although it is no deletion.
func (c *conn) lostDocument() (*found, error) {
	return c.oddDocument(`SELECT namespace, kind, key, 0, newest FROM (
			SELECT namespace, kind, key, max(revision) AS newest, body IS NULL AS deleted FROM change GROUP BY namespace, kind, key
		) AS c WHERE NOT deleted AND NOT EXISTS (
			SELECT 1 FROM document AS d WHERE d.namespace = c.namespace AND d.kind = c.kind AND d.key = c.key
		) ORDER BY newest LIMIT 1`)
}

// homelessDocument returns a document that lies in a namespace that does not exist.
func (c *conn) homelessDocument() (*found, error) {
	return c.oddDocument(`SELECT d.namespace, d.kind, d.key, d.revision, d.revision FROM document AS d WHERE NOT EXISTS (
			SELECT 1 FROM document AS n WHERE n.namespace = d.namespace AND n.kind = 'namespace' AND n.key = d.namespace
		) ORDER BY d.revision LIMIT 1`)
}
