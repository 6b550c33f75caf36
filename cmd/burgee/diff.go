package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
)

func diffCommand() *cobra.Command {
	request := new(burgeev1.CompareRequest)
	cmd := &cobra.Command{
		Use:   "diff {REVISION | REFERENCE [REFERENCE]}",
		Short: "Show what a revision changed, or what differs between two states",
		Long: "Show what a revision changed, by its number, or what differs between two states of the past, or one and the present.\n" +
			"A reference is rev:N for the state after revision N, or at: with a time such as 2026-01-31T12:00:00Z.",
		Args: cobra.RangeArgs(1, 2),
	}
	t := targetFlags(cmd)
	documentFilters(cmd, &request.NamespaceKey, &request.Kind, &request.Key)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkKind(request.Kind); err != nil {
			return err
		}
		return t.history(cmd, func(ctx context.Context, client burgeev1connect.HistoryServiceClient) error {
			found, err := difference(ctx, client, request, args)
			if err != nil {
				return err
			}
			return printDifferences(cmd.OutOrStdout(), found, "no difference")
		})
	}
	return cmd
}

// difference asks for what one revision changed, or for what is different between states.
func difference(ctx context.Context, client burgeev1connect.HistoryServiceClient, r *burgeev1.CompareRequest, args []string) ([]*burgeev1.DocumentDifference, error) {
	if number, err := strconv.ParseUint(args[0], 10, 64); err == nil {
		if len(args) > 1 {
			return nil, fmt.Errorf("what revision %s changed is one thing: to compare states, name them rev:%s and such", args[0], args[0])
		}
		return changesOf(ctx, client, r, number)
	}
	r.From = args[0]
	if len(args) > 1 {
		r.To = args[1]
	}
	answer, err := client.Compare(ctx, r)
	return answer.GetDifferences(), err
}

// changesOf returns what a revision changed, as far as it passes the filters.
func changesOf(ctx context.Context, client burgeev1connect.HistoryServiceClient, r *burgeev1.CompareRequest, number uint64) ([]*burgeev1.DocumentDifference, error) {
	answer, err := client.GetRevision(ctx, &burgeev1.GetRevisionRequest{Revision: number})
	if err != nil {
		return nil, err
	}
	var found []*burgeev1.DocumentDifference
	for _, document := range answer.Documents {
		d := document.Difference
		if (r.NamespaceKey == "" || r.NamespaceKey == d.NamespaceKey) && (r.Kind == "" || r.Kind == d.Kind) && (r.Key == "" || r.Key == d.Key) {
			found = append(found, d)
		}
	}
	return found, nil
}
