package server_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/analytics"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// hands is a clock that a test moves.
type hands struct{ at atomic.Pointer[time.Time] }

func (h *hands) set(at time.Time) { h.at.Store(&at) }

func (h *hands) now() time.Time { return *h.at.Load() }

// startCounting starts a server that counts evaluations, on a database at path; its clock may be nil.
func startCounting(t testing.TB, path string, clock func() time.Time) *running {
	t.Helper()
	return startWith(t, server.Settings{Counts: true, Store: store.Settings{Path: path, Clock: clock}}, server.Doors{})
}

// everyCounting is everyProtocol with servers that count, on a clock that begins now.
func everyCounting(t *testing.T, test func(*testing.T, session, *hands)) {
	t.Helper()
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			clock := new(hands)
			clock.set(time.Now())
			srv := startCounting(t, filepath.Join(t.TempDir(), "burgee.db"), clock.now)
			test(t, session{p.over(srv), srv}, clock)
		})
	}
}

// write writes the counts.
func (s session) write(t testing.TB) {
	t.Helper()
	if err := s.srv.WriteCounts(); err != nil {
		t.Fatal(err)
	}
}

// series returns the totals of a flag as "value REASON rule", and of all evaluations.
func (s session) series(t testing.TB, flag string) (map[string]float64, float64) {
	t.Helper()
	answer := ok(s.counts.GetCounts(t.Context(), &burgeev1.GetCountsRequest{NamespaceKey: "acme", FlagKey: flag}))(t)
	totals := make(map[string]float64)
	for _, one := range answer.Series {
		totals[fmt.Sprintf("%s %s %s", one.Value, strings.TrimSuffix(one.Reason.String(), "_EVALUATION_REASON"), one.RuleId)] = one.Total
		sum := 0.0
		for _, n := range one.Counts {
			sum += n
		}
		if sum != one.Total || len(one.Counts) != len(answer.Starts) {
			t.Errorf("%d counts add up to %v, want %d and %v", len(one.Counts), sum, len(answer.Starts), one.Total)
		}
	}
	return totals, answer.Total
}

// TestEveryEvaluationIsCounted evaluates in every way, and looks at what is counted and what is not.
func TestEveryEvaluationIsCounted(t *testing.T) {
	t.Parallel()
	everyCounting(t, func(t *testing.T, s session, _ *hands) {
		made, ctx := s.open(t), with(t.Context(), namespaceHeader, "acme")
		gold := func(entity string) *evaluation.EvaluationRequest { return about("color", entity, "tier", "gold") }
		context := map[string]string{"targetingKey": "user-3", "tier": "gold"}
		old := &flipt.EvaluationRequest{NamespaceKey: "acme", FlagKey: "color", EntityId: "user-3", Context: context}
		lost := &flipt.EvaluationRequest{NamespaceKey: "acme", FlagKey: "lost", EntityId: "u"}
		ok(s.evaluation.Variant(ctx, gold("user-3")))(t)
		ok(s.evaluation.Variant(ctx, gold("user-4")))(t)
		ok(s.evaluation.Variant(ctx, about("color", "user-3")))(t)
		ok(s.evaluation.Boolean(ctx, about("beta", "u1", "tier", "gold")))(t)
		ok(s.evaluation.Boolean(ctx, about("beta", "u1")))(t)
		ok(s.evaluation.Batch(ctx, &evaluation.BatchEvaluationRequest{
			Requests: []*evaluation.EvaluationRequest{gold("user-3"), about("lost", "u"), about("beta", "u1")},
		}))(t)
		ok(s.flipt.Evaluate(ctx, old))(t)
		ok(s.flipt.BatchEvaluate(ctx, &flipt.BatchEvaluationRequest{
			NamespaceKey: "acme", ExcludeNotFound: true, Requests: []*flipt.EvaluationRequest{old, old, lost},
		}))(t)
		ok(s.ofrep.EvaluateFlag(ctx, &ofrep.EvaluateFlagRequest{Key: "color", Context: context}))(t)
		ok(s.ofrep.EvaluateBulk(ctx, &ofrep.EvaluateBulkRequest{Context: context}))(t)

		// None of these answers: a whole batch fails with one of its items.
		for what, err := range map[string]error{
			"unknown": second(s.evaluation.Variant(ctx, about("lost", "u"))),
			"type":    second(s.evaluation.Boolean(ctx, gold("u"))),
			"batch":   second(s.flipt.BatchEvaluate(ctx, &flipt.BatchEvaluationRequest{NamespaceKey: "acme", Requests: []*flipt.EvaluationRequest{old, lost}})),
			"old":     second(s.flipt.Evaluate(ctx, lost)),
			"entity":  second(s.ofrep.EvaluateFlag(ctx, &ofrep.EvaluateFlagRequest{Key: "color", Context: map[string]string{"tier": "gold"}})),
			"remote":  second(s.ofrep.EvaluateFlag(ctx, &ofrep.EvaluateFlagRequest{Key: "lost", Context: context})),
		} {
			if err == nil {
				t.Errorf("%s is answered", what)
			}
		}

		if before, err := s.srv.LastEvaluated(ctx, "acme"); err != nil || len(before) != 2 || time.Since(before["color"]) > 2*time.Minute {
			t.Errorf("before it is written, the flags were last evaluated %v, %v", before, err)
		}
		s.write(t)
		color, n := s.series(t, "color")
		want := map[string]float64{"red MATCH " + made.rule: 7, "blue MATCH " + made.rule: 1, " UNKNOWN ": 1}
		if !maps.Equal(color, want) || n != 9 {
			t.Errorf("color: %v, %v in all, want %v", color, n, want)
		}
		beta, n := s.series(t, "beta")
		want = map[string]float64{"true MATCH " + made.segment: 2, "false DEFAULT ": 2}
		if !maps.Equal(beta, want) || n != 4 {
			t.Errorf("beta: %v, %v in all, want %v", beta, n, want)
		}
		all, n := s.series(t, "")
		want = map[string]float64{"red MATCH ": 7, "blue MATCH ": 1, " UNKNOWN ": 1, "true MATCH ": 2, "false DEFAULT ": 2}
		if !maps.Equal(all, want) || n != 13 {
			t.Errorf("all flags: %v, %v in all, want %v", all, n, want)
		}
		if got, want := s.srv.CountTotals(), map[[2]string]uint64{{"acme", "MATCH"}: 10, {"acme", "UNKNOWN"}: 1, {"acme", "DEFAULT"}: 2}; !maps.Equal(got, want) {
			t.Errorf("totals %v, want %v", got, want)
		}
		if after, err := s.srv.LastEvaluated(ctx, "acme"); err != nil || len(after) != 2 || time.Since(after["color"]) > 2*time.Minute {
			t.Errorf("the flags were last evaluated %v, %v", after, err)
		}
		missing := ok(s.counts.ListMissingFlags(ctx, &burgeev1.ListMissingFlagsRequest{NamespaceKey: "acme"}))(t)
		if len(missing.Flags) != 1 || missing.Flags[0].Key != "lost" || missing.Flags[0].Count != 6 {
			t.Errorf("missing flags %v, want lost, 6 times", missing)
		}
	})
}

func get(r *burgeev1.GetCountsRequest) call {
	return func(ctx context.Context, c clients) error { return second(c.counts.GetCounts(ctx, r)) }
}

func listMissing(r *burgeev1.ListMissingFlagsRequest) call {
	return func(ctx context.Context, c clients) error { return second(c.counts.ListMissingFlags(ctx, r)) }
}

func listStale(r *burgeev1.ListStaleFlagsRequest) call {
	return func(ctx context.Context, c clients) error { return second(c.counts.ListStaleFlags(ctx, r)) }
}

func analyze(r *analytics.GetFlagEvaluationsCountRequest) call {
	return func(ctx context.Context, c clients) error { return second(c.analytics.GetFlagEvaluationsCount(ctx, r)) }
}

func second[T any](_ T, err error) error { return err }

// TestCountsOff counts nothing, and says why it has nothing to tell.
func TestCountsOff(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		ok(s.evaluation.Variant(t.Context(), about("color", "u1")))(t)
		s.refuse(t,
			refusal{get(&burgeev1.GetCountsRequest{FlagKey: "color"}), notCounted},
			refusal{listMissing(new(burgeev1.ListMissingFlagsRequest)), notCounted},
			refusal{listStale(&burgeev1.ListStaleFlagsRequest{NamespaceKey: "acme"}), notCounted},
			refusal{analyze(&analytics.GetFlagEvaluationsCountRequest{NamespaceKey: "acme", FlagKey: "color"}),
				"unimplemented: service flipt.analytics.AnalyticsService not implemented"},
		)
		if last, err := s.srv.LastEvaluated(t.Context(), "acme"); err != nil || len(last) > 0 || len(s.srv.CountTotals()) > 0 {
			t.Errorf("last evaluations %v, %v, totals %v", last, err, s.srv.CountTotals())
		}
	})
}

const notCounted = "failed_precondition: evaluations are not counted: start the server without --counts=false (BURGEE_COUNTS=false)"

// TestGetCounts moves the clock, and asks for spans and steps.
func TestGetCounts(t *testing.T) {
	t.Parallel()
	everyCounting(t, func(t *testing.T, s session, clock *hands) {
		s.open(t)
		// An hour that ended, today or yesterday, so that minutes are kept.
		hour := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
		evaluate := func(after time.Duration, n int) {
			clock.set(hour.Add(after))
			for range n {
				ok(s.evaluation.Variant(t.Context(), about("color", "u1")))(t)
			}
			s.write(t)
		}
		evaluate(5*time.Minute+7*time.Second, 2)
		evaluate(5*time.Minute+50*time.Second, 3)
		evaluate(7*time.Minute, 4)
		request := func(from, to time.Duration, step burgeev1.CountStep) *burgeev1.GetCountsRequest {
			return &burgeev1.GetCountsRequest{NamespaceKey: "acme", FlagKey: "color",
				From: timestamppb.New(hour.Add(from)), To: timestamppb.New(hour.Add(to)), Step: step}
		}
		const (
			auto    = burgeev1.CountStep_COUNT_STEP_UNSPECIFIED
			minutes = burgeev1.CountStep_COUNT_STEP_MINUTE
			hours   = burgeev1.CountStep_COUNT_STEP_HOUR
			days    = burgeev1.CountStep_COUNT_STEP_DAY
			day     = 24 * time.Hour
		)
		for _, test := range []struct {
			name    string
			request *burgeev1.GetCountsRequest
			step    burgeev1.CountStep
			points  int
			counts  map[int]float64
		}{
			{"minutes", request(4*time.Minute, 8*time.Minute, auto), minutes, 4, map[int]float64{1: 5, 3: 4}},
			{"within a minute", request(5*time.Minute+time.Second, 5*time.Minute+2*time.Second, auto), minutes, 1, map[int]float64{0: 5}},
			{"a moment", request(7*time.Minute, 7*time.Minute, auto), minutes, 1, map[int]float64{0: 4}},
			{"nothing", request(20*time.Minute, 30*time.Minute, auto), minutes, 10, nil},
			{"hours", request(0, time.Hour, hours), hours, 1, map[int]float64{0: 9}},
			{"400 minutes", request(-340*time.Minute, time.Hour, auto), minutes, 400, map[int]float64{345: 5, 347: 4}},
			{"401 minutes are hours", request(-341*time.Minute, time.Hour, auto), hours, 7, map[int]float64{6: 9}},
			{"a day of minutes", request(-day, time.Hour, minutes), minutes, 1500, map[int]float64{1445: 5, 1447: 4}},
			{"minutes that are not kept", request(-3*day, time.Hour, minutes), hours, 73, map[int]float64{72: 9}},
			{"hours that are not kept", request(-32*day, time.Hour, hours), days, 0, nil},
			{"two years", request(-700*day, time.Hour, auto), days, 0, nil},
		} {
			got := ok(s.counts.GetCounts(t.Context(), test.request))(t)
			if test.step == days { // how many there are depends on the time of the day
				test.points = int(hour.Add(time.Hour-1).Truncate(day).Sub(test.request.From.AsTime().Truncate(day))/day) + 1
				test.counts = map[int]float64{test.points - 1: 9}
			}
			counts := make(map[int]float64)
			for _, series := range got.Series {
				for i, n := range series.Counts {
					if n > 0 {
						counts[i] += n
					}
				}
			}
			if got.Step != test.step || len(got.Starts) != test.points || !maps.Equal(counts, test.counts) {
				t.Errorf("%s: step %v, %d points, counts %v; want %v, %d, %v", test.name, got.Step, len(got.Starts), counts, test.step, test.points, test.counts)
			}
			if first := got.Starts[0].AsTime(); first.After(test.request.From.AsTime()) {
				t.Errorf("%s: the first step begins at %v", test.name, first)
			}
			if at := got.EvaluatedAt.AsTime(); !at.Equal(hour.Add(7 * time.Minute)) {
				t.Errorf("%s: last evaluated at %v", test.name, at)
			}
		}
		never := ok(s.counts.GetCounts(t.Context(), &burgeev1.GetCountsRequest{NamespaceKey: "acme", FlagKey: "beta"}))(t)
		if never.Step != hours || len(never.Starts) != 25 || len(never.Series) > 0 || never.Total != 0 || never.EvaluatedAt != nil {
			t.Errorf("a flag that was never evaluated: %v", never)
		}
		// What is kept of a flag that is deleted can still be read.
		s.revisions(t, 1, to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "color"}))
		if got := ok(s.counts.GetCounts(t.Context(), request(0, time.Hour, hours)))(t); got.Total != 9 {
			t.Errorf("a flag that was deleted: %v", got)
		}
		broken := request(0, 0, auto)
		broken.From = &timestamppb.Timestamp{Nanos: -1}
		refusals := []refusal{
			{get(request(1, 0, auto)), invalid("invalid field from: must not be after to")},
			{get(request(-4000*day, 0, auto)), invalid("invalid field from: %d steps up to the end, at most 3000 are possible",
				int(hour.Add(-1).Truncate(day).Sub(hour.Add(-4000*day).Truncate(day))/day)+1)},
		}
		if s.name == "gRPC" { // JSON cannot say it
			refusals = append(refusals, refusal{get(broken), invalid("invalid field from: not a time")})
		}
		s.refuse(t, refusals...)
	})
}

func TestListMissingFlags(t *testing.T) {
	t.Parallel()
	everyCounting(t, func(t *testing.T, s session, clock *hands) {
		s.open(t)
		begin := time.Now().UTC().Truncate(time.Minute)
		ask := func(after time.Duration, namespace string, keys ...string) {
			clock.set(begin.Add(after))
			for _, key := range keys {
				if _, err := s.evaluation.Variant(t.Context(), &evaluation.EvaluationRequest{NamespaceKey: namespace, FlagKey: key, EntityId: "u"}); err == nil {
					t.Errorf("flag %s exists", key)
				}
			}
			s.write(t)
		}
		ask(0, "acme", "colour", "soon")
		ask(time.Minute, "nowhere", "color")
		ask(time.Hour+20*time.Second, "acme", "colour", "colour")
		list := func(r *burgeev1.ListMissingFlagsRequest) []*burgeev1.MissingFlag {
			t.Helper()
			return ok(s.counts.ListMissingFlags(t.Context(), r))(t).Flags
		}
		flag := func(namespace, key string, n float64, first, last time.Duration) *burgeev1.MissingFlag {
			return &burgeev1.MissingFlag{NamespaceKey: namespace, Key: key, Count: n,
				First: timestamppb.New(begin.Add(first)), Last: timestamppb.New(begin.Add(last))}
		}
		check := func(what string, got []*burgeev1.MissingFlag, want ...*burgeev1.MissingFlag) {
			t.Helper()
			if !slices.EqualFunc(got, want, func(a, b *burgeev1.MissingFlag) bool { return proto.Equal(a, b) }) {
				t.Errorf("%s:\n got %v\nwant %v", what, got, want)
			}
		}
		colour, elsewhere := flag("acme", "colour", 3, 0, time.Hour), flag("nowhere", "color", 1, time.Minute, time.Minute)
		soon := flag("acme", "soon", 1, 0, 0)
		check("all", list(new(burgeev1.ListMissingFlagsRequest)), colour, elsewhere, soon)
		check("one", list(&burgeev1.ListMissingFlagsRequest{Limit: 1}), colour)
		check("acme", list(&burgeev1.ListMissingFlagsRequest{NamespaceKey: "acme"}), colour, soon)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "soon", Name: "Soon"}))
		check("without one that exists", list(&burgeev1.ListMissingFlagsRequest{NamespaceKey: "acme"}), colour)
	})
}

// TestListStaleFlags has servers of 60 days ago, of 5 days ago and of now on one database.
func TestListStaleFlags(t *testing.T) {
	t.Parallel()
	path, now := filepath.Join(t.TempDir(), "burgee.db"), time.Now()
	long, recent := now.AddDate(0, 0, -60), now.AddDate(0, 0, -5)
	during := func(name string, at time.Time, f func(*testing.T, session)) {
		t.Run(name, func(t *testing.T) {
			srv := startCounting(t, path, func() time.Time { return at })
			f(t, session{srv.overGRPC(), srv})
		})
	}
	evaluate := func(t *testing.T, s session, nameValues ...string) {
		for i := 0; i < len(nameValues); i += 2 {
			ok(s.evaluation.Boolean(t.Context(), about(nameValues[i], "u1", "tier", nameValues[i+1])))(t)
		}
	}
	create := func(key string) call {
		return to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: key, Name: "Name of " + key, Type: flipt.FlagType_BOOLEAN_FLAG_TYPE})
	}
	during("long ago", long, func(t *testing.T, s session) {
		s.open(t) // color is never evaluated, beta has two answers
		for _, key := range []string{"same", "ended", "edited", "archived", "ruled"} {
			s.revisions(t, 1, create(key))
		}
		evaluate(t, s, "beta", "gold", "beta", "", "ended", "")
	})
	during("recently", recent, func(t *testing.T, s session) {
		s.revisions(t, 1, create("young"),
			to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "edited", Name: "Edited"}),
			to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "ruled", Rank: 1,
				Rule: &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 50}}}))
		ok(s.documents.ArchiveFlag(t.Context(), &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "archived"}))(t)
		evaluate(t, s, "beta", "gold", "beta", "", "same", "", "same", "gold")
	})
	during("now", now, func(t *testing.T, s session) {
		for _, p := range protocols {
			s := session{p.over(s.srv), s.srv}
			minute := func(at time.Time) *timestamppb.Timestamp { return timestamppb.New(at.Truncate(time.Minute)) }
			flag := func(key, name string, reason burgeev1.StaleReason, at *timestamppb.Timestamp, answer string) *burgeev1.StaleFlag {
				return &burgeev1.StaleFlag{NamespaceKey: "acme", Key: key, Name: name, Reason: reason, EvaluatedAt: at, Answer: answer}
			}
			want := &burgeev1.ListStaleFlagsResponse{CountingSince: timestamppb.New(long.Truncate(time.Second)), Flags: []*burgeev1.StaleFlag{
				flag("color", "Color", burgeev1.StaleReason_STALE_REASON_NEVER_EVALUATED, nil, ""),
				flag("ended", "Name of ended", burgeev1.StaleReason_STALE_REASON_NOT_EVALUATED, minute(long), ""),
				flag("same", "Name of same", burgeev1.StaleReason_STALE_REASON_SAME_ANSWER, minute(recent), "false"),
			}}
			equal(t, p.name, ok(s.counts.ListStaleFlags(t.Context(), &burgeev1.ListStaleFlagsRequest{NamespaceKey: "acme"}))(t), want)
			s.refuse(t,
				refusal{listStale(&burgeev1.ListStaleFlagsRequest{NamespaceKey: "nope"}), notFound(`namespace "nope" not found`)},
				refusal{listStale(new(burgeev1.ListStaleFlagsRequest)), invalid("invalid field namespaceKey: must not be empty")},
			)
			long := ok(s.counts.ListStaleFlags(t.Context(), &burgeev1.ListStaleFlagsRequest{NamespaceKey: "acme", Days: 90}))(t)
			if len(long.Flags) > 0 {
				t.Errorf("%s: nobody knows of 90 days, but %v", p.name, long.Flags)
			}
		}
		// What is not written yet counts too.
		ok(s.evaluation.Variant(t.Context(), about("color", "u1")))(t)
		answer := ok(s.counts.ListStaleFlags(t.Context(), &burgeev1.ListStaleFlagsRequest{NamespaceKey: "acme"}))(t)
		if len(answer.Flags) != 2 || answer.Flags[0].Key == "color" {
			t.Errorf("color was evaluated a moment ago, and stale are %v", answer.Flags)
		}
	})
}

// TestAnalytics holds the original's rpc to section 2.1 of the contract.
func TestAnalytics(t *testing.T) {
	t.Parallel()
	everyCounting(t, func(t *testing.T, s session, clock *hands) {
		s.open(t)
		hour := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
		for after, n := range map[time.Duration]int{6 * time.Minute: 2, 9 * time.Minute: 3, 31 * time.Minute: 4} {
			clock.set(hour.Add(after))
			for range n {
				ok(s.evaluation.Variant(t.Context(), about("color", "u1")))(t)
				ok(s.evaluation.Boolean(t.Context(), about("beta", "u1")))(t)
			}
			s.write(t)
		}
		const day = 24 * time.Hour
		for _, test := range []struct {
			from, to, step time.Duration
			points         int
			counts         map[time.Duration]float32
		}{
			{5 * time.Minute, 9*time.Minute + 59*time.Second, time.Minute, 5, map[time.Duration]float32{6 * time.Minute: 2, 9 * time.Minute: 3}},
			{6 * time.Minute, 6 * time.Minute, time.Minute, 1, map[time.Duration]float32{6 * time.Minute: 2}},
			{time.Hour - 4*time.Hour, time.Hour - 1, time.Minute, 240, map[time.Duration]float32{6 * time.Minute: 2, 9 * time.Minute: 3, 31 * time.Minute: 4}},
			{time.Hour - 4*time.Hour, time.Hour, 5 * time.Minute, 49, map[time.Duration]float32{5 * time.Minute: 5, 30 * time.Minute: 4}},
			{time.Hour - 12*time.Hour, time.Hour, 15 * time.Minute, 49, map[time.Duration]float32{0: 5, 30 * time.Minute: 4}},
			{time.Hour - day, time.Hour, 30 * time.Minute, 49, map[time.Duration]float32{0: 5, 30 * time.Minute: 4}},
			// Of what is older than two days no minutes are kept.
			{time.Hour - 3*day, time.Hour, 30 * time.Minute, 145, map[time.Duration]float32{0: 9}},
		} {
			for _, layout := range []string{time.RFC3339, time.DateTime} {
				from, to := hour.Add(test.from).Format(layout), hour.Add(test.to).Format(layout)
				got := ok(s.analytics.GetFlagEvaluationsCount(t.Context(), &analytics.GetFlagEvaluationsCountRequest{
					NamespaceKey: "acme", FlagKey: "color", From: from, To: to,
				}))(t)
				counts := make(map[time.Duration]float32)
				for i, text := range got.Timestamps {
					start := ok(time.Parse(time.RFC3339, text))(t)
					if want := hour.Add(test.from).Truncate(test.step).Add(time.Duration(i) * test.step); !start.Equal(want) || !strings.HasSuffix(text, "Z") {
						t.Fatalf("%s to %s: step %d is at %s, want %v", from, to, i, text, want)
					}
					if got.Values[i] > 0 {
						counts[start.Sub(hour)] = got.Values[i]
					}
				}
				if len(got.Timestamps) != test.points || !maps.Equal(counts, test.counts) {
					t.Errorf("%s to %s: %d points, counts %v, want %d, %v", from, to, len(got.Timestamps), counts, test.points, test.counts)
				}
			}
		}
		turned := &analytics.GetFlagEvaluationsCountRequest{NamespaceKey: "acme", FlagKey: "color", From: "2026-01-02 00:00:00", To: "2026-01-01 00:00:00"}
		if got := ok(s.analytics.GetFlagEvaluationsCount(t.Context(), turned))(t); len(got.Timestamps) > 0 {
			t.Errorf("a span that ends before it begins: %v", got)
		}
		asked := func(from, to string) call {
			return analyze(&analytics.GetFlagEvaluationsCountRequest{NamespaceKey: "acme", FlagKey: "color", From: from, To: to})
		}
		const day1 = "2026-01-01 00:00:00"
		s.refuse(t,
			refusal{asked("", day1), `internal: parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"`},
			refusal{asked(day1, "tomorrow"), `internal: parsing time "tomorrow" as "2006-01-02T15:04:05Z07:00": cannot parse "tomorrow" as "2006"`},
			refusal{asked("1970-01-01 00:00:00", day1), invalid("invalid field from: 981793 steps up to the end, at most 50000 are possible")},
		)
	})
}

// TestCountsOfManyFlags writes more than fits in a transaction.
func TestCountsOfManyFlags(t *testing.T) {
	t.Parallel()
	srv := startCounting(t, filepath.Join(t.TempDir(), "burgee.db"), nil)
	s := session{srv.overGRPC(), srv}
	ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(thousand())}))(t)
	context := with(t.Context(), namespaceHeader, "large")
	for range 2 {
		ok(s.ofrep.EvaluateBulk(context, &ofrep.EvaluateBulkRequest{Context: map[string]string{"targetingKey": "u"}}))(t)
		s.write(t)
	}
	got := ok(s.counts.GetCounts(t.Context(), &burgeev1.GetCountsRequest{NamespaceKey: "large"}))(t)
	if last, err := srv.LastEvaluated(t.Context(), "large"); err != nil || len(last) != 1000 || got.Total != 2000 {
		t.Errorf("%d flags were evaluated, %v; %v times in all", len(last), err, cmp.Or(got.Total, -1))
	}
}
