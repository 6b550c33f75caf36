package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
)

// reverted are the flags of the revert command that say what is brought back.
type reverted struct {
	to, flag, segment, namespace string
	all                          bool
}

func revertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revert {REVISION | --to REFERENCE {--flag | --segment | --namespace | --all}}",
		Short: "Undo a revision, or bring back what there was, as a new revision",
		Long: "Undo what a revision changed, or make a flag, a segment, a namespace or everything what it was at --to, as a new\n" +
			"revision: with all ids and times, and a deleted flag in its old place. Nothing is changed where later changes depend\non what would be undone; the conflicts are printed.",
		Args: cobra.MaximumNArgs(1),
	}
	t := targetFlags(cmd)
	by := authorFlags(cmd)
	var what reverted
	flags := cmd.Flags()
	flags.StringVar(&what.to, "to", "", "`REFERENCE` to go back to: rev:N, or at: with a time such as 2026-01-31T12:00:00Z")
	flags.StringVar(&what.flag, "flag", "", "bring back the flag `NAMESPACE/KEY`")
	flags.StringVar(&what.segment, "segment", "", "bring back the segment `NAMESPACE/KEY`")
	flags.StringVar(&what.namespace, "namespace", "", "bring back the namespace `KEY` with everything in it")
	flags.BoolVar(&what.all, "all", false, "bring back everything")
	dryRun := flags.Bool("dry-run", false, "change nothing, print what would change")
	withoutVariable(flags, "to", "flag", "segment", "namespace", "all", "dry-run")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		request, err := what.request(args)
		if err != nil {
			return err
		}
		request.DryRun = *dryRun
		by.sign(cmd, t)
		err = t.history(cmd, func(ctx context.Context, client burgeev1connect.HistoryServiceClient) error {
			answer, err := client.Revert(ctx, request)
			if err != nil {
				return err
			}
			return printRevert(cmd, request, answer)
		})
		printConflicts(cmd, err)
		return err
	}
	return cmd
}

// request says what the arguments ask for.
func (r reverted) request(args []string) (*burgeev1.RevertRequest, error) {
	targets := 0
	for _, given := range []bool{len(args) > 0, r.flag != "", r.segment != "", r.namespace != "", r.all} {
		if given {
			targets++
		}
	}
	switch {
	case targets != 1:
		return nil, errors.New("name one thing to undo: a revision, or one of --flag, --segment, --namespace and --all")
	case len(args) > 0 && r.to != "":
		return nil, errors.New("--to is for what is brought back; a revision is undone by its number alone")
	case len(args) == 0 && r.to == "":
		return nil, errors.New("--to must say which state to bring back, such as rev:12 or at:2026-01-31T12:00:00Z")
	}
	request := &burgeev1.RevertRequest{Reference: r.to}
	switch {
	case r.flag != "":
		return request, documentTarget(request, "flag", r.flag)
	case r.segment != "":
		return request, documentTarget(request, "segment", r.segment)
	case r.namespace != "":
		request.Target = &burgeev1.RevertRequest_NamespaceKey{NamespaceKey: r.namespace}
	case r.all:
		request.Target = &burgeev1.RevertRequest_Everything{Everything: true}
	default:
		number, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil || number == 0 {
			return nil, fmt.Errorf("%q is not the number of a revision", args[0])
		}
		request.Target = &burgeev1.RevertRequest_Revision{Revision: number}
	}
	return request, nil
}

func documentTarget(request *burgeev1.RevertRequest, kind, name string) error {
	namespace, key, ok := strings.Cut(name, "/")
	if !ok || namespace == "" || key == "" {
		return fmt.Errorf("--%s: %q is not a namespace and a key, such as default/new-checkout", kind, name)
	}
	request.Target = &burgeev1.RevertRequest_Document{
		Document: &burgeev1.RevertDocument{NamespaceKey: namespace, Kind: kind, Key: key},
	}
	return nil
}

// printRevert says what a revert has changed, or what a dry run would change.
func printRevert(cmd *cobra.Command, r *burgeev1.RevertRequest, answer *burgeev1.RevertResponse) error {
	w := cmd.OutOrStdout()
	if r.DryRun {
		return printDifferences(w, answer.Differences, "nothing would change")
	}
	if err := printDifferences(w, answer.Differences, "nothing changed"); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "revision", answer.Position)
	return err
}

// printConflicts names each of several conflicts, of which the error itself tells the first.
func printConflicts(cmd *cobra.Command, err error) {
	refused := (*connect.Error)(nil)
	if !errors.As(err, &refused) || len(refused.Details()) < 2 {
		return
	}
	for _, detail := range refused.Details() {
		if value, err := detail.Value(); err == nil {
			if c, ok := value.(*burgeev1.RevertConflict); ok {
				fmt.Fprintln(cmd.ErrOrStderr(), "conflict:", c.Reason)
			}
		}
	}
}
