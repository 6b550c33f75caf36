package store_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

func TestDefaultVariant(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*flipt.Flag)
		want string
	}{
		{"kept", func(f *flipt.Flag) { f.Name = "other" }, "f-off"},
		{"changed in place", func(f *flipt.Flag) { f.Variants[1].Name = "renamed" }, "f-off"},
		{"replaced by id", func(f *flipt.Flag) { f.DefaultVariant = &flipt.Variant{Id: "f-on"} }, "f-on"},
		{"copied", func(f *flipt.Flag) { f.DefaultVariant = proto.CloneOf(f.Variants[0]) }, "f-on"},
		{"cleared", func(f *flipt.Flag) { f.DefaultVariant = nil }, ""},
		{"deleted", func(f *flipt.Flag) { f.Variants = f.Variants[:1] }, ""},
		{"unknown", func(f *flipt.Flag) { f.DefaultVariant = &flipt.Variant{Id: "x"} }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "burgee.db")
			db := open(t, store.Settings{Path: path})
			change(t, db, func(d *store.Draft) { d.CreateFlag(newFlag("default", "f")) })
			change(t, db, func(d *store.Draft) { test.edit(d.EditFlag("default", "f").Flag) })
			check := func(db *store.DB[derived]) {
				t.Helper()
				s, _ := db.View()
				f := s.Flag("default", "f").Flag
				var want *flipt.Variant
				for _, v := range f.Variants {
					if v.Id == test.want {
						want = v
					}
				}
				if f.DefaultVariant != want || (want == nil) != (test.want == "") {
					t.Errorf("default variant = %v, want the variant %q itself", f.DefaultVariant, test.want)
				}
			}
			check(db)
			db.Close()
			check(open(t, store.Settings{Path: path}))
			body, err := store.RawText(path, `SELECT body FROM change WHERE kind = 'flag' ORDER BY revision`)
			if err != nil {
				t.Fatal(err)
			}
			var stored storev1.Flag
			if err := proto.Unmarshal([]byte(body), &stored); err != nil {
				t.Fatal(err)
			}
			if got := stored.Flag.DefaultVariant; got.GetId() != test.want || got.GetKey() != "" {
				t.Errorf("stored default variant = %v, want only the id %q", got, test.want)
			}
		})
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	outer, inner := []byte{0x82, 0x07, 1, 'x'}, []byte{0x8a, 0x07, 1, 'y'}
	change(t, db, func(d *store.Draft) {
		f := newFlag("default", "f")
		f.ProtoReflect().SetUnknown(outer)
		f.Flag.ProtoReflect().SetUnknown(inner)
		d.CreateFlag(f)
	})
	change(t, db, func(d *store.Draft) { d.EditFlag("default", "f").Flag.Name = "edited" })
	db.Close()
	s, _ := open(t, store.Settings{Path: path}).View()
	f := s.Flag("default", "f")
	if f.Flag.Name != "edited" || !bytes.Equal(f.ProtoReflect().GetUnknown(), outer) || !bytes.Equal(f.Flag.ProtoReflect().GetUnknown(), inner) {
		t.Errorf("unknown fields = %x and %x, want %x and %x", f.ProtoReflect().GetUnknown(), f.Flag.ProtoReflect().GetUnknown(), outer, inner)
	}
}
