package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/store"
)

// interceptor stands before every handler on both doors: rights, then validation, then the handler; then the error that
// clients get. It logs no request body and no secret.
type interceptor struct {
	validator *validator
	readOnly  bool // refuse what needs the right to write
	calls     *callMetrics
	log       zerolog.Logger
}

// WrapUnary implements connect.Interceptor.
func (i *interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		start := time.Now()
		answer, err := i.call(ctx, request, next)
		if err = i.settle(ctx, request.Spec().Procedure, start, err); err != nil {
			return nil, err
		}
		return answer, nil
	}
}

func (i *interceptor) call(ctx context.Context, request connect.AnyRequest, next connect.UnaryFunc) (connect.AnyResponse, error) {
	needed := rights[request.Spec().Procedure]
	if needed == 0 {
		return nil, errDenied()
	}
	if message, ok := request.Any().(proto.Message); ok {
		if err := i.validator.check(message); err != nil {
			return nil, err
		}
	}
	if i.readOnly && needed == write {
		return nil, errReadOnly()
	}
	if needed == write {
		if err := checkCaller(request.Header()); err != nil {
			return nil, err
		}
	}
	return next(ctx, request)
}

// WrapStreamingHandler implements connect.Interceptor.
func (i *interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, stream connect.StreamingHandlerConn) error {
		start := time.Now()
		err := i.stream(ctx, stream, next)
		return i.settle(ctx, stream.Spec().Procedure, start, err)
	}
}

func (i *interceptor) stream(ctx context.Context, stream connect.StreamingHandlerConn, next connect.StreamingHandlerFunc) error {
	needed := rights[stream.Spec().Procedure]
	if needed == 0 {
		return errDenied()
	}
	if i.readOnly && needed == write {
		return errReadOnly()
	}
	return next(ctx, &checkedStream{stream, i.validator})
}

// checkedStream validates each message that it receives.
type checkedStream struct {
	connect.StreamingHandlerConn
	validator *validator
}

// Receive implements connect.StreamingHandlerConn.
func (s *checkedStream) Receive(message any) error {
	if err := s.StreamingHandlerConn.Receive(message); err != nil {
		return err
	}
	if m, ok := message.(proto.Message); ok {
		return s.validator.check(m)
	}
	return nil
}

// WrapStreamingClient implements connect.Interceptor. There are no clients here.
func (i *interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// settle counts and logs how a call ended, and returns the error that its client gets.
func (i *interceptor) settle(ctx context.Context, procedure string, start time.Time, err error) error {
	took := time.Since(start)
	if err == nil {
		i.calls.observe(procedure, doorOf(ctx), 0, took)
		i.log.Debug().Str("procedure", procedure).Dur("took", took).Msg("answered")
		return nil
	}
	refused, expected := asConnect(err)
	i.calls.observe(procedure, doorOf(ctx), refused.Code(), took)
	if !expected {
		i.log.Error().Err(err).Str("procedure", procedure).Msg("internal error")
	}
	i.log.Debug().Str("procedure", procedure).Stringer("code", refused.Code()).Dur("took", took).Msg("refused")
	return refused
}

func errDenied() error {
	return connect.NewError(connect.CodePermissionDenied, errors.New("permission denied"))
}

// recovered answers a panic of a handler, which is a fault of ours, and logs it with its stack.
func (i *interceptor) recovered(_ context.Context, spec connect.Spec, _ http.Header, panicked any) error {
	i.log.Error().Interface("panic", panicked).Str("procedure", spec.Procedure).Bytes("stack", debug.Stack()).Msg("recovered a panic")
	return connect.NewError(connect.CodeInternal, errors.New("internal error"))
}

// caller says who makes a change, from the headers Burgee-Author and Burgee-Comment (percent-encoded UTF-8) and
// X-Request-Id.
func caller(ctx context.Context) store.Author {
	call, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok { // in the same process
		return command(ctx)
	}
	header := call.RequestHeader()
	author := store.Author{
		Name: decoded(header.Get("Burgee-Author")), Comment: decoded(header.Get("Burgee-Comment")),
		Method: call.Spec().Procedure, RequestID: header.Get("X-Request-Id"),
	}
	if !usableID(author.RequestID) {
		author.RequestID = uuid.NewString()
	}
	return author
}

// decoded undoes percent-encoding; text that is not properly encoded stays as it is.
func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
