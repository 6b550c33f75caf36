package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/store"
)

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a verified backup of everything, history included, while the server runs",
		Long: "Write a verified backup of everything, history included, to a new file. A server may hold the database and goes on\n" +
			"writing; what it acknowledged before the command began is in the backup. The file appears under its name when it is\n" +
			"whole and verified. With --address it comes from a server on another machine.",
		Args: cobra.ExactArgs(1),
	}
	t := targetFlags(cmd)
	force := cmd.Flags().Bool("force", false, "replace a file that has this name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		progress, end := progressBar(cmd.ErrOrStderr())
		report, err := t.backup(ctx, args[0], store.BackupOptions{Overwrite: *force, Progress: progress})
		end()
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%w: name another file, or give --force to replace this one", err)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "backed up to %s: %s\n", args[0], summary(report))
		return err
	}
	return cmd
}

// backup writes a backup of the target.
func (t target) backup(ctx context.Context, to string, o store.BackupOptions) (store.Report, error) {
	if *t.address == "" {
		file, err := databasePath(*t.db)
		if err != nil {
			return store.Report{}, err
		}
		return store.Backup(ctx, file, to, o)
	}
	server, err := dial(*t.address, *t.ca)
	if err != nil {
		return store.Report{}, err
	}
	client := burgeev1connect.NewBackupServiceClient(server.http, server.url, server.options...)
	return store.ReceiveBackup(ctx, to, o, func(w io.Writer) error {
		stream, err := client.Backup(ctx, new(burgeev1.BackupRequest))
		if err != nil {
			return err
		}
		defer stream.Close()
		received := int64(0)
		for stream.Receive() {
			piece := stream.Msg()
			if _, err := w.Write(piece.Chunk); err != nil {
				return err
			}
			received += int64(len(piece.Chunk))
			if o.Progress != nil {
				o.Progress("receiving", received, piece.Size)
			}
		}
		return stream.Err()
	})
}

// summary says what a database holds.
func summary(r store.Report) string {
	return fmt.Sprintf("revision %s, %d revisions with %d changes, %d documents, %d bytes", r.Position, r.Revisions, r.Changes, r.Documents, r.Bytes)
}

// interruptible returns a context that ends when the user or the system asks the program to, so that it can clean up; at
// the second time it ends at once.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
