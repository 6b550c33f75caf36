// Package fliptdb reads the SQLite database of Flipt v1 and returns what it holds as documents, with ids and times, for an
// import into the store.
//
// It never writes to the file, which a running Flipt may hold: everything is read in one transaction of a connection that
// cannot write. A file that is not a whole database of Flipt v1 (schemas 0 to 15) is refused in one sentence.
//
// What Flipt evaluates is returned so that it evaluates the same, whether or not the API would take it: keys with any
// character, operators and types that do not exist, ranks that are not unique. What cannot be kept is mended where that
// changes no evaluation, and left out otherwise; either is a [Problem]:
//   - a reference to what does not exist is left out, as Flipt itself ignores it when it evaluates;
//   - a distribution of another flag's variant gets the variant of its own flag with that key, or else a copy of that variant;
//   - attachments and metadata that are not JSON are left out; Flipt fails to evaluate the flags that have them;
//   - a rule or a rollout that names a segment of another namespace is left out, since documents name their own ones only.
//
// Tokens of Flipt are not read.
package fliptdb

import (
	"context"
	"errors"
	"fmt"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// Contents is what a database holds. The documents are ready for the store: they are in the order of their creation, and
// every flag and every segment lies in one of the namespaces and refers only to what is here. Field created is not set.
// A time that the database does not tell is nil.
type Contents struct {
	// Schema is the version of the tables, 0 to 15.
	Schema     int64
	Namespaces []*storev1.Namespace
	Segments   []*storev1.Segment
	Flags      []*storev1.Flag
	// Problems lists what was not taken as it is, in the order of reading.
	Problems []Problem
}

// Problem tells of a row that was not taken as it is.
type Problem struct {
	// Table is the table of the row.
	Table string
	// ID is the id of the row, or its `namespace/key`; empty when the problem is that of a whole table.
	ID string
	// Reason says what became of the row and why, without a full stop.
	Reason string
}

// String returns table, id and reason in one line.
func (p Problem) String() string {
	if p.ID == "" {
		return fmt.Sprintf("%s: %s", p.Table, p.Reason)
	}
	return fmt.Sprintf("%s %q: %s", p.Table, p.ID, p.Reason)
}

// Read returns what the database at path holds. The error is one sentence that says why it cannot be read. ctx ends the
// reading. A file with a write-ahead log gets the file with its index, path-shm, beside it, as from any reader.
func Read(ctx context.Context, path string) (*Contents, error) {
	c, err := open(ctx, path)
	if err != nil {
		return nil, refusal(ctx, path, err)
	}
	var contents *Contents
	err = c.reading(func() (err error) {
		contents, err = read(c)
		return err
	})
	if err = errors.Join(err, c.close()); err != nil {
		return nil, refusal(ctx, path, err)
	}
	return contents, nil
}

// read reads one table after the other: what is referred to comes before what refers to it.
func read(c *conn) (*Contents, error) {
	schema, tables, err := c.examine()
	if err != nil {
		return nil, err
	}
	r := newReader(c, tables)
	r.contents.Schema = schema
	for _, step := range []func() error{
		r.readNamespaces, r.readSegments, r.readConstraints, r.readFlags, r.readVariants,
		r.readRules, r.readRuleSegments, r.readDistributions,
		r.readRollouts, r.readThresholds, r.readRolloutSegments, r.readRolloutReferences, r.readTokens,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r.finish()
	return r.contents, nil
}
