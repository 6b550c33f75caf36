package main

import (
	"net/url"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// author is who makes a change and why, as the flags say.
type author struct {
	name, comment *string
}

// authorFlags adds --author and --comment. Nobody is claimed to have made a change who did not say so: without them, and
// without BURGEE_AUTHOR, the history has no author.
func authorFlags(cmd *cobra.Command) author {
	by := author{
		name:    cmd.Flags().String("author", "", "`NAME` that the history is to give as the author"),
		comment: cmd.Flags().String("comment", "", "`TEXT` that the history is to give as the reason"),
	}
	withoutVariable(cmd.Flags(), "comment")
	return by
}

// sign makes all calls of a command those of the author.
func (a author) sign(cmd *cobra.Command, t target) {
	if *t.address == "" {
		cmd.SetContext(server.WithAuthor(cmd.Context(), store.Author{Name: *a.name, Comment: *a.comment, Method: cmd.Name()}))
		return
	}
	ctx, call := connect.NewClientContext(cmd.Context())
	call.RequestHeader().Set("Burgee-Author", url.PathEscape(*a.name))
	call.RequestHeader().Set("Burgee-Comment", url.PathEscape(*a.comment))
	cmd.SetContext(ctx)
}
