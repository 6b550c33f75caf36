package server_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
)

func object(t testing.TB, members map[string]any) *structpb.Struct {
	t.Helper()
	return ok(structpb.NewStruct(members))(t)
}

func TestFlag(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		metadata := object(t, map[string]any{"team": "web", "n": 1.5, "deep": map[string]any{"list": []any{true, nil, "x"}}})
		created := ok(s.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{
			Key: "color", Name: "Color", Description: "d", Enabled: true, Metadata: metadata,
		}))(t)
		checkTimes(t, created.CreatedAt, created.UpdatedAt)
		equal(t, "created", created, &flipt.Flag{
			Key: "color", Name: "Color", Description: "d", Enabled: true, NamespaceKey: "default", Metadata: metadata,
			CreatedAt: created.CreatedAt, UpdatedAt: created.CreatedAt,
		})
		equal(t, "read", ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "color", Reference: "ignored"}))(t), created)

		boolean := ok(s.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{
			NamespaceKey: "default", Key: "beta", Name: "Beta", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE,
		}))(t)
		equal(t, "with defaults", boolean, &flipt.Flag{
			Key: "beta", Name: "Beta", NamespaceKey: "default", Type: flipt.FlagType_BOOLEAN_FLAG_TYPE,
			CreatedAt: boolean.CreatedAt, UpdatedAt: boolean.CreatedAt,
		})

		// Only the list shows metadata where there is none.
		list := ok(s.flipt.ListFlags(ctx, &flipt.ListFlagRequest{}))(t)
		shown := proto.CloneOf(boolean)
		shown.Metadata = new(structpb.Struct)
		equal(t, "list", list, &flipt.FlagList{Flags: []*flipt.Flag{created, shown}, TotalCount: 2})
	})
}

func TestFlagRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		create := func(namespace, key, name string) call {
			return to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: namespace, Key: key, Name: name})
		}
		update := func(namespace, key, name, variant string) call {
			return to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: namespace, Key: key, Name: name, DefaultVariantId: variant})
		}
		s.refuse(t,
			refusal{create("acme", "", ""), invalid("invalid field key: must not be empty")},
			refusal{create("acme", "no good", ""), invalid("invalid field key: contains invalid characters")},
			refusal{create("acme", "x", ""), invalid("invalid field name: must not be empty")},
			refusal{create("nope", "x", "X"), notFound(`namespace "nope" not found`)},
			refusal{create("acme", "color", "X"), invalid(`flag "acme/color" is not unique`)},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme"}), invalid("invalid field key: must not be empty")},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "nope"}), notFound(`flag "acme/nope" not found`)},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "no good"}), notFound(`flag "acme/no good" not found`)},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "nope", Key: "color"}), notFound(`flag "nope/color" not found`)},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{Key: "color"}), notFound(`flag "default/color" not found`)},
			refusal{update("acme", "", "x", ""), invalid("invalid field key: must not be empty")},
			refusal{update("acme", "color", "", ""), invalid("invalid field name: must not be empty")},
			refusal{update("acme", "nope", "x", ""), notFound(`flag "acme/nope" not found`)},
			refusal{update("nope", "color", "x", ""), notFound(`flag "nope/color" not found`)},
			refusal{update("acme", "color", "x", "zzz"), invalid(`variant "zzz" not found for flag "acme/color"`)},
			refusal{update("acme", "nope", "x", "zzz"), invalid(`variant "zzz" not found for flag "acme/nope"`)},
			refusal{update("acme", "beta", "x", made.red), invalid(`variant %q not found for flag "acme/beta"`, made.red)},
			refusal{to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme"}), invalid("invalid field key: must not be empty")},
		)
	})
}

func TestFlagUpdate(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		made := s.open(t)
		metadata := object(t, map[string]any{"team": "web"})
		update := func(r *flipt.UpdateFlagRequest) *flipt.Flag {
			t.Helper()
			r.NamespaceKey, r.Key = "acme", "color"
			before := s.srv.Position().Revision
			flag := ok(s.flipt.UpdateFlag(ctx, r))(t)
			if after := s.srv.Position().Revision; after != before+1 {
				t.Errorf("update moved the revision from %d to %d", before, after)
			}
			equal(t, "read", ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t), flag)
			return flag
		}
		first := update(&flipt.UpdateFlagRequest{Name: "Colour", Description: "d", Enabled: true, DefaultVariantId: made.red, Metadata: metadata})
		if len(first.Variants) != 2 || first.Variants[0].Id != made.red || first.Variants[1].Id != made.blue {
			t.Fatalf("variants are not in the order of creation: %v", first.Variants)
		}
		if first.Variants[0].Attachment != compactAttachment {
			t.Errorf("attachment %s", first.Variants[0].Attachment)
		}
		want := proto.CloneOf(first)
		want.Name, want.Description, want.Enabled, want.Metadata = "Colour", "d", true, metadata
		want.DefaultVariant = want.Variants[0]
		equal(t, "full update", first, want)

		// Every member is replaced, but metadata stay where none are sent.
		second := update(&flipt.UpdateFlagRequest{Name: "Colour"})
		want.Description, want.Enabled, want.DefaultVariant, want.UpdatedAt = "", false, nil, second.UpdatedAt
		equal(t, "update of the name alone", second, want)
		third := update(&flipt.UpdateFlagRequest{Name: "Colour", Metadata: object(t, map[string]any{"a": "b"})})
		want.Metadata, want.UpdatedAt = object(t, map[string]any{"a": "b"}), third.UpdatedAt
		equal(t, "other metadata", third, want)
		fourth := update(&flipt.UpdateFlagRequest{Name: "Colour", Metadata: new(structpb.Struct)})
		want.Metadata, want.UpdatedAt = nil, fourth.UpdatedAt
		equal(t, "no metadata", fourth, want)
	})
}

func TestFlagAttachmentsInLists(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color", DefaultVariantId: made.red}))
		list := ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "acme"}))(t)
		flag := ok(s.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		if got := list.Flags[0].Variants[0].Attachment; got != attachment {
			t.Errorf("in a list: %s, want it as it was sent", got)
		}
		if got := flag.Variants[0].Attachment; got != compactAttachment {
			t.Errorf("alone: %s, want %s", got, compactAttachment)
		}
		if got := flag.DefaultVariant.GetAttachment(); got != compactAttachment {
			t.Errorf("default variant: %s, want %s", got, compactAttachment)
		}
	})
}

// TestFlagTypes stores a type that has no name, as the original does.
func TestFlagTypes(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "odd", Name: "Odd", Type: 7}))
		if got := ok(s.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "odd"}))(t).Type; got != 7 {
			t.Errorf("type %d, want 7", got)
		}
	})
}

func TestFlagDelete(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		remove := to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "color"})
		s.revisions(t, 1, remove)
		s.revisions(t, 0, remove, to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "nope", Key: "color"}))
		s.refuse(t, refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}), notFound(`flag "acme/color" not found`)})
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Color"}))
		again := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		rules := ok(s.flipt.ListRules(ctx, &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: "color"}))(t)
		if len(again.Variants)+len(rules.Rules) > 0 {
			t.Errorf("a new flag has %v and %v", again.Variants, rules.Rules)
		}
		// What only the deleted flags used is free.
		s.revisions(t, 1,
			to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "beta"}),
			to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "acme", Key: "vip"}))
	})
}

// TestFlagTimes shows that parts of a flag or a segment leave the times of the whole alone.
func TestFlagTimes(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		flag := ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)
		segment := ok(s.flipt.GetSegment(ctx, &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "vip"}))(t)
		if !proto.Equal(flag.CreatedAt, flag.UpdatedAt) || !proto.Equal(segment.CreatedAt, segment.UpdatedAt) {
			t.Errorf("times have moved: %v, %v", flag, segment)
		}
	})
}

// TestFlagEmptyMetadata sends an empty object, which is answered as it was sent and stored as none.
func TestFlagEmptyMetadata(t *testing.T) {
	t.Parallel()
	c := start(t).overGRPC()
	made := ok(c.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "a", Name: "A", Metadata: object(t, map[string]any{})}))(t)
	if made.Metadata == nil {
		t.Error("the answer to create has no metadata")
	}
	if got := ok(c.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "a"}))(t); got.Metadata != nil {
		t.Errorf("stored metadata: %v", got.Metadata)
	}
}
