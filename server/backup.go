package server

import (
	"context"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
)

// backups serves burgee.v1.BackupService.
type backups struct {
	db     *database
	taking chan struct{} // holds one token per backup that is under way: each needs as much disk as the database, so there is one at a time
}

func newBackups(db *database) *backups {
	return &backups{db: db, taking: make(chan struct{}, 1)}
}

// Backup implements burgee.v1.BackupService. The backup is verified before its first byte is sent.
func (b *backups) Backup(ctx context.Context, _ *burgeev1.BackupRequest, stream *connect.ServerStream[burgeev1.BackupResponse]) error {
	select {
	case b.taking <- struct{}{}:
		defer func() { <-b.taking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	w := &backupWriter{stream: stream}
	return b.db.SendBackup(ctx, w, func(bytes int64) error {
		w.size = bytes
		return ctx.Err()
	})
}

// backupWriter sends what is written to it, piece by piece.
type backupWriter struct {
	stream *connect.ServerStream[burgeev1.BackupResponse]
	size   int64
}

// Write sends a piece.
func (w *backupWriter) Write(piece []byte) (int, error) {
	if err := w.stream.Send(&burgeev1.BackupResponse{Size: w.size, Chunk: piece}); err != nil {
		return 0, err
	}
	return len(piece), nil
}
