// Command burgee runs the feature-flag server and takes its configuration in and out. It holds settings, wiring and
// commands, and no logic of the server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/server"
)

// version is set by the linker.
var version = "dev"

// exitConfig is the exit status for settings that are refused (EX_CONFIG of sysexits.h).
const exitConfig = 78

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out one command and returns the exit status: 0, 1 for an error, exitConfig for an address that may not be
// bound.
func run(args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	if status := exitError(0); errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintln(stderr, "Error:", message(err))
	if refused := (*server.BindError)(nil); errors.As(err, &refused) {
		return exitConfig
	}
	return 1
}

func rootCommand() *cobra.Command {
	serve := serveCommand()
	root := &cobra.Command{
		Use:           "burgee",
		Short:         "A feature-flag server in one program",
		Long:          "Burgee is a feature-flag server in one program. Without a command it serves.",
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return environment(cmd.Flags())
		},
		Version: version,
	}
	root.Flags().AddFlagSet(serve.Flags())
	root.AddCommand(serve, importCommand(), exportCommand(), validateCommand(), evaluateCommand(), healthCommand(),
		historyCommand(), diffCommand(), revertCommand(), backupCommand(), restoreCommand(), verifyCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "burgee %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
