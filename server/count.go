package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/store"
)

const (
	// autoPoints is how many steps are given to who leaves their length open.
	autoPoints = 400
	// maxPoints is how many steps one answer has at most, and maxNumbers how many numbers.
	maxPoints  = 3000
	maxNumbers = 1_000_000
	// missingLimit and staleDays are what 0 means in a request.
	missingLimit = 100
	staleDays    = 30
)

// countService serves burgee.v1.CountService.
type countService struct {
	db       *database
	counting *counting
}

// errNotCounting says which setting is in the way.
func errNotCounting() error {
	return &failure{connect.CodeFailedPrecondition, "evaluations are not counted: start the server without --counts=false (BURGEE_COUNTS=false)"}
}

// GetCounts implements burgee.v1.CountService. What was evaluated in the last seconds is not in the counts yet. Where the span
// begins before what is kept in the step that was asked for, the next longer step answers.
func (s *countService) GetCounts(ctx context.Context, r *burgeev1.GetCountsRequest) (*burgeev1.GetCountsResponse, error) {
	if !s.counting.on() {
		return nil, errNotCounting()
	}
	span, err := spanOf(r, time.Now())
	if err != nil {
		return nil, err
	}
	namespace := namespaceOf(r.NamespaceKey)
	points, err := s.db.Counts(ctx, store.CountQuery{
		Namespace: namespace, Flag: r.FlagKey, Resolution: span.step, From: span.start(0), To: span.start(span.points),
	})
	if err != nil {
		return nil, err
	}
	answer := &burgeev1.GetCountsResponse{Step: countSteps[span.step]}
	for i := range span.points {
		answer.Starts = append(answer.Starts, timestamppb.New(span.start(i)))
	}
	if answer.Series, err = seriesOf(points, span); err != nil {
		return nil, err
	}
	for _, series := range answer.Series {
		answer.Total += series.Total
	}
	if r.FlagKey != "" {
		answer.EvaluatedAt, err = s.counting.evaluatedAt(ctx, namespace, r.FlagKey)
	}
	return answer, err
}

var countSteps = map[store.Resolution]burgeev1.CountStep{
	store.Minute: burgeev1.CountStep_COUNT_STEP_MINUTE,
	store.Hour:   burgeev1.CountStep_COUNT_STEP_HOUR,
	store.Day:    burgeev1.CountStep_COUNT_STEP_DAY,
}

// span is a row of steps of time.
type span struct {
	step   store.Resolution
	first  time.Time
	points int
}

// start returns the start of a step, or of the first one after the last.
func (s span) start(i int) time.Time { return s.first.Add(time.Duration(i) * time.Duration(s.step)) }

// spanOf lays the steps that a request asks for: from the one that holds its start to the last that begins before its end.
func spanOf(r *burgeev1.GetCountsRequest, now time.Time) (span, error) {
	to, from := now, time.Time{}
	if r.To != nil {
		to = r.To.AsTime()
	}
	from = to.Add(-24 * time.Hour)
	if r.From != nil {
		from = r.From.AsTime()
	}
	switch {
	case r.From != nil && !r.From.IsValid():
		return span{}, invalid("invalid field from: not a time")
	case r.To != nil && !r.To.IsValid():
		return span{}, invalid("invalid field to: not a time")
	case from.After(to):
		return span{}, invalid("invalid field from: must not be after to")
	}
	found := span{}
	for _, step := range []store.Resolution{store.Minute, store.Hour, store.Day} {
		found = span{step, step.Start(from), 1}
		seconds := int64(time.Duration(step) / time.Second)
		if length := to.Add(-1).Unix() - found.first.Unix(); length >= 0 {
			found.points = int(length/seconds) + 1
		}
		if r.Step > countSteps[step] || r.Step == burgeev1.CountStep_COUNT_STEP_UNSPECIFIED && found.points > autoPoints || !kept(step, from, now) {
			continue
		}
		break
	}
	if found.points > maxPoints {
		return span{}, invalid("invalid field from: %d steps up to the end, at most %d are possible", found.points, maxPoints)
	}
	return found, nil
}

// kept says whether no count since a time was deleted for its age.
func kept(step store.Resolution, from, now time.Time) bool {
	return !step.Start(from).Before(step.Start(now.Add(-step.Kept())))
}

// seriesOf puts points in rows, by value, reason and rule.
func seriesOf(points []store.Point, span span) ([]*burgeev1.CountSeries, error) {
	rows := make(map[store.Count]*burgeev1.CountSeries)
	var all []*burgeev1.CountSeries
	for _, p := range points {
		n := float64(p.Evaluations)
		p.Count.Evaluations = 0
		row := rows[p.Count]
		if row == nil {
			row = &burgeev1.CountSeries{Value: p.Value, Reason: p.Reason, RuleId: p.RuleID, Counts: make([]float64, span.points)}
			if rows[p.Count], all = row, append(all, row); len(all)*span.points > maxNumbers {
				return nil, invalid("invalid field from: more than %d numbers, ask for fewer steps", maxNumbers)
			}
		}
		row.Counts[p.Start.Sub(span.first)/time.Duration(span.step)] += n
		row.Total += n
	}
	slices.SortFunc(all, func(a, b *burgeev1.CountSeries) int {
		return cmp.Or(strings.Compare(a.Value, b.Value), cmp.Compare(a.Reason, b.Reason), strings.Compare(a.RuleId, b.RuleId))
	})
	return all, nil
}

// evaluatedAt returns when a flag was last evaluated, nil when it never was.
func (c *counting) evaluatedAt(ctx context.Context, namespace, flag string) (*timestamppb.Timestamp, error) {
	if c.counter.Flags(namespace)[flag] {
		return minuteOf(time.Now()), nil
	}
	last, err := c.db.LastEvaluation(ctx, namespace, flag)
	if err != nil || last.IsZero() {
		return nil, err
	}
	return minuteOf(last), nil
}

func minuteOf(at time.Time) *timestamppb.Timestamp { return timestamppb.New(at.Truncate(time.Minute)) }

// ListMissingFlags implements burgee.v1.CountService.
func (s *countService) ListMissingFlags(ctx context.Context, r *burgeev1.ListMissingFlagsRequest) (*burgeev1.ListMissingFlagsResponse, error) {
	if !s.counting.on() {
		return nil, errNotCounting()
	}
	missing, err := s.db.MissingFlags(ctx, r.NamespaceKey)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(int(r.Limit), missingLimit)
	state, _ := s.db.View()
	answer := new(burgeev1.ListMissingFlagsResponse)
	for _, flag := range missing {
		if len(answer.Flags) == limit {
			break
		}
		if state.Flag(flag.Namespace, flag.Flag) != nil { // it exists by now
			continue
		}
		answer.Flags = append(answer.Flags, &burgeev1.MissingFlag{
			NamespaceKey: flag.Namespace, Key: flag.Flag, Count: float64(flag.Times), First: minuteOf(flag.First), Last: minuteOf(flag.Last),
		})
	}
	return answer, nil
}

// ListStaleFlags implements burgee.v1.CountService. While evaluations have been counted for less than the days, no flag is listed:
// nobody knows.
func (s *countService) ListStaleFlags(ctx context.Context, r *burgeev1.ListStaleFlagsRequest) (*burgeev1.ListStaleFlagsResponse, error) {
	if !s.counting.on() {
		return nil, errNotCounting()
	}
	state, _ := s.db.View()
	if state.Namespace(r.NamespaceKey) == nil {
		return nil, namespaceNotFound(r.NamespaceKey)
	}
	counting, err := s.db.CountingSince(ctx)
	if err != nil || counting.IsZero() { // not noted yet
		return new(burgeev1.ListStaleFlagsResponse), err
	}
	answer := &burgeev1.ListStaleFlagsResponse{CountingSince: timestamppb.New(counting)}
	since := time.Now().AddDate(0, 0, -cmp.Or(int(r.Days), staleDays))
	if counting.After(since) {
		return answer, nil
	}
	revision, err := s.db.RevisionAt(ctx, since)
	if errors.Is(err, store.ErrNoRevision) {
		err = nil // all that is known of changes before is in the documents
	}
	if err != nil {
		return nil, err
	}
	same, err := s.db.SameAnswers(ctx, r.NamespaceKey, since)
	if err != nil {
		return nil, err
	}
	last, err := s.counting.lastEvaluated(ctx, r.NamespaceKey)
	if err != nil {
		return nil, err
	}
	for doc := range state.Flags(r.NamespaceKey).All() {
		changed := revision > 0 && state.DocumentRevision(r.NamespaceKey, store.KindFlag, doc.Flag.Key) > revision
		if doc.ArchivedAt != nil || changed || doc.Flag.UpdatedAt.AsTime().After(since) {
			continue
		}
		if stale := staleFlag(doc, since, last, same); stale != nil {
			answer.Flags = append(answer.Flags, stale)
		}
	}
	slices.SortFunc(answer.Flags, func(a, b *burgeev1.StaleFlag) int { return strings.Compare(a.Key, b.Key) })
	return answer, nil
}

// staleFlag returns why a flag that nobody changed since a time may have outlived its use, or nil.
func staleFlag(doc *storev1.Flag, since time.Time, last map[string]time.Time, same map[string]string) *burgeev1.StaleFlag {
	key := doc.Flag.Key
	stale := &burgeev1.StaleFlag{NamespaceKey: doc.Flag.NamespaceKey, Key: key, Name: doc.Flag.Name}
	at, evaluated := last[key]
	if evaluated {
		stale.EvaluatedAt = timestamppb.New(at)
	}
	answer, one := same[key]
	switch {
	case !evaluated:
		stale.Reason = burgeev1.StaleReason_STALE_REASON_NEVER_EVALUATED
	case at.Before(since):
		stale.Reason = burgeev1.StaleReason_STALE_REASON_NOT_EVALUATED
	case one:
		stale.Reason, stale.Answer = burgeev1.StaleReason_STALE_REASON_SAME_ANSWER, answer
	default:
		return nil
	}
	return stale
}
