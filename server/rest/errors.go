package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
)

// errorCodeHeader is the metadata in which [SetErrorCode] travels.
const errorCodeHeader = "Burgee-Ofrep-Code"

var errNotUTF8 = errors.New("not valid UTF-8")

// SetErrorCode gives an error another code of OFREP, such as [TargetingKeyMissing], than the one that its own code stands
// for. It travels as the metadata burgee-ofrep-code, which REST clients do not see. It changes err, which must therefore
// belong to this call alone.
func SetErrorCode(err *connect.Error, code string) { err.Meta().Set(errorCodeHeader, code) }

func invalid(format string, args ...any) *connect.Error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, args...))
}

// failure is the body of an error: a google.rpc.Status, always with these three members and no other, because a client
// decodes it strictly.
type failure struct {
	Code    connect.Code
	Message string
	// A JSON list.
	Details json.RawMessage
}

// readFailure reads the error that came with some HTTP status. A body that is no error is a message of vanguard, or of connect,
// about the request as HTTP.
func (r *route) readFailure(status int, body []byte) failure {
	f, ok := readStatus(body)
	if r.direct != nil {
		f, ok = readConnect(body)
	}
	if !ok {
		f = failure{Code: codeOf(status), Message: strings.TrimSpace(string(body))}
		if f.Code == connect.CodeInternal {
			f.Message = "internal error"
		}
		return f
	}
	// The codec's error comes back so from a handler that was given the body as it is.
	f.Message = strings.TrimPrefix(f.Message, "unmarshal message: ")
	if !r.ours {
		f.Details = nil
	}
	return f
}

// readStatus reads an error as vanguard writes it.
func readStatus(body []byte) (failure, bool) {
	var wire struct {
		Code    uint32          `json:"code"`
		Message string          `json:"message"`
		Details json.RawMessage `json:"details"`
	}
	err := json.Unmarshal(body, &wire)
	return failure{Code: connect.Code(wire.Code), Message: wire.Message, Details: wire.Details}, err == nil && wire.Code != 0
}

// readConnect reads an error as a handler writes it, but not its details.
func readConnect(body []byte) (failure, bool) {
	var wire struct {
		Code    connect.Code `json:"code"`
		Message string       `json:"message"`
	}
	err := json.Unmarshal(body, &wire)
	return failure{Code: wire.Code, Message: wire.Message}, err == nil && wire.Code != 0
}

func (f failure) body() []byte {
	if f.Details == nil {
		f.Details = json.RawMessage("[]")
	}
	return bytes.TrimSuffix(encode(struct {
		Code    uint32          `json:"code"`
		Message string          `json:"message"`
		Details json.RawMessage `json:"details"`
	}{uint32(f.Code), f.Message, f.Details}), []byte("\n"))
}

// ofrepBody returns the body of an error on the OFREP paths, or of a failed flag among others. Providers read no body without
// an error code, and none about a flag without its key. code may be empty.
func (f failure) ofrepBody(key *string, code string) []byte {
	body := struct {
		Key          *string `json:"key,omitempty"`
		ErrorCode    string  `json:"errorCode"`
		ErrorDetails string  `json:"errorDetails"`
	}{key, code, f.Message}
	if code == "" {
		body.ErrorCode = ofrepCode(f.Code)
	}
	if f.Code == connect.CodeUnauthenticated || f.Code == connect.CodePermissionDenied {
		body.Key = nil // of no flag
	}
	return encode(body)
}

func ofrepCode(code connect.Code) string {
	switch code {
	case connect.CodeInvalidArgument:
		return invalidContext
	case connect.CodeNotFound:
		return "FLAG_NOT_FOUND"
	}
	return "GENERAL"
}

// encode writes JSON with a newline at its end, and with the characters of HTML as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("write error body: %v", err))
	}
	return b.Bytes()
}

// httpStatus is the contract's table, section 6.
func httpStatus(code connect.Code) int {
	switch code {
	case connect.CodeCanceled:
		return 499
	case connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeOutOfRange:
		return http.StatusBadRequest
	case connect.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case connect.CodeNotFound:
		return http.StatusNotFound
	case connect.CodeAlreadyExists, connect.CodeAborted:
		return http.StatusConflict
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case connect.CodeUnimplemented:
		return http.StatusNotImplemented
	case connect.CodeUnavailable:
		return http.StatusServiceUnavailable
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	default:
		return http.StatusInternalServerError
	}
}

// status is the status of an error of the route's rpc. A precondition of a service of our own is one of HTTP.
func (r *route) status(code connect.Code) int {
	if r.ours && code == connect.CodeFailedPrecondition {
		return http.StatusPreconditionFailed
	}
	return httpStatus(code)
}

// codeOf is the way back, for errors that were made of a request before its rpc was known.
func codeOf(status int) connect.Code {
	switch status {
	case http.StatusBadRequest:
		return connect.CodeInvalidArgument
	case http.StatusNotFound:
		return connect.CodeNotFound
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return connect.CodeResourceExhausted
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return connect.CodeUnimplemented
	default:
		return connect.CodeInternal
	}
}
