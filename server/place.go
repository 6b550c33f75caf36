package server

import (
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// fieldError says what is wrong with a field of a document that was sent.
type fieldError struct {
	place string // of the document in its request, such as edits[3].replaceFlag
	path  string // of the field in the document, such as rules[1].segmentKeys[0]
	text  string
}

// fieldFailure returns an error of a field of a document, which stands in a field document until placed says otherwise.
func fieldFailure(path, format string, args ...any) error {
	return &fieldError{"document", path, fmt.Sprintf(format, args...)}
}

// field is the path of the field in the request.
func (e *fieldError) field() string { return join(e.place, e.path) }

func (e *fieldError) Error() string { return "invalid field " + e.field() + ": " + e.text }

// answer is the error that clients get.
func (e *fieldError) answer(text error) *connect.Error {
	return badRequest(text, []*errdetails.BadRequest_FieldViolation{{Field: e.field(), Description: e.text}})
}

// placed says where in its request the document of a field error stands; other errors stay as they are.
func placed(err error, place string) error {
	field := (*fieldError)(nil)
	if !errors.As(err, &field) {
		return err
	}
	return &fieldError{place, field.path, field.text}
}

// badRequest is the error of fields of a request of ours.
func badRequest(text error, fields []*errdetails.BadRequest_FieldViolation) *connect.Error {
	answer := connect.NewError(connect.CodeInvalidArgument, text)
	if detail, err := connect.NewErrorDetail(&errdetails.BadRequest{FieldViolations: fields}); err == nil {
		answer.AddDetail(detail)
	}
	return answer
}

// join leaves out the dot where one of both is empty.
func join(place, path string) string {
	return strings.Trim(place+"."+path, ".")
}
