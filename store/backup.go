package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// ErrExists is wrapped when a file would have to be replaced.
var ErrExists = errors.New("it exists already")

// BackupOptions say how a backup is written.
type BackupOptions struct {
	// Overwrite allows to replace a file that has the name of the backup.
	Overwrite bool
	// Progress is told how far it is.
	Progress Progress
}

// Backup writes the newest snapshot of the database at from to a new file, readable by its owner only, and verifies it.
// The file appears under its name when it is whole, verified and on disk, and not before. A server may hold the database
// and goes on writing: every change that it acknowledged before the call is in the backup, and each revision whole or
// not at all.
//
// The backup is one file without a log, and a database of its own: Verify and Restore read it.
func Backup(ctx context.Context, from, to string, o BackupOptions) (Report, error) {
	var report Report
	err := visit(ctx, from, func(from string, _ int64) (err error) {
		if err := distinct(from, to); err != nil {
			return err
		}
		report, err = o.write(ctx, to, func(temporary string) error {
			return copyDatabase(ctx, from, temporary, o.Progress)
		})
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("back up: %w", err)
	}
	return report, nil
}

// ReceiveBackup writes what f sends, the bytes of a backup, as Backup does: to a file that appears under its name once
// it is verified.
func ReceiveBackup(ctx context.Context, to string, o BackupOptions, f func(io.Writer) error) (Report, error) {
	report, err := o.write(ctx, to, func(temporary string) error {
		file, err := os.OpenFile(temporary, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return also(f(file), file.Close())
	})
	if err != nil {
		return Report{}, fmt.Errorf("back up: %w", err)
	}
	return report, nil
}

// SendBackup writes the bytes of a verified backup to w. It keeps them in a file beside the database until it returns;
// started is told how many there are before the first is written. ErrClosed is wrapped when the database is closed before.
func (db *DB[T]) SendBackup(ctx context.Context, w io.Writer, started func(bytes int64) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up: %w", err)
		}
	}()
	temporary, err := newTemporary(db.files.path)
	if err != nil {
		return err
	}
	defer func() { err = also(err, removeTemporary(temporary)) }()
	err = db.besides(ctx, func(ctx context.Context) error {
		if err := copyDatabase(ctx, db.files.path, temporary, nil); err != nil {
			return err
		}
		_, err := audit(ctx, temporary, int64(len(migrations())), nil)
		return err
	})
	if err != nil {
		return err
	}
	return sendFile(w, temporary, started)
}

// sendFile writes what a file holds to w.
func sendFile(w io.Writer, path string, started func(bytes int64) error) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = also(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := started(info.Size()); err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{file}, make([]byte, 256<<10))
	return err
}

// write lets fill write a temporary file beside the target, verifies it and gives it its name.
func (o BackupOptions) write(ctx context.Context, to string, fill func(temporary string) error) (_ Report, err error) {
	to, err = o.target(to)
	if err != nil {
		return Report{}, err
	}
	temporary, err := newTemporary(to)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = also(err, removeTemporary(temporary)) }()
	if err := fill(temporary); err != nil {
		return Report{}, err
	}
	var report Report
	err = visit(ctx, temporary, func(temporary string, version int64) (err error) {
		report, err = audit(ctx, temporary, version, o.Progress)
		return err
	})
	if err != nil {
		return Report{}, err
	}
	if err := syncFile(temporary); err != nil {
		return Report{}, err
	}
	publish := os.Rename
	if !o.Overwrite {
		publish = renameNew
	}
	if err := publish(temporary, to); err != nil {
		return Report{}, err
	}
	return report, syncDirectory(filepath.Dir(to))
}

// target returns the absolute path of a backup that may be written.
func (o BackupOptions) target(path string) (string, error) {
	to, err := absolute(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s is a directory: name a file in it", to)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file: name another file", to)
	case !o.Overwrite:
		return "", fmt.Errorf("%s: %w", to, ErrExists)
	}
	// A database with a log is in use, or was when its server ended; and SQLite would take the log for that of the backup.
	for _, suffix := range logSuffixes() {
		if _, err := os.Lstat(to + suffix); err == nil {
			return "", fmt.Errorf("%s is the log of a database in that place: name another file", to+suffix)
		}
	}
	return to, nil
}

// absolute returns the absolute path of a file that need not exist, in a directory that does, without symbolic links.
func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

// logSuffixes returns what SQLite appends to the name of a database for the files that hold a part of it.
func logSuffixes() []string { return []string{"-wal", "-journal"} }

// distinct refuses names that belong to the database itself.
func distinct(database, other string) error {
	path, err := absolute(other)
	if err != nil {
		return err
	}
	taken := append(logSuffixes(), "", "-shm", ".lock")
	same := slices.ContainsFunc(taken, func(suffix string) bool { return path == database+suffix })
	if a, err := os.Stat(database); err == nil && !same {
		b, err := os.Stat(path)
		same = err == nil && os.SameFile(a, b)
	}
	if same {
		return fmt.Errorf("%s belongs to the database %s: name another file", path, database)
	}
	return nil
}

// copyDatabase writes the newest snapshot of a database into an empty file.
func copyDatabase(ctx context.Context, from, to string, progress Progress) error {
	err := withReader(ctx, from, func(c *conn) error {
		total, err := c.bytes()
		if err != nil {
			return err
		}
		defer watch(to, total, progress)()
		return c.copyInto(to)
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%s: %w", from, ctx.Err())
	case err != nil:
		return copyRefusal(from, to, err)
	}
	return nil
}

// watch reports the size of a growing file until the returned function is called.
func watch(path string, total int64, progress Progress) (stop func()) {
	if progress == nil {
		return func() {}
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			size := int64(0)
			if info, err := os.Stat(path); err == nil {
				size = info.Size()
			}
			progress("copying", min(size, total), total)
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// newTemporary creates an empty file beside path, for its owner only.
func newTemporary(path string) (string, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}

// removeTemporary removes a temporary database, if it still has that name, with all that SQLite keeps beside it.
func removeTemporary(path string) error {
	var failed []error
	for _, suffix := range append(logSuffixes(), "", "-shm") {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return also(failed...)
}

// sweep removes what backups and restores that were killed have left beside a database, whose lock the caller holds: all
// that write there hold it. What it cannot remove does no harm.
func sweep(path string) {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"."
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		name, part, ok := strings.Cut(entry.Name(), ".part")
		if ok && strings.HasPrefix(name, prefix) && slices.Contains(append(logSuffixes(), "", "-shm"), part) {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// renameNew gives a file a name that no other has.
func renameNew(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", to, ErrExists)
	}
	// Not every file system has links. Without them nothing can be refused in the same step.
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s: %w", to, ErrExists)
	}
	return os.Rename(from, to)
}

// syncFile waits until a file is on disk. No connection of this process has it open: closing it drops SQLite's locks.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return also(file.Sync(), file.Close())
}

// syncDirectory waits until the names in a directory are on disk.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" { // which cannot, and writes them in order
		return nil
	}
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return also(directory.Sync(), directory.Close())
}
