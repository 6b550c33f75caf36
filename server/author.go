package server

import (
	"context"

	"github.com/burgeehq/burgee/store"
)

// authorKey is where a context keeps the author of WithAuthor.
type authorKey struct{}

// WithAuthor returns a context for calls in the same process: what they change is by that author. A call through a door says
// so by its headers instead.
func WithAuthor(ctx context.Context, by store.Author) context.Context {
	return context.WithValue(ctx, authorKey{}, by)
}

// command is the author of a call in the same process.
func command(ctx context.Context) store.Author {
	by, ok := ctx.Value(authorKey{}).(store.Author)
	if !ok {
		by.Method = "command"
	}
	return by
}
