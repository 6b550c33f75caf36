package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/analytics"
	"github.com/burgeehq/burgee/gen/flipt/auth"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// stranger returns a connection of grpc-go, which knows nothing of how the server is built.
func stranger(t testing.TB, srv *running) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(srv.grpcURL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestStranger(t *testing.T) {
	t.Parallel()
	srv := start(t)
	session{srv.overGRPC(), srv}.open(t)
	conn, ctx := stranger(t, srv), t.Context()

	var variant evaluation.VariantEvaluationResponse
	if err := conn.Invoke(ctx, "/flipt.evaluation.EvaluationService/Variant", about("color", "user-3", "tier", "gold"), &variant, grpc.UseCompressor(gzip.Name)); err != nil {
		t.Fatal(err)
	}
	if !variant.Match || variant.VariantKey != "red" || variant.Reason != 2 {
		t.Errorf("variant %v", &variant)
	}
	var legacy flipt.EvaluationResponse
	if err := conn.Invoke(ctx, "/flipt.Flipt/Evaluate", &flipt.EvaluationRequest{
		NamespaceKey: "acme", FlagKey: "color", EntityId: "user-3", Context: map[string]string{"tier": "gold"},
	}, &legacy); err != nil {
		t.Fatal(err)
	}
	if legacy.Reason != 3 || legacy.Value != "red" {
		t.Errorf("legacy %v", &legacy)
	}

	// Metadata in both directions.
	var flag ofrep.EvaluatedFlag
	inAcme := metadata.AppendToOutgoingContext(ctx, "x-flipt-namespace", "acme")
	if err := conn.Invoke(inAcme, "/flipt.ofrep.OFREPService/EvaluateFlag", &ofrep.EvaluateFlagRequest{Key: "beta", Context: map[string]string{"targetingKey": "u1"}}, &flag); err != nil {
		t.Fatal(err)
	}
	if flag.Key != "beta" {
		t.Errorf("flag %v", &flag)
	}
	var header metadata.MD
	var snapshot evaluation.EvaluationNamespaceSnapshot
	newest := metadata.AppendToOutgoingContext(ctx, "x-flipt-accept-server-version", "1.47.0")
	ask := func(ctx context.Context) {
		t.Helper()
		request := &evaluation.EvaluationNamespaceSnapshotRequest{Key: "acme"}
		if err := conn.Invoke(ctx, "/flipt.evaluation.DataService/EvaluationSnapshotNamespace", request, &snapshot, grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
	}
	ask(newest)
	tag := header.Get("x-etag")
	if len(snapshot.Flags) != 2 || len(tag) != 1 {
		t.Fatalf("snapshot %v with tag %q", &snapshot, tag)
	}
	ask(metadata.AppendToOutgoingContext(newest, "grpcgateway-if-none-match", tag[0]))
	if code := header.Get("x-http-code"); !slices.Equal(code, []string{"304"}) || len(snapshot.Flags) != 0 {
		t.Errorf("code %q, %d flags for the same tag", code, len(snapshot.Flags))
	}
}

func TestStrangerRefused(t *testing.T) {
	t.Parallel()
	srv := start(t)
	conn, ctx := stranger(t, srv), t.Context()
	for _, c := range []struct {
		method  string
		request any
		code    codes.Code
		text    string
	}{
		{"/flipt.Flipt/GetFlag", &flipt.GetFlagRequest{Key: "nope"}, codes.NotFound, `flag "default/nope" not found`},
		{"/flipt.Flipt/CreateFlag", &flipt.CreateFlagRequest{Key: "größe %"}, codes.InvalidArgument, "invalid field key: contains invalid characters"},
		{"/flipt.Flipt/GetFlag", &flipt.GetFlagRequest{Key: "größe %"}, codes.NotFound, `flag "default/größe %" not found`},
		{"/flipt.auth.AuthenticationService/GetAuthenticationSelf", new(emptypb.Empty), codes.Unauthenticated, "request was not authenticated"},
		{"/flipt.analytics.AnalyticsService/GetFlagEvaluationsCount", &analytics.GetFlagEvaluationsCountRequest{NamespaceKey: "default", FlagKey: "x"}, codes.Unimplemented, "service flipt.analytics.AnalyticsService not implemented"},
		{"/flipt.auth.AuthenticationMethodTokenService/CreateToken", new(auth.CreateTokenRequest), codes.Unimplemented, ""},
		{"/flipt.Nothing/Nothing", new(emptypb.Empty), codes.Unimplemented, ""},
		{"/flipt.Flipt/Nothing", new(emptypb.Empty), codes.Unimplemented, ""},
		{"/flipt.Flipt/CreateFlag", &flipt.CreateFlagRequest{Key: "big", Name: strings.Repeat("x", 5<<20)}, codes.ResourceExhausted, ""},
	} {
		err := conn.Invoke(ctx, c.method, c.request, new(emptypb.Empty))
		got := status.Convert(err)
		if got.Code() != c.code || c.text != "" && got.Message() != c.text {
			t.Errorf("%s: got %v, want %v %s", c.method, err, c.code, c.text)
		}
	}
	err := conn.Invoke(ctx, "/flipt.Flipt/CreateFlag", new(flipt.CreateFlagRequest), new(emptypb.Empty))
	details := status.Convert(err).Details()
	if len(details) != 1 {
		t.Fatalf("details %v of %v", details, err)
	}
	violations, is := details[0].(*validate.Violations)
	if !is || len(violations.GetViolations()) != 2 {
		t.Errorf("details %v, want the violations of key and name", details)
	}
	past, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	if err := conn.Invoke(past, "/flipt.Flipt/ListFlags", new(flipt.ListFlagRequest), new(emptypb.Empty)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("after its deadline: %v", err)
	}
}

func TestReflection(t *testing.T) {
	t.Parallel()
	srv := start(t)
	stream := ok(reflectionv1.NewServerReflectionClient(stranger(t, srv)).ServerReflectionInfo(t.Context()))(t)
	ask := func(request *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		return ok(stream.Recv())(t)
	}
	list := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	var names []string
	for _, service := range list.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	for _, want := range []string{
		"grpc.health.v1.Health", "flipt.Flipt", "flipt.evaluation.EvaluationService", "flipt.evaluation.DataService", "flipt.ofrep.OFREPService",
		"flipt.auth.PublicAuthenticationService", "flipt.auth.AuthenticationService", "flipt.meta.MetadataService",
		"flipt.analytics.AnalyticsService", "burgee.v1.FeaturesService",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	file := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "flipt.Flipt.CreateFlag"},
	})
	if len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("no descriptor: %v", file)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

// TestStrangerLoad makes many calls at once over one connection: each gets its own answer.
func TestStrangerLoad(t *testing.T) {
	t.Parallel()
	srv := start(t)
	session{srv.overGRPC(), srv}.open(t)
	conn := stranger(t, srv)
	const callers, calls = 16, 60
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range calls {
				request := about("color", fmt.Sprint(caller, "-", i), "tier", "gold")
				request.RequestId = request.EntityId
				var answer evaluation.VariantEvaluationResponse
				err := conn.Invoke(t.Context(), "/flipt.evaluation.EvaluationService/Variant", request, &answer)
				if err != nil || answer.RequestId != request.RequestId || !answer.Match {
					t.Errorf("call %s: %v, %v", request.RequestId, &answer, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
