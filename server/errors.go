package server

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/server/features"
	"github.com/burgeehq/burgee/store"
)

// failure is an expected failure: a code of the contract and the text that clients read.
type failure struct {
	code connect.Code
	text string
}

func (f *failure) Error() string { return f.text }

// notFound says that what a request names does not exist.
func notFound(format string, args ...any) error {
	return &failure{connect.CodeNotFound, fmt.Sprintf(format, args...)}
}

// invalid says that a request cannot be carried out as it is. The contract uses it for conflicts too.
func invalid(format string, args ...any) error {
	return &failure{connect.CodeInvalidArgument, fmt.Sprintf(format, args...)}
}

// errReadOnly refuses a change to a server that was started to make none (semantics.md 1).
func errReadOnly() error {
	return &failure{connect.CodeInternal, "modification is not allowed in read-only mode"}
}

// errorTable gives expected errors their codes. What it does not know is a fault of ours.
var errorTable = []struct {
	err  error
	code connect.Code
}{
	{context.Canceled, connect.CodeCanceled},
	{context.DeadlineExceeded, connect.CodeDeadlineExceeded},
	{store.ErrQueueFull, connect.CodeResourceExhausted},
	{store.ErrTooLarge, connect.CodeResourceExhausted},
	{store.ErrClosed, connect.CodeUnavailable},
	{store.ErrReadOnly, connect.CodeUnavailable},
}

// asConnect turns any error of a handler into the one that clients get, and says whether it was expected.
func asConnect(err error) (*connect.Error, bool) {
	// first, since it may wrap any of the others
	if file := (*features.Error)(nil); errors.As(err, &file) {
		return connect.NewError(connect.CodeInvalidArgument, err), true
	}
	if answered := (*connect.Error)(nil); errors.As(err, &answered) {
		return answered, true
	}
	if field := (*fieldError)(nil); errors.As(err, &field) {
		return field.answer(err), true
	}
	if stale := (*mismatch)(nil); errors.As(err, &stale) {
		return stale.answer(err), true
	}
	if expected := (*failure)(nil); errors.As(err, &expected) {
		return connect.NewError(expected.code, err), true
	}
	if evaluation := (*eval.Error)(nil); errors.As(err, &evaluation) {
		return connect.NewError(evaluationCode(evaluation), err), true
	}
	for _, row := range errorTable {
		if errors.Is(err, row.err) {
			return connect.NewError(row.code, err), true
		}
	}
	return connect.NewError(connect.CodeInternal, errors.New("internal error")), false
}

func evaluationCode(err *eval.Error) connect.Code {
	switch err.Kind {
	case eval.NotFound:
		return connect.CodeNotFound
	case eval.Invalid:
		return connect.CodeInvalidArgument
	default:
		return connect.CodeInternal
	}
}
