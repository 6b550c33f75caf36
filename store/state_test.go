package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// model is what the state must hold: per namespace, the keys of its flags in the order of creation, with their names.
type model map[string][]modelFlag

type modelFlag struct{ key, name string }

// TestRandomUpdates holds the state against a model through random updates, some of which fail, and a restart. Every
// document that was ever published is hashed when it appears, and must have that hash at the end.
func TestRandomUpdates(t *testing.T) {
	t.Parallel()
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	want := model{"default": nil}
	hashes := make(map[proto.Message][sha256.Size]byte)
	publish := func() {
		s, _ := db.View()
		for n := range s.Namespaces().All() {
			hashes[n] = sha256.Sum256(encoded(n))
			for f := range s.Flags(n.Namespace.Key).All() {
				if _, known := hashes[f]; !known {
					hashes[f] = sha256.Sum256(encoded(f))
				}
			}
		}
	}
	// Reads beside the writer: the race detector watches.
	reading, stop := context.WithCancel(t.Context())
	var reader sync.WaitGroup
	reader.Go(func() {
		for reading.Err() == nil {
			s, _ := db.View()
			dump(s)
		}
	})
	for round := range 150 {
		next := make(model)
		for key, flags := range want {
			next[key] = slices.Clone(flags)
		}
		fails := random.IntN(10) == 0
		_, _, err := update(db, func(d *store.Draft) {
			for range 1 + random.IntN(40) {
				randomEdit(d, next, random)
			}
			if fails {
				panic("undo it all")
			}
		})
		if (err != nil) != fails {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		if !fails {
			want = next
		}
		s, _ := db.View()
		if problem := want.differs(s); problem != "" {
			t.Fatalf("seed %d, round %d: %s", seed, round, problem)
		}
		publish()
	}
	stop()
	reader.Wait()
	for doc, hash := range hashes {
		if sha256.Sum256(encoded(doc)) != hash {
			t.Errorf("a published document was changed: %v", doc)
		}
	}
	if len(hashes) < 500 {
		t.Errorf("only %d documents were published", len(hashes))
	}
	s, _ := db.View()
	must(t, db.Close())
	reopened, _ := open(t, store.Settings{Path: path}).View()
	if dump(s) != dump(reopened) {
		t.Error("the state after reopening is another one")
	}
}

// randomEdit changes draft and model in one way.
func randomEdit(d *store.Draft, m model, random *rand.Rand) {
	ns := fmt.Sprint("n", random.IntN(3))
	if random.IntN(3) > 0 {
		ns = "default"
	}
	if _, ok := m[ns]; !ok {
		d.CreateNamespace(namespace(ns))
		m[ns] = nil
	}
	flags := m[ns]
	switch pick := random.IntN(100); {
	case pick < 50 || len(flags) == 0:
		key := fmt.Sprint("f", random.IntN(400))
		if slices.ContainsFunc(flags, func(f modelFlag) bool { return f.key == key }) {
			return
		}
		d.CreateFlag(newFlag(ns, key))
		m[ns] = append(flags, modelFlag{key, key})
	case pick < 75:
		f := &flags[random.IntN(len(flags))]
		f.name = fmt.Sprint("name", random.IntN(1000))
		d.EditFlag(ns, f.key).Flag.Name = f.name
	case pick < 99 || ns == "default":
		i := random.IntN(len(flags))
		d.DeleteFlag(ns, flags[i].key)
		m[ns] = slices.Delete(flags, i, i+1)
	default:
		d.DeleteNamespace(ns)
		delete(m, ns)
	}
}

func (m model) differs(s *store.State) string {
	if s.Namespaces().Len() != len(m) {
		return fmt.Sprintf("%d namespaces, want %d", s.Namespaces().Len(), len(m))
	}
	for ns, flags := range m {
		list := s.Flags(ns)
		if list.Len() != len(flags) {
			return fmt.Sprintf("%d flags in %s, want %d", list.Len(), ns, len(flags))
		}
		i := 0
		for f := range list.All() {
			if at, _ := list.At(i); at != f || s.Flag(ns, f.Flag.Key) != f || f.Flag.Key != flags[i].key || f.Flag.Name != flags[i].name {
				return fmt.Sprintf("flag %d in %s is %v, want %v", i, ns, f.Flag, flags[i])
			}
			i++
		}
	}
	return ""
}

// TestSharing looks whether equal strings and times of documents lie in memory once.
func TestSharing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	db := open(t, store.Settings{Path: path})
	change(t, db, func(d *store.Draft) {
		for _, key := range []string{"a", "b"} {
			f := newFlag("default", key)
			f.Flag.CreatedAt, f.Flag.UpdatedAt = d.Now(), d.Now()
			f.Flag.Variants[0].CreatedAt, f.Flag.Variants[1].CreatedAt = d.Now(), &timestamppb.Timestamp{Seconds: 1}
			f.Rollouts = []*flipt.Rollout{{Id: "r", FlagKey: key, NamespaceKey: "default", CreatedAt: d.Now(),
				Rule: &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"staff"}}}}}
			d.CreateFlag(f)
		}
	})
	check := func(name string) {
		t.Helper()
		s, _ := db.View()
		a, b := s.Flag("default", "a"), s.Flag("default", "b")
		f := a.Flag
		for what, pair := range map[string][2]string{
			"key and name":                 {f.Key, f.Name},
			"flag key of a variant":        {f.Key, f.Variants[1].FlagKey},
			"flag key of a rule":           {f.Key, a.Rules[0].FlagKey},
			"flag key of a rollout":        {f.Key, a.Rollouts[0].FlagKey},
			"rule id of a distribution":    {a.Rules[0].Id, a.Rules[0].Distributions[0].RuleId},
			"variant id of a distribution": {f.Variants[0].Id, a.Rules[0].Distributions[0].VariantId},
			"segments":                     {a.Rules[0].SegmentKeys[0], a.Rollouts[0].GetSegment().SegmentKeys[0]},
			"namespaces":                   {f.NamespaceKey, b.Rules[0].NamespaceKey},
			"keys of variants":             {f.Variants[0].Key, b.Flag.Variants[0].Key},
		} {
			if pair[0] != pair[1] || unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) {
				t.Errorf("%s: %s: %q and %q are not one string", name, what, pair[0], pair[1])
			}
		}
		if f.CreatedAt != f.UpdatedAt || f.CreatedAt != f.Variants[0].CreatedAt || f.CreatedAt != a.Rollouts[0].CreatedAt {
			t.Errorf("%s: equal times are not one", name)
		}
		if f.Variants[1].CreatedAt.GetSeconds() != 1 {
			t.Errorf("%s: another time became %v", name, f.Variants[1].CreatedAt)
		}
	}
	check("created")
	db.Close()
	db = open(t, store.Settings{Path: path})
	check("loaded")
	// Cloning separates what is shared: an edit in place changes that place alone.
	change(t, db, func(d *store.Draft) { d.EditFlag("default", "a").Flag.UpdatedAt.Seconds++ })
	s, _ := db.View()
	if f := s.Flag("default", "a").Flag; f.UpdatedAt.Seconds != f.CreatedAt.Seconds+1 || f.Variants[0].CreatedAt.Seconds != f.CreatedAt.Seconds {
		t.Errorf("an edit in place changed other places: %v", f)
	}
}

// TestKeptDocumentsDoNotMatter changes, after the update, what its function kept against the rule.
func TestKeptDocumentsDoNotMatter(t *testing.T) {
	t.Parallel()
	db := open(t, store.Settings{})
	created := newFlag("default", "a")
	change(t, db, func(d *store.Draft) { d.CreateFlag(created) })
	created.Flag.Name = "changed"
	edited, _, err := store.Update(t.Context(), db, store.Author{}, func(d *store.Draft) (*flipt.Flag, error) {
		f := d.EditFlag("default", "a")
		f.Flag.Description = "edited"
		return f.Flag, nil
	})
	must(t, err)
	edited.Variants[0].Name = "changed"
	s, _ := db.View()
	if f := s.Flag("default", "a").Flag; f.Name != "a" || f.Description != "edited" || f.Variants[0].Name != "" {
		t.Errorf("the state was changed from outside: %v", f)
	}
}
