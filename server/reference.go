package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store"
)

// Prefixes of a reference, which names a state of the past: by the number of its revision, or by a time.
const (
	byRevision = "rev:"
	byTime     = "at:"
)

// viewAt returns the state that a reference names with its programs: `rev:N`, `at:` with a time of RFC 3339, or empty for the
// present one. Any other text is an invalid argument. Only a state of the past costs I/O.
func viewAt(ctx context.Context, db *database, reference string) (*store.State, *eval.Snapshot, error) {
	if reference == "" {
		state, snapshot := db.View()
		return state, snapshot, nil
	}
	revision, err := revisionOf(ctx, db, reference)
	if err != nil {
		return nil, nil, err
	}
	state, snapshot, err := db.At(ctx, revision)
	if err != nil {
		return nil, nil, pastFailure(reference, err)
	}
	return state, snapshot, nil
}

// viewOf is viewAt for the requests of the contract, where a reference that is none of ours has no meaning and is ignored.
func viewOf(ctx context.Context, db *database, reference string) (*store.State, *eval.Snapshot, error) {
	if !isReference(reference) {
		reference = ""
	}
	return viewAt(ctx, db, reference)
}

// viewOf is viewOf for an evaluation, with what counts it: nothing, for a state of the past.
func (c *counting) viewOf(ctx context.Context, reference string) (*eval.Snapshot, *counting, error) {
	_, snapshot, err := viewOf(ctx, c.db, reference)
	if isReference(reference) {
		c = nil
	}
	return snapshot, c, err
}

func isReference(text string) bool {
	return strings.HasPrefix(text, byRevision) || strings.HasPrefix(text, byTime)
}

// revisionOf returns the number of the revision that a reference names.
func revisionOf(ctx context.Context, db *database, reference string) (uint64, error) {
	if number, ok := strings.CutPrefix(reference, byRevision); ok {
		revision, err := strconv.ParseUint(number, 10, 64)
		if err != nil || revision == 0 {
			return 0, invalid("invalid field reference: %q is not the number of a revision", number)
		}
		return revision, nil
	}
	text, ok := strings.CutPrefix(reference, byTime)
	if !ok {
		return 0, invalid("invalid field reference: %q is neither rev: with a number nor at: with a time", reference)
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, invalid("invalid field reference: %q is not a time of RFC 3339, such as 2026-01-31T12:00:00Z", text)
	}
	revision, err := db.RevisionAt(ctx, at)
	if err != nil {
		return 0, pastFailure(reference, err)
	}
	return revision, nil
}

// pastFailure says that there is no such state, if that is what is wrong.
func pastFailure(reference string, err error) error {
	if errors.Is(err, store.ErrNoRevision) {
		return notFound("reference %s: %v", reference, err)
	}
	return err
}
