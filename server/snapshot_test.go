package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

const (
	snapshotPath  = "/internal/v1/evaluation/snapshot/namespace/"
	versionHeader = "X-Flipt-Accept-Server-Version"
)

// snapshotOf returns the snapshot of a namespace and its ETag, as metadata or over REST as a header.
func (s session) snapshotOf(t *testing.T, namespace, version string) (*evaluation.EvaluationNamespaceSnapshot, string) {
	t.Helper()
	ctx, header := received(t.Context(), versionHeader, version)
	snapshot := ok(s.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: namespace, Reference: "ignored"}))(t)
	if s.name == "REST" {
		return snapshot, header().Get("Etag")
	}
	return snapshot, header().Get("X-Etag")
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{
			NamespaceKey: "acme", Key: "color", Name: "Color", Description: "d", Enabled: true, DefaultVariantId: made.red,
			Metadata: object(t, map[string]any{"not": "shown"}),
		}))
		both := ok(s.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
			NamespaceKey: "acme", FlagKey: "color", Rank: 5, SegmentKeys: []string{"de", "vip"}, SegmentOperator: and,
		}))(t)
		// Rules of boolean flags and rollouts of variant flags are not shown.
		s.revisions(t, 1,
			to(rpc.CreateDistribution, &flipt.CreateDistributionRequest{NamespaceKey: "acme", FlagKey: "color", RuleId: both.Id, VariantId: made.blue, Rollout: 100}),
			to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "beta", Rank: 1, SegmentKey: "vip"}),
			to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "color", Rank: 1, Rule: byThreshold(1)}))
		got, tag := s.snapshotOf(t, "acme", "1.47.0")
		if len(tag) != 40 || strings.Trim(tag, "0123456789abcdef") != "" {
			t.Errorf("ETag %q, want 40 hexadecimal digits", tag)
		}
		color := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		beta := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "beta"}))(t)
		german := ok(s.flipt.GetSegment(ctx, &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "de"}))(t)
		equal(t, "snapshot", got, wantSnapshot(made, both.Id, color, beta, german.Constraints[0].Id))
	})
}

// wantSnapshot is the snapshot of TestSnapshot.
func wantSnapshot(made shop, both string, color, beta *flipt.Flag, german string) *evaluation.EvaluationNamespaceSnapshot {
	constraint := func(id, property, value string) []*evaluation.EvaluationConstraint {
		return []*evaluation.EvaluationConstraint{{
			Id: id, Type: evaluation.EvaluationConstraintComparisonType_STRING_CONSTRAINT_COMPARISON_TYPE, Property: property, Operator: "eq", Value: value,
		}}
	}
	vip := &evaluation.EvaluationSegment{Key: "vip", Constraints: constraint(made.gold, "tier", "gold")}
	de := &evaluation.EvaluationSegment{Key: "de", Constraints: constraint(german, "country", "DE")}
	red := &evaluation.EvaluationDistribution{VariantId: made.red, VariantKey: "red", VariantAttachment: compactAttachment, Rollout: 50}
	return &evaluation.EvaluationNamespaceSnapshot{
		Namespace: &evaluation.EvaluationNamespace{Key: "acme"},
		Flags: []*evaluation.EvaluationFlag{{
			Key: "color", Name: "Color", Description: "d", Enabled: true, CreatedAt: color.CreatedAt, UpdatedAt: color.UpdatedAt,
			DefaultVariant: &evaluation.EvaluationVariant{Id: made.red, Key: "red", Attachment: attachment},
			Rules: []*evaluation.EvaluationRule{
				{Id: made.rule, Rank: 1, Segments: []*evaluation.EvaluationSegment{vip}, Distributions: []*evaluation.EvaluationDistribution{
					red, {VariantId: made.blue, VariantKey: "blue", Rollout: 50},
				}},
				// Once, with each distribution once.
				{Id: both, Rank: 5, SegmentOperator: evaluation.EvaluationSegmentOperator_AND_SEGMENT_OPERATOR,
					Segments:      []*evaluation.EvaluationSegment{de, vip},
					Distributions: []*evaluation.EvaluationDistribution{{VariantId: made.blue, VariantKey: "blue", Rollout: 100}}},
			},
		}, {
			Key: "beta", Name: "Beta", Type: evaluation.EvaluationFlagType_BOOLEAN_FLAG_TYPE, CreatedAt: beta.CreatedAt, UpdatedAt: beta.UpdatedAt,
			Rollouts: []*evaluation.EvaluationRollout{
				{Type: evaluation.EvaluationRolloutType_SEGMENT_ROLLOUT_TYPE, Rank: 1, Rule: &evaluation.EvaluationRollout_Segment{
					Segment: &evaluation.EvaluationRolloutSegment{Value: true, Segments: []*evaluation.EvaluationSegment{vip}},
				}},
				{Type: evaluation.EvaluationRolloutType_THRESHOLD_ROLLOUT_TYPE, Rank: 2, Rule: &evaluation.EvaluationRollout_Threshold{
					Threshold: &evaluation.EvaluationRolloutThreshold{Percentage: 25.5, Value: true},
				}},
			},
		}},
	}
}

func TestSnapshotVersions(t *testing.T) {
	t.Parallel()
	cases := []struct {
		version                 string
		entity, defaultVariants bool // what the client understands
	}{
		{"", false, false}, {"nonsense", false, false}, {"1.2.3.4", false, false}, {"-1.47", false, false}, {"1.37.9", false, false}, {"1.38.0-rc1", false, false},
		{"0.99.0", false, false}, {"1", false, false},
		{"1.38.0", true, false}, {"v1.38", true, false}, {"1.46.9", true, false}, {"1.47.0-beta", true, false},
		{"1.47.0", true, true}, {"v1.47", true, true}, {"1.47.0+build", true, true}, {"1.100.0", true, true}, {"2.0.0", true, true}, {"2", true, true}, {" v1.61.1 ", true, true},
	}
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		s.revisions(t, 1,
			to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", DefaultVariantId: made.red}),
			to(rpc.CreateConstraint, &flipt.CreateConstraintRequest{
				NamespaceKey: "acme", SegmentKey: "vip", Type: entityType, Property: "entityId", Operator: "eq", Value: "u1",
			}))
		tags := map[string]int{}
		for _, c := range cases {
			got, tag := s.snapshotOf(t, "acme", c.version)
			tags[tag]++
			kind := got.Flags[0].Rules[0].Segments[0].Constraints[1].Type
			entity := kind == evaluation.EvaluationConstraintComparisonType_ENTITY_ID_CONSTRAINT_COMPARISON_TYPE
			if !entity && kind != evaluation.EvaluationConstraintComparisonType_UNKNOWN_CONSTRAINT_COMPARISON_TYPE {
				t.Errorf("version %q: type %v", c.version, kind)
			}
			if fallback := got.Flags[0].DefaultVariant != nil; entity != c.entity || fallback != c.defaultVariants {
				t.Errorf("version %q: entity id %v, default variant %v; want %v, %v", c.version, entity, fallback, c.entity, c.defaultVariants)
			}
		}
		// A client that learns a new version must not be told that nothing has changed.
		if len(tags) != 3 {
			t.Errorf("ETags %v, want one for each class of clients", tags)
		}
	})
}

// TestSnapshotNotModified is about the protocols of rpc; for REST see TestSnapshotOverREST.
func TestSnapshotNotModified(t *testing.T) {
	t.Parallel()
	everyOneOf(t, protocols[:len(protocols)-1], func(t *testing.T, s session) {
		s.open(t)
		_, tag := s.snapshotOf(t, "acme", "")
		ctx, header := received(t.Context(), "Grpcgateway-If-None-Match", tag)
		got := ok(s.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: "acme"}))(t)
		if code := header().Get("X-Http-Code"); code != "304" || header().Get("X-Etag") != tag {
			t.Errorf("code %q, tag %q, want 304 and %q", code, header().Get("X-Etag"), tag)
		}
		equal(t, "snapshot", got, new(evaluation.EvaluationNamespaceSnapshot))
		for _, other := range []string{`"` + tag + `"`, "W/" + tag, tag[1:], "*", ""} {
			ctx, header = received(t.Context(), "Grpcgateway-If-None-Match", other)
			got = ok(s.data.EvaluationSnapshotNamespace(ctx, &evaluation.EvaluationNamespaceSnapshotRequest{Key: "acme"}))(t)
			if header().Get("X-Http-Code") != "" || len(got.Flags) != 2 {
				t.Errorf("with tag %q: code %q, %d flags", other, header().Get("X-Http-Code"), len(got.Flags))
			}
		}
	})
}

func TestSnapshotOverREST(t *testing.T) {
	t.Parallel()
	s := session{srv: start(t)}
	s.clients = s.srv.overREST()
	s.open(t)
	get := func(path string, nameValues ...string) (*http.Response, []byte) {
		t.Helper()
		r := ok(http.NewRequestWithContext(t.Context(), http.MethodGet, s.srv.httpURL+path, nil))(t)
		for i := 0; i < len(nameValues); i += 2 {
			r.Header[nameValues[i]] = []string{nameValues[i+1]}
		}
		return s.srv.do(t, r)
	}
	first, body := get(snapshotPath + "acme")
	tag := first.Header["Etag"]
	if first.StatusCode != http.StatusOK || len(tag) != 1 || len(tag[0]) != 40 || !json.Valid(body) {
		t.Fatalf("%d with tag %q: %s", first.StatusCode, tag, body)
	}
	var read evaluation.EvaluationNamespaceSnapshot
	if err := protojson.Unmarshal(body, &read); err != nil || len(read.Flags) != 2 {
		t.Errorf("%s: %v", body, err)
	}
	for _, member := range []string{`"name":""`, `"description":""`, `"id":""`, `"ruleId":""`, `"rollouts":[]`, `"rules":[]`} {
		if !strings.Contains(strings.ReplaceAll(string(body), `": `, `":`), member) {
			t.Errorf("%s is not sent: %s", member, body)
		}
	}
	same, body := get(snapshotPath+"acme/", "If-None-Match", tag[0])
	if same.StatusCode != http.StatusNotModified || len(body) > 0 || same.Header.Get("Etag") != tag[0] || same.Header["Content-Type"] != nil {
		t.Errorf("the same: %d %v %s", same.StatusCode, same.Header, body)
	}
	for _, other := range []string{`"` + tag[0] + `"`, "W/" + tag[0], tag[0] + ", x", "*"} {
		if got, _ := get(snapshotPath+"acme", "If-None-Match", other); got.StatusCode != http.StatusOK {
			t.Errorf("with tag %q: %d", other, got.StatusCode)
		}
	}
	unknown, body := get(snapshotPath + "nope")
	if got := strings.ReplaceAll(string(body), " ", ""); unknown.StatusCode != http.StatusOK || unknown.Header["Etag"] != nil ||
		got != `{"namespace":{"key":"nope"},"flags":[]}` {
		t.Errorf("an unknown namespace: %d %v %s", unknown.StatusCode, unknown.Header["Etag"], body)
	}
	if got, _ := get(snapshotPath); got.StatusCode != http.StatusNotFound {
		t.Errorf("no namespace: %d", got.StatusCode)
	}
	// A new server has a tag for its default namespace.
	if got, _ := get(snapshotPath + "default"); len(got.Header.Get("Etag")) != 40 {
		t.Errorf("the default namespace: %v", got.Header)
	}
}

// TestSnapshotETag shows that the tag of a namespace changes with every kind of write in it and with nothing else.
func TestSnapshotETag(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		s.revisions(t, 1, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "side", Name: "Side"}))
		seen := map[string]bool{}
		_, last := s.snapshotOf(t, "acme", "")
		_, other := s.snapshotOf(t, "default", "")
		for i, c := range writes(t, made) {
			if err := c.call(t.Context(), s.clients); (err != nil) != c.fails {
				t.Fatalf("write %d: %v", i, err)
			}
			_, tag := s.snapshotOf(t, "acme", "")
			if changed := tag != last; changed != c.changes || changed && seen[tag] {
				t.Errorf("write %d: tag %s after %s, want a new one: %v", i, tag, last, c.changes)
			}
			seen[tag], last = true, tag
		}
		if _, tag := s.snapshotOf(t, "default", ""); tag != other {
			t.Error("writes to one namespace have changed the tag of another")
		}
		s.revisions(t, 1,
			to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "acme", Force: true}),
			to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "acme", Name: "Acme"}))
		if _, tag := s.snapshotOf(t, "acme", ""); seen[tag] {
			t.Error("a new namespace has a tag of the one that was deleted")
		}
	})
}

// write is a call to namespace acme.
type write struct {
	call           call
	changes, fails bool
}

// writes are calls of every rpc that writes, and some that do not.
func writes(t *testing.T, made shop) []write {
	const acme = "acme"
	changes := func(c call) write { return write{call: c, changes: true} }
	update := func(name string) call {
		return to(rpc.UpdateNamespace, &flipt.UpdateNamespaceRequest{Key: acme, Name: name})
	}
	return []write{
		changes(update("Other")),
		changes(to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: acme, Key: "new", Name: "New"})),
		{call: to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: acme, Key: "new", Name: "New"}), fails: true},
		changes(to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: acme, Key: "new", Name: "Newer"})),
		changes(to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: acme, Key: "new"})),
		{call: to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: acme, Key: "new"})},
		changes(to(rpc.CreateVariant, &flipt.CreateVariantRequest{NamespaceKey: acme, FlagKey: "color", Key: "green"})),
		{call: to(rpc.CreateVariant, &flipt.CreateVariantRequest{NamespaceKey: acme, FlagKey: "color", Key: "green"}), fails: true},
		changes(to(rpc.UpdateVariant, &flipt.UpdateVariantRequest{NamespaceKey: acme, FlagKey: "color", Id: made.red, Key: "crimson"})),
		changes(to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: acme, Key: "new", Name: "New"})),
		changes(to(rpc.UpdateSegment, &flipt.UpdateSegmentRequest{NamespaceKey: acme, Key: "new", Name: "Newer"})),
		changes(to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: acme, Key: "new"})),
		changes(to(rpc.CreateConstraint, &flipt.CreateConstraintRequest{
			NamespaceKey: acme, SegmentKey: "vip", Type: numberType, Property: "n", Operator: "present",
		})),
		changes(to(rpc.UpdateConstraint, &flipt.UpdateConstraintRequest{
			NamespaceKey: acme, SegmentKey: "vip", Id: made.gold, Type: numberType, Property: "n", Operator: "present",
		})),
		changes(to(rpc.DeleteConstraint, &flipt.DeleteConstraintRequest{NamespaceKey: acme, SegmentKey: "vip", Id: made.gold})),
		changes(to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: acme, FlagKey: "color", SegmentKey: "de", Rank: 2})),
		changes(to(rpc.UpdateRule, &flipt.UpdateRuleRequest{NamespaceKey: acme, FlagKey: "color", Id: made.rule, SegmentKey: "de"})),
		changes(to(rpc.OrderRules, &flipt.OrderRulesRequest{NamespaceKey: acme, FlagKey: "color", RuleIds: []string{"zzz", made.rule}})),
		changes(to(rpc.UpdateDistribution, &flipt.UpdateDistributionRequest{
			NamespaceKey: acme, FlagKey: "color", RuleId: made.rule, Id: made.half, VariantId: made.red, Rollout: 40,
		})),
		changes(to(rpc.CreateDistribution, &flipt.CreateDistributionRequest{
			NamespaceKey: acme, FlagKey: "color", RuleId: made.rule, VariantId: made.red, Rollout: 1,
		})),
		changes(to(rpc.DeleteDistribution, &flipt.DeleteDistributionRequest{
			NamespaceKey: acme, FlagKey: "color", RuleId: made.rule, Id: made.half, VariantId: made.red,
		})),
		changes(to(rpc.DeleteRule, &flipt.DeleteRuleRequest{NamespaceKey: acme, FlagKey: "color", Id: made.rule})),
		changes(to(rpc.DeleteVariant, &flipt.DeleteVariantRequest{NamespaceKey: acme, FlagKey: "color", Id: made.red})),
		changes(to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: acme, FlagKey: "beta", Rank: 3, Rule: byThreshold(1)})),
		changes(to(rpc.UpdateRollout, &flipt.UpdateRolloutRequest{
			NamespaceKey: acme, FlagKey: "beta", Id: made.fraction, Description: "d", Rule: &flipt.UpdateRolloutRequest_Threshold{Threshold: byThreshold(2).Threshold},
		})),
		changes(to(rpc.OrderRollouts, &flipt.OrderRolloutsRequest{NamespaceKey: acme, FlagKey: "beta", RolloutIds: []string{made.fraction, made.segment}})),
		changes(to(rpc.DeleteRollout, &flipt.DeleteRolloutRequest{NamespaceKey: acme, FlagKey: "beta", Id: made.segment})),
		{call: toEval(evalRPC.Variant, about("color", "u1"))},
		{call: func(ctx context.Context, c clients) error {
			_, err := c.flipt.ListFlags(ctx, &flipt.ListFlagRequest{NamespaceKey: acme})
			return err
		}},
		{call: to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "side", Key: "elsewhere", Name: "x"})},
		{call: to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "side", Key: "elsewhere"})},
	}
}
