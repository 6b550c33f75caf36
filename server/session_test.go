package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
)

// session is the clients of one protocol with a server of their own.
type session struct {
	clients
	srv *running
}

// everyProtocol runs a test over every protocol, each time on a new server.
func everyProtocol(t *testing.T, test func(*testing.T, session)) {
	t.Helper()
	everyOneOf(t, protocols, test)
}

func everyOneOf(t *testing.T, protocols []protocol, test func(*testing.T, session)) {
	t.Helper()
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			test(t, session{p.over(srv), srv})
		})
	}
}

// call is an rpc with its request, for the clients of any protocol.
type call func(context.Context, clients) error

type (
	rpc     = fliptconnect.FliptClient
	evalRPC = evaluationconnect.EvaluationServiceClient
)

// to makes a call of a method of flipt.Flipt.
func to[Q, R any](method func(rpc, context.Context, Q) (R, error), request Q) call {
	return func(ctx context.Context, c clients) error {
		_, err := method(c.flipt, ctx, request)
		return err
	}
}

// toEval makes a call of a method of flipt.evaluation.EvaluationService.
func toEval[Q, R any](method func(evalRPC, context.Context, Q) (R, error), request Q) call {
	return func(ctx context.Context, c clients) error {
		_, err := method(c.evaluation, ctx, request)
		return err
	}
}

// refusal is a call with the code and text of its error, such as `not_found: flag "default/x" not found`.
type refusal struct {
	call call
	want string
}

// refuse wants the error of each call, and no revision. What REST has no path for is left out there.
func (s session) refuse(t *testing.T, refusals ...refusal) {
	t.Helper()
	before := s.srv.Position()
	for i, r := range refusals {
		err := r.call(t.Context(), s.clients)
		if s.name == "REST" && errors.Is(err, errUnsayable) {
			continue
		}
		want := r.want
		if s.name == "gRPC-Web" {
			want = strings.TrimRight(want, " ") // its texts travel as the values of headers
		}
		if err == nil || err.Error() != want {
			t.Errorf("refusal %d:\n got %v\nwant %s", i, err, want)
		}
	}
	if after := s.srv.Position(); after != before {
		t.Errorf("refused calls moved the revision from %v to %v", before, after)
	}
}

// revisions wants each call to succeed and to make n revisions.
func (s session) revisions(t *testing.T, n uint64, calls ...call) {
	t.Helper()
	for i, call := range calls {
		before := s.srv.Position().Revision
		if err := call(t.Context(), s.clients); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		if made := s.srv.Position().Revision - before; made != n {
			t.Errorf("call %d made %d revisions, want %d", i, made, n)
		}
	}
}

// ok returns a function that returns the answer of a call, which must have one.
func ok[R any](answer R, err error) func(testing.TB) R {
	return func(t testing.TB) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// equal compares messages.
func equal[M proto.Message](t *testing.T, what string, got, want M) {
	t.Helper()
	if !proto.Equal(got, want) {
		text := prototext.MarshalOptions{Multiline: true}
		t.Errorf("%s:\n got %s\nwant %s", what, text.Format(got), text.Format(want))
	}
}

// checkTimes wants a time of creation of a moment ago in microseconds, and a time of change that is not before it.
func checkTimes(t *testing.T, created, updated *timestamppb.Timestamp) {
	t.Helper()
	if age := time.Since(created.AsTime()); age < -time.Second || age > time.Minute || created.GetNanos()%1000 != 0 {
		t.Errorf("created at %v", created.AsTime())
	}
	if updated.AsTime().Before(created.AsTime()) {
		t.Errorf("created at %v, updated before, at %v", created.AsTime(), updated.AsTime())
	}
}

// with returns a context that sends headers.
func with(ctx context.Context, nameValues ...string) context.Context {
	ctx, _ = received(ctx, nameValues...)
	return ctx
}

// received returns a context that sends headers, and what returns those of the answer after the call.
func received(ctx context.Context, nameValues ...string) (context.Context, func() http.Header) {
	ctx, call := connect.NewClientContext(ctx)
	for i := 0; i < len(nameValues); i += 2 {
		call.RequestHeader().Set(nameValues[i], nameValues[i+1])
	}
	return ctx, call.ResponseHeader
}

const (
	attachment        = `{"hex": "#f00",  "n": [1, 2.50]}`
	compactAttachment = `{"hex":"#f00","n":[1,2.50]}`
)

// shop names the parts of what open adds.
type shop struct {
	red, blue         string // ids of the variants of flag color
	half, rest        string // ids of the distributions of its rule
	rule              string
	segment, fraction string // ids of the rollouts of flag beta
	gold              string // id of the constraint of segment vip
}

// open adds a namespace acme with a variant flag color, a boolean flag beta, and segments vip and de.
func (s session) open(t testing.TB) shop {
	t.Helper()
	ctx, c := t.Context(), s.flipt
	const acme = "acme"
	ok(c.CreateNamespace(ctx, &flipt.CreateNamespaceRequest{Key: acme, Name: "Acme"}))(t)
	ok(c.CreateFlag(ctx, &flipt.CreateFlagRequest{NamespaceKey: acme, Key: "color", Name: "Color", Enabled: true}))(t)
	ok(c.CreateFlag(ctx, &flipt.CreateFlagRequest{NamespaceKey: acme, Key: "beta", Name: "Beta", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}))(t)
	red := ok(c.CreateVariant(ctx, &flipt.CreateVariantRequest{NamespaceKey: acme, FlagKey: "color", Key: "red", Attachment: attachment}))(t)
	blue := ok(c.CreateVariant(ctx, &flipt.CreateVariantRequest{NamespaceKey: acme, FlagKey: "color", Key: "blue"}))(t)
	ok(c.CreateSegment(ctx, &flipt.CreateSegmentRequest{NamespaceKey: acme, Key: "vip", Name: "VIP"}))(t)
	ok(c.CreateSegment(ctx, &flipt.CreateSegmentRequest{NamespaceKey: acme, Key: "de", Name: "Germany"}))(t)
	gold := ok(c.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
		NamespaceKey: acme, SegmentKey: "vip", Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "tier", Operator: "eq", Value: "gold",
	}))(t)
	ok(c.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
		NamespaceKey: acme, SegmentKey: "de", Type: flipt.ComparisonType_STRING_COMPARISON_TYPE, Property: "country", Operator: "eq", Value: "DE",
	}))(t)
	rule := ok(c.CreateRule(ctx, &flipt.CreateRuleRequest{NamespaceKey: acme, FlagKey: "color", SegmentKey: "vip", Rank: 1}))(t)
	distribution := func(variant *flipt.Variant) string {
		return ok(c.CreateDistribution(ctx, &flipt.CreateDistributionRequest{
			NamespaceKey: acme, FlagKey: "color", RuleId: rule.Id, VariantId: variant.Id, Rollout: 50,
		}))(t).Id
	}
	opened := shop{red: red.Id, blue: blue.Id, half: distribution(red), rest: distribution(blue), rule: rule.Id, gold: gold.Id}
	opened.segment = ok(c.CreateRollout(ctx, &flipt.CreateRolloutRequest{NamespaceKey: acme, FlagKey: "beta", Rank: 1,
		Rule: &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{SegmentKey: "vip", Value: true}}}))(t).Id
	opened.fraction = ok(c.CreateRollout(ctx, &flipt.CreateRolloutRequest{NamespaceKey: acme, FlagKey: "beta", Rank: 2,
		Rule: &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 25.5, Value: true}}}))(t).Id
	return opened
}

func notFound(format string, args ...any) string { return fmt.Sprintf("not_found: "+format, args...) }

func invalid(format string, args ...any) string {
	return fmt.Sprintf("invalid_argument: "+format, args...)
}

// compact takes the blanks out of JSON; other text stays as it is.
func compact(text []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}
