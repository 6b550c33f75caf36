package server_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/emptypb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

const stock = `version: "1.4"
namespace: {key: acme, name: Acme}
flags:
- {key: beta, name: Beta, type: BOOLEAN_FLAG_TYPE, enabled: true}
- key: color
  name: Color
  type: VARIANT_FLAG_TYPE
  enabled: true
  variants: [{key: red}]
  rules: [{segment: vip, distributions: [{variant: red, rollout: 100}]}]
segments:
- {key: vip, name: VIP, match_type: ALL_MATCH_TYPE}
`

// readOnly starts a server that may not change what stock put into its database.
func readOnly(t *testing.T) *running {
	t.Helper()
	settings := server.Settings{Store: store.Settings{Path: filepath.Join(t.TempDir(), "burgee.db")}}
	srv, err := server.Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	ok(srv.Features().Import(t.Context(), &burgeev1.ImportRequest{File: &httpbody.HttpBody{ContentType: "application/yaml", Data: []byte(stock)}}))(t)
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	settings.ReadOnly = true
	return startWith(t, settings, server.Doors{})
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	const no = "internal: modification is not allowed in read-only mode"
	importing := func(r *burgeev1.ImportRequest) call {
		return func(ctx context.Context, c clients) error {
			r.File = &httpbody.HttpBody{ContentType: "application/yaml", Data: []byte("flags: []")}
			_, err := c.features.Import(ctx, r)
			return err
		}
	}
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := readOnly(t)
			s := session{p.over(srv), srv}
			s.refuse(t,
				refusal{to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "new", Name: "New"}), no},
				refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "acme"}), no},
				refusal{to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "new", Name: "New"}), no},
				refusal{to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Colour"}), no},
				refusal{to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "color"}), no},
				refusal{to(rpc.CreateVariant, &flipt.CreateVariantRequest{NamespaceKey: "acme", FlagKey: "color", Key: "blue"}), no},
				refusal{to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: "acme", Key: "new", Name: "New"}), no},
				refusal{to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "color", SegmentKey: "vip", Rank: 2}), no},
				refusal{to(rpc.OrderRules, &flipt.OrderRulesRequest{NamespaceKey: "acme", FlagKey: "color", RuleIds: []string{"x", "y"}}), no},
				refusal{to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "beta", Rank: 1,
					Rule: &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 5}}}), no},
				refusal{importing(new(burgeev1.ImportRequest)), no},
				refusal{importing(&burgeev1.ImportRequest{DryRun: true}), no},
				// what is not valid is refused as everywhere, and first
				refusal{to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "new"}), invalid("invalid field name: must not be empty")},
				refusal{to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme"}), invalid("invalid field key: must not be empty")},
			)
			if flag := ok(s.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t); flag.Name != "Color" {
				t.Errorf("flag %v", flag)
			}
			if got := ok(s.evaluation.Variant(t.Context(), about("color", "someone")))(t); got.VariantKey != "red" {
				t.Errorf("variant %v", got)
			}
			if got := ok(s.evaluation.Boolean(t.Context(), about("beta", "someone")))(t); !got.Enabled {
				t.Errorf("boolean %v", got)
			}
			ok(s.features.Export(t.Context(), &burgeev1.ExportRequest{Namespaces: []string{"acme"}}))(t)
			info := ok(s.meta.GetInfo(t.Context(), new(emptypb.Empty)))(t)
			config := ok(s.meta.GetConfiguration(t.Context(), new(emptypb.Empty)))(t)
			for what, text := range map[string][]byte{"info": info.Data, "configuration": config.Data} {
				if !strings.Contains(string(text), `"storage":{"readOnly":true,"type":"database"}`) {
					t.Errorf("%s does not say that the server is read-only: %s", what, text)
				}
			}
		})
	}
}

// TestReadOnlyREST holds status and body to the contract.
func TestReadOnlyREST(t *testing.T) {
	t.Parallel()
	srv := readOnly(t)
	for _, c := range []struct{ verb, path, body, want string }{
		{http.MethodPost, "/api/v1/namespaces/acme/flags", `{"key":"new","name":"New"}`,
			`500 {"code":13,"message":"modification is not allowed in read-only mode","details":[]}`},
		{http.MethodDelete, "/api/v1/namespaces/acme/flags/color", "",
			`500 {"code":13,"message":"modification is not allowed in read-only mode","details":[]}`},
		{http.MethodPost, "/api/v1/import", "flags: []",
			`500 {"code":13,"message":"modification is not allowed in read-only mode","details":[]}`},
		{http.MethodPost, "/api/v1/namespaces/acme/flags", `{"key":"new"}`,
			`400 {"code":3,"message":"invalid field name: must not be empty","details":[]}`},
		{http.MethodPost, "/ofrep/v1/evaluate/flags/beta", `{"context":{"targetingKey":"someone"}}`,
			`404 {"key":"beta","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag was not found beta"}`}, // in the namespace default
	} {
		got, body := srv.do(t, ok(http.NewRequestWithContext(t.Context(), c.verb, srv.httpURL+c.path, strings.NewReader(c.body)))(t))
		if line := got.Status[:3] + " " + compact(body); line != c.want {
			t.Errorf("%s %s: got %s, want %s", c.verb, c.path, line, c.want)
		}
	}
}
