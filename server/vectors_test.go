package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// vector is a case of eval/testdata/vectors.json, which the original answered.
type vector struct {
	ID           string
	APICreatable bool   `json:"api_creatable"`
	APIRejection string `json:"api_rejection"`
	Segments     []struct {
		Key         string
		MatchType   string `json:"match_type"`
		Constraints []struct{ Type, Property, Operator, Value string }
	}
	Flag struct {
		Key, Type      string
		Enabled        bool
		DefaultVariant string `json:"default_variant"`
		Variants       []struct{ Key, Attachment string }
		Rules          []struct {
			Rank            int32
			SegmentKeys     []string `json:"segment_keys"`
			SegmentOperator string   `json:"segment_operator"`
			Distributions   []struct {
				Variant string
				Rollout float32
			}
		}
		Rollouts []struct {
			Rank    int32
			Segment *struct {
				SegmentKeys     []string `json:"segment_keys"`
				SegmentOperator string   `json:"segment_operator"`
				Value           bool
			}
			Threshold *flipt.RolloutThreshold
		}
	}
	Request struct {
		FlagKey  string `json:"flag_key"`
		EntityID string `json:"entity_id"`
		Context  map[string]string
	}
	Expect struct {
		Variant, Boolean, Legacy vectorAnswer
		OFREP                    struct {
			Error, Reason, Variant string
			Value                  any
			Metadata               map[string]any
		}
	}
}

// vectorAnswer is what is expected of one endpoint.
type vectorAnswer struct {
	Error             string
	Match, Enabled    bool
	Reason            string
	VariantKey        string `json:"variant_key"`
	VariantAttachment string `json:"variant_attachment"`
	Value, Attachment string
	SegmentKeys       []string `json:"segment_keys_set"`
}

// TestVectors makes each case through the API, in a namespace of its own, and evaluates it over gRPC and over REST.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("eval/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []*vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	creatable := 0
	srv := start(t)
	t.Run("cases", func(t *testing.T) {
		for i, v := range file.Cases {
			over := []clients{srv.overGRPC(), srv.overREST()}
			makes := over[i%2]
			if v.APICreatable {
				creatable++
			}
			t.Run(v.ID, func(t *testing.T) {
				t.Parallel()
				namespace := fmt.Sprint("ns-", i)
				err := v.create(t.Context(), makes, namespace)
				if !v.APICreatable {
					if want := invalid("%s", v.APIRejection); err == nil || err.Error() != want {
						t.Errorf("got %v, want %s", err, want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range over {
					v.check(t, c, namespace)
				}
			})
		}
	})
	if creatable != 290 {
		t.Errorf("%d cases can be made through the API, want 290", creatable)
	}
}

// create makes segments and flag in the order of the file.
func (v *vector) create(ctx context.Context, c clients, namespace string) error {
	if _, err := c.flipt.CreateNamespace(ctx, &flipt.CreateNamespaceRequest{Key: namespace, Name: v.ID}); err != nil {
		return err
	}
	for _, s := range v.Segments {
		if _, err := c.flipt.CreateSegment(ctx, &flipt.CreateSegmentRequest{
			NamespaceKey: namespace, Key: s.Key, Name: s.Key, MatchType: flipt.MatchType(flipt.MatchType_value[s.MatchType]),
		}); err != nil {
			return err
		}
		for _, one := range s.Constraints {
			if _, err := c.flipt.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
				NamespaceKey: namespace, SegmentKey: s.Key, Type: flipt.ComparisonType(flipt.ComparisonType_value[one.Type]),
				Property: one.Property, Operator: one.Operator, Value: one.Value,
			}); err != nil {
				return err
			}
		}
	}
	variants, err := v.createFlag(ctx, c, namespace)
	if err != nil {
		return err
	}
	if err := v.createRules(ctx, c, namespace, variants); err != nil {
		return err
	}
	return v.createRollouts(ctx, c, namespace)
}

// createFlag returns the ids of the variants by key.
func (v *vector) createFlag(ctx context.Context, c clients, namespace string) (map[string]string, error) {
	if _, err := c.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{
		NamespaceKey: namespace, Key: v.Flag.Key, Name: v.Flag.Key, Enabled: v.Flag.Enabled, Type: flipt.FlagType(flipt.FlagType_value[v.Flag.Type]),
	}); err != nil {
		return nil, err
	}
	ids := make(map[string]string)
	for _, one := range v.Flag.Variants {
		made, err := c.flipt.CreateVariant(ctx, &flipt.CreateVariantRequest{
			NamespaceKey: namespace, FlagKey: v.Flag.Key, Key: one.Key, Attachment: one.Attachment,
		})
		if err != nil {
			return nil, err
		}
		ids[one.Key] = made.Id
	}
	if v.Flag.DefaultVariant == "" {
		return ids, nil
	}
	_, err := c.flipt.UpdateFlag(ctx, &flipt.UpdateFlagRequest{
		NamespaceKey: namespace, Key: v.Flag.Key, Name: v.Flag.Key, Enabled: v.Flag.Enabled, DefaultVariantId: ids[v.Flag.DefaultVariant],
	})
	return ids, err
}

func (v *vector) createRules(ctx context.Context, c clients, namespace string, variants map[string]string) error {
	for _, r := range v.Flag.Rules {
		rule, err := c.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{
			NamespaceKey: namespace, FlagKey: v.Flag.Key, Rank: r.Rank, SegmentKeys: r.SegmentKeys,
			SegmentOperator: flipt.SegmentOperator(flipt.SegmentOperator_value[r.SegmentOperator]),
		})
		if err != nil {
			return err
		}
		for _, d := range r.Distributions {
			if _, err := c.flipt.CreateDistribution(ctx, &flipt.CreateDistributionRequest{
				NamespaceKey: namespace, FlagKey: v.Flag.Key, RuleId: rule.Id, VariantId: variants[d.Variant], Rollout: d.Rollout,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *vector) createRollouts(ctx context.Context, c clients, namespace string) error {
	for _, r := range v.Flag.Rollouts {
		request := &flipt.CreateRolloutRequest{NamespaceKey: namespace, FlagKey: v.Flag.Key, Rank: r.Rank}
		if s := r.Segment; s != nil {
			request.Rule = &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{
				SegmentKeys: s.SegmentKeys, Value: s.Value, SegmentOperator: flipt.SegmentOperator(flipt.SegmentOperator_value[s.SegmentOperator]),
			}}
		}
		if r.Threshold != nil {
			request.Rule = &flipt.CreateRolloutRequest_Threshold{Threshold: r.Threshold}
		}
		if _, err := c.flipt.CreateRollout(ctx, request); err != nil {
			return err
		}
	}
	return nil
}

// check evaluates the case over every endpoint.
func (v *vector) check(t *testing.T, c clients, namespace string) {
	ctx := t.Context()
	request := &evaluation.EvaluationRequest{
		NamespaceKey: namespace, FlagKey: v.Request.FlagKey, EntityId: v.Request.EntityID, Context: v.Request.Context,
	}
	variant, err := c.evaluation.Variant(ctx, request)
	v.compare(t, c.name+" variant", v.Expect.Variant, err, namespace, vectorAnswer{
		Match: variant.GetMatch(), Reason: variant.GetReason().String(), VariantKey: variant.GetVariantKey(),
		VariantAttachment: variant.GetVariantAttachment(), SegmentKeys: variant.GetSegmentKeys(),
	})
	boolean, err := c.evaluation.Boolean(ctx, request)
	v.compare(t, c.name+" boolean", v.Expect.Boolean, err, namespace, vectorAnswer{
		Enabled: boolean.GetEnabled(), Reason: boolean.GetReason().String(), SegmentKeys: boolean.GetSegmentKeys(),
	})
	legacy, err := c.flipt.Evaluate(ctx, &flipt.EvaluationRequest{
		NamespaceKey: namespace, FlagKey: v.Request.FlagKey, EntityId: v.Request.EntityID, Context: v.Request.Context,
	})
	want := v.Expect.Legacy
	if v.Request.EntityID == "" { // which the vectors' harness let through
		want = vectorAnswer{Error: "invalid field entityId: must not be empty"}
	}
	v.compare(t, c.name+" legacy", want, err, namespace, vectorAnswer{
		Match: legacy.GetMatch(), Reason: legacy.GetReason().String(), Value: legacy.GetValue(), Attachment: legacy.GetAttachment(),
		SegmentKeys: legacy.GetSegmentKeys(),
	})
	v.checkRemote(t, c, namespace)
}

func (v *vector) compare(t *testing.T, what string, want vectorAnswer, err error, namespace string, got vectorAnswer) {
	t.Helper()
	if err != nil {
		got = vectorAnswer{Error: err.Error()}
	}
	if want.Error != "" {
		want.Error = strings.ReplaceAll(want.Error, "<ns>", namespace)
		if strings.HasSuffix(want.Error, "not found") {
			want.Error = notFound("%s", want.Error)
		} else {
			want.Error = invalid("%s", want.Error)
		}
	}
	slices.Sort(got.SegmentKeys)
	slices.Sort(want.SegmentKeys)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (v *vector) checkRemote(t *testing.T, c clients, namespace string) {
	t.Helper()
	request := &ofrep.EvaluateFlagRequest{Key: v.Request.FlagKey, Context: map[string]string{"targetingKey": v.Request.EntityID}}
	maps.Copy(request.Context, v.Request.Context)
	got, err := c.ofrep.EvaluateFlag(with(t.Context(), namespaceHeader, namespace), request)
	want := v.Expect.OFREP
	if want.Error != "" {
		if text := notFound("flag was not found %s", v.Request.FlagKey); err == nil || err.Error() != text {
			t.Errorf("%s OFREP: got %v, want %s", c.name, err, text)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got.Metadata = object(t, withSortedSegments(got.Metadata.AsMap()))
	equal(t, c.name+" OFREP", got, &ofrep.EvaluatedFlag{
		Key: v.Request.FlagKey, Reason: ofrep.EvaluateReason(ofrep.EvaluateReason_value[want.Reason]), Variant: want.Variant,
		Value: ok(structpb.NewValue(want.Value))(t), Metadata: object(t, withSortedSegments(maps.Clone(want.Metadata))),
	})
}

// withSortedSegments sorts the segments of metadata, whose order means nothing. The vectors write several ones as a list.
func withSortedSegments(metadata map[string]any) map[string]any {
	var keys []string
	switch segments := metadata["segments"].(type) {
	case nil:
		return metadata
	case string:
		keys = strings.Split(segments, ",")
	case map[string]any:
		for _, key := range segments["comma_joined_any_order_of"].([]any) {
			keys = append(keys, key.(string))
		}
	}
	slices.Sort(keys)
	metadata["segments"] = strings.Join(keys, ",")
	return metadata
}
