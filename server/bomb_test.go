package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// What a request that is made to hurt may cost, until it is refused.
const (
	bombTime = 250 * time.Millisecond * raceFactor
	bombHeap = 64 << 20
)

// bomb is a request that is refused; its body is made before anything is measured.
type bomb struct {
	name   string
	http2  bool
	method string
	url    string
	header http.Header
	body   []byte
	status int    // of HTTP
	code   string // of gRPC, where the call is one
	text   string // a part of the answer
}

// TestBombs sends requests that are small to send and large to take, one after the other, and holds each to its answer,
// the time to it and what the heap grows by until then. It is not parallel, so that nothing else is measured.
func TestBombs(t *testing.T) {
	srv := start(t)
	for _, b := range bombs(t, srv) {
		t.Run(b.name, func(t *testing.T) {
			client := srv.overH1()
			if b.http2 {
				client = srv.overH2()
			}
			// Opens the connection, which is not measured.
			if _, _, err := b.send(t.Context(), client, bomb{method: http.MethodGet, url: b.origin()}); err != nil {
				t.Fatal(err)
			}
			answer, text, took, grown := b.measure(t, client)
			for more := 4; more > 0 && (took > bombTime || grown > bombHeap); more-- { // others may use the machine
				answer, text, took, grown = b.measure(t, client)
			}
			t.Logf("%d bytes answered in %v with %d %.120q, heap grew by %.1f MiB", len(b.body), took.Round(time.Millisecond/10), answer.StatusCode, text, float64(grown)/(1<<20))
			code := answer.Header.Get("Grpc-Status") + answer.Trailer.Get("Grpc-Status")
			message := answer.Header.Get("Grpc-Message") + answer.Trailer.Get("Grpc-Message")
			if answer.StatusCode != b.status || code != b.code || !strings.Contains(text+message, b.text) {
				t.Errorf("got %d, grpc-status %q, %.300q %.300q, want %d, %q, …%s…", answer.StatusCode, code, text, message, b.status, b.code, b.text)
			}
			if took > bombTime {
				t.Errorf("took %v, want at most %v", took, bombTime)
			}
			if grown > bombHeap {
				t.Errorf("the heap grew by %d bytes, want at most %d", grown, bombHeap)
			}
		})
	}
}

// measure sends the bomb once and returns what was answered, in what time, and what the heap grew by meanwhile.
func (b bomb) measure(t *testing.T, client *http.Client) (answer *http.Response, text string, took time.Duration, grown uint64) {
	t.Helper()
	heap := watchHeap()
	begun := time.Now()
	answer, text, err := b.send(t.Context(), client, b)
	took, grown = time.Since(begun), heap()
	if err != nil {
		t.Fatal(err)
	}
	return answer, text, took, grown
}

func (b bomb) origin() string {
	scheme, rest, _ := strings.Cut(b.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host + "/health"
}

func (bomb) send(ctx context.Context, client *http.Client, b bomb) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, b.method, b.url, bytes.NewReader(b.body))
	if err != nil {
		return nil, "", err
	}
	for name, values := range b.header {
		request.Header[name] = values
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

// watchHeap collects garbage and returns what tells by how many bytes the heap was larger since then, at its peak: looked at
// every few milliseconds.
func watchHeap() (peak func() uint64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	look := func() {
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				look()
			case <-stop:
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		look()
		return most - before
	}
}

const bombFlags, bombVariant = "/api/v1/flags", "/evaluate/v1/variant"

func bombs(t *testing.T, srv *running) []bomb {
	inflating := gzipBomb(t, 256<<20)
	nested := nestedStruct(10_000)
	deep := []byte(`{"metadata":{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}`)
	headers := make(http.Header, 10_000)
	for i := range 10_000 {
		headers.Set(fmt.Sprint("X-", i), "v")
	}
	cookie := http.Header{"Cookie": {"a=" + strings.Repeat("b", 1<<20)}}
	parameters := strings.Repeat("reference=x&", 100_000)
	zipped := func(contentType string) http.Header {
		return http.Header{"Content-Type": {contentType}, "Content-Encoding": {"gzip"}}
	}
	of := func(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }
	grpc := http.Header{"Content-Type": {"application/grpc+proto"}, "Grpc-Encoding": {"gzip"}, "Te": {"trailers"}}
	const post, get = http.MethodPost, http.MethodGet
	const create, evaluate, load = "/flipt.Flipt/CreateFlag", "/flipt.evaluation.EvaluationService/Variant", "/burgee.v1.FeaturesService/Import"
	rest, rpc := srv.httpURL, srv.grpcURL
	list := []bomb{
		{"gzip REST", false, post, rest + bombFlags, zipped("application/json"), inflating, 429, "", "decompressed request body exceeds the limit of 4194304 bytes"},
		{"gzip REST evaluation", false, post, rest + bombVariant, zipped("application/json"), inflating, 429, "", "exceeds the limit of 1048576 bytes"},
		{"gzip OFREP", false, post, rest + "/ofrep/v1/evaluate/flags", zipped("application/json"), inflating, 413, "", `"errorCode":"GENERAL"`},
		{"gzip Connect", false, post, rpc + create, zipped("application/json"), inflating, 429, "", "resource_exhausted"},
		{"gzip Connect on the REST door", false, post, rest + create, zipped("application/proto"), inflating, 429, "", "resource_exhausted"},
		{"gzip gRPC", true, post, rpc + create, grpc, envelope(1, inflating), 200, "8", ""},
		{"gzip gRPC evaluation", true, post, rpc + evaluate, grpc, envelope(1, inflating), 200, "8", ""},
		{"gzip gRPC-Web", false, post, rpc + create, http.Header{"Content-Type": {"application/grpc-web+proto"}, "Grpc-Encoding": {"gzip"}}, envelope(1, inflating), 200, "8", ""},
		{"gzip health", true, post, rpc + "/grpc.health.v1.Health/Check", grpc, envelope(1, inflating), 200, "8", ""},
		{"gzip health stream", true, post, rpc + "/grpc.health.v1.Health/Watch", grpc, envelope(1, inflating), 200, "8", ""},
		{"gzip reflection", true, post, rpc + "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", grpc, envelope(1, inflating), 200, "8", ""},
		{"deep JSON REST", false, post, rest + bombFlags, of("application/json"), deep, 400, "", "nested deeper than 64 levels"},
		{"deep JSON OFREP", false, post, rest + "/ofrep/v1/evaluate/flags", of("application/json"), bytes.Replace(deep, []byte("metadata"), []byte("context"), 1), 400, "", "INVALID_CONTEXT"},
		{"deep JSON Connect", false, post, rpc + create, of("application/json"), deep, 400, "", "nested deeper than 64 levels"},
		{"deep JSON import", false, post, rest + "/api/v1/import", of("application/json"), deep, 400, "", ""},
		{"deep YAML import", false, post, rest + "/api/v1/import", of("application/yaml"), []byte("flags: " + strings.Repeat("[", 100_000)), 400, "", ""},
		{"nested Struct Connect", false, post, rpc + create, of("application/proto"), nested, 400, "", "invalid_argument"},
		{"nested Struct gRPC", true, post, rpc + create, http.Header{"Content-Type": {"application/grpc"}}, envelope(0, nested), 200, "3", ""},
		{"YAML aliases", false, post, rest + "/api/v1/import", of("application/yaml"), []byte(laughs()), 400, "", ""},
		{"10,000 headers", false, get, rest + bombFlags, headers, nil, 431, "", ""},
		{"1 MB cookie", false, get, rest + bombFlags, cookie, nil, 431, "", ""},
		{"10,000 headers rpc", false, post, rpc + create, headers, nil, 431, "", ""},
		{"1 MB cookie rpc", false, post, rpc + create, cookie, nil, 431, "", ""},
		{"100,000 parameters", false, get, rest + bombFlags + "?" + parameters, nil, nil, 431, "", ""},
	}
	for _, class := range []struct {
		name, rest, rpc string
		limit           int
	}{{"evaluation", bombVariant, evaluate, 1 << 20}, {"management", bombFlags, create, 4 << 20}, {"import", "/api/v1/import", load, 64 << 20}} {
		large := bytes.Repeat([]byte(" "), class.limit+1)
		if class.name == "import" { // a message around the file may be half as large again
			list = append(list, bomb{"large " + class.name, false, post, rest + class.rest, of("application/yaml"), large, 429, "", "exceeds the limit of"})
			large = bytes.Repeat([]byte(" "), class.limit*3/2+1)
		} else {
			list = append(list, bomb{"large " + class.name, false, post, rest + class.rest, of("application/json"), large, 429, "", "exceeds the limit of"})
		}
		list = append(list,
			bomb{"large " + class.name + " Connect", false, post, rpc + class.rpc, of("application/json"), large, 429, "", "resource_exhausted"},
			bomb{"large " + class.name + " gRPC", true, post, rpc + class.rpc, of("application/grpc"), envelope(0, large), 200, "8", ""},
		)
	}
	return list
}

// gzipBomb returns a body that inflates to size blanks, which JSON may begin with.
func gzipBomb(t *testing.T, size int) []byte {
	t.Helper()
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range size / len(block) {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

// envelope puts the five bytes of gRPC before a message.
func envelope(flags byte, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message))), message...)
}

// nestedStruct returns a CreateFlagRequest whose metadata are that many structs, one in the other.
func nestedStruct(depth int) []byte {
	head := func(number protowire.Number, size int) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(size))
	}
	const name = "\x0a\x01a" // field 1 of the key of a flag, and of that of a map's entry
	size, heads := 0, make([][]byte, 0, 3*depth)
	wrap := func(head []byte) {
		heads = append(heads, head)
		size += len(head)
	}
	for range depth {
		wrap(append([]byte(name), head(2, size)...)) // the value of an entry
		wrap(head(1, size))                          // an entry of a Struct
		wrap(head(5, size))                          // a Value that is a Struct
	}
	outermost := heads[len(heads)-1] // is no Value but the metadata
	body := append([]byte(name+"\x12\x01a"), head(7, size-len(outermost))...)
	for _, h := range slices.Backward(heads[:len(heads)-1]) {
		body = append(body, h...)
	}
	return body
}

// laughs returns YAML of nine levels of aliases, ten of the level before in each.
func laughs() string {
	var b strings.Builder
	b.WriteString("version: \"1.4\"\nflags:\n- key: a\n  name: a\n  metadata:\n    l0: &l0 lol\n")
	for i := 1; i <= 9; i++ {
		fmt.Fprintf(&b, "    l%d: &l%d [%s*l%d]\n", i, i, strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), i-1)
	}
	return b.String()
}
