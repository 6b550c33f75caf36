package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
)

type docRPC = burgeev1connect.DocumentServiceClient

// toDoc makes a call of a method of burgee.v1.DocumentService.
func toDoc[Q, R any](method func(docRPC, context.Context, Q) (R, error), request Q) call {
	return func(ctx context.Context, c clients) error {
		_, err := method(c.documents, ctx, request)
		return err
	}
}

// flagDocument returns a flag of namespace acme with all its parts.
func (s session) flagDocument(t testing.TB, key string) *burgeev1.FlagDocument {
	t.Helper()
	return ok(s.documents.GetFlagDocument(t.Context(), &burgeev1.GetFlagDocumentRequest{NamespaceKey: "acme", Key: key}))(t)
}

// replacing is a request to replace a flag of namespace acme, its key taken from the document.
func replacing(doc *burgeev1.FlagDocument) *burgeev1.ReplaceFlagDocumentRequest {
	return &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "acme", Key: doc.Flag.Key, Document: doc}
}

// without removes what only the server knows.
func without(doc *burgeev1.FlagDocument) *burgeev1.FlagDocument {
	bare := proto.CloneOf(doc)
	bare.Etag, bare.Revision, bare.ArchivedAt = "", 0, nil
	return bare
}

func TestReplaceFlag(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		doc := s.flagDocument(t, "color")
		if doc.Revision == 0 || !strings.HasSuffix(doc.Etag, fmt.Sprintf(`-%d"`, doc.Revision)) || !strings.HasPrefix(doc.Etag, `"`+s.srv.Position().Epoch[:8]+"-") {
			t.Errorf("revision %d, ETag %s", doc.Revision, doc.Etag)
		}
		s.revisions(t, 0, toDoc(docRPC.ReplaceFlagDocument, replacing(doc)), toDoc(docRPC.ReplaceFlagDocument, replacing(without(doc))))

		sent := proto.CloneOf(doc)
		sent.Tags = []string{"web", "beta", "web"}
		sent.Flag.Name, sent.Flag.Metadata = "Colour", ok(structpb.NewStruct(map[string]any{"team": "growth"}))(t)
		sent.Flag.Variants[0].Key = "crimson"
		sent.Flag.Variants = append(sent.Flag.Variants, &flipt.Variant{Key: "green"})
		sent.Flag.DefaultVariant = &flipt.Variant{Key: "green"}
		sent.Rules = []*flipt.Rule{
			{SegmentKeys: []string{"de", "vip"}, SegmentOperator: flipt.SegmentOperator_AND_SEGMENT_OPERATOR, Distributions: []*flipt.Distribution{{VariantId: "green", Rollout: 100}}},
			sent.Rules[0],
		}
		sent.Rules[1].Distributions = sent.Rules[1].Distributions[1:]
		got := ok(s.documents.ReplaceFlagDocument(t.Context(), replacing(sent)))(t)
		equal(t, "what is read", s.flagDocument(t, "color"), got)
		if got.Revision != s.srv.Position().Revision || got.Revision != doc.Revision+1+2 { // beta's two rollouts came after
			t.Errorf("revision %d after %d", got.Revision, doc.Revision)
		}
		checkReplaced(t, got, doc, made)
		s.revisions(t, 0, toDoc(docRPC.ReplaceFlagDocument, replacing(got)))
		flag := ok(s.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		if flag.Name != "Colour" || flag.DefaultVariant.GetKey() != "green" || flag.Metadata.Fields["team"].GetStringValue() != "growth" {
			t.Errorf("flag %v", flag)
		}
		if answer := ok(s.evaluation.Variant(t.Context(), about("color", "u1", "tier", "gold", "country", "DE")))(t); answer.VariantKey != "green" {
			t.Errorf("evaluation %v", answer)
		}
	})
}

// checkReplaced holds ids, ranks and times of what TestReplaceFlag has made of a flag.
func checkReplaced(t *testing.T, got, before *burgeev1.FlagDocument, made shop) {
	t.Helper()
	fresh := func(id string, at *timestamppb.Timestamp) bool {
		return len(id) == 36 && at.AsTime().After(before.Flag.CreatedAt.AsTime())
	}
	kept := func(created, updated, old *timestamppb.Timestamp) bool {
		return proto.Equal(created, old) && !proto.Equal(updated, old)
	}
	red, blue, green := got.Flag.Variants[0], got.Flag.Variants[1], got.Flag.Variants[2]
	first, second := got.Rules[0], got.Rules[1]
	for what, is := range map[string]bool{
		"tags":              strings.Join(got.Tags, " ") == "beta web",
		"changed variant":   red.Id == made.red && red.Key == "crimson" && kept(red.CreatedAt, red.UpdatedAt, before.Flag.Variants[0].CreatedAt),
		"same variant":      proto.Equal(blue, before.Flag.Variants[1]),
		"new variant":       green.Key == "green" && green.FlagKey == "color" && green.NamespaceKey == "acme" && fresh(green.Id, green.CreatedAt),
		"default variant":   got.Flag.DefaultVariant.GetId() == green.Id,
		"new rule":          first.Rank == 1 && fresh(first.Id, first.CreatedAt) && len(first.SegmentKeys) == 2,
		"its distribution":  first.Distributions[0].VariantId == green.Id && first.Distributions[0].RuleId == first.Id,
		"moved rule":        second.Rank == 2 && second.Id == made.rule && kept(second.CreatedAt, second.UpdatedAt, before.Rules[0].CreatedAt),
		"same distribution": len(second.Distributions) == 1 && proto.Equal(second.Distributions[0], before.Rules[0].Distributions[1]),
		"flag":              kept(got.Flag.CreatedAt, got.Flag.UpdatedAt, before.Flag.CreatedAt) && got.Flag.NamespaceKey == "acme",
	} {
		if !is {
			t.Errorf("%s is wrong in %v", what, got)
		}
	}
}

func TestCreateByDocument(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		doc := &burgeev1.FlagDocument{
			Flag:     &flipt.Flag{Name: "New", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE, Enabled: true},
			Rollouts: []*flipt.Rollout{{Rule: &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 100, Value: true}}}},
		}
		create := &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "acme", Key: "new", Document: doc, Create: true}
		got := ok(s.documents.ReplaceFlagDocument(t.Context(), create))(t)
		if r := got.Rollouts[0]; r.Rank != 1 || r.Type != flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE || r.FlagKey != "new" || got.Flag.Key != "new" {
			t.Errorf("made %v", got)
		}
		checkTimes(t, got.Flag.CreatedAt, got.Flag.UpdatedAt)
		segment := &burgeev1.SegmentDocument{Segment: &flipt.Segment{Name: "Late", Constraints: []*flipt.Constraint{
			{Type: flipt.ComparisonType_DATETIME_COMPARISON_TYPE, Property: "at", Operator: "GT", Value: "2026-01-01T02:00:00+02:00"},
		}}}
		made := ok(s.documents.ReplaceSegmentDocument(t.Context(), &burgeev1.ReplaceSegmentDocumentRequest{NamespaceKey: "acme", Key: "late", Document: segment}))(t)
		if c := made.Segment.Constraints[0]; c.Operator != "gt" || c.Value != "2026-01-01T00:00:00Z" || c.Id == "" || c.SegmentKey != "late" {
			t.Errorf("constraint %v", c)
		}
		equal(t, "segment", ok(s.documents.GetSegmentDocument(t.Context(), &burgeev1.GetSegmentDocumentRequest{NamespaceKey: "acme", Key: "late"}))(t), made)
		namespace := ok(s.documents.ReplaceNamespaceDocument(t.Context(), &burgeev1.ReplaceNamespaceDocumentRequest{
			Key: "live", Document: &burgeev1.NamespaceDocument{Namespace: &flipt.Namespace{Name: "Live"}, Color: "#ff0000", Production: true},
		}))(t)
		equal(t, "namespace", ok(s.documents.GetNamespaceDocument(t.Context(), &burgeev1.GetNamespaceDocumentRequest{Key: "live"}))(t), namespace)
		if namespace.Color != "#ff0000" || !namespace.Production || namespace.Namespace.Name != "Live" {
			t.Errorf("namespace %v", namespace)
		}
		s.revisions(t, 1, to(rpc.UpdateNamespace, &flipt.UpdateNamespaceRequest{Key: "live", Name: "Alive"}))
		if after := ok(s.documents.GetNamespaceDocument(t.Context(), &burgeev1.GetNamespaceDocumentRequest{Key: "live"}))(t); !after.Production || after.Color == "" {
			t.Errorf("an rpc of the contract has lost what it does not know: %v", after)
		}
		s.refuse(t,
			refusal{toDoc(docRPC.ReplaceFlagDocument, create), `already_exists: flag "acme/new" exists already`},
			refusal{toDoc(docRPC.ReplaceFlagDocument, &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "nowhere", Key: "x", Document: doc}), notFound(`namespace "nowhere" not found`)},
			refusal{toDoc(docRPC.ReplaceFlagDocument, &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "acme", Key: "a b", Document: doc}), invalid("invalid field key: contains invalid characters")},
			refusal{toDoc(docRPC.ReplaceFlagDocument, &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "acme", Key: "x", Document: doc, Create: true, IfMatch: "*"}),
				invalid("invalid field create: must not be true beside ifMatch")},
			refusal{toDoc(docRPC.GetFlagDocument, &burgeev1.GetFlagDocumentRequest{NamespaceKey: "acme", Key: "none"}), notFound(`flag "acme/none" not found`)},
			refusal{toDoc(docRPC.GetSegmentDocument, &burgeev1.GetSegmentDocumentRequest{NamespaceKey: "acme", Key: "none"}), notFound(`segment "acme/none" not found`)},
			refusal{toDoc(docRPC.GetNamespaceDocument, &burgeev1.GetNamespaceDocumentRequest{Key: "none"}), notFound(`namespace "none" not found`)},
		)
	})
}

// TestDocumentFields breaks each field of documents, and wants its path in text and details.
func TestDocumentFields(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		color, beta := s.flagDocument(t, "color"), s.flagDocument(t, "beta")
		for _, c := range []struct {
			of     *burgeev1.FlagDocument
			spoil  func(*burgeev1.FlagDocument)
			field  string
			reason string
		}{
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Name = "" }, "document.flag.name", "must not be empty"},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.NamespaceKey = "other" }, "document.flag.namespaceKey", `must be "acme" or empty`},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Type = flipt.FlagType_BOOLEAN_FLAG_TYPE }, "document.flag.type",
				`cannot change type of flag: have "VARIANT_FLAG_TYPE" attempted "BOOLEAN_FLAG_TYPE"`},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Variants[1].Key = "" }, "document.flag.variants[1].key", "must not be empty"},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Variants[1].Key = "red" }, "document.flag.variants[1].key", `variant "red" is not unique`},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Variants[1].Attachment = "{" }, "document.flag.variants[1].attachment", "must be a json string"},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Variants[1].Id = made.red }, "document.flag.variants[1].id", `"` + made.red + `" is not unique`},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.Variants[1].Id = made.rule }, "document.flag.variants[1].id",
				`"` + made.rule + `" is the id of no item of this list; leave it out for a new one`},
			{color, func(d *burgeev1.FlagDocument) { d.Flag.DefaultVariant = &flipt.Variant{Id: "x", Key: "red"} }, "document.flag.defaultVariant.id", `the flag has no variant "x"`},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].SegmentKey = "" }, "document.rules[0].segmentKey", "must not be empty"},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].SegmentKeys = []string{"de"} }, "document.rules[0].segmentKey", "only one can be present"},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].SegmentKey = "none" }, "document.rules[0].segmentKey", `segment "acme/none" not found`},
			{color, func(d *burgeev1.FlagDocument) {
				d.Rules[0].SegmentKey, d.Rules[0].SegmentKeys = "", []string{"de", "none"}
			}, "document.rules[0].segmentKeys[1]",
				`segment "acme/none" not found`},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].Id = "x" }, "document.rules[0].id", `"x" is the id of no item of this list; leave it out for a new one`},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].Id = "" }, "document.rules[0].distributions[0].id",
				`"` + made.half + `" is the id of no item of this list; leave it out for a new one`},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].Distributions[1].VariantId = "" }, "document.rules[0].distributions[1].variantId", "must not be empty"},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].Distributions[1].VariantId = "none" }, "document.rules[0].distributions[1].variantId", `the flag has no variant "none"`},
			{color, func(d *burgeev1.FlagDocument) { d.Rules[0].Distributions[1].Rollout = 101 }, "document.rules[0].distributions[1].rollout", "must be less than or equal to '100'"},
			{color, func(d *burgeev1.FlagDocument) { d.Tags = []string{"a", ""} }, "document.tags[1]", "must not be empty"},
			{beta, func(d *burgeev1.FlagDocument) { d.Rollouts[0].Rule = nil }, "document.rollouts[0].segment", "rollout rule is missing"},
			{beta, func(d *burgeev1.FlagDocument) { d.Rollouts[0].Rule = d.Rollouts[1].Rule }, "document.rollouts[0]",
				`cannot change type of rollout: have "SEGMENT_ROLLOUT_TYPE" attempted "THRESHOLD_ROLLOUT_TYPE"`},
			{beta, func(d *burgeev1.FlagDocument) { d.Rollouts[1].GetThreshold().Percentage = -1 }, "document.rollouts[1].threshold.percentage", "must be within range [0, 100]"},
			{beta, func(d *burgeev1.FlagDocument) { d.Rollouts[0].GetSegment().SegmentKey = "none" }, "document.rollouts[0].segment.segmentKey", `segment "acme/none" not found`},
		} {
			request := replacing(proto.CloneOf(c.of))
			c.spoil(request.Document)
			s.refuse(t, refusal{toDoc(docRPC.ReplaceFlagDocument, request), invalid("invalid field %s: %s", c.field, c.reason)})
			_, err := s.documents.ReplaceFlagDocument(t.Context(), request)
			if details := errorDetails(t, err); s.name != "REST" && (len(details) != 1 || details[0].(*errdetails.BadRequest).FieldViolations[0].Field != c.field) {
				t.Errorf("%s: details %v", c.field, details)
			}
		}
		vip := ok(s.documents.GetSegmentDocument(t.Context(), &burgeev1.GetSegmentDocumentRequest{NamespaceKey: "acme", Key: "vip"}))(t)
		vip.Segment.Constraints[0].Operator = "lt"
		s.refuse(t,
			refusal{toDoc(docRPC.ReplaceSegmentDocument, &burgeev1.ReplaceSegmentDocumentRequest{NamespaceKey: "acme", Key: "vip", Document: vip}),
				invalid(`invalid field document.segment.constraints[0].value: constraint operator "lt" is not valid for type string`)},
			refusal{toDoc(docRPC.ReplaceSegmentDocument, &burgeev1.ReplaceSegmentDocumentRequest{NamespaceKey: "acme", Key: "de", Document: vip}),
				invalid(`invalid field document.segment.constraints[0].value: constraint operator "lt" is not valid for type string`)},
			refusal{toDoc(docRPC.ReplaceNamespaceDocument, &burgeev1.ReplaceNamespaceDocumentRequest{Key: "acme", Document: &burgeev1.NamespaceDocument{Color: "red"}}),
				invalid("invalid field document.color: contains invalid characters")},
		)
	})
}

// errorDetails returns the details of an error.
func errorDetails(t *testing.T, err error) []proto.Message {
	t.Helper()
	failed := (*connect.Error)(nil)
	if !errors.As(err, &failed) {
		t.Fatalf("no error of an rpc: %v", err)
	}
	var details []proto.Message
	for _, detail := range failed.Details() {
		details = append(details, ok(detail.Value())(t))
	}
	return details
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		first := s.flagDocument(t, "color")
		change := func(name, ifMatch string) (*burgeev1.FlagDocument, error) {
			request := replacing(without(first))
			request.Document.Flag.Name, request.IfMatch = name, ifMatch
			return s.documents.ReplaceFlagDocument(t.Context(), request)
		}
		second := ok(change("Two", first.Etag))(t)
		third := ok(change("Three", `"0-0", `+second.Etag))(t)
		_, err := change("Four", second.Etag)
		if want := `failed_precondition: flag "acme/color" has changed: its ETag is ` + third.Etag; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if details := errorDetails(t, err); s.name != "REST" {
			equal(t, "current document", details[0].(*burgeev1.Document), &burgeev1.Document{
				NamespaceKey: "acme", Kind: "flag", Key: "color", Document: &burgeev1.Document_Flag{Flag: third},
			})
		}
		ok(change("Five", "*"))(t)
		missing := &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "acme", Key: "none", Document: &burgeev1.FlagDocument{Flag: &flipt.Flag{Name: "x"}}, IfMatch: "*"}
		s.refuse(t, refusal{toDoc(docRPC.ReplaceFlagDocument, missing), `failed_precondition: flag "acme/none" does not exist`})
		past := ok(s.documents.GetFlagDocument(t.Context(), &burgeev1.GetFlagDocumentRequest{
			NamespaceKey: "acme", Key: "color", Reference: fmt.Sprint("rev:", second.Revision),
		}))(t)
		equal(t, "state of the past", past, second)
	})
}

// TestLargeMismatch refuses a change of a document that fits no trailer: gRPC brings its ETag alone.
func TestLargeMismatch(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		doc := s.flagDocument(t, "color")
		doc.Flag.Description = strings.Repeat("large ", 10000)
		doc = ok(s.documents.ReplaceFlagDocument(t.Context(), replacing(doc)))(t)
		request := replacing(doc)
		request.IfMatch = `"0-0"`
		_, err := s.documents.ReplaceFlagDocument(t.Context(), request)
		if want := `failed_precondition: flag "acme/color" has changed: its ETag is ` + doc.Etag; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		switch details := errorDetails(t, err); s.name {
		case "REST": // see TestDocumentREST
		case "gRPC":
			want := &burgeev1.FlagDocument{Etag: doc.Etag, Revision: doc.Revision}
			equal(t, "current document", details[0].(*burgeev1.Document).GetFlag(), want)
		default:
			equal(t, "current document", details[0].(*burgeev1.Document).GetFlag(), doc)
		}
	})
}

// TestDocumentREST holds headers, statuses and bodies.
func TestDocumentREST(t *testing.T) {
	t.Parallel()
	srv := start(t)
	session{srv.overGRPC(), srv}.open(t)
	url := srv.httpURL + "/api/v1/namespaces/acme/flags/color/document"
	do := func(verb, url, body string, header ...string) (*http.Response, string) {
		request := ok(http.NewRequestWithContext(t.Context(), verb, url, strings.NewReader(body)))(t)
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		answer, text := srv.do(t, request)
		return answer, string(text)
	}
	expect := func(what string, answer *http.Response, status int, etag string) {
		t.Helper()
		if answer.StatusCode != status || answer.Header.Get("Etag") != etag {
			t.Errorf("%s: status %d, ETag %s, want %d and %s", what, answer.StatusCode, answer.Header.Get("Etag"), status, etag)
		}
	}
	answer, body := do("GET", url, "")
	doc := new(burgeev1.FlagDocument)
	if err := protojson.Unmarshal([]byte(body), doc); err != nil {
		t.Fatal(err)
	}
	expect("get", answer, 200, doc.Etag)
	answer, body = do("GET", url, "", "If-None-Match", doc.Etag)
	if expect("get again", answer, 304, doc.Etag); body != "" {
		t.Errorf("a 304 with %s", body)
	}
	doc.Flag.Name = "Colour"
	text := string(ok(protojson.Marshal(doc))(t))
	answer, body = do("PUT", url, text, "If-Match", doc.Etag)
	changed := new(burgeev1.FlagDocument)
	if err := protojson.Unmarshal([]byte(body), changed); err != nil || changed.Flag.Name != "Colour" {
		t.Fatal(err, body)
	}
	expect("put", answer, 200, changed.Etag)
	answer, _ = do("GET", url, "", "If-None-Match", doc.Etag)
	expect("get a changed one", answer, 200, changed.Etag)

	for _, c := range []struct {
		header, value string
		status        int
		code          int
	}{{"If-Match", doc.Etag, 412, 9}, {"If-None-Match", "*", 409, 6}} {
		answer, body = do("PUT", url, text, c.header, c.value)
		expect(c.header, answer, c.status, "")
		prefix := fmt.Sprintf(`{"code":%d,"message":"flag \"acme/color\" `, c.code)
		if !strings.HasPrefix(body, prefix) || !strings.Contains(body, `"details":[{"@type":"type.googleapis.com/burgee.v1.Document",`) || !strings.Contains(body, `"name":"Colour"`) {
			t.Errorf("%s: %s", c.header, body)
		}
	}
	answer, body = do("PUT", url, `{"flag":{"name":""}}`)
	want := `{"code":3,"message":"invalid field document.flag.name: must not be empty","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest",` +
		`"fieldViolations":[{"field":"document.flag.name","description":"must not be empty",`
	if expect("put of nothing", answer, 400, ""); !strings.HasPrefix(body, want) {
		t.Errorf("got %s, want %s", body, want)
	}
	archive := strings.TrimSuffix(url, "document") + "archive"
	answer, _ = do("POST", archive, "", "If-Match", doc.Etag)
	expect("archive", answer, 412, "")
	answer, body = do("POST", archive, `{}`, "If-Match", changed.Etag)
	if answer.StatusCode != 200 || !strings.Contains(body, `"archivedAt":"20`) {
		t.Errorf("archive: %d %s", answer.StatusCode, body)
	}
	answer, body = do("PUT", srv.httpURL+"/api/v1/namespaces/acme/flags/color", `{"name":""}`)
	if want := `{"code":3,"message":"invalid field name: must not be empty","details":[]}`; answer.StatusCode != 400 || body != want {
		t.Errorf("a request of the contract: %d %s, want %s", answer.StatusCode, body, want)
	}
}
