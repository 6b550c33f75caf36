package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Database files are never opened here: closing one would drop the locks that SQLite holds on it in this process.

// claim resolves the path of the database, takes its lock and creates the file, empty, when it is missing.
func claim(path string) (string, *flock.Flock, error) {
	if path == "" {
		return "", nil, errors.New("no database file is named")
	}
	path, err := resolve(path)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", nil, unwritable(path, err)
	case info.IsDir():
		return "", nil, fmt.Errorf("%s is a directory: name a file in it, such as %s", path, filepath.Join(path, "burgee.db"))
	case !info.Mode().IsRegular():
		return "", nil, fmt.Errorf("%s is not a regular file: name another file", path)
	case info.Mode().Perm()&0o200 == 0:
		return "", nil, unwritable(path, errors.New("its mode says read-only"))
	}
	lock, err := hold(path)
	if err != nil {
		return "", nil, err
	}
	if info != nil {
		return path, lock, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		// SQLite has not opened it yet: there are no locks to drop.
		err = f.Close()
	}
	if err != nil {
		lock.Unlock()
		return "", nil, unwritable(path, err)
	}
	return path, lock, nil
}

// hold takes the lock of the database at a resolved path.
func hold(path string) (*flock.Flock, error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, unwritable(path, err)
	}
	if !held {
		return nil, inUse(path)
	}
	return lock, nil
}

// resolve returns the absolute path without symbolic links, as SQLite names the log after it, and creates its directory.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return "", unwritable(abs, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", unwritable(abs, err)
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

func unwritable(path string, err error) error {
	return fmt.Errorf("%s cannot be written: make the file and its directory writable for this user, or name another file: %w", path, err)
}

func inUse(path string) error {
	return fmt.Errorf("%s is in use, %w: stop that process or name another file", path, ErrLocked)
}

// also is errors.Join on one line: what people read of an error is a sentence.
func also(errs ...error) error {
	var all error
	for _, err := range errs {
		switch {
		case all == nil:
			all = err
		case err != nil:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}

// damage is what is wrong with a database that SQLite itself can read.
type damage string

func (d damage) Error() string { return string(d) }

func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged and was left as it is, restore a backup of it: %w", path, err)
}

// files knows the files that SQLite has open, to notice when others lie in their place.
type files struct {
	path    string
	db, log fs.FileInfo
}

// openFiles remembers the files of a database that SQLite has just opened.
func openFiles(path string) (*files, error) {
	db, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		return nil, err
	}
	return &files{path, db, log}, nil
}

// check returns an error if another file, or none, lies where SQLite writes: what it writes is lost then.
func (f *files) check() error {
	for _, file := range [...]struct {
		path string
		want fs.FileInfo
	}{{f.path, f.db}, {f.path + "-wal", f.log}} {
		info, err := os.Stat(file.path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s was deleted while it was in use: restore it and start again", file.path)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be examined: %w", file.path, err)
		}
		if !os.SameFile(info, file.want) {
			return fmt.Errorf("%s was replaced by another file while it was in use: restore it and start again", file.path)
		}
	}
	return nil
}

// logSize returns the length of the write-ahead log in bytes.
func (f *files) logSize() int64 {
	info, err := os.Stat(f.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}
