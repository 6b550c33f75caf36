package main

import "github.com/spf13/cobra"

// The completion command and its scripts are cobra's. Here is what only burgee knows of its arguments and flags.

// completeFeatures completes the names of features files, and of directories on the way to them.
func completeFeatures(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yml", "yaml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeOneFeatures is completeFeatures for a command that takes one file.
func completeOneFeatures(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeFeatures(cmd, args, start)
}

// completeValues lets a flag be completed to the values it may have. It panics for a flag that cmd does not have.
func completeValues(cmd *cobra.Command, flag string, values ...cobra.Completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("burgee: " + err.Error())
	}
}
