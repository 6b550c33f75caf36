package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/store"
)

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check the whole history and state of the database, or of a backup",
		Long: "Check the database, or the backup FILE: every page, every revision with its hash, and every document. A server may hold\n" +
			"it; nothing is changed. The exit status is 1 when something is wrong, and what is wrong first is named with its revision.",
		Args: cobra.MaximumNArgs(1),
	}
	db := databaseFlag(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := databasePath(*db)
		if len(args) > 0 {
			file, err = args[0], nil
		}
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		progress, end := progressBar(cmd.ErrOrStderr())
		report, err := store.Verify(ctx, file, progress)
		end()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %s\n", file, summary(report))
		return err
	}
	return cmd
}
