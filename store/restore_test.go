package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/store"
)

func TestRestore(t *testing.T) {
	t.Parallel()
	path := made(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	report, err := store.Backup(t.Context(), path, backup, store.BackupOptions{})
	must(t, err)
	tell(t, path, func(d *store.Draft) { d.CreateFlag(newFlag("default", "late")) })
	late, err := os.ReadFile(path)
	must(t, err)

	if _, err := store.Restore(t.Context(), backup, path, store.RestoreOptions{}); !errors.Is(err, store.ErrExists) || !strings.Contains(err.Error(), path) {
		t.Errorf("over a database: %v, want ErrExists", err)
	}
	if got := flagsOf(t, path); got != "a b late" {
		t.Errorf("the database that was refused has %q", got)
	}
	done, err := store.Restore(t.Context(), backup, path, store.RestoreOptions{Replace: true})
	must(t, err)
	if done.From != report.Position || done.To.Revision != report.Position.Revision+1 || done.To.Epoch == done.From.Epoch || done.To.Hash == done.From.Hash {
		t.Errorf("restored %v to %v", done.From, done.To)
	}
	if kept, err := os.ReadFile(done.Kept); err != nil || !bytes.Equal(kept, late) || !strings.HasPrefix(done.Kept, path+".2") {
		t.Errorf("%s is not the database that was replaced: %v", done.Kept, err)
	}
	if got, want := names(t, filepath.Dir(path)), fmt.Sprintf("burgee.db %s burgee.db.lock", filepath.Base(done.Kept)); got != want {
		t.Errorf("there lie %s, want %s", got, want)
	}

	// It goes on in the new epoch, and both epochs verify.
	db := open(t, store.Settings{Path: path})
	s, _ := db.View()
	if s.Position() != done.To || keys(s.Flags("default")) != "a b" || s.NamespaceRevision("default") != 3 {
		t.Errorf("restored to %v with %q, want %v", s.Position(), keys(s.Flags("default")), done.To)
	}
	if p := change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "c")) }); p.Revision != 5 || p.Epoch != done.To.Epoch {
		t.Errorf("the next position is %v", p)
	}
	if s, _ := db.View(); s.Flag("default", "c").Created != 4 {
		t.Errorf("the next place is %d, want 4", s.Flag("default", "c").Created)
	}
	must(t, db.Close())
	if report, err := store.Verify(t.Context(), path, nil); err != nil || report.Epochs != 2 || report.Revisions != 5 {
		t.Errorf("report = %+v, %v", report, err)
	}
	body, err := store.RawText(path, `SELECT body FROM revision WHERE revision = 4`)
	must(t, err)
	var said storev1.Revision
	if err := proto.Unmarshal([]byte(body), &said); err != nil || said.Method != "restore" || said.Comment != "from "+done.From.String() {
		t.Errorf("the revision of the restore says %v, %v", &said, err)
	}

	// The same backup again is another epoch, in a place where there is nothing.
	elsewhere := filepath.Join(t.TempDir(), "new", "burgee.db")
	again, err := store.Restore(t.Context(), backup, elsewhere, store.RestoreOptions{})
	if err != nil || again.To.Epoch == done.To.Epoch || again.Kept != "" || flagsOf(t, elsewhere) != "a b" {
		t.Errorf("restored to %v, %v", again, err)
	}
	// What was kept is a database like any other.
	if got := flagsOf(t, done.Kept); got != "a b late" {
		t.Errorf("the kept database has %q", got)
	}
}

// TestRestoreAnyDatabase restores what is not the work of Backup: an old one, one that is in use, one of many epochs.
func TestRestoreAnyDatabase(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(v1)
	must(t, err)
	old, path := filepath.Join(t.TempDir(), "v1.db"), filepath.Join(t.TempDir(), "burgee.db")
	must(t, os.WriteFile(old, body, 0o600))
	done, err := store.Restore(t.Context(), old, path, store.RestoreOptions{})
	must(t, err)
	if done.From.String() != "21122f17a1ada567-5" {
		t.Errorf("from %v", done.From)
	}
	for epochs := 3; epochs < 6; epochs++ {
		next := filepath.Join(t.TempDir(), "burgee.db")
		db := open(t, store.Settings{Path: path})
		change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", fmt.Sprint("f", epochs))) })
		_, err = store.Restore(t.Context(), path, next, store.RestoreOptions{})
		must(t, err)
		report, err := store.Verify(t.Context(), next, nil)
		if err != nil || report.Epochs != epochs {
			t.Errorf("report = %+v, %v, want %d epochs", report, err, epochs)
		}
		path = next
	}
	if after, err := os.ReadFile(old); err != nil || !bytes.Equal(after, body) || names(t, filepath.Dir(old)) != "v1.db" {
		t.Errorf("what was restored was changed: %v, beside it lie %s", err, names(t, filepath.Dir(old)))
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	backup := made(t)
	broken := told(t)
	must(t, store.Raw(broken, `UPDATE change SET body = NULL WHERE revision = 6`))
	held := made(t)
	open(t, store.Settings{Path: held})
	good := made(t)
	// From here on nothing at these paths may change.
	before := [2]string{flagsText(t, held), flagsText(t, good)}
	tests := []struct{ name, from, to, want string }{
		{"nothing", backup + "x", good, "there is no database"},
		{"nowhere", backup, "", "no database file is named"},
		{"tampered with", broken, good, "revision 6 does not have the hash"},
		{"over one that is in use", backup, held, "is in use, another process holds the database"},
		{"over itself", good, good, "belongs to the database"},
		{"over a directory", backup, filepath.Dir(good), "is not a regular file"},
	}
	for _, test := range tests {
		_, err := store.Restore(t.Context(), test.from, test.to, store.RestoreOptions{Replace: true})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want a sentence with %q", test.name, err, test.want)
		}
	}
	if after := [2]string{flagsText(t, held), flagsText(t, good)}; after != before {
		t.Error("a refused restore changed a database")
	}
	if got := names(t, filepath.Dir(good)); got != "burgee.db burgee.db.lock" {
		t.Errorf("left behind: %s", got)
	}
}

func flagsText(t *testing.T, path string) string {
	t.Helper()
	text, err := store.RawText(path, `SELECT group_concat(hex(body)) FROM current_document`)
	must(t, err)
	return text
}

// TestRestoreOverWhatIsBroken puts a backup in the place of what cannot be read, and keeps that, with its log.
func TestRestoreOverWhatIsBroken(t *testing.T) {
	t.Parallel()
	backup := made(t)
	tests := []struct {
		name  string
		files map[string]string
	}{
		{"text", map[string]string{"": "hello"}},
		{"text with a log", map[string]string{"": strings.Repeat("hello world\n", 5000), "-wal": "what is left", "-shm": "x"}},
		{"a log alone", map[string]string{"-wal": "what is left"}},
		{"an empty file", map[string]string{"": ""}},
	}
	for _, test := range tests {
		path := filepath.Join(t.TempDir(), "burgee.db")
		for suffix, body := range test.files {
			must(t, os.WriteFile(path+suffix, []byte(body), 0o600))
		}
		if _, err := store.Restore(t.Context(), backup, path, store.RestoreOptions{}); !errors.Is(err, store.ErrExists) {
			t.Errorf("%s: %v, want ErrExists", test.name, err)
		}
		done, err := store.Restore(t.Context(), backup, path, store.RestoreOptions{Replace: true})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for suffix, want := range test.files {
			if got, err := os.ReadFile(done.Kept + suffix); suffix != "-shm" && (err != nil || string(got) != want) {
				t.Errorf("%s: %s was not kept: %v", test.name, suffix, err)
			}
		}
		if got := flagsOf(t, path); got != "a b" {
			t.Errorf("%s: restored %q", test.name, got)
		}
	}
}

// TestRestoreOverAKilledServer replaces a database whose newest content lies in its log: that is kept too.
func TestRestoreOverAKilledServer(t *testing.T) {
	t.Parallel()
	live := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: live})
	change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "newest")) })
	path := filepath.Join(t.TempDir(), "burgee.db")
	for _, suffix := range []string{"", "-wal"} {
		body, err := os.ReadFile(live + suffix)
		must(t, err)
		must(t, os.WriteFile(path+suffix, body, 0o600))
	}
	done, err := store.Restore(t.Context(), made(t), path, store.RestoreOptions{Replace: true})
	must(t, err)
	if got := flagsOf(t, path); got != "a b" {
		t.Errorf("restored %q", got)
	}
	if got := flagsOf(t, done.Kept); got != "newest" {
		t.Errorf("kept %q", got)
	}
}
