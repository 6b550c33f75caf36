package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"connectrpc.com/connect"
)

// flagKeyHeader is the metadata in which [SetFlagKey] travels.
const flagKeyHeader = "Burgee-Ofrep-Key"

var errNotUTF8 = errors.New("not valid UTF-8")

// SetFlagKey says which flag an OFREP error is about: the edge writes key into the body of the error, and for the code
// not_found the text that the contract has for it. It travels as the metadata burgee-ofrep-key, which REST clients do not
// see. It changes err, which must therefore belong to this call alone.
func SetFlagKey(err *connect.Error, key string) {
	err.Meta().Set(flagKeyHeader, url.PathEscape(key))
}

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

// readFailure reads the error that vanguard has written with some HTTP status. A body that is no such error is a message
// of vanguard, or of connect, about the request as HTTP.
func readFailure(status int, body []byte, keepDetails bool) failure {
	var wire struct {
		Code    uint32          `json:"code"`
		Message string          `json:"message"`
		Details json.RawMessage `json:"details"`
	}
	if json.Unmarshal(body, &wire) != nil || wire.Code == 0 {
		f := failure{Code: codeOf(status), Message: strings.TrimSpace(string(body))}
		if f.Code == connect.CodeInternal {
			f.Message = "internal error"
		}
		return f
	}
	// The codec's error comes back so from a handler that was given the body as it is.
	message := strings.TrimPrefix(wire.Message, "unmarshal message: ")
	f := failure{Code: connect.Code(wire.Code), Message: message}
	if keepDetails {
		f.Details = wire.Details
	}
	return f
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

// ofrepBody returns the body of an error on the OFREP paths. key is the metadata that [SetFlagKey] has set.
func (f failure) ofrepBody(key []string) []byte {
	body := struct {
		Key          string `json:"key,omitempty"`
		ErrorCode    string `json:"errorCode"`
		ErrorDetails string `json:"errorDetails"`
	}{ErrorCode: "GENERAL", ErrorDetails: f.Message}
	if len(key) > 0 {
		// What does not decode was not written by SetFlagKey.
		body.Key, _ = url.PathUnescape(key[0])
	}
	switch f.Code {
	case connect.CodeInvalidArgument:
		body.ErrorCode = "INVALID_CONTEXT"
	case connect.CodeNotFound:
		body.ErrorCode = "FLAG_NOT_FOUND"
		if len(key) > 0 {
			body.ErrorDetails = "flag was not found " + body.Key
		}
	}
	return encode(body)
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
