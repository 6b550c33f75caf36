package server_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// TestDocumentsNeverChange hashes the documents of a state before and after every rpc: those that read give out what is
// shared, those that write must work on copies.
func TestDocumentsNeverChange(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		s.revisions(t, 1,
			to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "side", Name: "Side"}),
			to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: true, DefaultVariantId: made.red}),
			to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "color", SegmentKeys: []string{"vip", "de"}, Rank: 2}))
		hash := s.srv.Freeze()
		before := ok(hash())(t)
		check := func(kind string, i int, c call, fails bool) {
			t.Helper()
			if err := c(t.Context(), s.clients); (err != nil) != fails {
				t.Fatalf("%s %d: %v", kind, i, err)
			}
			if ok(hash())(t) != before {
				t.Fatalf("%s %d has changed a document that others read", kind, i)
			}
		}
		for i, c := range reads(made) {
			check("read", i, c, false)
		}
		for i, w := range writes(t, made) {
			check("write", i, w.call, w.fails)
			if i%5 == 0 { // the states in between too
				hash = s.srv.Freeze()
				before = ok(hash())(t)
			}
		}
	})
}

// reads are calls of every rpc that reads documents of namespace acme.
func reads(made shop) []call {
	const acme = "acme"
	return []call{
		to(rpc.GetNamespace, &flipt.GetNamespaceRequest{Key: acme}),
		to(rpc.ListNamespaces, &flipt.ListNamespaceRequest{}),
		to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: acme, Key: "color"}),
		to(rpc.ListFlags, &flipt.ListFlagRequest{NamespaceKey: acme}),
		to(rpc.GetSegment, &flipt.GetSegmentRequest{NamespaceKey: acme, Key: "vip"}),
		to(rpc.ListSegments, &flipt.ListSegmentRequest{NamespaceKey: acme}),
		to(rpc.GetRule, &flipt.GetRuleRequest{NamespaceKey: acme, FlagKey: "color", Id: made.rule}),
		to(rpc.ListRules, &flipt.ListRuleRequest{NamespaceKey: acme, FlagKey: "color"}),
		to(rpc.GetRollout, &flipt.GetRolloutRequest{NamespaceKey: acme, FlagKey: "beta", Id: made.segment}),
		to(rpc.ListRollouts, &flipt.ListRolloutRequest{NamespaceKey: acme, FlagKey: "beta"}),
		to(rpc.Evaluate, &flipt.EvaluationRequest{NamespaceKey: acme, FlagKey: "color", EntityId: "u1"}),
		toEval(evalRPC.Variant, about("color", "u1", "tier", "gold")),
		toEval(evalRPC.Boolean, about("beta", "u1", "tier", "gold")),
		toEval(evalRPC.Batch, &evaluation.BatchEvaluationRequest{Requests: []*evaluation.EvaluationRequest{about("color", "u1"), about("beta", "u1")}}),
		func(ctx context.Context, c clients) error {
			_, err := c.ofrep.EvaluateBulk(with(ctx, namespaceHeader, acme), &ofrep.EvaluateBulkRequest{Context: map[string]string{"targetingKey": "u1"}})
			return err
		},
		func(ctx context.Context, c clients) error {
			_, err := c.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: acme})
			return err
		},
		func(ctx context.Context, c clients) error {
			_, err := c.features.Export(ctx, &burgeev1.ExportRequest{Namespaces: []string{acme}, SortByKey: true})
			return err
		},
		func(ctx context.Context, c clients) error {
			_, err := c.features.Import(ctx, &burgeev1.ImportRequest{File: yamlFile([]byte("namespace: acme\nflags: [{key: color, name: Other}]\n")), Overwrite: true, DryRun: true})
			return err
		},
	}
}

// TestRestart stops a server and starts another one on its database: nothing has changed, old page tokens and ETags included.
func TestRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "burgee.db")
	type seen struct {
		export   []byte
		page     *flipt.FlagList
		snapshot *evaluation.EvaluationNamespaceSnapshot
		tag      string
	}
	look := func(t *testing.T, s session, token string) seen {
		var v seen
		v.export = s.export(t, burgeev1.Encoding_ENCODING_YAML)
		v.page = ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "acme", Limit: 1, PageToken: token}))(t)
		v.snapshot, v.tag = s.snapshotOf(t, "acme", "1.47.0")
		return v
	}
	var before, last seen
	position := ""
	t.Run("before", func(t *testing.T) {
		srv := startAt(t, path)
		s := session{srv.overGRPC(), srv}
		made := s.open(t)
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: true, DefaultVariantId: made.red}))
		before = look(t, s, "")
		last = look(t, s, before.page.NextPageToken)
		position = srv.Position().String()
	})
	t.Run("after", func(t *testing.T) {
		srv := startAt(t, path)
		s := session{srv.overGRPC(), srv}
		if got := srv.Position().String(); got != position {
			t.Errorf("position %s, was %s", got, position)
		}
		for _, was := range []seen{before, last} {
			token := ""
			if was.page == last.page {
				token = before.page.NextPageToken
			}
			is := look(t, s, token)
			if !bytes.Equal(is.export, was.export) || is.tag != was.tag {
				t.Errorf("tag %s, was %s; export\n%s\nwas\n%s", is.tag, was.tag, is.export, was.export)
			}
			equal(t, "page", is.page, was.page)
			equal(t, "snapshot", is.snapshot, was.snapshot)
		}
		if got := ok(s.evaluation.Variant(t.Context(), about("color", "user-3", "tier", "gold")))(t); got.VariantKey != "red" {
			t.Errorf("evaluation %v", got)
		}
	})
}

// TestSameKeyAtOnce has many callers create the same flag: one of them does.
func TestSameKeyAtOnce(t *testing.T) {
	t.Parallel()
	srv := start(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0 // guarded by mu
	for range 4 {
		for _, p := range protocols {
			c := p.over(srv)
			wg.Go(func() {
				_, err := c.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "color", Name: c.name})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					created++
				case err.Error() != invalid(`flag "default/color" is not unique`):
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if revision := srv.Position().Revision; created != 1 || revision != 2 {
		t.Errorf("%d callers have created the flag, revision %d", created, revision)
	}
}

// TestUnknownNumbers sends numbers that no enum names: what is accepted can be read and evaluated, or is refused as the
// caller's fault.
func TestUnknownNumbers(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		const odd = 7
		calls := []call{
			to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: "acme", Key: "odd", Name: "x", MatchType: odd}),
			to(rpc.CreateConstraint, &flipt.CreateConstraintRequest{NamespaceKey: "acme", SegmentKey: "odd", Type: textType, Property: "p", Operator: "eq", Value: "v"}),
			to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "color", Rank: 1, SegmentKeys: []string{"odd", "vip"}, SegmentOperator: odd}),
			to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Rank: 5,
				Rule: &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{SegmentKeys: []string{"odd", "vip"}, SegmentOperator: odd}}}),
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "odd", Name: "x", Type: odd}),
			toEval(evalRPC.Variant, about("color", "u1", "p", "v")),
			toEval(evalRPC.Boolean, about("beta", "u1", "p", "v")),
			to(rpc.ListSegments, &flipt.ListSegmentRequest{NamespaceKey: "acme"}),
			to(rpc.ListRules, &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: "color"}),
			func(ctx context.Context, c clients) error {
				_, err := c.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: "acme"})
				return err
			},
			func(ctx context.Context, c clients) error {
				_, err := c.features.Export(ctx, &burgeev1.ExportRequest{AllNamespaces: true})
				return err
			},
		}
		for i, call := range calls {
			if err := call(t.Context(), s.clients); err != nil && !errors.Is(err, errUnsayable) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}
