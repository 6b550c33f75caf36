package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

func failing(t *testing.T, code connect.Code, text string) *connect.Error {
	t.Helper()
	err := connect.NewError(code, errors.New(text))
	detail, derr := connect.NewErrorDetail(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "key"}}})
	if derr != nil {
		t.Fatal(derr)
	}
	err.AddDetail(detail)
	return err
}

// TestErrors is section 6 of the contract: each code on a route whose body is handed through, on one that vanguard
// decodes, and on OFREP's.
func TestErrors(t *testing.T) {
	t.Parallel()
	b := &backend{answer: func(_ context.Context, c call) reply {
		var code connect.Code
		if err := code.UnmarshalText([]byte(c.header.Get("X-Code"))); err != nil {
			return reply{err: err}
		}
		return reply{err: failing(t, code, `flag "a<b>" \ is ä `+"\n")}
	}}
	server := serve(t, b, Options{})
	const text = `"flag \"a<b>\" \\ is ä \n"`
	for _, c := range []struct {
		code   connect.Code
		number string
		status int
		ofrep  string
	}{
		{connect.CodeCanceled, "1", 499, "GENERAL"},
		{connect.CodeUnknown, "2", 500, "GENERAL"},
		{connect.CodeInvalidArgument, "3", 400, "INVALID_CONTEXT"},
		{connect.CodeDeadlineExceeded, "4", 504, "GENERAL"},
		{connect.CodeNotFound, "5", 404, "FLAG_NOT_FOUND"},
		{connect.CodeAlreadyExists, "6", 409, "GENERAL"},
		{connect.CodePermissionDenied, "7", 403, "GENERAL"},
		{connect.CodeResourceExhausted, "8", 429, "GENERAL"},
		{connect.CodeFailedPrecondition, "9", 400, "GENERAL"},
		{connect.CodeAborted, "10", 409, "GENERAL"},
		{connect.CodeOutOfRange, "11", 400, "GENERAL"},
		{connect.CodeUnimplemented, "12", 501, "GENERAL"},
		{connect.CodeInternal, "13", 500, "GENERAL"},
		{connect.CodeUnavailable, "14", 503, "GENERAL"},
		{connect.CodeDataLoss, "15", 500, "GENERAL"},
		{connect.CodeUnauthenticated, "16", 401, "GENERAL"},
	} {
		for _, line := range []string{"POST /evaluate/v1/variant", "GET /api/v1/flags", "PUT /api/v1/namespaces/n/flags/f", "GET /meta/info"} {
			got := send(t, server, line, "", "X-Code: "+c.code.String())
			expect(t, line, got, c.status, `{"code":`+c.number+`,"message":`+text+`,"details":[]}`)
			if challenge := got.header.Get("Www-Authenticate"); (challenge != "") != (c.status == 401) {
				t.Errorf("%s %s: got WWW-Authenticate %q", line, c.code, challenge)
			}
		}
		got := send(t, server, "POST /ofrep/v1/evaluate/flags/f", "", "X-Code: "+c.code.String())
		key := `"key":"f",`
		if c.status == 401 || c.status == 403 {
			key = ""
		}
		expect(t, "OFREP", got, c.status, `{`+key+`"errorCode":"`+c.ofrep+`","errorDetails":`+text+"}\n")
		if got.header["Www-Authenticate"] != nil || (got.header.Get("Retry-After") == "1") != (c.status == 429) {
			t.Errorf("OFREP %s: got headers %v", c.code, got.header)
		}
		got = send(t, server, "GET /api/v1/export", "", "X-Code: "+c.code.String())
		details := `[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"key","description":"","reason":""}]}]`
		ours := c.status
		if c.code == connect.CodeFailedPrecondition {
			ours = 412
		}
		expect(t, "burgee.v1", got, ours, `{"code":`+c.number+`,"message":`+text+`,"details":`+details+"}")
	}
}

func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	err := connect.NewError(connect.CodeUnauthenticated, errors.New("request was not authenticated"))
	err.Meta()["Set-Cookie"] = []string{"flipt_client_token=; Max-Age=0", "flipt_client_state=; Max-Age=0"}
	server := serve(t, answering(reply{err: err}), Options{})
	got := send(t, server, "GET /auth/v1/self", "")
	expect(t, "self", got, 401, `{"code":16,"message":"request was not authenticated","details":[]}`)
	if got.header.Get("Www-Authenticate") != "request was not authenticated" || !slices.Equal(got.header["Set-Cookie"], err.Meta()["Set-Cookie"]) {
		t.Errorf("got headers %v", got.header)
	}
	expect(t, "OFREP", send(t, server, "GET /ofrep/v1/configuration", ""), 401, `{"errorCode":"GENERAL","errorDetails":"request was not authenticated"}`+"\n")
}

// TestErrorsOfHTTP covers handlers that answer with something else than the error of an rpc.
func TestErrorsOfHTTP(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]failure{
		http.StatusBadRequest:            {Code: connect.CodeInvalidArgument, Message: "text"},
		http.StatusNotFound:              {Code: connect.CodeNotFound, Message: "text"},
		http.StatusRequestEntityTooLarge: {Code: connect.CodeResourceExhausted, Message: "text"},
		http.StatusMethodNotAllowed:      {Code: connect.CodeUnimplemented, Message: "text"},
		http.StatusBadGateway:            {Code: connect.CodeInternal, Message: "internal error"},
		http.StatusTeapot:                {Code: connect.CodeInternal, Message: "internal error"},
	} {
		for _, body := range []string{"text\n", "text"} {
			got := (&route{ours: true}).readFailure(status, []byte(body))
			if got.Code != want.Code || got.Message != want.Message || string(got.body()) != string(want.body()) {
				t.Errorf("%d: got %s, want %s", status, got.body(), want.body())
			}
		}
	}
}
