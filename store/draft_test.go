package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/store"
)

func TestDraft(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	change(t, db, func(d *store.Draft) {
		for n := range 1000 {
			d.CreateFlag(newFlag("default", fmt.Sprint("f", n)))
		}
		d.CreateSegment(segment("default", "staff"))
	})
	shared, _ := db.View()
	got, _, err := store.Update(t.Context(), db, store.Author{}, func(d *store.Draft) (wrong []string, _ error) {
		check := func(ok bool, what string) {
			if !ok {
				wrong = append(wrong, what)
			}
		}
		check(d.Flag("default", "f1") == shared.Flag("default", "f1"), "an unedited flag is the shared one")
		f := d.EditFlag("default", "f1")
		check(f != shared.Flag("default", "f1") && proto.Equal(f, shared.Flag("default", "f1")), "an edited flag is an equal clone")
		check(f.Flag.DefaultVariant == f.Flag.Variants[1], "the default variant of a clone is one of its variants")
		check(d.EditFlag("default", "f1") == f && d.Flag("default", "f1") == f, "the clone is the same for the whole draft")
		at, _ := d.Flags("default").At(1)
		check(at == f, "the list holds the clone")
		check(d.EditSegment("default", "staff") == d.Segment("default", "staff"), "an edited segment is read")
		check(d.EditNamespace("default") == d.Namespace("default"), "an edited namespace is read")
		segments, namespaces := d.Segments("default"), d.Namespaces()
		d.CreateSegment(segment("default", "new"))
		d.CreateNamespace(namespace("new"))
		check(segments.Len() == 1 && namespaces.Len() == 1, "writes do not disturb lists")
		check(d.Segments("default").Len() == 2 && d.Namespaces().Len() == 2 && d.Flags("new").Len() == 0, "new lists hold what is new")
		deleted := 0
		for f := range d.Flags("default").All() {
			d.DeleteFlag("default", f.Flag.Key)
			deleted++
		}
		check(deleted == 1000 && d.Flags("default").Len() == 0, fmt.Sprintf("all flags were deleted while ranging: %d", deleted))
		id := d.NewID()
		check(regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id), "an id is a UUIDv4: "+id)
		return wrong, nil
	})
	if err != nil || len(got) > 0 {
		t.Errorf("wrong: %q, %v", got, err)
	}
	if s, _ := db.View(); s.Flags("default").Len() != 0 || s.Segments("default").Len() != 2 {
		t.Error("the state is not what the draft was")
	}
}

// TestUnchangedDocumentStays edits two documents, one of them to what it was: that one stays the shared one.
func TestUnchangedDocumentStays(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{MaxState: 3000})
	big := strings.Repeat("x", 1500)
	change(t, db, func(d *store.Draft) {
		a := newFlag("default", "a")
		a.Flag.Description = big
		d.CreateFlag(a)
		d.CreateFlag(newFlag("default", "b"))
	})
	before, _ := db.View()
	for n := range 20 {
		change(t, db, func(d *store.Draft) {
			d.EditFlag("default", "a").Flag.Name = "a"
			d.EditFlag("default", "b").Flag.Name = fmt.Sprint("name", n)
		})
	}
	s, built := db.View()
	at, _ := s.Flags("default").At(0)
	if a := before.Flag("default", "a"); s.Flag("default", "a") != a || at != a {
		t.Error("the unchanged flag is another one")
	}
	if want := "+flag default/b"; built[len(built)-1] != want || built[len(built)-2] != want {
		t.Errorf("derive was told of %q, want %q alone", built, want)
	}
	// Its size is still known: deleting it makes room for another one.
	change(t, db, func(d *store.Draft) {
		d.DeleteFlag("default", "a")
		c := newFlag("default", "c")
		c.Flag.Description = big
		d.CreateFlag(c)
	})
}
