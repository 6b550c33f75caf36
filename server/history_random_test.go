package server_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// editor makes random edits through the rpcs of a server, each over any of several protocols.
type editor struct {
	*rand.Rand
	srv   *running
	doors []clients
}

func newEditor(srv *running, seed uint64) *editor {
	e := &editor{Rand: rand.New(rand.NewPCG(seed, 0)), srv: srv}
	e.sit(srv)
	return e
}

// sit takes the editor to another server.
func (e *editor) sit(srv *running) {
	e.srv, e.doors = srv, []clients{srv.overGRPC(), newClients("Connect", srv.overH2(), srv.grpcURL), srv.overREST()}
}

func (e *editor) clients() clients { return e.doors[e.IntN(len(e.doors))] }

func (e *editor) key(prefix string, n int) string { return prefix + strconv.Itoa(e.IntN(n)) }

func (e *editor) namespace() string { return []string{"default", "one", "two"}[e.IntN(3)] }

// edit makes one revision. Most edits that cannot be carried out are refused or change nothing; then it tries another.
func (e *editor) edit(t *testing.T) {
	t.Helper()
	before := e.srv.Position().Revision
	for range 1000 {
		_ = e.try(context.Background(), e.clients()) // a refusal is as good as any other
		switch e.srv.Position().Revision {
		case before:
		case before + 1:
			return
		default:
			t.Fatalf("one edit made %d revisions", e.srv.Position().Revision-before)
		}
	}
	t.Fatal("no edit is accepted any more")
}

// try tries one edit of any kind.
func (e *editor) try(ctx context.Context, c clients) error {
	namespace, flag, segment := e.namespace(), e.key("flag-", 6), e.key("segment-", 4)
	name := e.key("Name ", 1000)
	switch e.IntN(20) {
	case 0:
		return e.editNamespace(ctx, c, namespace, name)
	case 1, 2:
		kind := flipt.FlagType(e.IntN(2))
		_, err := c.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{NamespaceKey: namespace, Key: flag, Name: name, Type: kind, Enabled: e.IntN(4) > 0})
		return err
	case 3:
		return e.importSome(ctx, c, namespace, name)
	case 4:
		return e.archive(ctx, c, namespace, flag)
	case 5, 6:
		return e.editSegment(ctx, c, namespace, segment, name)
	case 7, 8:
		return e.editConstraint(ctx, c, namespace, segment)
	case 9, 10:
		return e.editVariant(ctx, c, namespace, flag)
	case 11, 12, 13, 14:
		return e.editRule(ctx, c, namespace, flag)
	case 15, 16, 17:
		return e.editRollout(ctx, c, namespace, flag)
	default:
		return e.editFlag(ctx, c, namespace, flag, name)
	}
}

func (e *editor) editNamespace(ctx context.Context, c clients, namespace, name string) (err error) {
	switch e.IntN(4) {
	case 0:
		_, err = c.flipt.UpdateNamespace(ctx, &flipt.UpdateNamespaceRequest{Key: namespace, Name: name})
	case 1:
		force := e.IntN(4) == 0 && namespace != "default"
		_, err = c.flipt.DeleteNamespace(ctx, &flipt.DeleteNamespaceRequest{Key: namespace, Force: force})
	default:
		_, err = c.flipt.CreateNamespace(ctx, &flipt.CreateNamespaceRequest{Key: namespace, Name: name})
	}
	return err
}

func (e *editor) editFlag(ctx context.Context, c clients, namespace, key, name string) error {
	if e.IntN(8) == 0 {
		_, err := c.flipt.DeleteFlag(ctx, &flipt.DeleteFlagRequest{NamespaceKey: namespace, Key: key})
		return err
	}
	flag, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: namespace, Key: key})
	if err != nil {
		return err
	}
	fallback := ""
	if n := len(flag.Variants); n > 0 && e.IntN(3) > 0 {
		fallback = flag.Variants[e.IntN(n)].Id
	}
	_, err = c.flipt.UpdateFlag(ctx, &flipt.UpdateFlagRequest{
		NamespaceKey: namespace, Key: key, Name: name, Enabled: e.IntN(4) > 0, DefaultVariantId: fallback,
	})
	return err
}

func (e *editor) archive(ctx context.Context, c clients, namespace, flag string) (err error) {
	if e.IntN(2) == 0 {
		_, err = c.documents.ArchiveFlag(ctx, &burgeev1.ArchiveFlagRequest{NamespaceKey: namespace, Key: flag})
	} else {
		_, err = c.documents.UnarchiveFlag(ctx, &burgeev1.UnarchiveFlagRequest{NamespaceKey: namespace, Key: flag})
	}
	return err
}

// importSome imports a file that changes several documents, and now and then one that replaces everything.
func (e *editor) importSome(ctx context.Context, c clients, namespace, name string) error {
	file := fmt.Sprintf(`namespace: %s
flags:
- key: %s
  name: %s
  enabled: true
  variants: [{key: a, default: true}, {key: b, attachment: %d}]
  rules:
  - segment: segment-0
    distributions: [{variant: a, rollout: %d}, {variant: b, rollout: %[5]d}]
segments:
- {key: segment-0, name: %[3]s, match_type: ANY_MATCH_TYPE, constraints: [{type: STRING_COMPARISON_TYPE, property: p0, operator: eq, value: v%[4]d}]}
`, namespace, e.key("flag-", 6), name, e.IntN(4), 10*e.IntN(6))
	request := &burgeev1.ImportRequest{File: yamlFile([]byte(file)), Overwrite: true}
	if e.IntN(20) == 0 {
		request.Drop, request.Overwrite = true, false
	}
	_, err := c.features.Import(ctx, request)
	return err
}

func (e *editor) editSegment(ctx context.Context, c clients, namespace, key, name string) (err error) {
	match := flipt.MatchType(e.IntN(2))
	switch e.IntN(4) {
	case 0:
		_, err = c.flipt.UpdateSegment(ctx, &flipt.UpdateSegmentRequest{NamespaceKey: namespace, Key: key, Name: name, MatchType: match})
	case 1:
		_, err = c.flipt.DeleteSegment(ctx, &flipt.DeleteSegmentRequest{NamespaceKey: namespace, Key: key})
	default:
		_, err = c.flipt.CreateSegment(ctx, &flipt.CreateSegmentRequest{NamespaceKey: namespace, Key: key, Name: name, MatchType: match})
	}
	return err
}

func (e *editor) editConstraint(ctx context.Context, c clients, namespace, key string) error {
	segment, err := c.flipt.GetSegment(ctx, &flipt.GetSegmentRequest{NamespaceKey: namespace, Key: key})
	if err != nil {
		return err
	}
	const text = flipt.ComparisonType_STRING_COMPARISON_TYPE
	property, operator, value := e.key("p", 2), []string{"eq", "neq"}[e.IntN(2)], e.key("v", 3)
	if n := len(segment.Constraints); n > 0 {
		id := segment.Constraints[e.IntN(n)].Id
		switch e.IntN(3) {
		case 0:
			_, err = c.flipt.UpdateConstraint(ctx, &flipt.UpdateConstraintRequest{
				NamespaceKey: namespace, SegmentKey: key, Id: id, Type: text, Property: property, Operator: operator, Value: value,
			})
			return err
		case 1:
			_, err = c.flipt.DeleteConstraint(ctx, &flipt.DeleteConstraintRequest{NamespaceKey: namespace, SegmentKey: key, Id: id})
			return err
		}
	}
	_, err = c.flipt.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
		NamespaceKey: namespace, SegmentKey: key, Type: text, Property: property, Operator: operator, Value: value,
	})
	return err
}

func (e *editor) editVariant(ctx context.Context, c clients, namespace, key string) error {
	flag, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: namespace, Key: key})
	if err != nil {
		return err
	}
	variant := e.key("variant-", 4)
	if n := len(flag.Variants); n > 0 {
		id := flag.Variants[e.IntN(n)].Id
		switch e.IntN(4) {
		case 0:
			_, err = c.flipt.UpdateVariant(ctx, &flipt.UpdateVariantRequest{
				NamespaceKey: namespace, FlagKey: key, Id: id, Key: variant, Attachment: strconv.Itoa(e.IntN(5)),
			})
			return err
		case 1:
			_, err = c.flipt.DeleteVariant(ctx, &flipt.DeleteVariantRequest{NamespaceKey: namespace, FlagKey: key, Id: id})
			return err
		}
	}
	_, err = c.flipt.CreateVariant(ctx, &flipt.CreateVariantRequest{NamespaceKey: namespace, FlagKey: key, Key: variant})
	return err
}

// segments returns one or two segments, of which there may be none.
func (e *editor) segments() []string {
	if e.IntN(3) == 0 {
		return []string{e.key("segment-", 4), e.key("segment-", 4)}
	}
	return []string{e.key("segment-", 4)}
}

func (e *editor) editRule(ctx context.Context, c clients, namespace, key string) error {
	list, err := c.flipt.ListRules(ctx, &flipt.ListRuleRequest{NamespaceKey: namespace, FlagKey: key})
	if err != nil {
		return err
	}
	operator := flipt.SegmentOperator(e.IntN(2))
	n := len(list.Rules)
	if n == 0 || n < 4 && e.IntN(3) == 0 {
		_, err = c.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
			NamespaceKey: namespace, FlagKey: key, SegmentKeys: e.segments(), SegmentOperator: operator, Rank: int32(n + 1),
		})
		return err
	}
	rule := list.Rules[e.IntN(n)]
	switch e.IntN(6) {
	case 0:
		_, err = c.flipt.UpdateRule(ctx, &flipt.UpdateRuleRequest{
			NamespaceKey: namespace, FlagKey: key, Id: rule.Id, SegmentKeys: e.segments(), SegmentOperator: operator,
		})
	case 1:
		_, err = c.flipt.DeleteRule(ctx, &flipt.DeleteRuleRequest{NamespaceKey: namespace, FlagKey: key, Id: rule.Id})
	case 2:
		ids := make([]string, n)
		for i, j := range e.Perm(n) {
			ids[i] = list.Rules[j].Id
		}
		_, err = c.flipt.OrderRules(ctx, &flipt.OrderRulesRequest{NamespaceKey: namespace, FlagKey: key, RuleIds: ids})
	default:
		err = e.editDistribution(ctx, c, namespace, key, rule)
	}
	return err
}

func (e *editor) editDistribution(ctx context.Context, c clients, namespace, key string, rule *flipt.Rule) error {
	percent := float32(10 * e.IntN(6))
	if n := len(rule.Distributions); n > 0 && e.IntN(3) > 0 {
		d := rule.Distributions[e.IntN(n)]
		if e.IntN(2) == 0 {
			_, err := c.flipt.DeleteDistribution(ctx, &flipt.DeleteDistributionRequest{
				NamespaceKey: namespace, FlagKey: key, RuleId: rule.Id, VariantId: d.VariantId, Id: d.Id,
			})
			return err
		}
		_, err := c.flipt.UpdateDistribution(ctx, &flipt.UpdateDistributionRequest{
			NamespaceKey: namespace, FlagKey: key, RuleId: rule.Id, VariantId: d.VariantId, Id: d.Id, Rollout: percent,
		})
		return err
	}
	flag, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: namespace, Key: key})
	if err != nil || len(flag.Variants) == 0 {
		return err
	}
	_, err = c.flipt.CreateDistribution(ctx, &flipt.CreateDistributionRequest{
		NamespaceKey: namespace, FlagKey: key, RuleId: rule.Id, VariantId: flag.Variants[e.IntN(len(flag.Variants))].Id, Rollout: percent,
	})
	return err
}

func (e *editor) editRollout(ctx context.Context, c clients, namespace, key string) error {
	list, err := c.flipt.ListRollouts(ctx, &flipt.ListRolloutRequest{NamespaceKey: namespace, FlagKey: key})
	if err != nil {
		return err
	}
	threshold := &flipt.RolloutThreshold{Percentage: float32(e.IntN(101)), Value: e.IntN(2) == 0}
	segment := &flipt.RolloutSegment{SegmentKeys: e.segments(), Value: e.IntN(2) == 0}
	n := len(list.Rules)
	if n == 0 || n < 4 && e.IntN(3) == 0 {
		r := &flipt.CreateRolloutRequest{NamespaceKey: namespace, FlagKey: key, Rank: int32(n + 1)}
		if e.IntN(2) == 0 {
			r.Rule = &flipt.CreateRolloutRequest_Segment{Segment: segment}
		} else {
			r.Rule = &flipt.CreateRolloutRequest_Threshold{Threshold: threshold}
		}
		_, err = c.flipt.CreateRollout(ctx, r)
		return err
	}
	rollout := list.Rules[e.IntN(n)]
	switch e.IntN(3) {
	case 0:
		r := &flipt.UpdateRolloutRequest{NamespaceKey: namespace, FlagKey: key, Id: rollout.Id}
		if rollout.GetSegment() != nil {
			r.Rule = &flipt.UpdateRolloutRequest_Segment{Segment: segment}
		} else {
			r.Rule = &flipt.UpdateRolloutRequest_Threshold{Threshold: threshold}
		}
		_, err = c.flipt.UpdateRollout(ctx, r)
	case 1:
		_, err = c.flipt.DeleteRollout(ctx, &flipt.DeleteRolloutRequest{NamespaceKey: namespace, FlagKey: key, Id: rollout.Id})
	default:
		ids := make([]string, n)
		for i, j := range e.Perm(n) {
			ids[i] = list.Rules[j].Id
		}
		_, err = c.flipt.OrderRollouts(ctx, &flipt.OrderRolloutsRequest{NamespaceKey: namespace, FlagKey: key, RolloutIds: ids})
	}
	return err
}

// contexts returns 100 evaluations to ask for again and again.
func (e *editor) contexts() []*evaluation.EvaluationRequest {
	list := make([]*evaluation.EvaluationRequest, 100)
	for i := range list {
		list[i] = &evaluation.EvaluationRequest{
			NamespaceKey: e.namespace(), FlagKey: e.key("flag-", 6), EntityId: e.key("entity-", 50),
			Context: map[string]string{"p0": e.key("v", 3), "p1": e.key("v", 3)},
		}
	}
	return list
}

// answers returns what the contexts are answered at a reference, without what differs from one request to the next.
func (e *editor) answers(t *testing.T, contexts []*evaluation.EvaluationRequest, reference string) [sha256.Size]byte {
	t.Helper()
	batch := ok(e.clients().evaluation.Batch(context.Background(), &evaluation.BatchEvaluationRequest{Requests: contexts, Reference: reference}))(t)
	hash := sha256.New()
	for _, item := range batch.Responses {
		if v := item.GetVariantResponse(); v != nil {
			v.Timestamp, v.RequestDurationMillis = nil, 0
		}
		if b := item.GetBooleanResponse(); b != nil {
			b.Timestamp, b.RequestDurationMillis = nil, 0
		}
		body := ok(proto.MarshalOptions{Deterministic: true}.Marshal(item))(t)
		fmt.Fprintf(hash, "%d %s", len(body), body)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// TestHistoryOfRandomEdits makes many edits, with restarts in between. Later each state of the past answers as it did when it was
// the present; and all edits are undone, at once and one by one, which gives back each state to the byte.
func TestHistoryOfRandomEdits(t *testing.T) {
	t.Parallel()
	const edits = 1000 / raceFactor
	var (
		seed     = uint64(time.Now().UnixNano())
		path     = filepath.Join(t.TempDir(), "burgee.db")
		e        *editor
		contexts []*evaluation.EvaluationRequest
		answers  [edits + 2][sha256.Size]byte // by revision
		bodies   [edits + 2]string            // a hash of all documents, by revision
	)
	t.Logf("seed %d", seed)
	record := func(t *testing.T) {
		revision := e.srv.Position().Revision
		answers[revision], bodies[revision] = e.answers(t, contexts, ""), ok(e.srv.Freeze()())(t)
	}
	// serve runs part of the test on a server of its own.
	serve := func(name string, part func(*testing.T)) {
		if t.Failed() {
			return
		}
		t.Run(name, func(t *testing.T) {
			srv := startAt(t, path)
			if e == nil {
				e = newEditor(srv, seed)
				contexts = e.contexts()
			}
			e.sit(srv)
			part(t)
		})
	}
	serve("edit", func(t *testing.T) {
		record(t)
		for e.srv.Position().Revision <= edits/2 {
			e.edit(t)
			record(t)
		}
	})
	serve("edit on", func(t *testing.T) {
		for e.srv.Position().Revision <= edits {
			e.edit(t)
			record(t)
		}
		if different := len(distinct(answers[1:])); different < edits/10 {
			t.Errorf("the answers after %d edits are of %d kinds only", edits, different)
		}
		if bodies[1] == bodies[edits+1] {
			t.Error("the edits changed nothing")
		}
	})
	serve("as of", func(t *testing.T) {
		for _, i := range e.Perm(edits + 1) {
			if e.answers(t, contexts, fmt.Sprintf("rev:%d", i+1)) != answers[i+1] {
				t.Errorf("the answers as of revision %d are not those of then", i+1)
			}
		}
		for i := 2; i <= edits+1; i += 1 + e.IntN(20) {
			compareWithRevision(t, e.clients(), uint64(i))
		}
	})
	serve("revert everything", func(t *testing.T) {
		for _, reference := range []int{1, edits + 1, 1 + e.IntN(edits), 1 + e.IntN(edits), edits + 1} {
			ok(e.clients().history.Revert(t.Context(), everything(fmt.Sprintf("rev:%d", reference))))(t)
			if ok(e.srv.Freeze()())(t) != bodies[reference] || e.answers(t, contexts, "") != answers[reference] {
				t.Errorf("everything brought back from revision %d is not what it was", reference)
			}
		}
	})
	serve("revert one by one", func(t *testing.T) {
		for revision := edits + 1; revision > 1; revision-- {
			if _, err := e.clients().history.Revert(t.Context(), one(uint64(revision))); err != nil {
				t.Fatalf("undo revision %d: %v", revision, err)
			}
			if ok(e.srv.Freeze()())(t) != bodies[revision-1] {
				t.Fatalf("undoing revision %d does not give back revision %d", revision, revision-1)
			}
		}
	})
	serve("after a restart", func(t *testing.T) {
		if ok(e.srv.Freeze()())(t) != bodies[1] || e.answers(t, contexts, "") != answers[1] {
			t.Error("what was reverted one by one is not the first state")
		}
	})
}

func distinct[K comparable](list []K) map[K]bool {
	set := make(map[K]bool)
	for _, item := range list {
		set[item] = true
	}
	return set
}

// compareWithRevision wants the difference of two states to be what the revision between them says that it changed.
func compareWithRevision(t *testing.T, c clients, revision uint64) {
	t.Helper()
	compared := ok(c.history.Compare(t.Context(), &burgeev1.CompareRequest{
		From: fmt.Sprintf("rev:%d", revision-1), To: fmt.Sprintf("rev:%d", revision),
	}))(t)
	var changed []*burgeev1.DocumentDifference
	for _, document := range ok(c.history.GetRevision(t.Context(), &burgeev1.GetRevisionRequest{Revision: revision}))(t).Documents {
		if d := document.Difference; len(d.Fields) > 0 || d.Action != burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED {
			changed = append(changed, d)
		}
	}
	if got, want := lines(compared.Differences), lines(changed); got != want {
		t.Errorf("compared with the state before, revision %d is\n%sbut says\n%s", revision, got, strings.TrimSpace(want))
	}
}
