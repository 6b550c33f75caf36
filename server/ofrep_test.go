package server_test

import (
	"context"
	"hash/crc32"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

const namespaceHeader = "X-Flipt-Namespace"

func TestRemoteConfiguration(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		got := ok(s.ofrep.GetProviderConfiguration(t.Context(), &ofrep.GetProviderConfigurationRequest{}))(t)
		equal(t, "configuration", got, &ofrep.GetProviderConfigurationResponse{Name: "flipt", Capabilities: &ofrep.Capabilities{
			CacheInvalidation: &ofrep.CacheInvalidation{Polling: &ofrep.Polling{}},
			FlagEvaluation:    &ofrep.FlagEvaluation{SupportedTypes: []string{"string", "boolean"}},
		}})
	})
}

func TestRemoteFlag(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		evaluate := func(key, entity, tier string) *ofrep.EvaluatedFlag {
			t.Helper()
			return ok(s.ofrep.EvaluateFlag(with(t.Context(), namespaceHeader, "acme"), &ofrep.EvaluateFlagRequest{
				Key: key, Context: map[string]string{"targetingKey": entity, "tier": tier},
			}))(t)
		}
		variant := func(reason ofrep.EvaluateReason, variant string, metadata map[string]any) *ofrep.EvaluatedFlag {
			return &ofrep.EvaluatedFlag{
				Key: "color", Reason: reason, Variant: variant, Value: structpb.NewStringValue(variant), Metadata: object(t, metadata),
			}
		}
		boolean := func(reason ofrep.EvaluateReason, text string) *ofrep.EvaluatedFlag {
			return &ofrep.EvaluatedFlag{
				Key: "beta", Reason: reason, Variant: text, Value: structpb.NewBoolValue(text == "true"), Metadata: new(structpb.Struct),
			}
		}
		equal(t, "variant", evaluate("color", "user-3", "gold"),
			variant(ofrep.EvaluateReason_TARGETING_MATCH, "red", map[string]any{"segments": "vip", "attachment": compactAttachment}))
		equal(t, "variant without attachment", evaluate("color", "user-4", "gold"),
			variant(ofrep.EvaluateReason_TARGETING_MATCH, "blue", map[string]any{"segments": "vip"}))
		equal(t, "no match", evaluate("color", "user-3", ""), variant(ofrep.EvaluateReason_UNKNOWN, "", nil))
		equal(t, "boolean", evaluate("beta", "u1", "gold"), boolean(ofrep.EvaluateReason_TARGETING_MATCH, "true"))
		equal(t, "boolean default", evaluate("beta", "u1", ""), boolean(ofrep.EvaluateReason_DEFAULT, "false"))
		update := &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: true, DefaultVariantId: made.blue}
		s.revisions(t, 1, to(rpc.UpdateFlag, update))
		equal(t, "default", evaluate("color", "user-3", ""), variant(ofrep.EvaluateReason_DEFAULT, "blue", nil))
		update = proto.CloneOf(update)
		update.Enabled = false
		s.revisions(t, 1, to(rpc.UpdateFlag, update))
		equal(t, "disabled", evaluate("color", "user-3", "gold"), variant(ofrep.EvaluateReason_DISABLED, "blue", nil))
	})
}

// TestRemoteEntity leaves the entity id out, which matters only where the answer depends on it. An empty one is an entity.
func TestRemoteEntity(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.revisions(t, 1,
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "half", Name: "Half", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}),
			to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "default", FlagKey: "half", Rank: 1, Rule: byThreshold(50)}),
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "all", Name: "All", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}),
			to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "default", FlagKey: "all", Rank: 1, Rule: byThreshold(100)}))
		if got := ok(s.ofrep.EvaluateFlag(t.Context(), &ofrep.EvaluateFlagRequest{Key: "all"}))(t); !got.Value.GetBoolValue() {
			t.Errorf("all: got %v", got)
		}
		s.refuse(t, refusal{func(ctx context.Context, c clients) error {
			_, err := c.ofrep.EvaluateFlag(ctx, &ofrep.EvaluateFlagRequest{Key: "half"})
			return err
		}, invalid("flag half needs a targetingKey in the context")})
		empty := ok(s.ofrep.EvaluateFlag(t.Context(), &ofrep.EvaluateFlagRequest{Key: "half", Context: map[string]string{"targetingKey": ""}}))(t)
		want := crc32.ChecksumIEEE([]byte("half"))%100 < 50
		if empty.Value.GetBoolValue() != want {
			t.Errorf("half for the empty entity: got %v, want %v", empty, want)
		}
	})
}

func TestRemoteBulk(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		s.revisions(t, 1,
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "off", Name: "Off"}),
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "bool", Name: "Bool", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE}))
		keys := func(namespace string, context map[string]string) []string {
			t.Helper()
			var keys []string
			for _, flag := range ok(s.ofrep.EvaluateBulk(with(t.Context(), namespaceHeader, namespace), &ofrep.EvaluateBulkRequest{Context: context}))(t).Flags {
				keys = append(keys, flag.Key)
			}
			return keys
		}
		for _, c := range []struct {
			what, namespace string
			context         map[string]string
			want            []string
		}{
			{"all but disabled variant flags", "acme", map[string]string{"targetingKey": "u1"}, []string{"color", "beta", "bool"}},
			{"a list", "acme", map[string]string{"flags": " bool ,off, color"}, []string{"bool", "off", "color"}},
			{"no such namespace", "nope", nil, nil},
			{"the default namespace", "", nil, nil},
		} {
			if got := keys(c.namespace, c.context); !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.what, got, c.want)
			}
		}
	})
}

func TestRemoteRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "odd", Name: "Odd", Type: 7}))
		single := func(namespace, key string) call {
			return func(ctx context.Context, c clients) error {
				_, err := c.ofrep.EvaluateFlag(with(ctx, namespaceHeader, namespace), &ofrep.EvaluateFlagRequest{Key: key})
				return err
			}
		}
		bulk := func(flags string) call {
			return func(ctx context.Context, c clients) error {
				if c.name == "REST" { // there the call succeeds, see TestStandardBulk
					return errUnsayable
				}
				_, err := c.ofrep.EvaluateBulk(with(ctx, namespaceHeader, "acme"),
					&ofrep.EvaluateBulkRequest{Context: map[string]string{"targetingKey": "u1", "flags": flags}})
				return err
			}
		}
		s.refuse(t,
			refusal{single("acme", "nope"), notFound("flag was not found nope")},
			refusal{single("", "color"), notFound("flag was not found color")},
			refusal{single("nope", "color"), notFound("flag was not found color")},
			refusal{single("acme", "odd"), invalid("unknown flag type: 7")},
			refusal{bulk("beta, nope"), notFound("flag was not found nope")},
			refusal{bulk(""), notFound("flag was not found ")},
			refusal{bulk("odd"), invalid("unknown flag type: 7")},
		)
	})
}
