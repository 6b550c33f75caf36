//go:build unix

package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
)

// counted is a server whose evaluations of one flag a test counts too.
type counted struct {
	*served
	evaluation evaluationconnect.EvaluationServiceClient
	counts     burgeev1connect.CountServiceClient
}

func serveCounting(t *testing.T, db string, more ...string) counted {
	t.Helper()
	s, client := serveOn(t, db, more...), h2c()
	t.Cleanup(client.CloseIdleConnections)
	return counted{s, evaluationconnect.NewEvaluationServiceClient(client, s.grpcURL, connect.WithGRPC()),
		burgeev1connect.NewCountServiceClient(client, s.grpcURL, connect.WithGRPC())}
}

// evaluate sends a batch of evaluations of flag f.
func (c counted) evaluate(ctx context.Context, n int) error {
	batch := new(evaluation.BatchEvaluationRequest)
	for range n {
		batch.Requests = append(batch.Requests, &evaluation.EvaluationRequest{FlagKey: "f", EntityId: "u"})
	}
	_, err := c.evaluation.Batch(ctx, batch)
	return err
}

// total returns how many evaluations of flag f are in the database.
func (c counted) total(t *testing.T) float64 {
	t.Helper()
	answer, err := c.counts.GetCounts(t.Context(), &burgeev1.GetCountsRequest{FlagKey: "f"})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Total
}

// TestCountsOfACrash kills a server that evaluates all the time, a little after it has written counts: what it wrote is there
// again, and nothing is counted twice. A server that is stopped loses nothing.
func TestCountsOfACrash(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "burgee.db")
	s := serveCounting(t, db)
	if _, err := s.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "f", Name: "F", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}); err != nil {
		t.Fatal(err)
	}
	const batch = 100
	sent, begin := 0.0, time.Now()
	written := 0.0
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for written == 0 {
		<-tick.C
		if err := s.evaluate(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		sent += batch
		if written = s.total(t); time.Since(begin) > patience {
			t.Fatalf("of %v evaluations none is written after %v", sent, time.Since(begin))
		}
	}
	t.Logf("%v evaluations until the first are written, after %v", sent, time.Since(begin).Round(time.Millisecond))
	if written > sent {
		t.Errorf("%v evaluations are written, %v were sent", written, sent)
	}
	if err := s.evaluate(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	sent += batch
	s.kill(t)
	must(t, "verify", "--db", db)

	s = serveCounting(t, db)
	left := s.total(t)
	if left < written || left > sent {
		t.Errorf("after the crash %v evaluations are counted: %v were written before, and %v sent", left, written, sent)
	}
	if err := s.evaluate(t.Context(), 7*batch); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	s = serveCounting(t, db)
	if got := s.total(t); got != left+7*batch {
		t.Errorf("%v evaluations are counted, want %v and %d", got, left, 7*batch)
	}
	s.stop(t)

	off := serveCounting(t, db, "--counts=false")
	if err := off.evaluate(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	_, err := off.counts.GetCounts(t.Context(), &burgeev1.GetCountsRequest{FlagKey: "f"})
	if connect.CodeOf(err) != connect.CodeFailedPrecondition || !strings.Contains(err.Error(), "--counts=false") {
		t.Errorf("without counts: %v", err)
	}
	off.stop(t)
	s = serveCounting(t, db)
	if got := s.total(t); got != left+7*batch {
		t.Errorf("%v evaluations are counted after a time without counting, want %v", got, left+7*batch)
	}
}
