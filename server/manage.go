package server

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
)

// database is the store with the programs that belong to each of its states.
type database = store.DB[*eval.Snapshot]

// management serves flipt.Flipt (semantics.md; the deprecated evaluation stands in legacy.go). Each rpc that writes is one
// function on a draft, so that an import can call the same functions.
type management struct {
	db       *database
	counting *counting
	cache    *answerCache
}

// update carries out change as one revision in the name of the caller.
func update[Q, R any](ctx context.Context, db *database, request Q, change func(*store.Draft, Q) (R, error)) (R, error) {
	answer, _, err := store.Update(ctx, db, caller(ctx), func(d *store.Draft) (R, error) { return change(d, request) })
	return answer, err
}

// remove is update for a change that answers nothing.
func remove[Q any](ctx context.Context, db *database, request Q, change func(*store.Draft, Q) error) (*emptypb.Empty, error) {
	return update(ctx, db, request, func(d *store.Draft, request Q) (*emptypb.Empty, error) {
		if err := change(d, request); err != nil {
			return nil, err
		}
		return new(emptypb.Empty), nil
	})
}

// defaultNamespace is what an empty namespace key means.
const defaultNamespace = "default"

func namespaceOf(key string) string {
	if key == "" {
		return defaultNamespace
	}
	return key
}

// path names a resource in error texts.
func path(namespace, key string) string { return namespace + "/" + key }
