package server

import (
	"context"

	"github.com/burgeehq/burgee/store"
)

// Fold gives up the history before a revision.
func (s *Server) Fold(ctx context.Context, base uint64) error {
	_, err := s.db.Fold(ctx, store.Author{}, base)
	return err
}
