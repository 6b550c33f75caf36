package server

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// FuzzPageToken lists with any page token. One that is accepted leads to the end of the list in steps of the limit, sees
// nothing twice, and every token that it leads to is accepted as well.
func FuzzPageToken(f *testing.F) {
	srv, err := Open(f.Context(), Settings{Store: store.Settings{Path: filepath.Join(f.TempDir(), "burgee.db")}, Log: zerolog.Nop()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := srv.Close(); err != nil {
			f.Error(err)
		}
	})
	const count = 7
	var keys []string
	if _, _, err := store.Update(f.Context(), srv.db, store.Author{}, func(d *store.Draft) (any, error) {
		for i := range count {
			keys = append(keys, fmt.Sprint("f", i))
			d.CreateFlag(&storev1.Flag{Flag: &flipt.Flag{NamespaceKey: "default", Key: keys[i]}})
		}
		return nil, nil
	}); err != nil {
		f.Fatal(err)
	}
	state, _ := srv.db.View()
	flags := state.Flags("default")
	lists := map[string]func(pageRequest) ([]string, string, error){
		"documents": func(r pageRequest) ([]string, string, error) {
			page, err := paginate(flags, r, func(d *storev1.Flag) (string, uint64) { return d.Flag.Key, d.Created })
			var seen []string
			for _, item := range page.items {
				seen = append(seen, item.Flag.Key)
			}
			return seen, page.next, err
		},
		"parts": func(r pageRequest) ([]string, string, error) {
			page, err := paginateSlice(keys, r, func(key string) string { return key })
			return page.items, page.next, err
		},
	}
	f.Fuzz(func(t *testing.T, token string, limit uint8, offset int32) {
		for name, list := range lists {
			r := pageRequest{limit: int32(limit%count) + 1, offset: offset, token: token}
			seen := make(map[string]bool)
			for step := 0; step == 0 || r.token != ""; step++ {
				items, next, err := list(r)
				if err != nil && step == 0 {
					break
				}
				if err != nil || step > count || len(items) > int(r.limit) || next != "" && len(items) == 0 {
					t.Fatalf("%s from %q in steps of %d: step %d with %q has %q, %q, %v", name, token, r.limit, step, r.token, items, next, err)
				}
				for _, key := range items {
					if seen[key] {
						t.Fatalf("%s from %q in steps of %d: %s twice", name, token, r.limit, key)
					}
					seen[key] = true
				}
				r.token = next
			}
		}
	})
}
