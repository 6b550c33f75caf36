package server_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestVariant(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "color", Name: "Color"}))
		created := ok(s.flipt.CreateVariant(ctx, &flipt.CreateVariantRequest{
			FlagKey: "color", Key: "any text, ü", Name: "Red", Description: "d", Attachment: attachment,
		}))(t)
		checkTimes(t, created.CreatedAt, created.UpdatedAt)
		equal(t, "created", created, &flipt.Variant{
			Id: created.Id, FlagKey: "color", Key: "any text, ü", Name: "Red", Description: "d", Attachment: compactAttachment,
			NamespaceKey: "default", CreatedAt: created.CreatedAt, UpdatedAt: created.CreatedAt,
		})
		checkID(t, created.Id)

		updated := ok(s.flipt.UpdateVariant(ctx, &flipt.UpdateVariantRequest{
			Id: created.Id, FlagKey: "color", Key: "red", Attachment: ` [1 ] `,
		}))(t)
		want := proto.CloneOf(created)
		want.Key, want.Name, want.Description, want.Attachment, want.UpdatedAt = "red", "", "", "[1]", updated.UpdatedAt
		equal(t, "updated", updated, want)

		emptied := ok(s.flipt.UpdateVariant(ctx, &flipt.UpdateVariantRequest{Id: created.Id, FlagKey: "color", Key: "red"}))(t)
		want.Attachment, want.UpdatedAt = "", emptied.UpdatedAt
		equal(t, "without attachment", emptied, want)
		flag := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "color"}))(t)
		if len(flag.Variants) != 1 {
			t.Fatalf("variants %v", flag.Variants)
		}
		equal(t, "in the flag", flag.Variants[0], want)
	})
}

// checkID wants a UUID of version 4.
func checkID(t *testing.T, id string) {
	t.Helper()
	if len(id) != 36 || id[14] != '4' || strings.Count(id, "-") != 4 {
		t.Errorf("id %q is not a UUID of version 4", id)
	}
}

func TestVariantRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		create := func(namespace, flag, key, attachment string) call {
			return to(rpc.CreateVariant, &flipt.CreateVariantRequest{NamespaceKey: namespace, FlagKey: flag, Key: key, Attachment: attachment})
		}
		update := func(id, flag, key, attachment string) call {
			return to(rpc.UpdateVariant, &flipt.UpdateVariantRequest{NamespaceKey: "acme", Id: id, FlagKey: flag, Key: key, Attachment: attachment})
		}
		remove := func(id, flag string) call {
			return to(rpc.DeleteVariant, &flipt.DeleteVariantRequest{NamespaceKey: "acme", Id: id, FlagKey: flag})
		}
		s.refuse(t,
			refusal{create("acme", "", "", ""), invalid("invalid field flagKey: must not be empty")},
			refusal{create("acme", "color", "", "{oops"), invalid("invalid field key: must not be empty")},
			refusal{create("acme", "nope", "x", "{oops"), invalid("invalid field attachment: must be a json string")},
			refusal{create("acme", "nope", "x", ""), notFound(`flag "acme/nope" not found`)},
			refusal{create("nope", "color", "x", ""), notFound(`flag "nope/color" not found`)},
			refusal{create("", "color", "x", ""), notFound(`flag "default/color" not found`)},
			refusal{create("acme", "color", "red", ""), invalid(`variant "red" is not unique for flag "acme/color"`)},
			refusal{update("", "", "", ""), invalid("invalid field id: must not be empty")},
			refusal{update(made.red, "", "", ""), invalid("invalid field flagKey: must not be empty")},
			refusal{update(made.red, "color", "", "{oops"), invalid("invalid field key: must not be empty")},
			refusal{update(made.red, "color", "x", "{oops"), invalid("invalid field attachment: must be a json string")},
			refusal{update("zzz", "color", "new", ""), notFound(`variant "new" not found`)},
			refusal{update(made.red, "beta", "new", ""), notFound(`variant "new" not found`)},
			refusal{update(made.red, "nope", "new", ""), notFound(`variant "new" not found`)},
			refusal{update(made.red, "color", "blue", ""), invalid(`variant "blue" is not unique for flag "acme/color"`)},
			refusal{remove("", "color"), invalid("invalid field id: must not be empty")},
			refusal{remove(made.red, ""), invalid("invalid field flagKey: must not be empty")},
		)
	})
}

func TestVariantAttachments(t *testing.T) {
	t.Parallel()
	const limit = 1000 * 1024
	quoted := func(size int) string { return `"` + strings.Repeat("x", size-2) + `"` }
	cases := []struct{ sent, stored, refused string }{
		{sent: "", stored: ""},
		{sent: "null", stored: "null"},
		{sent: " 1.50 ", stored: "1.50"},
		{sent: `"text"`, stored: `"text"`},
		{sent: "true", stored: "true"},
		{sent: "{\"b\": 1,\n \"a\": \"< >\"}", stored: `{"b":1,"a":"< >"}`},
		{sent: "[1e400, 0.10, 123456789012345678901]", stored: "[1e400,0.10,123456789012345678901]"},
		{sent: quoted(limit), stored: quoted(limit)},
		{sent: quoted(limit + 1), refused: "must be less than 1000 KB"},
		{sent: strings.Repeat("x", limit+1), refused: "must be a json string"},
		{sent: "{} {}", refused: "must be a json string"},
		{sent: strings.Repeat("[", 51) + strings.Repeat("]", 51), refused: "must not be nested deeper than 50 levels"},
		{sent: " ", refused: "must be a json string"},
		{sent: "{'a': 1}", refused: "must be a json string"},
		{sent: "NaN", refused: "must be a json string"},
	}
	everyProtocol(t, func(t *testing.T, s session) {
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "color", Name: "Color"}))
		for _, c := range cases {
			created, err := s.flipt.CreateVariant(t.Context(), &flipt.CreateVariantRequest{FlagKey: "color", Key: "v", Attachment: c.sent})
			if c.refused != "" {
				if want := invalid("invalid field attachment: %s", c.refused); err == nil || err.Error() != want {
					t.Errorf("attachment %.40q: got %v, want %s", c.sent, err, want)
				}
				continue
			}
			if err != nil || created.Attachment != c.stored {
				t.Errorf("attachment %.40q: got %.40q, %v, want %.40q", c.sent, created.GetAttachment(), err, c.stored)
				continue
			}
			s.revisions(t, 1, to(rpc.DeleteVariant, &flipt.DeleteVariantRequest{FlagKey: "color", Id: created.Id}))
		}
	})
}

func TestVariantDelete(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		remove := func(namespace, flag, id string) call {
			return to(rpc.DeleteVariant, &flipt.DeleteVariantRequest{NamespaceKey: namespace, FlagKey: flag, Id: id})
		}
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", DefaultVariantId: made.red}))
		s.revisions(t, 0, remove("acme", "color", "zzz"), remove("acme", "beta", made.red), remove("acme", "nope", made.red), remove("nope", "color", made.red))
		s.revisions(t, 1, remove("acme", "color", made.red))
		s.revisions(t, 0, remove("acme", "color", made.red))

		flag := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		if len(flag.Variants) != 1 || flag.Variants[0].Id != made.blue || flag.DefaultVariant != nil {
			t.Errorf("variants %v, default %v; want blue alone and no default", flag.Variants, flag.DefaultVariant)
		}
		rule := ok(s.flipt.GetRule(ctx, &flipt.GetRuleRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.rule}))(t)
		if len(rule.Distributions) != 1 || rule.Distributions[0].Id != made.rest {
			t.Errorf("distributions %v, want that of blue alone", rule.Distributions)
		}
	})
}

// TestVariantOfBoolean shows that parts may be added to flags of a type that does not use them.
func TestVariantOfBoolean(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		threshold := &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: 5}}
		s.revisions(t, 1,
			to(rpc.CreateVariant, &flipt.CreateVariantRequest{NamespaceKey: "acme", FlagKey: "beta", Key: "v"}),
			to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: "acme", FlagKey: "beta", SegmentKey: "vip", Rank: 1}),
			to(rpc.CreateRollout, &flipt.CreateRolloutRequest{NamespaceKey: "acme", FlagKey: "color", Rank: 1, Rule: threshold}))
	})
}

// TestVariantDefault shows that a change of the default variant shows everywhere.
func TestVariantDefault(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		s.revisions(t, 1,
			to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", Enabled: true, DefaultVariantId: made.blue}),
			to(rpc.UpdateVariant, &flipt.UpdateVariantRequest{NamespaceKey: "acme", FlagKey: "color", Id: made.blue, Key: "navy", Attachment: "[1]"}))
		flag := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		list := ok(s.flipt.ListFlags(ctx, &flipt.ListFlagRequest{NamespaceKey: "acme"}))(t)
		equal(t, "default variant", flag.DefaultVariant, flag.Variants[1])
		equal(t, "default variant in a list", list.Flags[0].DefaultVariant, flag.Variants[1])
		evaluated := ok(s.evaluation.Variant(ctx, about("color", "u1")))(t)
		if evaluated.VariantKey != "navy" || evaluated.VariantAttachment != "[1]" {
			t.Errorf("evaluated %v", evaluated)
		}
	})
}
