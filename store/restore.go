package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// RestoreOptions say how a database is restored.
type RestoreOptions struct {
	// Replace allows to put the backup in the place of a database, which is kept beside it under another name.
	Replace bool
	// Progress is told how far it is.
	Progress Progress
}

// Restored says what a restore has done.
type Restored struct {
	// From is the position of the backup, and To that of the restored database: the next revision, in a new epoch.
	From, To Position
	// Kept names the database that was there before, empty when there was none. It is whole, but for a log beside it when
	// it could not be read.
	Kept string
}

// Restore verifies the backup at from and puts a copy of it in the place of the database to, which no server may hold
// while it runs: ErrLocked is wrapped otherwise. It begins a new epoch. A database that is there already is an error,
// which wraps ErrExists, unless it may be replaced. The restored database appears in its place whole, verified and on
// disk, in one step; until then what was there is untouched.
func Restore(ctx context.Context, from, to string, o RestoreOptions) (Restored, error) {
	var restored Restored
	err := visit(ctx, from, func(from string, version int64) (err error) {
		restored, err = o.restore(ctx, from, version, to)
		return err
	})
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	return restored, nil
}

// restore puts a database that is known to be ours, in tables of a version, into the place of another.
func (o RestoreOptions) restore(ctx context.Context, from string, version int64, to string) (done Restored, err error) {
	if to == "" {
		return done, errors.New("no database file is named")
	}
	if to, err = resolve(to); err != nil {
		return done, err
	}
	if err := distinct(from, to); err != nil {
		return done, err
	}
	if info, err := os.Stat(to); err == nil && !info.Mode().IsRegular() {
		return done, fmt.Errorf("%s is not a regular file: name another file", to)
	}
	lock, err := hold(to)
	if err != nil {
		return done, err
	}
	defer func() { err = also(err, lock.Unlock()) }()
	present, err := existing(to)
	if err != nil {
		return done, err
	}
	if len(present) > 0 && !o.Replace {
		return done, fmt.Errorf("%s: %w", present[0], ErrExists)
	}
	report, err := audit(ctx, from, version, o.Progress)
	if err != nil {
		return done, err
	}
	temporary, err := newTemporary(to)
	if err != nil {
		return done, err
	}
	defer func() { err = also(err, removeTemporary(temporary)) }()
	if err := copyDatabase(ctx, from, temporary, o.Progress); err != nil {
		return done, err
	}
	if done.To, err = beginEpoch(temporary, version, report.Position, time.Now()); err != nil {
		return done, refusal(temporary, err)
	}
	done.From = report.Position
	if _, err := audit(ctx, temporary, int64(len(migrations())), o.Progress); err != nil {
		return done, err
	}
	if err := syncFile(temporary); err != nil {
		return done, err
	}
	if len(present) > 0 {
		if done.Kept, err = keep(ctx, to, time.Now()); err != nil {
			return done, err
		}
	}
	if err := os.Rename(temporary, to); err != nil {
		return done, err
	}
	return done, syncDirectory(filepath.Dir(to))
}

// existing returns the files that make up the database at path.
func existing(path string) (files []string, err error) {
	for _, suffix := range append([]string{""}, logSuffixes()...) {
		_, err := os.Lstat(path + suffix)
		switch {
		case err == nil:
			files = append(files, path+suffix)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return files, nil
}

// beginEpoch brings the tables of a file that nobody else uses up to date and appends the revision that begins an epoch.
func beginEpoch(path string, version int64, from Position, now time.Time) (to Position, err error) {
	c, err := openWriter(path)
	if err != nil {
		return to, err
	}
	defer func() { err = also(err, c.close()) }()
	if err := c.configure(); err != nil {
		return to, err
	}
	if version < int64(len(migrations())) {
		if err := c.transaction(func() error { return c.migrate(version) }); err != nil {
			return to, err
		}
	}
	h, err := c.head()
	if err != nil {
		return to, err
	}
	if h.position != from {
		return to, errForeignWrite
	}
	r := &revision{number: from.Revision + 1, previous: from.Hash, at: max(now.UnixMicro(), h.at)}
	r.body, err = proto.MarshalOptions{Deterministic: true}.Marshal(&storev1.Revision{
		At: timestamppb.New(time.UnixMicro(r.at)), Method: "restore", Comment: "from " + from.String(),
	})
	if err != nil {
		return to, err
	}
	to = Position{Epoch: newEpoch(), Revision: r.number}
	r.hash = chainHash(to.Epoch, r)
	to.Hash = r.hash
	if err := c.writeRestore(h, to.Epoch, r); err != nil {
		return to, err
	}
	return to, c.checkpoint()
}

// keep gives the database at path, which nobody uses, a second name, and takes its log away, so that another file can be
// put in its place. It returns that name.
func keep(ctx context.Context, path string, now time.Time) (string, error) {
	kept, err := freeName(path + "." + now.UTC().Format("20060102T150405Z"))
	if err != nil {
		return "", err
	}
	// The log of a database that can be read goes into it, so that a single step replaces it: a loss of power leaves the
	// one or the other in its place. What cannot be read stays as it is, with its log, under the new name.
	if version, err := examine(ctx, path); err == nil && version > 0 && withReader(ctx, path, (*conn).quickCheck) == nil {
		if c, err := openWriter(path); err == nil {
			_ = c.checkpoint()
			_ = c.close()
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	files, err := existing(path)
	if err != nil {
		return "", err
	}
	for _, file := range files {
		second := kept + file[len(path):]
		if err := os.Link(file, second); err != nil {
			// Not every file system has links: there a loss of power may leave the place empty.
			if err := os.Rename(file, second); err != nil {
				return "", err
			}
		}
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return "", err
	}
	for _, suffix := range append(logSuffixes(), "-shm") {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return kept, nil
}

// freeName returns a name that no file has: this one, or this one and a number.
func freeName(wanted string) (string, error) {
	name := wanted
	for n := 2; ; n++ {
		files, err := existing(name)
		if err != nil || len(files) == 0 {
			return name, err
		}
		name = fmt.Sprintf("%s.%d", wanted, n)
	}
}
