package server

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt/auth"
)

// publicAuthentication serves flipt.auth.PublicAuthenticationService (auth.md 4.1).
type publicAuthentication struct{}

// ListAuthenticationMethods implements flipt.auth.PublicAuthenticationService: all methods are disabled.
func (publicAuthentication) ListAuthenticationMethods(context.Context, *emptypb.Empty) (*auth.ListAuthenticationMethodsResponse, error) {
	text := structpb.NewStringValue
	return &auth.ListAuthenticationMethodsResponse{Methods: []*auth.MethodInfo{
		{Method: auth.Method_METHOD_TOKEN},
		{Method: auth.Method_METHOD_GITHUB, SessionCompatible: true, Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"authorize_url": text("/auth/v1/method/github/authorize"), "callback_url": text("/auth/v1/method/github/callback"),
		}}},
		{Method: auth.Method_METHOD_OIDC, SessionCompatible: true, Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"providers": structpb.NewStructValue(new(structpb.Struct)),
		}}},
		{Method: auth.Method_METHOD_KUBERNETES},
		{Method: auth.Method_METHOD_JWT},
	}}, nil
}

// authentications serves flipt.auth.AuthenticationService while authentication is off (auth.md 1 and 4.2): nobody is
// authenticated and there are no authentications.
type authentications struct{}

func notAuthenticated() error {
	return connect.NewError(connect.CodeUnauthenticated, errors.New("request was not authenticated"))
}

// GetAuthenticationSelf implements flipt.auth.AuthenticationService.
func (authentications) GetAuthenticationSelf(context.Context, *emptypb.Empty) (*auth.Authentication, error) {
	return nil, notAuthenticated()
}

// GetAuthentication implements flipt.auth.AuthenticationService.
func (authentications) GetAuthentication(context.Context, *auth.GetAuthenticationRequest) (*auth.Authentication, error) {
	return nil, notFound("getting authentication by token: reading authentication: resource not found")
}

// ListAuthentications implements flipt.auth.AuthenticationService.
func (authentications) ListAuthentications(context.Context, *auth.ListAuthenticationsRequest) (*auth.ListAuthenticationsResponse, error) {
	return new(auth.ListAuthenticationsResponse), nil
}

// DeleteAuthentication implements flipt.auth.AuthenticationService.
func (authentications) DeleteAuthentication(context.Context, *auth.DeleteAuthenticationRequest) (*emptypb.Empty, error) {
	return new(emptypb.Empty), nil
}

// ExpireAuthenticationSelf implements flipt.auth.AuthenticationService.
func (authentications) ExpireAuthenticationSelf(context.Context, *auth.ExpireAuthenticationSelfRequest) (*emptypb.Empty, error) {
	return nil, notAuthenticated()
}
