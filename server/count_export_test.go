package server

import (
	"context"
	"time"
)

// WriteCounts writes what is counted, as each tick does.
func (s *Server) WriteCounts() error { return s.counting.write() }

// LastEvaluated calls lastEvaluated.
func (s *Server) LastEvaluated(ctx context.Context, namespace string) (map[string]time.Time, error) {
	return s.counting.lastEvaluated(ctx, namespace)
}

// CountTotals returns what totals tells, by namespace and reason.
func (s *Server) CountTotals() map[[2]string]uint64 {
	all := make(map[[2]string]uint64)
	s.counting.totals(func(namespace, reason string, n uint64) { all[[2]string{namespace, reason}] += n })
	return all
}
