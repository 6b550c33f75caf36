package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// longAgo is when the documents of these tests were made.
func longAgo(second int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2020, 1, 2, 3, 4, second, 123456000, time.UTC))
}

// kept is a configuration with a document of each kind, and a part of each kind in them.
func kept() server.Documents {
	red := &flipt.Variant{Id: "v-1", FlagKey: "color", Key: "red", NamespaceKey: "default", CreatedAt: longAgo(1), UpdatedAt: longAgo(2)}
	blue := &flipt.Variant{Id: "v-2", FlagKey: "color", Key: "blue", NamespaceKey: "default", CreatedAt: longAgo(2), UpdatedAt: longAgo(2)}
	return server.Documents{
		Namespaces: []*storev1.Namespace{
			{Namespace: &flipt.Namespace{Key: "default", Name: "Shop", Description: "Ours", Protected: true, CreatedAt: longAgo(0), UpdatedAt: longAgo(1)}},
			{Namespace: &flipt.Namespace{Key: "ops", Name: "Operations", CreatedAt: longAgo(1), UpdatedAt: longAgo(1)}},
		},
		Segments: []*storev1.Segment{{Segment: &flipt.Segment{
			Key: "odd key/", NamespaceKey: "default", CreatedAt: longAgo(1), UpdatedAt: longAgo(1), Constraints: []*flipt.Constraint{{
				Id: "c-1", SegmentKey: "odd key/", Type: 1, Property: "", Operator: "like", NamespaceKey: "default", CreatedAt: longAgo(1), UpdatedAt: longAgo(3),
			}},
		}}},
		Flags: []*storev1.Flag{
			{
				Flag: &flipt.Flag{
					Key: "color", NamespaceKey: "default", Enabled: true, CreatedAt: longAgo(4), UpdatedAt: longAgo(5),
					Variants: []*flipt.Variant{red, blue}, DefaultVariant: blue,
				},
				Rules: []*flipt.Rule{{
					Id: "r-1", FlagKey: "color", SegmentKey: "odd key/", Rank: 7, NamespaceKey: "default", CreatedAt: longAgo(1), UpdatedAt: longAgo(1),
					Distributions: []*flipt.Distribution{{Id: "d-1", RuleId: "r-1", VariantId: "v-1", Rollout: 250, CreatedAt: longAgo(1), UpdatedAt: longAgo(1)}},
				}},
				Rollouts: []*flipt.Rollout{{
					Id: "o-1", FlagKey: "color", NamespaceKey: "default", Rank: -1, Type: flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE,
					Rule: &flipt.Rollout_Threshold{Threshold: new(flipt.RolloutThreshold)}, CreatedAt: longAgo(1), UpdatedAt: longAgo(1),
				}},
			},
			{Flag: &flipt.Flag{Key: "color", NamespaceKey: "ops", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE, CreatedAt: longAgo(1), UpdatedAt: longAgo(1)}},
		},
	}
}

// migrated imports documents, and fails the test if that fails.
func migrated(t *testing.T, srv *running, docs server.Documents, r *burgeev1.ImportRequest) *burgeev1.ImportResponse {
	t.Helper()
	answer, err := srv.ImportDocuments(t.Context(), store.Author{Name: "Kim", Method: "command"}, docs, r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// counted is what an import says of itself in numbers.
func counted(a *burgeev1.ImportResponse) string {
	return fmt.Sprintf("%d namespaces, %d segments, %d flags, %d unchanged", a.Namespaces, a.Segments, a.Flags, a.Unchanged)
}

func TestImportDocumentsKeepsIdsAndTimes(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c, ctx, docs := srv.overGRPC(), t.Context(), kept()
	answer := migrated(t, srv, docs, new(burgeev1.ImportRequest))
	if got, want := counted(answer), "2 namespaces, 1 segments, 2 flags, 0 unchanged"; got != want || len(answer.Warnings) > 0 {
		t.Errorf("got %s %v, want %s", got, answer.Warnings, want)
	}
	if p := srv.Position(); p.Revision != 2 || answer.Position != p.String() {
		t.Errorf("position %s, answered %s", p, answer.Position)
	}
	namespaces, err := c.flipt.ListNamespaces(ctx, new(flipt.ListNamespaceRequest))
	equal(t, "namespaces", ok(namespaces, err)(t), &flipt.NamespaceList{
		Namespaces: []*flipt.Namespace{docs.Namespaces[0].Namespace, docs.Namespaces[1].Namespace}, TotalCount: 2,
	})
	segments, err := c.flipt.ListSegments(ctx, new(flipt.ListSegmentRequest))
	equal(t, "segments", ok(segments, err)(t), &flipt.SegmentList{Segments: []*flipt.Segment{docs.Segments[0].Segment}, TotalCount: 1})
	flag, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "color"})
	equal(t, "flag", ok(flag, err)(t), docs.Flags[0].Flag)
	rules, err := c.flipt.ListRules(ctx, &flipt.ListRuleRequest{FlagKey: "color"})
	equal(t, "rules", ok(rules, err)(t), &flipt.RuleList{Rules: docs.Flags[0].Rules, TotalCount: 1})
	rollouts, err := c.flipt.ListRollouts(ctx, &flipt.ListRolloutRequest{FlagKey: "color"})
	equal(t, "rollouts", ok(rollouts, err)(t), &flipt.RolloutList{Rules: docs.Flags[0].Rollouts, TotalCount: 1})
	if want := kept(); !proto.Equal(docs.Flags[0], want.Flags[0]) || !proto.Equal(docs.Namespaces[1], want.Namespaces[1]) {
		t.Error("the import changed the documents that it was given")
	}
}

func TestImportDocumentsOverWhatExists(t *testing.T) {
	t.Parallel()
	changed := func() server.Documents {
		docs := kept()
		docs.Namespaces[1].Namespace.Name = "Changed"
		docs.Segments[0].Segment.Name = "Changed"
		docs.Flags[0].Flag.Name = "Changed"
		docs.Flags = append(docs.Flags, &storev1.Flag{Flag: &flipt.Flag{Key: "new", NamespaceKey: "ops"}})
		return docs
	}
	for name, c := range map[string]struct {
		options                *burgeev1.ImportRequest
		want                   string
		namespace, flag, first string
	}{
		"skip existing": {&burgeev1.ImportRequest{SkipExisting: true}, "0 namespaces, 0 segments, 1 flags, 3 unchanged", "Operations", "", "color"},
		"overwrite":     {&burgeev1.ImportRequest{Overwrite: true}, "1 namespaces, 1 segments, 2 flags, 1 unchanged", "Changed", "Changed", "color"},
		"drop":          {&burgeev1.ImportRequest{Drop: true}, "2 namespaces, 1 segments, 3 flags, 0 unchanged", "Changed", "Changed", "color"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			api := srv.overGRPC()
			migrated(t, srv, kept(), new(burgeev1.ImportRequest))
			before := srv.Position()
			dry := proto.CloneOf(c.options)
			dry.DryRun = true
			if got := migrated(t, srv, changed(), dry); counted(got) != c.want || got.Position != before.String() || len(got.Differences) == 0 {
				t.Errorf("dry run: %v", got)
			}
			if srv.Position() != before {
				t.Error("a dry run made a revision")
			}
			answer := migrated(t, srv, changed(), c.options)
			if got := counted(answer); got != c.want || len(answer.Warnings) > 0 {
				t.Errorf("got %s %v, want %s", got, answer.Warnings, c.want)
			}
			if now := srv.Position().Revision; now != before.Revision+1 {
				t.Errorf("revision %d after %d", now, before.Revision)
			}
			namespace, err := api.flipt.GetNamespace(t.Context(), &flipt.GetNamespaceRequest{Key: "ops"})
			if got := ok(namespace, err)(t).Name; got != c.namespace {
				t.Errorf("namespace %q, want %q", got, c.namespace)
			}
			flag, err := api.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "color"})
			if got := ok(flag, err)(t); got.Name != c.flag || got.Variants[0].Id != "v-1" || !proto.Equal(got.CreatedAt, longAgo(4)) {
				t.Errorf("flag %v", got)
			}
			fallback, err := api.flipt.GetNamespace(t.Context(), &flipt.GetNamespaceRequest{Key: "default"})
			if got := ok(fallback, err)(t); got.Name != "Shop" || !got.Protected {
				t.Errorf("default namespace %v", got)
			}
			if again := migrated(t, srv, changed(), &burgeev1.ImportRequest{SkipExisting: true}); again.Position != answer.Position {
				t.Errorf("skipping everything made revision %s", again.Position)
			}
		})
	}
}

// TestImportDocumentsAgain overwrites documents by the same ones, which is no change.
func TestImportDocumentsAgain(t *testing.T) {
	t.Parallel()
	srv := start(t)
	first := migrated(t, srv, kept(), new(burgeev1.ImportRequest))
	again := migrated(t, srv, kept(), &burgeev1.ImportRequest{Overwrite: true})
	if got, want := counted(again), "0 namespaces, 0 segments, 0 flags, 3 unchanged"; got != want || again.Position != first.Position || len(again.Warnings) > 0 {
		t.Errorf("got %s, revision %s after %s", got, again.Position, first.Position)
	}
}

// TestImportDocumentsOfAnOldFlipt takes a default namespace of unknown age for the one that is there.
func TestImportDocumentsOfAnOldFlipt(t *testing.T) {
	t.Parallel()
	srv := start(t)
	before := srv.Position()
	docs := server.Documents{Namespaces: []*storev1.Namespace{{Namespace: &flipt.Namespace{
		Key: "default", Name: "Default", Description: "Default namespace", Protected: true,
	}}}}
	if migrated(t, srv, docs, new(burgeev1.ImportRequest)); srv.Position() != before {
		t.Error("it made a revision")
	}
}

func TestImportDocumentsRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*server.Documents)
		want string
	}{
		"existing segment":  {func(d *server.Documents) { d.Flags = nil }, `segment "default/odd key/" is not unique`},
		"existing flag":     {func(d *server.Documents) { d.Segments = nil }, `flag "default/color" is not unique`},
		"no flag key":       {func(d *server.Documents) { d.Segments, d.Flags[0].Flag.Key = nil, "" }, "a flag has no key"},
		"no segment key":    {func(d *server.Documents) { d.Segments[0].Segment.Key = "" }, "a segment has no key"},
		"no namespace key":  {func(d *server.Documents) { d.Namespaces[1].Namespace.Key = "" }, "a namespace has no key"},
		"no flag":           {func(d *server.Documents) { d.Segments, d.Flags[0].Flag = nil, nil }, "a flag has no key"},
		"unknown namespace": {func(d *server.Documents) { d.Segments[0].Segment.NamespaceKey = "x" }, `namespace "x" not found`},
		"unknown segment": {func(d *server.Documents) {
			d.Segments, d.Flags = nil, d.Flags[:1]
			d.Flags[0].Flag.Key, d.Flags[0].Rules[0].SegmentKey = "other", "x"
		}, `segment "default/x" not found`},
		"unknown variant": {func(d *server.Documents) {
			d.Segments, d.Flags = nil, d.Flags[:1]
			d.Flags[0].Flag.Key, d.Flags[0].Rules[0].Distributions[0].VariantId = "other", "x"
		}, `variant "x" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			migrated(t, srv, kept(), new(burgeev1.ImportRequest))
			before, docs := srv.Position(), kept()
			c.edit(&docs)
			_, err := srv.ImportDocuments(context.Background(), store.Author{}, docs, new(burgeev1.ImportRequest))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if srv.Position() != before {
				t.Error("it made a revision")
			}
		})
	}
}

// TestImportDocumentsWithIdsThatAreTaken gives parts an id of their own, and what refers to them that one.
func TestImportDocumentsWithIdsThatAreTaken(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c, ctx := srv.overGRPC(), t.Context()
	migrated(t, srv, kept(), new(burgeev1.ImportRequest))
	docs := kept()
	docs.Namespaces = nil
	docs.Segments[0].Segment.Key, docs.Flags[0].Rules[0].SegmentKey = "other", "other"
	docs.Flags = docs.Flags[:1]
	docs.Flags[0].Flag.Key = "other"
	docs.Flags[0].Flag.CreatedAt = nil
	answer := migrated(t, srv, docs, new(burgeev1.ImportRequest))
	var kinds []string
	for _, warning := range answer.Warnings {
		kinds = append(kinds, strings.SplitN(warning, ": ", 2)[0])
	}
	if got, want := strings.Join(kinds, "\n"), `constraint "c-1" of segment "default/other"
variant "v-1" of flag "default/other"
variant "v-2" of flag "default/other"
rule "r-1" of flag "default/other"
distribution "d-1" of flag "default/other"
rollout "o-1" of flag "default/other"`; got != want {
		t.Errorf("warnings of\n%s\nwant\n%s", got, want)
	}
	flag, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "other"})
	got := ok(flag, err)(t)
	rules, err := c.flipt.ListRules(ctx, &flipt.ListRuleRequest{FlagKey: "other"})
	rule := ok(rules, err)(t).Rules[0]
	if got.Variants[0].Id == "v-1" || rule.Id == "r-1" || rule.Distributions[0].VariantId != got.Variants[0].Id ||
		rule.Distributions[0].RuleId != rule.Id || got.DefaultVariant.GetId() != got.Variants[1].Id {
		t.Errorf("flag %v, rule %v", got, rule)
	}
	if got.CreatedAt.AsTime().Before(time.Now().Add(-time.Hour)) || !proto.Equal(got.UpdatedAt, longAgo(5)) {
		t.Errorf("created %v, updated %v", got.CreatedAt.AsTime(), got.UpdatedAt.AsTime())
	}
}

// TestImportDocumentsIntoADefaultNamespaceOfOurs leaves the default namespace alone once somebody has named it.
func TestImportDocumentsIntoADefaultNamespaceOfOurs(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c, ctx := srv.overGRPC(), t.Context()
	named, err := c.flipt.UpdateNamespace(ctx, &flipt.UpdateNamespaceRequest{Key: "default", Name: "Ours", Description: "Default namespace"})
	want := ok(named, err)(t)
	migrated(t, srv, kept(), new(burgeev1.ImportRequest))
	now, err := c.flipt.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "default"})
	equal(t, "default namespace", ok(now, err)(t), want)
}
