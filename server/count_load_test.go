package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
)

// answered is what a client sees of an evaluation: every protocol names flag, answer and reason.
type answered struct {
	flag, value string
	reason      evaluation.EvaluationReason
}

// tallied is how often a client got each answer.
type tallied map[answered]uint64

func (a tallied) variant(flag string, r *evaluation.VariantEvaluationResponse) {
	a[answered{flag, r.VariantKey, r.Reason}]++
}

func (a tallied) boolean(flag string, r *evaluation.BooleanEvaluationResponse) {
	a[answered{flag, fmt.Sprint(r.Enabled), r.Reason}]++
}

func (a tallied) remote(r *ofrep.EvaluatedFlag) {
	a[answered{r.Key, r.Variant, map[ofrep.EvaluateReason]evaluation.EvaluationReason{
		ofrep.EvaluateReason_TARGETING_MATCH: matchReason, ofrep.EvaluateReason_DEFAULT: defaultReason,
		ofrep.EvaluateReason_DISABLED: disabledReason, ofrep.EvaluateReason_UNKNOWN: unknownReason,
	}[r.Reason]}]++
}

func (a tallied) total() (n uint64) {
	for _, one := range a {
		n += one
	}
	return n
}

// evaluateRound evaluates in every way, 58 or 57 times in all, and notes the answers.
func evaluateRound(t *testing.T, s session, a tallied) {
	ctx := with(t.Context(), namespaceHeader, "acme")
	tiers := []string{"gold", "silver"}
	request := func(flag string) *evaluation.EvaluationRequest {
		return about(flag, fmt.Sprint("user-", rand.IntN(1000)), "tier", tiers[rand.IntN(2)])
	}
	a.variant("color", ok(s.evaluation.Variant(ctx, request("color")))(t))
	a.boolean("beta", ok(s.evaluation.Boolean(ctx, request("beta")))(t))
	batch := new(evaluation.BatchEvaluationRequest)
	for i := range 50 {
		batch.Requests = append(batch.Requests, request([]string{"color", "beta"}[i%2]))
	}
	for i, item := range ok(s.evaluation.Batch(ctx, batch))(t).Responses {
		if i%2 == 0 {
			a.variant("color", item.GetVariantResponse())
		} else {
			a.boolean("beta", item.GetBooleanResponse())
		}
	}
	one := request("color")
	old := &flipt.EvaluationRequest{NamespaceKey: "acme", FlagKey: "color", EntityId: one.EntityId, Context: one.Context}
	legacy := append(ok(s.flipt.BatchEvaluate(ctx, &flipt.BatchEvaluationRequest{
		NamespaceKey: "acme", Requests: []*flipt.EvaluationRequest{old, old},
	}))(t).Responses, ok(s.flipt.Evaluate(ctx, old))(t))
	for _, r := range legacy {
		a[answered{"color", r.Value, evaluation.EvaluationReason(evaluation.EvaluationReason_value[r.Reason.String()])}]++
	}
	one.Context["targetingKey"] = one.EntityId
	a.remote(ok(s.ofrep.EvaluateFlag(ctx, &ofrep.EvaluateFlagRequest{Key: "beta", Context: one.Context}))(t))
	for _, flag := range ok(s.ofrep.EvaluateBulk(ctx, &ofrep.EvaluateBulkRequest{Context: one.Context}))(t).Flags {
		a.remote(flag)
	}
}

// TestCountsEqualWhatWasSent sends 100,000 evaluations from 16 clients over gRPC, Connect and REST, while the flags are edited and
// counts are written, stops the server, and adds up what is in the database.
func TestCountsEqualWhatWasSent(t *testing.T) {
	t.Parallel()
	const clients, evaluations = 16, 100_000 / raceFactor
	path, sent := filepath.Join(t.TempDir(), "burgee.db"), make(tallied)
	t.Run("serve", func(t *testing.T) { // the end of it stops the server
		srv := startCounting(t, path, nil)
		made := session{srv.overGRPC(), srv}.open(t)
		var running sync.WaitGroup
		results := make([]tallied, clients)
		for i := range clients {
			p := []protocol{protocols[0], protocols[2], protocols[5]}[i%3]
			s, a := session{p.over(srv), srv}, make(tallied)
			results[i] = a
			running.Go(func() {
				for a.total() < evaluations/clients {
					evaluateRound(t, s, a)
				}
			})
		}
		done := make(chan struct{})
		go func() {
			running.Wait()
			close(done)
		}()
		edits := 0
		for s := (session{srv.overGRPC(), srv}); ; edits++ {
			select {
			case <-done:
				if edits < 5 {
					t.Errorf("only %d edits were made meanwhile", edits)
				}
				for _, a := range results {
					for answer, n := range a {
						sent[answer] += n
					}
				}
				return
			default:
			}
			s.edit(t, edits, made)
			if edits%5 == 0 {
				s.write(t)
			}
		}
	})
	if t.Failed() {
		return
	}
	db := ok(store.Open(t.Context(), store.Settings{Path: path}, func(*eval.Snapshot, *store.State, []store.Change) (*eval.Snapshot, error) { return nil, nil }))(t)
	defer db.Close()
	for _, resolution := range []store.Resolution{store.Minute, store.Hour, store.Day} {
		kept := make(tallied)
		for _, flag := range []string{"color", "beta"} {
			query := store.CountQuery{Namespace: "acme", Flag: flag, Resolution: resolution, From: time.Now().AddDate(0, 0, -2), To: time.Now().AddDate(0, 0, 1)}
			for _, p := range ok(db.Counts(t.Context(), query))(t) {
				kept[answered{flag, p.Value, p.Reason}] += p.Evaluations
			}
		}
		if sent.total() < evaluations || !maps.Equal(sent, kept) {
			t.Errorf("by %v, of %d evaluations %d are kept:\nsent %v\nkept %v", time.Duration(resolution), sent.total(), kept.total(), sent, kept)
		}
	}
	t.Logf("%d evaluations with answers %v", sent.total(), sent)
}

// edit changes flag color or flag beta.
func (s session) edit(t *testing.T, number int, made shop) {
	t.Helper()
	variant, ctx := []string{made.red, made.blue, ""}[number%3], t.Context()
	switch number % 4 {
	case 0:
		ok(s.flipt.UpdateFlag(ctx, &flipt.UpdateFlagRequest{
			NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: number%8 > 0, DefaultVariantId: variant,
		}))(t)
	case 1:
		ok(s.flipt.UpdateFlag(ctx, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "beta", Name: "Beta", Enabled: number%8 > 4}))(t)
	case 2:
		ok(s.flipt.UpdateDistribution(ctx, &flipt.UpdateDistributionRequest{
			NamespaceKey: "acme", FlagKey: "color", Id: made.half, RuleId: made.rule, VariantId: made.red, Rollout: float32(20 + number%30),
		}))(t)
	case 3:
		ok(s.flipt.UpdateRule(ctx, &flipt.UpdateRuleRequest{
			NamespaceKey: "acme", FlagKey: "color", Id: made.rule, SegmentKey: strings.Fields("vip de")[number/4%2],
		}))(t)
	}
}

// BenchmarkVariantCounts evaluates a flag over gRPC, one call after the other, without counts and with them.
func BenchmarkVariantCounts(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprint("counts=", on), func(b *testing.B) {
			srv := startWith(b, server.Settings{Counts: on}, server.Doors{})
			session{srv.overGRPC(), srv}.open(b)
			conn := stranger(b, srv)
			request, answer := about("color", "user-3", "tier", "gold"), new(evaluation.VariantEvaluationResponse)
			b.ReportAllocs()
			for b.Loop() {
				if err := conn.Invoke(b.Context(), "/flipt.evaluation.EvaluationService/Variant", request, answer); err != nil || !answer.Match {
					b.Fatal(answer, err)
				}
			}
		})
	}
}
