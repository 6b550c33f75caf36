package server

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/gen/flipt/analytics"
	"github.com/burgeehq/burgee/store"
)

// maxTimestamps bounds one answer: it is more than there are half hours in the two years that counts are kept.
const maxTimestamps = 50_000

// analyticsService serves flipt.analytics.AnalyticsService (audit-analytics.md 2.1) from the counts. When nothing is counted it
// answers as the original does where no analytics are set up.
type analyticsService struct {
	db       *database
	counting *counting
}

// GetFlagEvaluationsCount implements flipt.analytics.AnalyticsService. Where the span begins before what is kept by the minute, the
// evaluations of an hour or a day stand at its start, or at that of the span.
func (s *analyticsService) GetFlagEvaluationsCount(ctx context.Context, r *analytics.GetFlagEvaluationsCountRequest) (*analytics.GetFlagEvaluationsCountResponse, error) {
	if !s.counting.on() {
		return nil, connect.NewError(connect.CodeUnimplemented, errors.New("service flipt.analytics.AnalyticsService not implemented"))
	}
	from, err := analyticsTime(r.From)
	if err != nil {
		return nil, err
	}
	to, err := analyticsTime(r.To)
	if err != nil {
		return nil, err
	}
	step := analyticsStep(to.Sub(from))
	first, last := store.Resolution(step).Start(from), store.Resolution(step).Start(to)
	n := (last.Unix()-first.Unix())/int64(step/time.Second) + 1
	if n > maxTimestamps {
		return nil, invalid("invalid field from: %d steps up to the end, at most %d are possible", n, maxTimestamps)
	}
	if n <= 0 {
		return new(analytics.GetFlagEvaluationsCountResponse), nil
	}
	query := store.CountQuery{Namespace: namespaceOf(r.NamespaceKey), Flag: r.FlagKey, Resolution: store.Minute, From: first, To: last.Add(step)}
	for now := time.Now(); query.Resolution != store.Day && !kept(query.Resolution, first, now); {
		query.Resolution = coarser[query.Resolution]
		query.From = query.Resolution.Start(first)
	}
	points, err := s.db.Counts(ctx, query)
	if err != nil {
		return nil, err
	}
	answer := &analytics.GetFlagEvaluationsCountResponse{Timestamps: make([]string, n), Values: make([]float32, n)}
	for i := range answer.Timestamps {
		answer.Timestamps[i] = first.Add(time.Duration(i) * step).Format(time.RFC3339)
	}
	for _, p := range points {
		answer.Values[max(0, p.Start.Sub(first)/step)] += float32(p.Evaluations)
	}
	return answer, nil
}

var coarser = map[store.Resolution]store.Resolution{store.Minute: store.Hour, store.Hour: store.Day}

// analyticsTime reads both forms of a time. The text of its error is that of the first.
func analyticsTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return at, nil
	}
	if at, second := time.Parse(time.DateTime, text); second == nil {
		return at, nil
	}
	return at, &failure{connect.CodeInternal, err.Error()}
}

// analyticsStep is the length of a step in a span of that length.
func analyticsStep(span time.Duration) time.Duration {
	switch {
	case span >= 24*time.Hour:
		return 30 * time.Minute
	case span >= 12*time.Hour:
		return 15 * time.Minute
	case span >= 4*time.Hour:
		return 5 * time.Minute
	default:
		return time.Minute
	}
}
