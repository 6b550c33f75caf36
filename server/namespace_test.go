package server_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

func TestNamespace(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		initial := ok(s.flipt.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "default", Reference: "ignored"}))(t)
		checkTimes(t, initial.CreatedAt, initial.UpdatedAt)
		equal(t, "initial namespace", initial, &flipt.Namespace{
			Key: "default", Name: "Default", Description: "Default namespace", Protected: true,
			CreatedAt: initial.CreatedAt, UpdatedAt: initial.CreatedAt,
		})

		before := s.srv.Position().Revision
		created := ok(s.flipt.CreateNamespace(ctx, &flipt.CreateNamespaceRequest{Key: "acme", Name: "Acme", Description: "demo"}))(t)
		checkTimes(t, created.CreatedAt, created.UpdatedAt)
		equal(t, "created", created, &flipt.Namespace{
			Key: "acme", Name: "Acme", Description: "demo", CreatedAt: created.CreatedAt, UpdatedAt: created.CreatedAt,
		})
		if after := s.srv.Position().Revision; after != before+1 {
			t.Errorf("creation moved the revision from %d to %d", before, after)
		}
		equal(t, "read", ok(s.flipt.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "acme"}))(t), created)

		updated := ok(s.flipt.UpdateNamespace(ctx, &flipt.UpdateNamespaceRequest{Key: "acme", Name: "Acme Inc"}))(t)
		checkTimes(t, updated.CreatedAt, updated.UpdatedAt)
		want := proto.CloneOf(created)
		want.Name, want.Description, want.UpdatedAt = "Acme Inc", "", updated.UpdatedAt
		equal(t, "updated", updated, want)
		equal(t, "read again", ok(s.flipt.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "acme"}))(t), want)
	})
}

func TestNamespaceRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		create := func(key, name string) call {
			return to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: key, Name: name})
		}
		s.refuse(t,
			refusal{create("", ""), invalid("invalid field key: must not be empty")},
			refusal{create("no good", ""), invalid("invalid field key: contains invalid characters")},
			refusal{create("ümlaut", "x"), invalid("invalid field key: contains invalid characters")},
			refusal{create("a/b", "x"), invalid("invalid field key: contains invalid characters")},
			refusal{create("a.b", "x"), invalid("invalid field key: contains invalid characters")},
			refusal{create("line\n", "x"), invalid("invalid field key: contains invalid characters")},
			refusal{create("new", ""), invalid("invalid field name: must not be empty")},
			refusal{create("acme", "x"), invalid(`namespace "acme" is not unique`)},
			refusal{create("default", "x"), invalid(`namespace "default" is not unique`)},
			refusal{to(rpc.GetNamespace, &flipt.GetNamespaceRequest{}), invalid("invalid field key: must not be empty")},
			refusal{to(rpc.GetNamespace, &flipt.GetNamespaceRequest{Key: "nope"}), notFound(`namespace "nope" not found`)},
			refusal{to(rpc.GetNamespace, &flipt.GetNamespaceRequest{Key: "Acme"}), notFound(`namespace "Acme" not found`)},
			refusal{to(rpc.UpdateNamespace, &flipt.UpdateNamespaceRequest{Name: "x"}), invalid("invalid field key: must not be empty")},
			refusal{to(rpc.UpdateNamespace, &flipt.UpdateNamespaceRequest{Key: "acme"}), invalid("invalid field name: must not be empty")},
			refusal{to(rpc.UpdateNamespace, &flipt.UpdateNamespaceRequest{Key: "nope", Name: "x"}), notFound(`namespace "nope" not found`)},
			refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{}), invalid("invalid field key: must not be empty")},
			refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "nope"}), notFound(`namespace "nope" not found`)},
			refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "nope", Force: true}), notFound(`namespace "nope" not found`)},
			refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "default"}), invalid(`namespace "default" is protected`)},
			refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "acme"}),
				invalid(`namespace "acme" cannot be deleted; flags must be deleted first`)},
		)
	})
}

func TestNamespaceKeys(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		keys := []string{"b", "a", "A", "-", "_", ",", "x-1_2,3", strings.Repeat("k", 300)}
		for _, key := range keys {
			s.revisions(t, 1, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: key, Name: "x"}))
		}
		list := ok(s.flipt.ListNamespaces(t.Context(), &flipt.ListNamespaceRequest{}))(t)
		var got []string
		for _, n := range list.Namespaces {
			got = append(got, n.Key)
		}
		if want := append([]string{"default"}, keys...); !slices.Equal(got, want) || list.TotalCount != int32(len(want)) {
			t.Errorf("got %q of %d, want them in the order of creation: %q", got, list.TotalCount, want)
		}
		for _, key := range keys {
			s.revisions(t, 1, to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: key}))
		}
	})
}

func TestNamespaceCascade(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		s.revisions(t, 1, to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "acme", Force: true}))
		s.refuse(t,
			refusal{to(rpc.GetNamespace, &flipt.GetNamespaceRequest{Key: "acme"}), notFound(`namespace "acme" not found`)},
			refusal{to(rpc.GetFlag, &flipt.GetFlagRequest{NamespaceKey: "acme", Key: "color"}), notFound(`flag "acme/color" not found`)},
			refusal{to(rpc.GetSegment, &flipt.GetSegmentRequest{NamespaceKey: "acme", Key: "vip"}), notFound(`segment "acme/vip" not found`)},
		)
		// The same keys again: nothing of the old contents comes back.
		s.revisions(t, 1, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "acme", Name: "Acme"}))
		flags := ok(s.flipt.ListFlags(ctx, &flipt.ListFlagRequest{NamespaceKey: "acme"}))(t)
		segments := ok(s.flipt.ListSegments(ctx, &flipt.ListSegmentRequest{NamespaceKey: "acme"}))(t)
		if len(flags.Flags)+len(segments.Segments) > 0 || flags.TotalCount+segments.TotalCount != 0 {
			t.Errorf("a new namespace holds %v and %v", flags, segments)
		}
		// Segments alone do not hinder, and go too.
		s.revisions(t, 1,
			to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: "acme", Key: "vip", Name: "VIP"}),
			to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "acme"}))
	})
}

func TestDefaultNamespaceDeleted(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.revisions(t, 1,
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "color", Name: "Color"}),
			to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "default", Force: true}))
		s.refuse(t,
			refusal{to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "color", Name: "Color"}), notFound(`namespace "default" not found`)},
			refusal{to(rpc.CreateSegment, &flipt.CreateSegmentRequest{Key: "vip", Name: "VIP"}), notFound(`namespace "default" not found`)},
		)
		s.revisions(t, 1, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "default", Name: "Default"}))
		again := ok(s.flipt.GetNamespace(t.Context(), &flipt.GetNamespaceRequest{Key: "default"}))(t)
		if again.Protected {
			t.Error("the default namespace that was made again is protected")
		}
		s.revisions(t, 1,
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "color", Name: "Color"}),
			to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{Key: "color"}),
			to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "default"}))
	})
}
