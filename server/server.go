// Package server implements the API of Burgee: the services of Flipt v1 (flipt.Flipt, flipt.evaluation, flipt.ofrep,
// flipt.meta, flipt.auth, flipt.analytics) and those of its own, over one store. Handlers are plain functions of a request;
// each write is one function on a draft of the store. The same handlers serve gRPC, Connect and gRPC-Web on one door and
// REST on the other.
//
// It keeps no state beside the store and knows no SQL, and it evaluates nothing itself: that is package eval's.
//
// Where the original has a defect that no client depends on, this server does what is right:
//   - a distribution must name a variant of its rule's own flag; the original takes any variant of the namespace;
//   - updating a rule under another flag's key updates all of it; the original leaves out the operator and the time;
//   - updating a rollout with an unknown segment is not found (5); the original answers an internal error;
//   - a negative limit, and an offset or page token without a limit in any list, is an invalid argument (3); the original
//     answers some of them with an internal error;
//   - a rollout of negative rank is refused; the original stores it and then fails every evaluation of the flag;
//   - page tokens hold their place when items come and go between two pages;
//   - a snapshot sends each rule and each distribution once, and always has an ETag when its namespace exists;
//   - the version of a namespace moves with every change and with nothing else;
//   - flipt.analytics needs no other database, and counts the evaluations of the deprecated rpcs and of OFREP too;
//   - an import is one revision: everything in the file, or nothing.
//
// # OpenFeature
//
// Where the original is stricter than the OpenFeature Remote Evaluation Protocol, or leaves out what that asks for, the
// protocol goes first:
//   - a context is any JSON; the edge turns it into the strings that constraints compare (see package rest);
//   - without a targetingKey in the context what is the same for every entity is answered and the rest is
//     TARGETING_KEY_MISSING (3), while an empty one is an entity; the original draws an entity at random;
//   - in a bulk evaluation over REST a flag that fails is an item of the answer; as an rpc the call fails with its first flag,
//     as in the original;
//   - a bulk answer over REST has a weak ETag, over everything that it is made of, and is not sent again to who has it;
//   - a bulk answer over REST names the event stream that tells when to evaluate again;
//   - malformed JSON is a PARSE_ERROR; the original says INVALID_CONTEXT.
//
// Where the protocol leaves a choice, the answer is the original's, since its clients and its recorded answers rely on it.
// Reasons are its four: TARGETING_MATCH whenever a rule or a rollout decided, by percentage too, where the protocol also has
// SPLIT; DEFAULT for the default variant and for the enabled state of a boolean flag, with or without rollouts, where it also
// has STATIC; UNKNOWN when nothing decided; DISABLED for a disabled variant flag. A variant flag without an answer has the value and the variant
// "", also when it is disabled, and never leaves them out.
package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/rs/zerolog"

	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt/analytics/analyticsconnect"
	"github.com/burgeehq/burgee/gen/flipt/auth/authconnect"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/gen/flipt/meta/metaconnect"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/server/rest"
	"github.com/burgeehq/burgee/server/wire"
	"github.com/burgeehq/burgee/store"
)

// Settings are what a server is told when it starts. None of them is secret.
type Settings struct {
	Store       store.Settings // where the database is
	Version     string         // of the program
	HTTPAddr    string         // address of the REST door, host:port
	GRPCAddr    string         // address of the gRPC door, host:port
	TLS         bool           // whether the doors speak TLS
	CORSOrigins []string       // origins that browsers may call from
	LogLevel    string         // as given by the operator
	LogFormat   string         // as given by the operator
	OTLP        string         // base URL of the collector that traces are sent to; empty sends none
	Counts      bool           // count evaluations
	ReadOnly    bool           // refuse every change, an import's dry run included; evaluations and reads go on
	Log         zerolog.Logger // where to log
	UI          http.Handler   // what answers everything that is not the API
}

// Server is an open database with the handlers of both doors.
type Server struct {
	db       *database
	features *featuresService
	health   *health
	feed     *feed
	counting *counting
	cache    answerCache
	traces   *tracing // nil without a collector
	http     http.Handler
	grpc     http.Handler
}

// Open opens the database and builds the handlers. The server is not ready before Ready says so.
func Open(ctx context.Context, s Settings) (*Server, error) {
	db, err := store.Open(ctx, s.Store, deriver(s.Log))
	if err != nil {
		return nil, err
	}
	server, err := build(db, s)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	server.counting.begin()
	return server, nil
}

func build(db *database, s Settings) (*Server, error) {
	validator, err := newValidator()
	if err != nil {
		return nil, err
	}
	i := &interceptor{validator: validator, readOnly: s.ReadOnly, calls: newCallMetrics(), log: s.Log}
	server := &Server{db: db, features: newFeatures(db, validator), health: newHealth(db), feed: newFeed(db, s.Log)}
	options := append(rest.HandlerOptions(), connect.WithCodec(cachingCodec{rest.Codec{}, &server.cache}),
		connect.WithCodec(cachingCodec{wire.Codec{}, &server.cache}), messageLimit(maxMessage), connect.WithRecover(i.recovered))
	server.counting = newCounting(db, s.Log, s.Counts)
	if s.OTLP != "" {
		if server.traces, err = newTracing(context.Background(), s.OTLP, s.Version); err != nil {
			return nil, err
		}
		options = append(options, connect.WithInterceptors(server.traces.interceptor))
	}
	options = append(options, connect.WithInterceptors(i))
	services := server.services(s, options)
	edge, err := rest.New(services, rest.Options{Fallback: s.UI, MaxBody: maxBody})
	if err != nil {
		return nil, fmt.Errorf("build the REST door: %w", err)
	}
	server.grpc = server.grpcMux(services, options)
	door := newStreams(server.feed, i).before(clearing(edge))
	metrics := newMetrics(i.calls, &stateMetrics{db: db, watchers: server.feed.count, totals: server.counting.totals})
	description := newOpenAPI()
	server.http = secured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			server.health.ServeHTTP(w, r)
		case "/metrics", "/metrics/":
			metrics.ServeHTTP(w, r)
		case "/openapi.yaml", "/openapi.json":
			description.ServeHTTP(w, r)
		default:
			door.ServeHTTP(w, r)
		}
	}))
	return server, nil
}

// Largest requests in bytes, before and after decompression.
const (
	maxEvaluation = 1 << 20
	maxMessage    = 4 << 20
	maxImport     = 64 << 20
)

// maxBody is the limit of a REST request by its path.
func maxBody(path string) int64 {
	switch {
	case path == "/api/v1/import":
		return maxImport
	case strings.HasPrefix(path, "/evaluate/") || strings.HasPrefix(path, "/ofrep/"):
		return maxEvaluation
	}
	return maxMessage
}

// services lists what both doors serve.
func (s *Server) services(settings Settings, options []connect.HandlerOption) []rest.Service {
	opt := connect.WithHandlerOptions(options...)
	var list []rest.Service
	add := func(path string, handler http.Handler) {
		list = append(list, rest.Service{Path: path, Handler: handler})
	}
	add(fliptconnect.NewFliptHandler(&management{s.db, s.counting, &s.cache}, opt))
	add(evaluationconnect.NewEvaluationServiceHandler(&evaluator{s.counting}, opt, messageLimit(maxEvaluation)))
	add(evaluationconnect.NewDataServiceHandler(&data{s.db, &s.cache}, opt))
	add(ofrepconnect.NewOFREPServiceHandler(&remote{s.db, s.counting, settings.Version, settings.Log}, opt, messageLimit(maxEvaluation)))
	add(authconnect.NewPublicAuthenticationServiceHandler(publicAuthentication{}, opt))
	add(authconnect.NewAuthenticationServiceHandler(authentications{}, opt))
	add(metaconnect.NewMetadataServiceHandler(&metadataService{settings}, opt))
	add(analyticsconnect.NewAnalyticsServiceHandler(&analyticsService{s.db, s.counting}, opt))
	// an import over Connect or REST's own way in is a message around the file
	path, handler := burgeev1connect.NewFeaturesServiceHandler(s.features, opt, messageLimit(maxImport+maxImport/2))
	add(path, refuseLonger(maxImport+maxImport/2, handler, connect.NewErrorWriter(options...)))
	add(burgeev1connect.NewHistoryServiceHandler(&histories{s.db}, opt))
	add(burgeev1connect.NewWatchServiceHandler(&watches{s.feed}, opt))
	add(burgeev1connect.NewCountServiceHandler(&countService{s.db, s.counting}, opt))
	add(burgeev1connect.NewBackupServiceHandler(newBackups(s.db), opt))
	add(burgeev1connect.NewDocumentServiceHandler(&documentService{s.db, s.features.validator, s.counting.lastEvaluated}, opt))
	add(burgeev1connect.NewExplainServiceHandler(&explanations{s.db}, opt))
	return list
}

// grpcMux serves gRPC, gRPC-Web and Connect, with health and reflection, and answers the unknown in the caller's protocol.
// It is no http.ServeMux, which redirects callers of unclean paths: no rpc client follows that.
func (s *Server) grpcMux(services []rest.Service, options []connect.HandlerOption) http.Handler {
	handlers := make(map[string]http.Handler) // by path, or by path up to the method
	add := func(path string, handler http.Handler) { handlers[path] = handler }
	names := []string{grpchealth.HealthV1ServiceName}
	for _, service := range services {
		add(service.Path, service.Handler)
		names = append(names, service.Path[1:len(service.Path)-1])
	}
	reflector := grpcreflect.NewStaticReflector(names...)
	small := messageLimit(maxEvaluation)
	add(grpcreflect.NewHandlerV1(reflector, small))
	add(grpcreflect.NewHandlerV1Alpha(reflector, small))
	add(grpchealth.NewHandler(s.health, small))
	add(healthWatch, connect.NewServerStreamHandler(healthWatch, s.health.watch, small))
	unknown := connect.NewErrorWriter(options...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		handler, found := handlers[path]
		if !found {
			handler, found = handlers[path[:strings.LastIndexByte(path, '/')+1]]
		}
		switch {
		case found:
			handler.ServeHTTP(w, r)
		case unknown.IsSupported(r):
			_ = unknown.Write(w, r, connect.NewError(connect.CodeUnimplemented, fmt.Errorf("unknown service or method %s", path)))
		default:
			http.NotFound(w, r)
		}
	})
}

// deriver compiles what a revision changes. A document that fails refuses the change; at the start it is logged, and its
// evaluations answer its error.
func deriver(log zerolog.Logger) func(*eval.Snapshot, *store.State, []store.Change) (*eval.Snapshot, error) {
	return func(prev *eval.Snapshot, _ *store.State, changed []store.Change) (*eval.Snapshot, error) {
		changes := make([]eval.Change, 0, len(changed))
		for _, c := range changed {
			switch c.Kind {
			case store.KindFlag:
				changes = append(changes, eval.Change{Namespace: c.Namespace, Key: c.Key, Kind: eval.KindFlag, Flag: c.Flag})
			case store.KindSegment:
				changes = append(changes, eval.Change{Namespace: c.Namespace, Key: c.Key, Kind: eval.KindSegment, Segment: c.Segment})
			}
		}
		next, problems := prev.Apply(changes)
		for _, p := range problems {
			if prev != nil {
				return nil, fmt.Errorf("compile %s/%s: %w", p.Namespace, p.Key, p.Err)
			}
			log.Error().Err(p.Err).Str("namespace", p.Namespace).Str("key", p.Key).Msg("a stored document cannot be evaluated")
		}
		return next, nil
	}
}

// HTTP returns the handler of the REST door.
func (s *Server) HTTP() http.Handler { return s.http }

// GRPC returns the handler of the gRPC door.
func (s *Server) GRPC() http.Handler { return s.grpc }

// Ready says whether requests are welcome; health checks answer so, and streams of changes end when they are not.
func (s *Server) Ready(ready bool) {
	s.health.set(ready)
	s.feed.serve(ready)
}

// Position names the newest state, as `epoch-revision`.
func (s *Server) Position() store.Position {
	state, _ := s.db.View()
	return state.Position()
}

// Close writes the last counts, ends writes, closes the database and sends the last traces.
func (s *Server) Close() error {
	return errors.Join(s.counting.end(), s.db.Close(), s.traces.close())
}
