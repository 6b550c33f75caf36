package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// excludes annotates a flag with the flags that may not be given beside it.
const excludes = "burgee_excludes"

// exclusive lets one of the flags be given at most. One on the command line silences the variables of the others.
func exclusive(cmd *cobra.Command, names ...string) {
	cmd.MarkFlagsMutuallyExclusive(names...)
	for _, name := range names {
		_ = cmd.Flags().SetAnnotation(name, excludes, names) // fails for an unknown flag, where the line above panics
	}
}

// noVariable annotates a flag that no environment variable sets.
const noVariable = "burgee_no_variable"

// withoutVariable keeps flags that say what to do this once, not how things are, from being set by the environment.
func withoutVariable(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		_ = flags.SetAnnotation(name, noVariable, []string{name}) // fails for an unknown flag: there is none
	}
}

// environment gives every setting that the command line leaves open the value of its variable, `BURGEE_` and the name of
// the flag in capitals with `_` for `-`. An empty variable counts as none.
func environment(flags *pflag.FlagSet) error {
	decided := []string{"help", "version"} // no settings
	flags.Visit(func(flag *pflag.Flag) {
		decided = append(append(decided, flag.Name), flag.Annotations[excludes]...)
	})
	flags.VisitAll(func(flag *pflag.Flag) { decided = append(decided, flag.Annotations[noVariable]...) })
	var failed error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := variable(flag.Name)
		value := os.Getenv(name)
		if failed != nil || value == "" || slices.Contains(decided, flag.Name) {
			return
		}
		if err := flags.Set(flag.Name, value); err != nil {
			failed = fmt.Errorf("environment variable %s: %w", name, err)
		}
	})
	return failed
}

func variable(flag string) string {
	return "BURGEE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// databaseFlag adds --db.
func databaseFlag(flags *pflag.FlagSet) *string {
	return flags.String("db", "", "database `FILE` (default: burgee/burgee.db in the data directory of the user)")
}

// databasePath returns the file that --db names, or the one in the data directory of the user.
func databasePath(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	dir, err := dataDirectory()
	if err != nil {
		return "", fmt.Errorf("there is no home directory to keep the database in: name a file with --db (%w)", err)
	}
	return filepath.Join(dir, "burgee", "burgee.db"), nil
}

func dataDirectory() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	if runtime.GOOS == "windows" {
		return os.UserCacheDir() // %LocalAppData%
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}
