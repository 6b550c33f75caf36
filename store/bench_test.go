package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// realistic returns a flag of 3 variants, 2 rules and 6 distributions: 1.6 kB on disk.
func realistic(n int) *storev1.Flag {
	key, at := fmt.Sprintf("flag-%05d", n), &timestamppb.Timestamp{Seconds: 1790000000 + int64(n), Nanos: 123456000}
	f := &storev1.Flag{Flag: &flipt.Flag{NamespaceKey: "default", Key: key, Name: "Flag " + key, Enabled: true,
		Description: strings.Repeat("Says what it does. ", 4), CreatedAt: at, UpdatedAt: at}}
	for v := range 3 {
		f.Flag.Variants = append(f.Flag.Variants, &flipt.Variant{Id: uuid.NewString(), FlagKey: key, NamespaceKey: "default",
			Key: fmt.Sprint("variant-", v), Name: fmt.Sprint("Variant ", v), Attachment: `{"color":"red"}`, CreatedAt: at, UpdatedAt: at})
	}
	f.Flag.DefaultVariant = f.Flag.Variants[0]
	for r := range 2 {
		rule := &flipt.Rule{Id: uuid.NewString(), FlagKey: key, NamespaceKey: "default", Rank: int32(r + 1), CreatedAt: at, UpdatedAt: at,
			SegmentKeys: []string{fmt.Sprint("segment-", n%50)}}
		for _, v := range f.Flag.Variants {
			rule.Distributions = append(rule.Distributions, &flipt.Distribution{Id: uuid.NewString(), RuleId: rule.Id, VariantId: v.Id,
				Rollout: 33.3, CreatedAt: at, UpdatedAt: at})
		}
		f.Rules = append(f.Rules, rule)
	}
	return f
}

func trivial(_ int, _ *store.State, changed []store.Change) (int, error) { return len(changed), nil }

func tenThousand(b *testing.B) (path string, db *store.DB[int]) { return filled(b, 10_000) }

// filled returns a database of so many flags.
func filled(b *testing.B, flags int) (path string, db *store.DB[int]) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "burgee.db")
	db, err := store.Open(context.Background(), store.Settings{Path: path}, trivial)
	must(b, err)
	b.Cleanup(func() { db.Close() })
	_, _, err = store.Update(context.Background(), db, store.Author{}, func(d *store.Draft) (int, error) {
		for n := range flags {
			d.CreateFlag(realistic(n))
		}
		return 0, nil
	})
	must(b, err)
	return path, db
}

func toggle(ctx context.Context, db *store.DB[int], n int) error {
	_, _, err := store.Update(ctx, db, store.Author{Method: "bench"}, func(d *store.Draft) (int, error) {
		f := d.EditFlag("default", fmt.Sprintf("flag-%05d", n%10_000)).Flag
		f.Enabled = !f.Enabled
		return 0, nil
	})
	return err
}

func BenchmarkPublish10000(b *testing.B) { benchPublish(b, 10_000) }

func BenchmarkPublish100000(b *testing.B) { benchPublish(b, 100_000) }

// benchPublish changes one of so many flags and publishes the new state, without the disk. What derive takes is not in it:
// see BenchmarkApplyOne of the evaluation.
func benchPublish(b *testing.B, flags int) {
	_, db := filled(b, flags)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n += 7919
		must(b, store.Publish(db, func(d *store.Draft) error {
			f := d.EditFlag("default", fmt.Sprintf("flag-%05d", n%flags)).Flag
			f.Enabled = !f.Enabled
			return nil
		}))
	}
}

// BenchmarkUpdate changes one of 10,000 flags, one update after the other.
func BenchmarkUpdate(b *testing.B) {
	_, db := tenThousand(b)
	n := 0
	for b.Loop() {
		n += 7919
		must(b, toggle(b.Context(), db, n))
	}
}

// BenchmarkUpdateParallel changes 10,000 flags from 128 goroutines.
func BenchmarkUpdateParallel(b *testing.B) {
	_, db := tenThousand(b)
	var next atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := toggle(context.Background(), db, int(next.Add(7919))); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	db.Close()
	b.ReportMetric(float64(b.N)/float64(db.Commits()), "updates/commit")
}

// BenchmarkOpen10k opens a database of 10,000 flags, with every check, and closes it.
func BenchmarkOpen10k(b *testing.B) {
	path, db := tenThousand(b)
	must(b, db.Close())
	b.ReportMetric(float64(size(b, path))/1e6, "MB")
	for b.Loop() {
		db, err := store.Open(context.Background(), store.Settings{Path: path}, trivial)
		must(b, err)
		if s, _ := db.View(); s.Flags("default").Len() != 10_000 {
			b.Fatal("flags are missing")
		}
		must(b, db.Close())
	}
}

// BenchmarkLastEvaluations10000 reads when 10,000 flags of one namespace were last evaluated.
func BenchmarkLastEvaluations10000(b *testing.B) {
	db, err := store.Open(b.Context(), store.Settings{Path: filepath.Join(b.TempDir(), "burgee.db")}, trivial)
	must(b, err)
	b.Cleanup(func() { db.Close() })
	var counts []store.Count
	for n := range 10_000 {
		counts = append(counts, store.Count{Namespace: "default", Flag: fmt.Sprintf("flag-%05d", n), Evaluations: 1})
	}
	must(b, db.AddCounts(b.Context(), counts))
	b.ReportAllocs()
	for b.Loop() {
		last, err := db.LastEvaluations(b.Context(), "default")
		must(b, err)
		if len(last) != len(counts) {
			b.Fatal(len(last))
		}
	}
}
