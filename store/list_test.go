package store_test

import (
	"fmt"
	"testing"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/store"
)

func TestLists(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	change(t, db, func(d *store.Draft) {
		for n := range 100 {
			d.CreateFlag(newFlag("default", fmt.Sprintf("f%02d", 99-n)))
		}
	})
	s, _ := db.View()
	list := s.Flags("default")
	if list.Len() != 100 {
		t.Fatalf("Len = %d, want 100", list.Len())
	}
	for _, n := range []int{0, 50, 99} {
		f, ok := list.At(n)
		if want := fmt.Sprintf("f%02d", 99-n); !ok || f.Flag.Key != want {
			t.Errorf("At(%d) = %v, %v, want %s", n, f.GetFlag().GetKey(), ok, want)
		}
		for from := range list.From(f.Created) {
			if from != f {
				t.Errorf("From(%d) begins with %s, want %s", f.Created, from.Flag.Key, f.Flag.Key)
			}
			break
		}
	}
	for _, n := range []int{-1, 100} {
		if f, ok := list.At(n); ok {
			t.Errorf("At(%d) = %v", n, f)
		}
	}
	gone, _ := list.At(10)
	change(t, db, func(d *store.Draft) { d.DeleteFlag("default", gone.Flag.Key) })
	s, _ = db.View()
	count := 0
	for f := range s.Flags("default").From(gone.Created) {
		if f.Created <= gone.Created {
			t.Errorf("From(%d) gives place %d", gone.Created, f.Created)
		}
		count++
	}
	if count != 89 {
		t.Errorf("%d flags from the gap on, want 89", count)
	}
	var none store.List[*storev1.Flag]
	if _, ok := none.At(0); ok || none.Len() != 0 || keys(none) != "" {
		t.Error("the zero list is not empty")
	}
}
