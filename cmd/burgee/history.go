package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/server"
)

func historyCommand() *cobra.Command {
	request := new(burgeev1.ListRevisionsRequest)
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List who changed what, when and why, the newest first",
		Long:  "List revisions, the newest first: who changed what, when and why. A revision must pass every filter.",
		Args:  cobra.NoArgs,
	}
	t := targetFlags(cmd)
	flags := cmd.Flags()
	documentFilters(cmd, &request.NamespaceKey, &request.Kind, &request.Key)
	flags.StringVar(&request.Author, "author", "", "only revisions by that `AUTHOR`")
	flags.StringVar(&request.Method, "method", "", "only revisions by that `METHOD`, such as CreateFlag or import")
	from := flags.String("from", "", "only revisions since that `TIME`, such as 2026-01-31T12:00:00Z")
	to := flags.String("to", "", "only revisions before that `TIME`")
	limit := flags.Uint32("limit", 50, "`NUMBER` of revisions at most, 0 for all")
	asJSON := flags.Bool("json", false, "print each revision as one line of JSON")
	withoutVariable(flags, "author", "method", "from", "to", "limit", "json")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if err = checkKind(request.Kind); err != nil {
			return err
		}
		if request.From, err = timeFlag("from", *from); err != nil {
			return err
		}
		if request.To, err = timeFlag("to", *to); err != nil {
			return err
		}
		write := printRevisions
		if *asJSON {
			write = printRevisionLines
		}
		return t.history(cmd, func(ctx context.Context, client burgeev1connect.HistoryServiceClient) error {
			list, err := revisions(ctx, client, request, int(*limit))
			if err != nil {
				return err
			}
			return write(cmd.OutOrStdout(), list)
		})
	}
	return cmd
}

// documentFilters adds the flags that choose documents.
func documentFilters(cmd *cobra.Command, namespace, kind, key *string) {
	flags := cmd.Flags()
	flags.StringVarP(namespace, "namespace", "n", "", "only what is in the namespace of that `KEY`, and itself")
	flags.StringVar(kind, "kind", "", "only documents of that `KIND`: namespace, flag or segment")
	flags.StringVar(key, "key", "", "only documents of that `KEY`")
	withoutVariable(flags, "namespace", "kind", "key")
	completeValues(cmd, "kind", kinds...)
}

// kinds are the kinds of documents.
var kinds = []cobra.Completion{"namespace", "flag", "segment"}

func checkKind(kind string) error {
	if kind == "" || slices.Contains(kinds, kind) {
		return nil
	}
	return fmt.Errorf("--kind: %q is none of %s", kind, strings.Join(kinds, ", "))
}

func timeFlag(name, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("--%s: %q is no time such as 2026-01-31T12:00:00Z", name, text)
	}
	return timestamppb.New(at), nil
}

// maxRevisionPage is how many revisions are asked for at a time.
const maxRevisionPage = 1000

// revisions asks for pages until there are limit revisions, or no more; a limit of 0 is none.
func revisions(ctx context.Context, client burgeev1connect.HistoryServiceClient, request *burgeev1.ListRevisionsRequest, limit int) ([]*burgeev1.Revision, error) {
	var list []*burgeev1.Revision
	for {
		request.Limit = maxRevisionPage
		if limit > 0 {
			request.Limit = int32(min(limit-len(list), maxRevisionPage))
		}
		page, err := client.ListRevisions(ctx, request)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Revisions...)
		if request.PageToken = page.NextPageToken; request.PageToken == "" || limit > 0 && len(list) >= limit {
			return list, nil
		}
	}
}

// printRevisions writes a table for people.
func printRevisions(w io.Writer, list []*burgeev1.Revision) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REVISION\tTIME\tAUTHOR\tMETHOD\tWHAT\tCOMMENT")
	for _, r := range list {
		method := r.Method[strings.LastIndexByte(r.Method, '/')+1:]
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", r.Revision, r.At.AsTime().Format(time.RFC3339), oneLine(r.Author), oneLine(method), what(r), why(r))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// shownChanges is how many documents of a revision a row of the table names.
const shownChanges = 3

func what(r *burgeev1.Revision) string {
	var words []string
	for _, c := range r.Changes[:min(len(r.Changes), shownChanges)] {
		words = append(words, fmt.Sprintf("%s %s %s", actionSigns[c.Action], c.Kind, documentName(c.NamespaceKey, c.Kind, c.Key)))
	}
	if more := int(r.ChangeCount) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

func why(r *burgeev1.Revision) string {
	var words []string
	if r.Reverts != 0 {
		words = append(words, fmt.Sprintf("(undoes %d)", r.Reverts))
	}
	if r.Restores != 0 {
		words = append(words, fmt.Sprintf("(back to %d)", r.Restores))
	}
	if r.Comment != "" {
		words = append(words, oneLine(r.Comment))
	}
	return strings.Join(words, " ")
}

// oneLine writes what anybody may have sent without what a terminal would act on.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text))
}

// printRevisionLines writes a line of JSON for each revision.
func printRevisionLines(w io.Writer, list []*burgeev1.Revision) error {
	for _, r := range list {
		text, err := protojson.Marshal(r)
		if err != nil {
			return err
		}
		var line bytes.Buffer
		if err := json.Compact(&line, text); err != nil {
			return err
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// history calls do with a client of the target's history.
func (t target) history(cmd *cobra.Command, do func(context.Context, burgeev1connect.HistoryServiceClient) error) error {
	ctx := cmd.Context()
	return t.reach(cmd, refused,
		func(to connection) error {
			return do(ctx, burgeev1connect.NewHistoryServiceClient(to.http, to.url, to.options...))
		},
		func(srv *server.Server) error { return do(ctx, srv.History()) })
}
