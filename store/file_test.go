package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/store"
)

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		act  func(t *testing.T, path string)
		want string
	}{
		{"deleted", func(t *testing.T, path string) { must(t, os.Remove(path)) }, "burgee.db was deleted"},
		{"renamed away", func(t *testing.T, path string) { must(t, os.Rename(path, path+".old")) }, "burgee.db was deleted"},
		{"replaced", func(t *testing.T, path string) {
			body, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path+".new", body, 0o600))
			must(t, os.Rename(path+".new", path))
		}, "burgee.db was replaced"},
		{"log deleted", func(t *testing.T, path string) { must(t, os.Remove(path+"-wal")) }, "burgee.db-wal was deleted"},
		{"log replaced", func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".new", nil, 0o600))
			must(t, os.Rename(path+".new", path+"-wal"))
		}, "burgee.db-wal was replaced"},
		{"directory moved", func(t *testing.T, path string) {
			must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".old"))
		}, "burgee.db was deleted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data", "burgee.db")
			db := open(t, store.Settings{Path: path})
			change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "a")) })
			test.act(t, path)
			_, _, err := update(db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "b")) })
			if !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("update after it: %v, want ErrReadOnly with %q", err, test.want)
			}
			if health := db.Health(); health == nil || !strings.Contains(health.Error(), test.want) || strings.Contains(health.Error(), "\n") {
				t.Errorf("Health = %v, want a sentence with %q", health, test.want)
			}
			if _, _, err := update(db, func(d *store.Draft) { d.DeleteFlag("default", "a") }); !errors.Is(err, store.ErrReadOnly) {
				t.Errorf("later update: %v, want ErrReadOnly", err)
			}
			if s, _ := db.View(); s.Flag("default", "a") == nil || s.Flag("default", "b") != nil || s.Position().Revision != 2 {
				t.Errorf("the state is at %v, want the last acknowledged one", s.Position())
			}
			before, _ := os.ReadFile(path)
			db.Close()
			if after, _ := os.ReadFile(path); test.name == "replaced" && string(after) != string(before) {
				t.Error("Close wrote to the file that replaced the database")
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
