package rest

import (
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect"
)

// Refuse answers a request that does not pass the edge with an error as the edge words it, on the paths of OFREP with an error
// code. status 0 stands for that of the error's code.
func Refuse(w http.ResponseWriter, r *http.Request, status int, err *connect.Error) {
	if status == 0 {
		status = httpStatus(err.Code())
	}
	f := failure{Code: err.Code(), Message: err.Message()}
	body := f.body()
	if strings.HasPrefix(r.URL.Path, "/ofrep/") {
		body = f.ofrepBody(nil, err.Meta().Get(errorCodeHeader))
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
