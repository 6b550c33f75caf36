package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/store"
)

func restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the database, which begins a new epoch",
		Long: "Verify a backup and put it in the place of the database, which no server may hold. It goes on from the newest revision\n" +
			"of the backup in a new epoch: nothing that clients and replicas remember of the history that is replaced passes for\n" +
			"current. A database that is there is replaced only with --force, and kept beside the new one.",
		Args: cobra.ExactArgs(1),
	}
	db := databaseFlag(cmd.Flags())
	force := cmd.Flags().Bool("force", false, "replace a database, which is kept under a name with the time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := databasePath(*db)
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		progress, end := progressBar(cmd.ErrOrStderr())
		done, err := store.Restore(ctx, args[0], file, store.RestoreOptions{Replace: *force, Progress: progress})
		end()
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%w: give --force to replace it, it is kept beside the new one", err)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "restored revision %s to %s, which goes on with %s\n", done.From, file, done.To)
		if err == nil && done.Kept != "" {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the database that was there is now %s\n", done.Kept)
		}
		return err
	}
	return cmd
}
