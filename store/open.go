package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// prepare makes the file at path a database of this version, if it is empty or an older one, and loads it. A file that
// it refuses is only ever opened for reading.
func prepare(ctx context.Context, path string, clock func() time.Time) (*State, []Change, error) {
	version, err := examine(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if version < int64(len(migrations())) {
		if err := upgrade(ctx, path, version, clock); err != nil {
			return nil, nil, refusal(path, err)
		}
	}
	state, changes, err := load(ctx, path)
	if err == nil {
		return state, changes, nil
	}
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, ctx.Err())
	}
	return nil, nil, refusal(path, err)
}

// examine returns the version of the tables in a file, 0 when it is empty, or the sentence that refuses it.
func examine(ctx context.Context, path string) (int64, error) {
	found, err := examineWith(func() (*conn, error) { return openReader(ctx, path) })
	if needsWriter(err) {
		found, err = examineWith(func() (*conn, error) { return openWriter(path) })
	}
	if err != nil && ctx.Err() != nil {
		return 0, fmt.Errorf("%s: %w", path, ctx.Err())
	}
	if err != nil {
		return 0, refusal(path, err)
	}
	if found == (identity{}) {
		return 0, nil
	}
	if found.application != applicationID {
		return 0, fmt.Errorf("%s is a database of another program: name another file", path)
	}
	newest := int64(len(migrations()))
	if found.version > newest {
		return 0, fmt.Errorf("%s was written by a newer burgee (format %d, this one knows %d): run that one, or restore a backup from before the upgrade",
			path, found.version, newest)
	}
	if found.version < 1 {
		return 0, damaged(path, damage(fmt.Sprintf("its format is %d", found.version)))
	}
	return found.version, nil
}

func examineWith(open func() (*conn, error)) (identity, error) {
	c, err := open()
	if err != nil {
		return identity{}, err
	}
	found, err := c.identity()
	return found, also(err, c.close())
}

// upgrade creates the tables of an empty file, or brings those of an older version up to date after a check.
func upgrade(ctx context.Context, path string, version int64, clock func() time.Time) error {
	if version > 0 {
		reader, err := openReader(ctx, path)
		if err != nil {
			return err
		}
		if err := also(reader.quickCheck(), reader.close()); err != nil {
			return err
		}
	}
	c, err := openWriter(path)
	if err != nil {
		return err
	}
	if version == 0 {
		return also(create(c, clock()), c.close())
	}
	err = c.configure()
	if err == nil {
		err = c.transaction(func() error { return c.migrate(version) })
	}
	return also(err, c.close())
}

// create writes the first revision, which makes the namespace that every flag lives in unless it names another.
func create(c *conn, now time.Time) error {
	d := newDraft(newState(newEpoch()), now)
	d.CreateNamespace(&storev1.Namespace{Namespace: &flipt.Namespace{
		Key: "default", Name: "Default", Description: "Default namespace", Protected: true,
		CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}})
	r, _, err := d.seal(Author{Method: "init"}, defaultMaxState)
	if err != nil {
		return err
	}
	return c.create(d.next, r)
}

// newEpoch draws the name of an epoch.
func newEpoch() string {
	epoch := make([]byte, 8)
	_, _ = rand.Read(epoch) // never fails: the program would end
	return hex.EncodeToString(epoch)
}

// openForWriting opens the connection of the writer on a database that was loaded at a position.
func openForWriting(path string, position Position) (_ *conn, _ *files, err error) {
	c, err := openWriter(path)
	if err != nil {
		return nil, nil, refusal(path, err)
	}
	defer func() {
		if err != nil {
			err = also(err, c.close())
		}
	}()
	// SQLite opens for reading what it may not write: only the lock for writing tells.
	err = c.configure()
	if err == nil {
		err = c.transaction(func() error { return nil })
	}
	if err != nil {
		return nil, nil, refusal(path, err)
	}
	h, err := c.head()
	if err == nil && h.position != position {
		err = errForeignWrite
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s was changed by another program while it was opened, stop that program and start again: %w", path, err)
	}
	opened, err := openFiles(path)
	if err != nil {
		return nil, nil, unwritable(path, err)
	}
	return c, opened, nil
}
