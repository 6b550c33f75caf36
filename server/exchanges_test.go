package server_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// acmeStream is what every bulk evaluation of the namespace acme has beside its flags.
const acmeStream = `"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/ofrep/v1/_stream/default/acme/events"},"inactivityDelaySec":120}]`

// deviation is a part of an answer of exchanges.txt that reads otherwise here, and why.
type deviation struct{ request, from, to, reason string }

var deviations = []deviation{
	{
		"GET /api/v1/namespaces?limit=1", `"eyJrZXkiOiJhY21lIiwib2Zmc2V0IjoxfQ=="`, `"<token>"`,
		"our tokens hold their place in the order of creation too",
	},
	{
		"GET /api/v1/namespaces/acme/flags?limit=1", `"eyJrZXkiOiJiZXRhIiwib2Zmc2V0IjoxfQ=="`, `"<token>"`,
		"our tokens hold their place in the order of creation too",
	},
	{
		`POST /ofrep/v1/evaluate/flags [X-Flipt-Namespace: acme] {"context":{"targetingKey":"u1","flags":"beta, nope"}}`,
		`404 {"key":"nope","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag was not found nope"}`,
		`200 {"flags":[{"key":"beta","reason":"DEFAULT","variant":"false","metadata":{},"value":false},` +
			`{"key":"nope","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag was not found nope"}],` + acmeStream + `}`,
		"by the standard a flag that fails does not fail the others",
	},
	{
		`POST /ofrep/v1/evaluate/flags [X-Flipt-Namespace: acme] {"context":{"targetingKey":"u1","tier":"gold"}}`,
		`"value":true}]}`, `"value":true}],` + acmeStream + `}`, "providers are told where changes are told",
	},
	{
		`POST /ofrep/v1/evaluate/flags/beta [X-Flipt-Namespace: acme] {"context":{"targetingKey":"u1","age":5}}`,
		`400 {"errorCode":"INVALID_CONTEXT","errorDetails":"invalid values for key(s) in json body"}`,
		`200 {"key":"beta","reason":"DEFAULT","variant":"false","metadata":{},"value":false}`,
		"by the standard a context holds any JSON",
	},
	{
		"GET /meta/info", `"version":"dev","goVersion":"go1.26.8"`,
		fmt.Sprintf(`"version":"v0.0.0-test","goVersion":%q`, runtime.Version()), "another program",
	},
	{
		"GET /meta/info", `"os":"linux","arch":"amd64"`, fmt.Sprintf(`"os":%q,"arch":%q`, runtime.GOOS, runtime.GOARCH), "another machine",
	},
}

// TestExchanges repeats sessions with raw HTTP. The text of each answer must be equal, the order of its members included.
func TestExchanges(t *testing.T) {
	t.Parallel()
	for _, file := range []struct {
		name                  string
		exchanges, deviations int
	}{{"testdata/exchanges.txt", 94, len(deviations)}, {"testdata/aliases.txt", 34, 0}} {
		t.Run(file.name, func(t *testing.T) {
			t.Parallel()
			s := script{srv: start(t), bound: make(map[string]string)}
			exchanges, used := readScript(t, file.name), 0
			for _, e := range exchanges {
				for _, d := range deviations {
					if d.request == e[0] && strings.Contains(e[1], d.from) {
						e[1], used = strings.Replace(e[1], d.from, d.to, 1), used+1
					}
				}
				s.exchange(t, e[0], e[1])
			}
			if len(exchanges) != file.exchanges || used != file.deviations {
				t.Errorf("%d exchanges with %d deviations, want %d with %d of %+v",
					len(exchanges), used, file.exchanges, file.deviations, deviations)
			}
		})
	}
}

// readScript returns the requests and answers of a file.
func readScript(t *testing.T, name string) [][2]string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var exchanges [][2]string
	request := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "== "):
		case request == "":
			request = line
		default:
			exchanges = append(exchanges, [2]string{request, line})
			request = ""
		}
	}
	return exchanges
}

// script is a session; bound holds the ids that its placeholders stand for.
type script struct {
	srv   *running
	bound map[string]string
}

var (
	requestLine = regexp.MustCompile(`^([A-Z]+) (\S+)(?: \[(\S+): (\S+)\])?(?: (.*))?$`)
	idName      = regexp.MustCompile(`<id\d+>`)
	placeholder = regexp.MustCompile(`"?<(?:id\d+|ts|n|token)>"?`)
)

func (s script) exchange(t *testing.T, request, answer string) {
	t.Helper()
	resolved := idName.ReplaceAllStringFunc(request, func(name string) string { return s.bound[name] })
	part := requestLine.FindStringSubmatch(resolved)
	if part == nil {
		t.Fatalf("not a request: %s", request)
	}
	call, err := http.NewRequestWithContext(t.Context(), part[1], s.srv.httpURL+part[2], strings.NewReader(part[5]))
	if err != nil {
		t.Fatal(err)
	}
	if part[3] != "" {
		call.Header.Set(part[3], part[4])
	}
	got, body := s.srv.do(t, call)
	if line := fmt.Sprint(got.StatusCode, " ", compact(body)); !s.match(answer, line) {
		t.Errorf("%s\n got %s\nwant %s", request, line, answer)
	}
	if kind := got.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: content type %q", request, kind)
	}
}

// do sends a request and returns the answer with its body.
func (r *running) do(t testing.TB, call *http.Request) (*http.Response, []byte) {
	t.Helper()
	answer, err := r.overH1().Do(call)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// match compares an answer with what is expected, and binds the ids that appear for the first time.
func (s script) match(want, got string) bool {
	var pattern strings.Builder
	var names []string
	rest := want
	for _, at := range placeholder.FindAllStringIndex(want, -1) {
		offset := len(want) - len(rest)
		pattern.WriteString(regexp.QuoteMeta(rest[:at[0]-offset]))
		rest = want[at[1]:]
		switch name := strings.Trim(want[at[0]:at[1]], `"`); name {
		case "<ts>":
			pattern.WriteString(`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?:\d{3}|\d{6}|\d{9}))?Z)"`)
		case "<n>":
			pattern.WriteString(`([0-9.e-]+)`)
		case "<token>":
			pattern.WriteString(`"([A-Za-z0-9+/]+={0,2})"`)
		default:
			pattern.WriteString(`"([0-9a-f-]{36})"`)
		}
		names = append(names, strings.Trim(want[at[0]:at[1]], `"`))
	}
	pattern.WriteString(regexp.QuoteMeta(rest))
	found := regexp.MustCompile("^" + pattern.String() + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range names {
		if !idName.MatchString(name) {
			continue
		}
		if s.bound[name] == "" {
			s.bound[name] = found[i+1]
		}
		if s.bound[name] != found[i+1] {
			return false
		}
	}
	return true
}
