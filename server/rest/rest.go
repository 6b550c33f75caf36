package rest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Service is a Connect handler under its path, as the generated constructors return them.
type Service struct {
	// Path is the full name of the service between slashes, such as /flipt.Flipt/.
	Path string
	// Handler serves all procedures of the service. It must have been made with [HandlerOptions].
	Handler http.Handler
}

// Options are the settings of the edge.
type Options struct {
	// Fallback serves all paths that belong neither to a group of the REST interface nor to a service. Without one they
	// are 404s.
	Fallback http.Handler
	// MaxBody returns the limit of a REST request's body by the path of the request, in bytes. Without it all have 4 MiB.
	// It is called concurrently.
	MaxBody func(path string) int64
}

// HandlerOptions returns what Connect handlers need to stand behind the edge, or beside it with the same JSON: the codec,
// no compression of responses under 1,024 bytes, and messages of at most 4 MiB. An own [connect.WithReadMaxBytes] behind
// these wins; where a request is a google.api.HttpBody it must leave room for the message around the body.
func HandlerOptions() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCodec(Codec{}),
		connect.WithCodec(Codec{name: jsonCharsetName}),
		connect.WithCompressMinBytes(minCompressed),
		connect.WithReadMaxBytes(defaultMaxBody),
	}
}

// New returns a handler for the REST interface of the services, by the google.api.http annotations of their rpcs, and for
// their Connect, gRPC and gRPC-Web protocols. It may be used concurrently. It fails for a service that is not linked in,
// and for annotations that lead out of the groups of the interface or clash.
func New(services []Service, o Options) (http.Handler, error) {
	e := &edge{
		services: map[string]http.Handler{},
		routes:   &node{},
		fallback: o.Fallback,
		maxBody:  o.MaxBody,
		compressors: &sync.Pool{New: func() any {
			// The level is a known one.
			w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
			return w
		}},
	}
	e.answers = &sync.Pool{New: func() any { return &answer{edge: e, header: http.Header{}} }}
	if e.fallback == nil {
		e.fallback = http.NotFoundHandler()
	}
	if e.maxBody == nil {
		e.maxBody = func(string) int64 { return defaultMaxBody }
	}
	codec := edgeCodec{requests: map[protoreflect.FullName]bool{}}
	behind := make([]*vanguard.Service, 0, len(services))
	for _, s := range services {
		schema, err := findService(s.Path)
		if err != nil {
			return nil, err
		}
		raw, err := e.routes.addService(schema, s.Handler)
		if err != nil {
			return nil, err
		}
		// Bodies that pass undecoded, as most responses then do, are the fastest.
		target := vanguard.CodecJSON
		if raw {
			target = vanguard.CodecProto
		}
		for i := range schema.Methods().Len() {
			codec.requests[schema.Methods().Get(i).Input().FullName()] = true
		}
		e.services[s.Path] = s.Handler
		behind = append(behind, vanguard.NewServiceWithSchema(schema, guard(s.Handler), vanguard.WithTargetCodecs(target)))
	}
	transcoder, err := vanguard.NewTranscoder(behind, vanguard.WithCodec(func(vanguard.TypeResolver) vanguard.Codec { return codec }))
	if err != nil {
		return nil, fmt.Errorf("rest transcoder: %w", err)
	}
	e.transcoder = transcoder
	e.plain = map[string]plainRoute{}
	e.routes.addPlain(e.plain)
	return e, nil
}

func findService(path string) (protoreflect.ServiceDescriptor, error) {
	name := protoreflect.FullName(strings.Trim(path, "/"))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, fmt.Errorf("service %q: %w", path, err)
	}
	schema, ok := found.(protoreflect.ServiceDescriptor)
	if !ok || path != "/"+string(name)+"/" {
		return nil, fmt.Errorf("%q is not the path of a service", path)
	}
	return schema, nil
}

// edge is immutable after New.
type edge struct {
	services    map[string]http.Handler
	routes      *node
	plain       map[string]plainRoute // by path
	transcoder  http.Handler
	fallback    http.Handler
	maxBody     func(path string) int64
	compressors *sync.Pool
	answers     *sync.Pool // empty ones
}

// ServeHTTP never changes r.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if known, ok := e.plain[r.URL.Path]; ok && r.URL.RawPath == "" && r.Method == known.to.verb {
		e.serveREST(w, r, known.path, known.to)
		return
	}
	path := splitPath(r.URL)
	if isMounted(path) {
		e.serveREST(w, r, path, nil)
		return
	}
	if service, ok := e.services["/"+path[0]+"/"]; ok {
		service.ServeHTTP(w, r)
		return
	}
	e.fallback.ServeHTTP(w, r)
}

// serveREST serves a path of the REST interface, whose route need not be known.
func (e *edge) serveREST(w http.ResponseWriter, r *http.Request, path []string, to *route) {
	a := e.answers.Get().(*answer)
	a.w, a.outer, a.ofrep, a.pretty = w, r, path[0] == "ofrep", wantsPretty(r)
	defer a.release()
	if problem := a.serve(path, to); problem != nil {
		a.fail(problem)
	}
	a.done = true
}

// serve answers a request unless the edge has an error of its own.
func (a *answer) serve(path []string, to *route) (problem *connect.Error) {
	if to == nil {
		if path[len(path)-1] == "" {
			path = path[:len(path)-1]
		}
		path = joinKey(path)
		if to, problem = a.edge.match(a.outer.Method, path); problem != nil {
			return problem
		}
	}
	if a.ofrep && len(path) > len(flagsPath) {
		a.key = &path[len(flagsPath)]
	}
	a.route = to
	if problem := a.translate(path); problem != nil {
		return problem
	}
	if to.direct != nil {
		to.direct.ServeHTTP(a, &a.inner)
	} else {
		a.query = a.inner.URL.RawQuery
		a.edge.transcoder.ServeHTTP(a, &a.inner)
	}
	a.finish()
	return nil
}

// match returns the route of a path. An empty segment matches nothing.
func (e *edge) match(verb string, path []string) (*route, *connect.Error) {
	if verb == http.MethodHead {
		verb = http.MethodGet
	}
	found, known := e.routes.find(path, verb)
	if !known {
		return nil, connect.NewError(connect.CodeNotFound, errors.New(http.StatusText(http.StatusNotFound)))
	}
	if found == nil {
		return nil, connect.NewError(connect.CodeUnimplemented, errors.New(http.StatusText(http.StatusMethodNotAllowed)))
	}
	return found, nil
}

// answerKey is the context key of a REST request's answer.
type answerKey struct{}

var errRefused = errors.New("the request was refused")

// guard keeps a handler from being called with an empty message when vanguard could not make one: vanguard then writes
// the error and ends the body as if all were well. It also puts back the query, which vanguard reads after it has cleared
// it where the media type of a request is not an application's.
func guard(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := r.Context().Value(answerKey{}).(*answer); ok {
			r.Body = guardedBody{r.Body, a}
			r.URL.RawQuery = a.query
		}
		handler.ServeHTTP(w, r)
	})
}

type guardedBody struct {
	io.ReadCloser
	answer *answer
}

func (b guardedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.answer.status != 0 {
		return n, errRefused
	}
	return n, err
}
