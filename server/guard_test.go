package server_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/server"
)

func TestGuardHosts(t *testing.T) {
	t.Parallel()
	local := doorsServe(t, server.Doors{AllowedHosts: []string{"flags.example", "[fe80::7]"}}, nil, nil)
	open := doorsServe(t, server.Doors{HTTP: "0.0.0.0:0", GRPC: "0.0.0.0:0", InsecureNetwork: true}, nil, nil)
	listed := doorsServe(t, server.Doors{HTTP: "0.0.0.0:0", GRPC: "0.0.0.0:0", InsecureNetwork: true,
		AllowedHosts: []string{"flags.example"}}, nil, nil)
	for _, tt := range []struct {
		host                string
		local, open, listed int
	}{
		{"localhost", 200, 200, 200},
		{"LOCALHOST.:8080", 200, 200, 200},
		{"127.0.0.1:1", 200, 200, 200},
		{"127.9.9.9", 200, 200, 200},
		{"[::1]", 200, 200, 200},
		{"[::1]:9000", 200, 200, 200},
		{"flags.example", 200, 200, 200},
		{"Flags.Example:443", 200, 200, 200},
		{"[FE80::7]:1", 200, 200, 403},
		{"evil.test", 403, 200, 403},
		{"evil.test:8080", 403, 200, 403},
		{"localhost.evil.test", 403, 200, 403},
		{"127.0.0.1.evil.test", 403, 200, 403},
		{"[::1].evil.test", 403, 200, 403},
		{"0.0.0.0:8080", 403, 200, 403},
		{"192.168.0.1", 403, 200, 403},
	} {
		for name, run := range map[string]struct {
			*doorsRun
			want int
		}{"loopback": {local, tt.local}, "network": {open, tt.open}, "network with a list": {listed, tt.listed}} {
			for door, addr := range map[string]string{"http": run.http, "grpc": run.grpc} {
				for _, http2 := range []bool{false, true} {
					if http2 && door == "http" {
						continue
					}
					req, err := http.NewRequest("PUT", "http://"+addr, nil)
					if err != nil {
						t.Fatal(err)
					}
					req.Host = tt.host
					res, err := doorsClient(t, http2, "").Do(req)
					if err != nil {
						t.Fatal(err)
					}
					body, _ := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if res.StatusCode != run.want {
						t.Errorf("%s, %s, HTTP/2 %t: host %q: got %d, want %d", name, door, http2, tt.host, res.StatusCode, run.want)
					}
					if want := fmt.Sprintf("host %q is not allowed: call the server as localhost, "+
						"or start it with --allowed-host and the name you use\n", tt.host); run.want == 403 && string(body) != want {
						t.Errorf("%s, %s: host %q: got %q, want %q", name, door, tt.host, body, want)
					}
				}
			}
		}
	}
}

// An RPC is refused in its own protocol.
func TestGuardHostsRPC(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{}, nil, nil)
	for _, tt := range []struct {
		name  string
		http2 bool
		addr  string
		opts  []connect.ClientOption
	}{
		{"gRPC", true, run.grpc, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web", false, run.grpc, []connect.ClientOption{connect.WithGRPCWeb()}},
		{"Connect", false, run.grpc, nil},
		{"Connect on the REST door", false, run.http, nil},
		{"gRPC-Web on the REST door", false, run.http, []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		client := connect.NewClient[emptypb.Empty, emptypb.Empty](doorsClient(t, tt.http2, tt.addr), "http://evil.test/a.B/C", tt.opts...)
		_, err := client.CallUnary(t.Context(), connect.NewRequest(&emptypb.Empty{}))
		if connect.CodeOf(err) != connect.CodePermissionDenied || !strings.Contains(err.Error(), `host "evil.test" is not allowed`) {
			t.Errorf("%s: got %v, want permission_denied with the host", tt.name, err)
		}
	}
}

func TestGuardCrossOrigin(t *testing.T) {
	t.Parallel()
	const (
		refused = "cross-origin request detected from Sec-Fetch-Site header\n"
		older   = "cross-origin request detected, and/or browser is out of date: Sec-Fetch-Site is missing, and Origin does not match Host\n"
	)
	closed := doorsServe(t, server.Doors{}, nil, nil)
	trusting := doorsServe(t, server.Doors{CORSOrigins: []string{"HTTPS://App.Example:443"}}, nil, nil)
	public := doorsServe(t, server.Doors{CORSOrigins: []string{"*"}}, nil, nil)
	for _, tt := range []struct {
		name, method             string
		header                   []string
		closed, trusting, public string // the body refused with, or empty
	}{
		{name: "no browser", method: "POST"},
		{name: "same origin", method: "POST", header: []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"}},
		{name: "typed", method: "POST", header: []string{"Sec-Fetch-Site", "none"}},
		{name: "reading", method: "GET", header: []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"}},
		{"cross site", "POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"}, refused, refused, ""},
		{"same site", "PUT", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3000"}, refused, refused, ""},
		{"delete", "DELETE", []string{"Sec-Fetch-Site", "cross-site"}, refused, refused, ""},
		{"older browser", "POST", []string{"Origin", "https://evil.test"}, older, older, ""},
		{"trusted", "POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, refused, "", ""},
	} {
		for name, run := range map[string]struct {
			*doorsRun
			want string
		}{"closed": {closed, tt.closed}, "trusting": {trusting, tt.trusting}, "public": {public, tt.public}} {
			for _, addr := range []string{run.http, run.grpc} {
				res, body := doorsDo(t, doorsClient(t, false, ""), tt.method, "http://"+addr, tt.header...)
				if run.want == "" && res.StatusCode == 200 {
					continue
				}
				if res.StatusCode != 403 || body != run.want || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
					t.Errorf("%s, %s: got %d %q, want the refusal %q", tt.name, name, res.StatusCode, body, run.want)
				}
			}
		}
	}
}

func TestGuardCORS(t *testing.T) {
	t.Parallel()
	closed := doorsServe(t, server.Doors{}, nil, nil)
	listed := doorsServe(t, server.Doors{CORSOrigins: []string{"https://app.example", "http://localhost:5173"}}, nil, nil)
	public := doorsServe(t, server.Doors{CORSOrigins: []string{"*"}}, nil, nil)
	ask := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers",
		"authorization,connect-protocol-version,connect-timeout-ms,content-type,flagd-selector,grpc-timeout,if-none-match," +
			"x-api-key,x-flipt-accept-server-version,x-flipt-environment,x-flipt-namespace,x-grpc-web,x-user-agent"}
	for _, tt := range []struct {
		name, method, origin string
		run                  *doorsRun
		header               []string
		allow, credentials   string
		methods, maxAge      string
	}{
		{name: "off", method: "GET", run: closed, origin: "https://app.example"},
		{name: "off, preflight", method: "OPTIONS", run: closed, origin: "https://app.example", header: ask},
		{name: "listed", method: "POST", run: listed, origin: "https://app.example", allow: "https://app.example", credentials: "true"},
		{name: "listed, preflight", method: "OPTIONS", run: listed, origin: "http://localhost:5173", header: ask,
			allow: "http://localhost:5173", credentials: "true", methods: "PUT", maxAge: "300"},
		{name: "foreign", method: "GET", run: listed, origin: "https://evil.test"},
		{name: "foreign, preflight", method: "OPTIONS", run: listed, origin: "https://evil.test", header: ask},
		{name: "foreign header, preflight", method: "OPTIONS", run: listed, origin: "https://app.example",
			header: []string{"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-else"}},
		{name: "foreign method, preflight", method: "OPTIONS", run: listed, origin: "https://app.example",
			header: []string{"Access-Control-Request-Method", "PATCH"}},
		{name: "any", method: "DELETE", run: public, origin: "https://app.example", allow: "*"},
		{name: "any, preflight", method: "OPTIONS", run: public, origin: "https://app.example", header: ask,
			allow: "*", methods: "PUT", maxAge: "300"},
	} {
		for _, addr := range []string{tt.run.http, tt.run.grpc} {
			res, _ := doorsDo(t, doorsClient(t, false, ""), tt.method, "http://"+addr+"/x", append([]string{"Origin", tt.origin}, tt.header...)...)
			if res.StatusCode != 200 {
				t.Errorf("%s: got %d, want 200", tt.name, res.StatusCode)
			}
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin": tt.allow, "Access-Control-Allow-Credentials": tt.credentials,
				"Access-Control-Allow-Methods": tt.methods, "Access-Control-Max-Age": tt.maxAge,
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %s: got %q, want %q", tt.name, name, got, want)
				}
			}
			exposed := strings.Split(res.Header.Get("Access-Control-Expose-Headers"), ", ")
			for _, name := range []string{"Etag", "Retry-After", "Link", "Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"} {
				if want := tt.allow != "" && tt.method != "OPTIONS"; slices.Contains(exposed, name) != want {
					t.Errorf("%s: exposed %q, want %s: %t", tt.name, exposed, name, want)
				}
			}
		}
	}
}

func TestGuardSecurityHeaders(t *testing.T) {
	t.Parallel()
	run := doorsServe(t, server.Doors{CORSOrigins: []string{"https://app.example"}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("as asked")
		}
	}), nil)
	for _, tt := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"GET", "/", nil, 200},
		{"GET", "/panic", nil, 500},
		{"POST", "/", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"OPTIONS", "/", []string{"Origin", "https://app.example", "Access-Control-Request-Method", "GET"}, 200},
	} {
		res, _ := doorsDo(t, doorsClient(t, false, ""), tt.method, "http://"+run.http+tt.path, tt.header...)
		if res.StatusCode != tt.status || res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s %s: got %d %v, want %d, nosniff and no-referrer", tt.method, tt.path, res.StatusCode, res.Header, tt.status)
		}
	}
}

// A panic is answered and logged; the connection and its other streams live on.
func TestGuardPanics(t *testing.T) {
	t.Parallel()
	entered, release := make(chan string, 3), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- r.RemoteAddr
		switch r.URL.Path {
		case "/panic.S/M":
			w.Header().Set("Content-Length", "1000")
			panic("a deliberate " + "end")
		case "/part":
			_, _ = io.WriteString(w, "half of")
			http.NewResponseController(w).Flush()
			panic("too late")
		case "/held":
			<-release
		}
		_, _ = io.WriteString(w, "whole")
	})
	run := doorsServe(t, server.Doors{}, handler, handler)

	client := doorsClient(t, true, "")
	held := make(chan error, 1)
	go func() {
		_, body, err := doorsTry(client, "GET", "http://"+run.grpc+"/held")
		if err == nil && body != "whole" {
			err = fmt.Errorf("body %q", body)
		}
		held <- err
	}()
	first := doorsReceive(t, entered, "held request")
	rpc := connect.NewClient[emptypb.Empty, emptypb.Empty](client, "http://"+run.grpc+"/panic.S/M", connect.WithGRPC())
	_, err := rpc.CallUnary(t.Context(), connect.NewRequest(&emptypb.Empty{}))
	if connect.CodeOf(err) != connect.CodeInternal || err.Error() != "internal: internal error" {
		t.Errorf("panic: got %v, want internal: internal error", err)
	}
	if second := doorsReceive(t, entered, "panicking request"); second != first {
		t.Fatalf("the requests came over two connections, %s and %s", first, second)
	}
	close(release)
	if err := doorsReceive(t, held, "end of the held request"); err != nil {
		t.Errorf("the stream beside the panic: %v", err)
	}

	rest := doorsClient(t, false, "")
	res, body := doorsDo(t, rest, "GET", "http://"+run.http+"/panic.S/M")
	if want := `{"code":13,"message":"internal error","details":[]}`; res.StatusCode != 500 || body != want ||
		res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("panic: got %d %q, want 500 %s", res.StatusCode, body, want)
	}
	before := doorsReceive(t, entered, "request")
	if _, body := doorsDo(t, rest, "GET", "http://"+run.http+"/"); body != "whole" {
		t.Errorf("after the panic: got %q, want whole", body)
	}
	if after := doorsReceive(t, entered, "request"); after != before {
		t.Errorf("the panic closed the connection: %s, then %s", before, after)
	}
	if _, body, err := doorsTry(rest, "GET", "http://"+run.http+"/part"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("panic in an answer: got %q, %v, want an unexpected end", body, err)
	}
	for _, part := range []string{"a deliberate end", "too late", "guard_test.go", `"path":"/panic.S/M"`, `"level":"error"`} {
		if !strings.Contains(run.log.String(), part) {
			t.Errorf("log lacks %q:\n%s", part, run.log)
		}
	}
}
