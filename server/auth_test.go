package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt/analytics"
	"github.com/burgeehq/burgee/gen/flipt/auth"
)

func TestAuthenticationMethods(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		got := ok(s.public.ListAuthenticationMethods(t.Context(), new(emptypb.Empty)))(t)
		equal(t, "methods", got, &auth.ListAuthenticationMethodsResponse{Methods: []*auth.MethodInfo{
			{Method: auth.Method_METHOD_TOKEN},
			{Method: auth.Method_METHOD_GITHUB, SessionCompatible: true, Metadata: object(t, map[string]any{
				"authorize_url": "/auth/v1/method/github/authorize", "callback_url": "/auth/v1/method/github/callback",
			})},
			{Method: auth.Method_METHOD_OIDC, SessionCompatible: true, Metadata: object(t, map[string]any{"providers": map[string]any{}})},
			{Method: auth.Method_METHOD_KUBERNETES},
			{Method: auth.Method_METHOD_JWT},
		}})
	})
}

func TestAuthentications(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		// Credentials mean nothing while there is no authentication.
		ctx := with(t.Context(), "Authorization", "Bearer whatever")
		list := ok(s.auth.ListAuthentications(ctx, &auth.ListAuthenticationsRequest{Limit: 1, Method: auth.Method_METHOD_TOKEN}))(t)
		equal(t, "list", list, new(auth.ListAuthenticationsResponse))
		if _, err := s.auth.DeleteAuthentication(ctx, &auth.DeleteAuthenticationRequest{Id: "zzz"}); err != nil {
			t.Errorf("deleting what is not there: %v", err)
		}
		const refused = "unauthenticated: request was not authenticated"
		s.refuse(t,
			refusal{func(ctx context.Context, c clients) error {
				_, err := c.auth.GetAuthenticationSelf(ctx, new(emptypb.Empty))
				return err
			}, refused},
			refusal{func(ctx context.Context, c clients) error {
				_, err := c.auth.ExpireAuthenticationSelf(ctx, &auth.ExpireAuthenticationSelfRequest{ExpiresAt: timestamppb.Now()})
				return err
			}, refused},
			refusal{func(ctx context.Context, c clients) error {
				_, err := c.auth.GetAuthentication(ctx, &auth.GetAuthenticationRequest{Id: "zzz"})
				return err
			}, notFound("getting authentication by token: reading authentication: resource not found")},
			refusal{func(ctx context.Context, c clients) error {
				_, err := c.analytics.GetFlagEvaluationsCount(ctx, &analytics.GetFlagEvaluationsCountRequest{NamespaceKey: "default", FlagKey: "color"})
				return err
			}, "unimplemented: service flipt.analytics.AnalyticsService not implemented"},
		)
	})
}

// TestAuthenticationOverREST looks at what generated clients do not show.
func TestAuthenticationOverREST(t *testing.T) {
	t.Parallel()
	srv := start(t)
	const missing = `{"code":5,"message":"Not Found","details":[]}`
	for _, c := range []struct {
		verb, path string
		status     int
		body       string
	}{
		{http.MethodGet, "/auth/v1/self", http.StatusUnauthorized, `{"code":16,"message":"request was not authenticated","details":[]}`},
		{http.MethodPut, "/auth/v1/self/expire?expiresAt=2030-01-01T00:00:00Z", http.StatusUnauthorized, `{"code":16,"message":"request was not authenticated","details":[]}`},
		{http.MethodGet, "/auth/v1/tokens", http.StatusOK, `{"authentications":[],"nextPageToken":""}`},
		{http.MethodGet, "/auth/v1/tokens?method=METHOD_TOKEN&limit=5", http.StatusOK, `{"authentications":[],"nextPageToken":""}`},
		{http.MethodGet, "/auth/v1/tokens/zzz", http.StatusNotFound, `{"code":5,"message":"getting authentication by token: reading authentication: resource not found","details":[]}`},
		{http.MethodDelete, "/auth/v1/tokens/zzz", http.StatusOK, `{}`},
		// Methods that are off have no paths.
		{http.MethodPost, "/auth/v1/method/token", http.StatusNotFound, missing},
		{http.MethodGet, "/auth/v1/method/github/authorize", http.StatusNotFound, missing},
		{http.MethodGet, "/auth/v1/method/oidc/x/callback", http.StatusNotFound, missing},
		{http.MethodPost, "/auth/v1/method/kubernetes/serviceaccount", http.StatusNotFound, missing},
		{http.MethodGet, "/internal/v1/analytics/namespaces/default/flags/color", http.StatusNotImplemented, `{"code":12,"message":"service flipt.analytics.AnalyticsService not implemented","details":[]}`},
	} {
		request := ok(http.NewRequestWithContext(t.Context(), c.verb, srv.httpURL+c.path, strings.NewReader("{}")))(t)
		got, body := srv.do(t, request)
		if text := compact(body); got.StatusCode != c.status || text != c.body {
			t.Errorf("%s %s: %d %s, want %d %s", c.verb, c.path, got.StatusCode, text, c.status, c.body)
		}
		header := got.Header.Get("WWW-Authenticate")
		if want := c.status == http.StatusUnauthorized; (header == "request was not authenticated") != want || !want && header != "" {
			t.Errorf("%s %s: WWW-Authenticate %q", c.verb, c.path, header)
		}
	}
}
