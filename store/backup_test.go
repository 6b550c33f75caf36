package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/burgeehq/burgee/store"
)

// names returns the names of the files in a directory.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

// flagsOf returns the keys of the flags of default that a closed database holds.
func flagsOf(t testing.TB, path string) string {
	t.Helper()
	db := open(t, store.Settings{Path: path})
	defer db.Close()
	s, _ := db.View()
	return keys(s.Flags("default"))
}

func TestBackup(t *testing.T) {
	t.Parallel()
	path := told(t)
	dir := t.TempDir()
	to := filepath.Join(dir, "backup.db")
	db := open(t, store.Settings{Path: path})
	position := change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "d")) })
	var steps []string
	report, err := store.Backup(t.Context(), path, to, store.BackupOptions{Progress: func(step string, done, total int64) {
		if done > total {
			t.Errorf("%s: %d of %d", step, done, total)
		}
		if len(steps) == 0 || steps[len(steps)-1] != step {
			steps = append(steps, step)
		}
	}})
	must(t, err)
	if report.Position != position || report.Documents != 8 || report.Revisions != 15 || report.Bytes != size(t, to) {
		t.Errorf("report = %+v, want position %v", report, position)
	}
	if got := strings.Join(steps, ", "); got != "copying, checking pages, checking history" {
		t.Errorf("progress: %s", got)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o600 || names(t, dir) != "backup.db" {
		t.Errorf("mode %v, %v, in a directory with %s", info.Mode(), err, names(t, dir))
	}

	// It is not replaced unless that is allowed.
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "e")) })
	before, err := os.ReadFile(to)
	must(t, err)
	if _, err := store.Backup(t.Context(), path, to, store.BackupOptions{}); !errors.Is(err, store.ErrExists) || !strings.Contains(err.Error(), to) {
		t.Errorf("over a file: %v, want ErrExists", err)
	}
	if after, err := os.ReadFile(to); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file was changed: %v", err)
	}
	if report, err = store.Backup(t.Context(), path, to, store.BackupOptions{Overwrite: true}); err != nil || report.Position.Revision != 16 {
		t.Errorf("when it may be replaced: %+v, %v", report, err)
	}
	must(t, db.Close())

	// Of a database that nobody holds, which is left as it is.
	before, err = os.ReadFile(path)
	must(t, err)
	second := filepath.Join(dir, "second.db")
	if report, err = store.Backup(t.Context(), path, second, store.BackupOptions{}); err != nil || report.Position.Revision != 16 {
		t.Errorf("of a closed database: %+v, %v", report, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) || names(t, filepath.Dir(path)) != "burgee.db burgee.db.lock" {
		t.Errorf("the database was changed: %v, beside it lie %s", err, names(t, filepath.Dir(path)))
	}
	if got := flagsOf(t, second); got != "a b c d e" {
		t.Errorf("the backup has the flags %q", got)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	path := told(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "used.db-wal"), nil, 0o600))
	must(t, os.Symlink(path, filepath.Join(dir, "link.db")))
	must(t, os.Symlink(os.DevNull, filepath.Join(dir, "device")))
	broken := told(t)
	must(t, store.Raw(broken, `UPDATE revision SET at = at + 1 WHERE revision = 5`))
	tests := []struct{ name, from, to, want string }{
		{"no database", path + "x", "b.db", "there is no database"},
		{"tampered with", broken, "b.db", "revision 5 does not tell its time"},
		{"itself", path, path, "belongs to the database"},
		{"its log", path, path + "-wal", "belongs to the database"},
		{"its journal", path, path + "-journal", "belongs to the database"},
		{"its lock", path, path + ".lock", "belongs to the database"},
		{"itself by a link", path, "link.db", "belongs to the database"},
		{"a database in use", path, "used.db", "used.db-wal is the log of a database in that place"},
		{"directory", path, ".", "is a directory: name a file in it"},
		{"device", path, "device", "is not a regular file"},
		{"nowhere", path, "nosuch/b.db", "no such file or directory"},
	}
	for _, test := range tests {
		to := test.to
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		_, err := store.Backup(t.Context(), test.from, to, store.BackupOptions{Overwrite: true})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want a sentence with %q", test.name, err, test.want)
		}
	}
	if got := names(t, dir); got != "device link.db used.db-wal" {
		t.Errorf("left behind: %s", got)
	}
	if _, err := store.Verify(t.Context(), path, nil); err != nil {
		t.Errorf("the database afterwards: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Backup(ctx, path, filepath.Join(dir, "b.db"), store.BackupOptions{}); !errors.Is(err, context.Canceled) || names(t, dir) != "device link.db used.db-wal" {
		t.Errorf("with an ended context: %v, left behind: %s", err, names(t, dir))
	}
}

// TestBackupUnderLoad takes backups while the writer is busy: each holds what was acknowledged before it began, and
// nothing that nobody wrote.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	var acknowledged, begun atomic.Int64
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			begun.Store(int64(n))
			if _, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", n))) }); err != nil {
				t.Errorf("write %d: %v", n, err)
				return
			}
			acknowledged.Store(int64(n))
		}
	})
	dir := t.TempDir()
	for n := range 6 {
		least := acknowledged.Load()
		to := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		report, err := store.Backup(t.Context(), path, to, store.BackupOptions{})
		if n%2 == 1 { // as a server sends it
			must(t, os.Remove(to))
			least = acknowledged.Load()
			report, err = store.ReceiveBackup(t.Context(), to, store.BackupOptions{}, func(w io.Writer) error {
				return db.SendBackup(t.Context(), w, func(int64) error { return nil })
			})
		}
		must(t, err)
		if flags := report.Documents - 1; flags < least || flags > begun.Load() || report.Revisions != flags+1 {
			t.Errorf("backup %d holds %d flags in %d revisions, %d were acknowledged before and %d begun after it", n, flags, report.Revisions, least, begun.Load())
		}
	}
	close(stop)
	writer.Wait()
}

func TestSendBackup(t *testing.T) {
	t.Parallel()
	path := told(t)
	db := open(t, store.Settings{Path: path})
	var sent bytes.Buffer
	announced := int64(0)
	must(t, db.SendBackup(t.Context(), &sent, func(bytes int64) error { announced = bytes; return nil }))
	if announced != int64(sent.Len()) || announced == 0 {
		t.Errorf("%d bytes were announced and %d sent", announced, sent.Len())
	}
	errGone := errors.New("the client is gone")
	if err := db.SendBackup(t.Context(), writerFunc(func([]byte) (int, error) { return 0, errGone }), func(int64) error { return nil }); !errors.Is(err, errGone) {
		t.Errorf("to a writer that fails: %v", err)
	}
	if err := db.SendBackup(t.Context(), io.Discard, func(int64) error { return errGone }); !errors.Is(err, errGone) {
		t.Errorf("when the start fails: %v", err)
	}
	if got := names(t, filepath.Dir(path)); strings.Contains(got, ".part") {
		t.Errorf("left behind: %s", got)
	}

	dir := t.TempDir()
	to := filepath.Join(dir, "backup.db")
	// What is cut short, changed on its way or no database at all gets no name.
	cut := sent.Bytes()[:sent.Len()-8192]
	changed := bytes.Replace(sent.Bytes(), []byte("ann"), []byte("bob"), 1)
	for name, body := range map[string][]byte{"cut": cut, "changed": changed, "text": []byte("hello"), "empty": nil} {
		_, err := store.ReceiveBackup(t.Context(), to, store.BackupOptions{}, func(w io.Writer) error {
			_, err := w.Write(body)
			return err
		})
		if err == nil || strings.Contains(err.Error(), "\n") || names(t, dir) != "" {
			t.Errorf("%s: %v, left behind: %s", name, err, names(t, dir))
		}
	}
	_, err := store.ReceiveBackup(t.Context(), to, store.BackupOptions{}, func(io.Writer) error { return errGone })
	if !errors.Is(err, errGone) || names(t, dir) != "" {
		t.Errorf("from a sender that fails: %v, left behind: %s", err, names(t, dir))
	}
	report, err := store.ReceiveBackup(t.Context(), to, store.BackupOptions{}, func(w io.Writer) error {
		_, err := w.Write(sent.Bytes())
		return err
	})
	if s, _ := db.View(); err != nil || report.Position != s.Position() || names(t, dir) != "backup.db" {
		t.Errorf("report = %+v, %v, left behind: %s", report, err, names(t, dir))
	}
}

// TestLeftoversAreSwept opens a database beside which backups were killed.
func TestLeftoversAreSwept(t *testing.T) {
	t.Parallel()
	path := made(t)
	dir := filepath.Dir(path)
	for _, name := range []string{".burgee.db.1.part", ".burgee.db.1.part-journal", ".burgee.db.2.part-wal", ".burgee.db.2.party", ".other.db.1.part", "burgee.db.1.part"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	must(t, open(t, store.Settings{Path: path}).Close())
	if got := names(t, dir); got != ".burgee.db.2.party .other.db.1.part burgee.db burgee.db.1.part burgee.db.lock" {
		t.Errorf("there lie %s", got)
	}
}

// TestSendBackupOfAClosingDatabase lets backups and the end of the writer meet.
func TestSendBackupOfAClosingDatabase(t *testing.T) {
	t.Parallel()
	for range 10 {
		path := filepath.Join(t.TempDir(), "burgee.db")
		db := open(t, store.Settings{Path: path})
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for {
					err := db.SendBackup(t.Context(), io.Discard, func(int64) error { return nil })
					if err != nil && !errors.Is(err, store.ErrClosed) {
						t.Errorf("while the database is closed: %v", err)
					}
					if err != nil {
						return
					}
				}
			})
		}
		change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })
		must(t, db.Close())
		group.Wait()
		if got := names(t, filepath.Dir(path)); got != "burgee.db burgee.db.lock" {
			t.Errorf("left behind: %s", got)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
