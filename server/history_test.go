package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/server"
)

// toHistory makes a call of a method of burgee.v1.HistoryService.
func toHistory[Q, R any](method func(burgeev1connect.HistoryServiceClient, context.Context, Q) (R, error), request Q) call {
	return func(ctx context.Context, c clients) error {
		_, err := method(c.history, ctx, request)
		return err
	}
}

var (
	revert        = burgeev1connect.HistoryServiceClient.Revert
	listRevisions = burgeev1connect.HistoryServiceClient.ListRevisions
	getRevision   = burgeev1connect.HistoryServiceClient.GetRevision
	compare       = burgeev1connect.HistoryServiceClient.Compare
)

// listed returns the numbers of the revisions that a request lists, page by page.
func (s session) listed(t *testing.T, r *burgeev1.ListRevisionsRequest) []uint64 {
	t.Helper()
	r = proto.CloneOf(r)
	numbers := []uint64{}
	for pages := 0; pages < 100; pages++ {
		page := ok(s.history.ListRevisions(t.Context(), r))(t)
		if limit := int(r.Limit); limit > 0 && len(page.Revisions) > limit {
			t.Errorf("a page of %d revisions, want at most %d", len(page.Revisions), limit)
		}
		for _, revision := range page.Revisions {
			numbers = append(numbers, revision.Revision)
		}
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			return numbers
		}
	}
	t.Fatal("no last page")
	return nil
}

func TestListRevisions(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t) // revisions 2 to 15
		const newest = 15
		ctx := with(t.Context(), "Burgee-Author", url.PathEscape("Zoë"), "Burgee-Comment", url.PathEscape("näher dran\n"), "X-Request-Id", "r-1")
		ok(s.flipt.UpdateFlag(ctx, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Colour", Enabled: true}))(t)
		ok(s.flipt.DeleteNamespace(t.Context(), &flipt.DeleteNamespaceRequest{Key: "acme", Force: true}))(t)

		page := ok(s.history.ListRevisions(t.Context(), new(burgeev1.ListRevisionsRequest)))(t)
		if page.OldestRevision != 1 || page.NextPageToken != "" || len(page.Revisions) != newest+2 {
			t.Fatalf("oldest %d, token %q, %d revisions", page.OldestRevision, page.NextPageToken, len(page.Revisions))
		}
		for i, r := range page.Revisions {
			if r.Revision != uint64(len(page.Revisions)-i) || r.Position != fmt.Sprintf("%s-%d", s.srv.Position().Epoch, r.Revision) || len(r.Hash) != 64 {
				t.Errorf("revision %d of the list is %v", i, r)
			}
		}
		updated := page.Revisions[1]
		checkTimes(t, updated.At, updated.At)
		want := &burgeev1.Revision{
			Revision: newest + 1, Position: updated.Position, At: updated.At, Author: "Zoë", Method: "/flipt.Flipt/UpdateFlag", Comment: "näher dran\n",
			RequestId: "r-1", ChangeCount: 1, Hash: updated.Hash, Changes: []*burgeev1.DocumentChange{
				{NamespaceKey: "acme", Kind: "flag", Key: "color", Action: burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED},
			},
		}
		equal(t, "revision", updated, want)
		deleted := page.Revisions[0]
		var changes []string
		for _, c := range deleted.Changes {
			changes = append(changes, fmt.Sprint(c.NamespaceKey, " ", c.Kind, " ", c.Key, " ", c.Action.Number()))
		}
		if got := strings.Join(changes, ", "); got != "acme flag beta 3, acme flag color 3, acme namespace acme 3, acme segment de 3, acme segment vip 3" || deleted.ChangeCount != 5 {
			t.Errorf("deleted %s", got)
		}

		from, to := page.Revisions[len(page.Revisions)-5].At, page.Revisions[2].At // of revisions 5 and 15
		for name, c := range map[string]struct {
			request *burgeev1.ListRevisionsRequest
			want    []uint64
		}{
			"in pages":            {&burgeev1.ListRevisionsRequest{Limit: 3}, []uint64{17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
			"of a namespace":      {&burgeev1.ListRevisionsRequest{NamespaceKey: "default"}, []uint64{1}},
			"of a kind":           {&burgeev1.ListRevisionsRequest{Kind: "namespace"}, []uint64{17, 2, 1}},
			"of a document":       {&burgeev1.ListRevisionsRequest{NamespaceKey: "acme", Kind: "segment", Key: "de", Limit: 2}, []uint64{17, 10, 8}},
			"of an author":        {&burgeev1.ListRevisionsRequest{Author: "Zoë"}, []uint64{16}},
			"of nobody":           {&burgeev1.ListRevisionsRequest{Author: "Zo"}, []uint64{}},
			"by a method":         {&burgeev1.ListRevisionsRequest{Method: "/flipt.Flipt/CreateVariant", Limit: 1}, []uint64{6, 5}},
			"by a method's name":  {&burgeev1.ListRevisionsRequest{Method: "CreateVariant"}, []uint64{6, 5}},
			"by all at once":      {&burgeev1.ListRevisionsRequest{NamespaceKey: "acme", Kind: "flag", Method: "CreateFlag"}, []uint64{4, 3}},
			"between times":       {&burgeev1.ListRevisionsRequest{From: from, To: to}, []uint64{14, 13, 12, 11, 10, 9, 8, 7, 6, 5}},
			"between equal times": {&burgeev1.ListRevisionsRequest{From: from, To: from}, []uint64{}},
			"before all":          {&burgeev1.ListRevisionsRequest{To: timestamppb.New(time.Unix(0, 0))}, []uint64{}},
		} {
			if got := s.listed(t, c.request); !slices.Equal(got, c.want) {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		}
		other := ok(s.flipt.ListNamespaces(t.Context(), &flipt.ListNamespaceRequest{Limit: 1}))(t).NextPageToken
		if other != "" {
			t.Fatal("one namespace has a second page")
		}
		zero := base64.StdEncoding.EncodeToString([]byte(`{"before":0}`))
		s.refuse(t,
			refusal{toHistory(listRevisions, &burgeev1.ListRevisionsRequest{PageToken: "x"}), invalid(`pageToken is not valid: "x"`)},
			refusal{toHistory(listRevisions, &burgeev1.ListRevisionsRequest{PageToken: zero}), invalid("pageToken is not valid: %q", zero)},
			refusal{toHistory(getRevision, &burgeev1.GetRevisionRequest{Revision: 18}),
				notFound("read revision 18: there is no such revision: the oldest is 1, the newest 17")},
		)
		for name, call := range map[string]call{
			"kind":        toHistory(listRevisions, &burgeev1.ListRevisionsRequest{Kind: "rule"}),
			"limit":       toHistory(listRevisions, &burgeev1.ListRevisionsRequest{Limit: -1}),
			"large limit": toHistory(listRevisions, &burgeev1.ListRevisionsRequest{Limit: 1001}),
			"revision":    toHistory(getRevision, new(burgeev1.GetRevisionRequest)),
		} {
			err := call(t.Context(), s.clients)
			if s.name == "REST" && err != nil && strings.Contains(err.Error(), errUnsayable.Error()) {
				continue
			}
			if err == nil || !strings.HasPrefix(err.Error(), "invalid_argument: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func jsonOf(value *structpb.Value) string {
	if value == nil {
		return "none"
	}
	return compact([]byte(protojson.Format(value)))
}

// lines writes differences as people read them.
func lines(differences []*burgeev1.DocumentDifference) string {
	var b strings.Builder
	for _, d := range differences {
		fmt.Fprintf(&b, "%s %s %s/%s\n", map[int32]string{1: "+", 2: "~", 3: "-"}[int32(d.Action)], d.Kind, d.NamespaceKey, d.Key)
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "  %s: %s > %s\n", f.Path, jsonOf(f.Old), jsonOf(f.New))
		}
	}
	return b.String()
}

func TestGetRevision(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		before := ok(s.flipt.GetSegment(t.Context(), &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "vip"}))(t)
		after := ok(s.flipt.UpdateSegment(t.Context(), &flipt.UpdateSegmentRequest{NamespaceKey: "acme", Key: "vip", Name: "Best"}))(t)
		ok(s.flipt.UpdateSegment(t.Context(), &flipt.UpdateSegmentRequest{NamespaceKey: "acme", Key: "vip", Name: "Later"}))(t)

		got := ok(s.history.GetRevision(t.Context(), &burgeev1.GetRevisionRequest{Revision: 16}))(t)
		if got.Revision.Revision != 16 || got.Revision.ChangeCount != 1 || len(got.Revision.Changes) != 1 || len(got.Documents) != 1 {
			t.Fatalf("revision 16 is %v", got)
		}
		document := got.Documents[0]
		equal(t, "before", document.Before, &burgeev1.Document{NamespaceKey: "acme", Kind: "segment", Key: "vip",
			Document: &burgeev1.Document_Segment{Segment: &burgeev1.SegmentDocument{Segment: before}}})
		etag := fmt.Sprintf(`"%s-16"`, s.srv.Position().Epoch[:8])
		equal(t, "after", document.After, &burgeev1.Document{NamespaceKey: "acme", Kind: "segment", Key: "vip",
			Document: &burgeev1.Document_Segment{Segment: &burgeev1.SegmentDocument{Segment: after, Etag: etag, Revision: 16}}})
		differs := []*burgeev1.DocumentDifference{document.Difference}
		if got, want := lines(differs), "~ segment acme/vip\n  name: \"VIP\" > \"Best\"\n"; got != want {
			t.Errorf("difference\n%s\nwant\n%s", got, want)
		}

		created := ok(s.history.GetRevision(t.Context(), &burgeev1.GetRevisionRequest{Revision: 2}))(t).Documents[0]
		equal(t, "nothing", created.Before, &burgeev1.Document{NamespaceKey: "acme", Kind: "namespace", Key: "acme"})
		if created.After.GetNamespace().GetNamespace().GetName() != "Acme" || created.Difference.Action != burgeev1.DocumentAction_DOCUMENT_ACTION_CREATED {
			t.Errorf("created %v", created)
		}
		ok(s.flipt.DeleteFlag(t.Context(), &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		deleted := ok(s.history.GetRevision(t.Context(), &burgeev1.GetRevisionRequest{Revision: 18}))(t).Documents[0]
		if deleted.After.Document != nil || deleted.Difference.Action != burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED {
			t.Errorf("deleted %v", deleted)
		}
		if flag := deleted.Before.GetFlag(); len(flag.GetRules()) != 1 || len(flag.GetRules()[0].Distributions) != 2 || len(flag.GetFlag().GetVariants()) != 2 {
			t.Errorf("deleted %v", flag)
		}
	})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		shop := s.open(t)
		ctx := t.Context()
		ok(s.flipt.UpdateVariant(ctx, &flipt.UpdateVariantRequest{NamespaceKey: "acme", FlagKey: "color", Id: shop.red, Key: "red", Name: "Red", Attachment: attachment}))(t)
		ok(s.flipt.CreateSegment(ctx, &flipt.CreateSegmentRequest{Key: "all", Name: "All"}))(t)
		ok(s.flipt.DeleteFlag(ctx, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "beta"}))(t)
		const (
			color = "~ flag acme/color\n  variants[red].name: \"\" > \"Red\"\n"
			beta  = "- flag acme/beta\n"
			all   = "+ segment default/all\n"
		)
		at := ok(s.history.ListRevisions(ctx, &burgeev1.ListRevisionsRequest{Limit: 4}))(t).Revisions[3].At.AsTime().Format(time.RFC3339Nano)
		for _, c := range []struct {
			request *burgeev1.CompareRequest
			want    string
		}{
			{&burgeev1.CompareRequest{From: "rev:15"}, beta + color + all},
			{&burgeev1.CompareRequest{From: "rev:15", To: "rev:18"}, beta + color + all},
			{&burgeev1.CompareRequest{From: "at:" + at}, beta + color + all},
			{&burgeev1.CompareRequest{From: "rev:15", To: "rev:16"}, color},
			{&burgeev1.CompareRequest{From: "rev:18", To: "rev:16"}, "+ flag acme/beta\n- segment default/all\n"},
			{&burgeev1.CompareRequest{From: "rev:15", NamespaceKey: "default"}, all},
			{&burgeev1.CompareRequest{From: "rev:15", Kind: "flag"}, beta + color},
			{&burgeev1.CompareRequest{From: "rev:15", Key: "beta"}, beta},
			{&burgeev1.CompareRequest{From: "rev:15", Kind: "namespace"}, ""},
			{&burgeev1.CompareRequest{From: "rev:18"}, ""},
		} {
			got := ok(s.history.Compare(ctx, c.request))(t)
			if text := lines(got.Differences); text != c.want {
				t.Errorf("%v:\n%swant\n%s", c.request, text, c.want)
			}
			if epoch := s.srv.Position().Epoch; !strings.HasPrefix(got.From, epoch+"-1") || got.To != epoch+"-18" && c.request.To == "" {
				t.Errorf("%v: from %s to %s", c.request, got.From, got.To)
			}
		}
		s.refuse(t,
			refusal{toHistory(compare, &burgeev1.CompareRequest{From: "main"}),
				invalid(`invalid field reference: "main" is neither rev: with a number nor at: with a time`)},
			refusal{toHistory(compare, &burgeev1.CompareRequest{From: "rev:1", To: "rev:19"}),
				notFound("reference rev:19: read revision 19: there is no such revision: the oldest is 1, the newest 18")},
		)
	})
}

// TestReferences asks for states of the past by every request that has a reference.
func TestReferences(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		shop := s.open(t) // up to revision 15
		ctx, c := t.Context(), s.flipt
		etag := snapshotTag(t, s, "")
		ok(c.DeleteNamespace(ctx, &flipt.DeleteNamespaceRequest{Key: "acme", Force: true}))(t)
		past := ok(s.history.ListRevisions(ctx, &burgeev1.ListRevisionsRequest{Limit: 2}))(t).Revisions[1]
		evaluate := func(flag, reference string) *evaluation.EvaluationRequest {
			return &evaluation.EvaluationRequest{
				NamespaceKey: "acme", FlagKey: flag, EntityId: "e", Context: map[string]string{"tier": "gold"}, Reference: reference,
			}
		}
		requests := func(reference string) map[string]call {
			return map[string]call{
				"GetNamespace": to(rpc.GetNamespace, &flipt.GetNamespaceRequest{Key: "acme", Reference: reference}),
				"GetFlag":      to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color", Reference: reference}),
				"GetRule":      to(rpc.GetRule, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: shop.rule, Reference: reference}),
				"GetRollout":   to(rpc.GetRollout, &flipt.GetRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Id: shop.segment, Reference: reference}),
				"GetSegment":   to(rpc.GetSegment, &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "vip", Reference: reference}),
				"Variant":      toEval(evalRPC.Variant, evaluate("color", reference)),
				"Boolean":      toEval(evalRPC.Boolean, evaluate("beta", reference)),
			}
		}
		references := []string{"rev:15", "at:" + past.At.AsTime().Format(time.RFC3339Nano)}
		for _, reference := range references {
			for name, call := range requests(reference) {
				if err := call(ctx, s.clients); err != nil {
					t.Errorf("%s at %s: %v", name, reference, err)
				}
			}
		}
		for _, reference := range []string{"", "main", "rev", "rev:16"} {
			for name, call := range requests(reference) {
				if err := call(ctx, s.clients); err == nil || !strings.HasPrefix(err.Error(), "not_found: ") {
					t.Errorf("%s at %q: %v", name, reference, err)
				}
			}
		}
		for reference, want := range map[string]string{
			"rev:17": notFound("reference rev:17: read revision 17: there is no such revision: the oldest is 1, the newest 16"),
			"rev:0":  invalid(`invalid field reference: "0" is not the number of a revision`),
			"at:now": invalid(`invalid field reference: "now" is not a time of RFC 3339, such as 2026-01-31T12:00:00Z`),
		} {
			for _, call := range requests(reference) {
				s.refuse(t, refusal{call, want})
			}
		}
		if err := requests("at:2001-01-01T00:00:00Z")["GetFlag"](ctx, s.clients); err == nil || !strings.HasPrefix(err.Error(), "not_found: reference at:2001-01-01T00:00:00Z: ") {
			t.Errorf("before all revisions: %v", err)
		}
		checkListsAt(t, s, references[0])
		batch := ok(s.evaluation.Batch(ctx, &evaluation.BatchEvaluationRequest{
			Requests: []*evaluation.EvaluationRequest{evaluate("color", ""), evaluate("beta", "rev:1")}, Reference: references[1],
		}))(t)
		if a, b := batch.Responses[0].GetVariantResponse(), batch.Responses[1].GetBooleanResponse(); !a.GetMatch() || !b.GetEnabled() {
			t.Errorf("batch: %v", batch)
		}
		if got := snapshotTag(t, s, references[0]); got == "" || got != etag {
			t.Errorf("the ETag of the snapshot is %q now, was %q then", got, etag)
		}
	})
}

// checkListsAt wants everything of the namespace acme in the lists at a reference, and in an export.
func checkListsAt(t *testing.T, s session, reference string) {
	t.Helper()
	ctx, c := t.Context(), s.flipt
	got := []int{
		len(ok(c.ListNamespaces(ctx, &flipt.ListNamespaceRequest{Reference: reference}))(t).Namespaces),
		len(ok(c.ListFlags(ctx, &flipt.ListFlagRequest{NamespaceKey: "acme", Reference: reference}))(t).Flags),
		len(ok(c.ListRules(ctx, &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: "color", Reference: reference}))(t).Rules),
		len(ok(c.ListRollouts(ctx, &flipt.ListRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Reference: reference}))(t).Rules),
		len(ok(c.ListSegments(ctx, &flipt.ListSegmentRequest{NamespaceKey: "acme", Reference: reference}))(t).Segments),
		len(ok(s.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: "acme", Reference: reference}))(t).Flags),
	}
	if want := []int{2, 2, 1, 2, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("lists have %v items, want %v", got, want)
	}
	export := &burgeev1.ExportRequest{Namespaces: []string{"acme"}, Reference: reference}
	if text := ok(s.features.Export(ctx, export))(t).File.Data; !strings.Contains(string(text), "key: color") {
		t.Errorf("export:\n%s", text)
	}
	s.refuse(t, refusal{func(ctx context.Context, c clients) error {
		_, err := c.features.Export(ctx, &burgeev1.ExportRequest{Reference: "main"})
		return err
	}, invalid(`invalid field reference: "main" is neither rev: with a number nor at: with a time`)})
}

// snapshotTag returns the ETag of the snapshot of acme.
func snapshotTag(t *testing.T, s session, reference string) string {
	t.Helper()
	ctx, headers := received(t.Context())
	ok(s.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: "acme", Reference: reference}))(t)
	return headers().Get("X-Etag") + headers().Get("Etag")
}

// TestFoldedHistory gives up the older half of a history.
func TestFoldedHistory(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t) // up to revision 15
		before := s.contentsOf(t, "rev:10")
		if err := s.srv.Fold(t.Context(), 10); err != nil { // which is revision 16
			t.Fatal(err)
		}
		page := ok(s.history.ListRevisions(t.Context(), new(burgeev1.ListRevisionsRequest)))(t)
		if n := len(page.Revisions); n != 7 || page.OldestRevision != 10 || page.Revisions[n-1].Revision != 10 {
			t.Errorf("the list has %d revisions, the oldest is %d", n, page.OldestRevision)
		}
		const given = "read revision 10: there is no such revision: what was before it was given up, only its state can be told"
		s.refuse(t,
			refusal{toHistory(getRevision, &burgeev1.GetRevisionRequest{Revision: 10}), notFound(given)},
			refusal{toHistory(revert, one(10)), notFound(given)},
			refusal{toHistory(revert, one(9)), notFound("read revision 9: there is no such revision: the oldest is 10, the newest 16")},
			refusal{toHistory(revert, everything("rev:9")), notFound("reference rev:9: read revision 9: there is no such revision: the oldest is 10, the newest 16")},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color", Reference: "at:2001-01-01T00:00:00Z"}),
				notFound("reference at:2001-01-01T00:00:00Z: find the revision of 2001-01-01T00:00:00Z: there is no such revision: the oldest was made at %s",
					page.Revisions[6].At.AsTime().Format(time.RFC3339Nano))},
		)
		s.revisions(t, 1, toHistory(revert, everything("rev:10")))
		if s.contentsOf(t, "") != before || s.contentsOf(t, "rev:10") != before {
			t.Error("the base of the history is not what it was")
		}
	})
}

// TestPastIsNotCounted evaluates a flag as of the past.
func TestPastIsNotCounted(t *testing.T) {
	t.Parallel()
	srv := startWith(t, server.Settings{Counts: true}, server.Doors{Log: zerolog.Nop()})
	s := session{srv.overGRPC(), srv}
	s.open(t)
	request := about("color", "e", "tier", "gold")
	request.Reference = "rev:15"
	ok(s.evaluation.Variant(t.Context(), request))(t)
	ok(s.evaluation.Batch(t.Context(), &evaluation.BatchEvaluationRequest{Requests: []*evaluation.EvaluationRequest{request}, Reference: "rev:14"}))(t)
	if counted := srv.CountTotals(); len(counted) > 0 {
		t.Errorf("counted %v", counted)
	}
	request.Reference = "main"
	ok(s.evaluation.Variant(t.Context(), request))(t)
	if counted := srv.CountTotals()[[2]string{"acme", "MATCH"}]; counted != 1 {
		t.Errorf("counted %v, want 1", counted)
	}
}

// BenchmarkCompare10000 compares two states of 10,000 flags, of which one differs.
func BenchmarkCompare10000(b *testing.B) {
	s := openForBench(b)
	file := string(thousand())
	for i := range 10 {
		part := strings.ReplaceAll(file, "key: flag-", fmt.Sprintf("key: flag-%d-", i))
		ok(s.features.Import(b.Context(), &burgeev1.ImportRequest{File: yamlFile([]byte(part)), SkipExisting: true}))(b)
	}
	ok(s.flipt.DeleteFlag(b.Context(), &flipt.DeleteFlagRequest{NamespaceKey: "large", Key: "flag-3-0007"}))(b)
	start := time.Now()
	ok(s.history.Compare(b.Context(), &burgeev1.CompareRequest{From: "rev:11"}))(b)
	b.Logf("read revision 11 in %v", time.Since(start))
	for name, r := range map[string]*burgeev1.CompareRequest{"all": {From: "rev:11"}, "one": {From: "rev:11", NamespaceKey: "large", Kind: "flag", Key: "flag-3-0007"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := ok(s.history.Compare(b.Context(), r))(b).Differences; len(d) != 1 {
					b.Fatalf("%d differences", len(d))
				}
			}
		})
	}
}
