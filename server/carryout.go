package server

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// carryOut returns the id of what the request made, where it has one.
func carryOut(d *store.Draft, request proto.Message) (string, error) {
	switch r := request.(type) {
	case *flipt.CreateNamespaceRequest:
		_, err := createNamespace(d, r)
		return "", err
	case *flipt.UpdateNamespaceRequest:
		_, err := updateNamespace(d, r)
		return "", err
	case *flipt.CreateFlagRequest:
		_, err := createFlag(d, r)
		return "", err
	case *flipt.UpdateFlagRequest:
		_, err := updateFlag(d, r)
		return "", err
	case *flipt.CreateVariantRequest:
		variant, err := createVariant(d, r)
		return variant.GetId(), err
	case *flipt.CreateSegmentRequest:
		_, err := createSegment(d, r)
		return "", err
	case *flipt.CreateConstraintRequest:
		_, err := createConstraint(d, r)
		return "", err
	case *flipt.CreateRuleRequest:
		rule, err := createRule(d, r)
		return rule.GetId(), err
	case *flipt.CreateDistributionRequest:
		_, err := createDistribution(d, r)
		return "", err
	case *flipt.CreateRolloutRequest:
		_, err := createRollout(d, r)
		return "", err
	default:
		return "", fmt.Errorf("import: no way to carry out %T", request)
	}
}
