package server

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/burgeehq/burgee/gen/flipt/analytics"
)

// counts serves flipt.analytics.AnalyticsService as the original does where no analytics are set up.
type counts struct{}

// GetFlagEvaluationsCount implements flipt.analytics.AnalyticsService.
func (counts) GetFlagEvaluationsCount(context.Context, *analytics.GetFlagEvaluationsCountRequest) (*analytics.GetFlagEvaluationsCountResponse, error) {
	return nil, connect.NewError(connect.CodeUnimplemented, errors.New("service flipt.analytics.AnalyticsService not implemented"))
}
