package server_test

import (
	"context"
	"slices"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// TestArchive takes flags out of service: no evaluation finds them, and everything else does.
func TestArchive(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		_, before := s.evaluated(t)
		doc := s.flagDocument(t, "color")
		archived := ok(s.documents.ArchiveFlag(t.Context(), &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "color", IfMatch: doc.Etag}))(t)
		checkTimes(t, archived.ArchivedAt, archived.Flag.UpdatedAt)
		equal(t, "archived flag", s.flagDocument(t, "color"), archived)
		s.revisions(t, 0, toDoc(docRPC.ArchiveFlag, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "color"}))
		s.revisions(t, 1, toDoc(docRPC.ArchiveFlag, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "beta"}))

		const missing = `flag "acme/color" not found`
		s.refuse(t,
			refusal{toEval(evalRPC.Variant, about("color", "u1", "tier", "gold")), notFound(missing)},
			refusal{toEval(evalRPC.Boolean, about("beta", "u1")), notFound(`flag "acme/beta" not found`)},
			refusal{to(rpc.Evaluate, &flipt.EvaluationRequest{NamespaceKey: "acme", FlagKey: "color", EntityId: "u1"}), notFound(missing)},
			refusal{toDoc(docRPC.UnarchiveFlag, &burgeev1.UnarchiveFlagRequest{NamespaceKey: "acme", Key: "color", IfMatch: doc.Etag}),
				`failed_precondition: flag "acme/color" has changed: its ETag is ` + archived.Etag},
			refusal{to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "acme", Key: "vip"}), invalid(`segment "acme/vip" is in use`)},
		)
		if flags, tag := s.evaluated(t); len(flags) != 0 || tag == before {
			t.Errorf("archived flags are in %v, tag %s", flags, tag)
		}
		if list := ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "acme"}))(t); len(list.Flags) != 2 {
			t.Errorf("flags %v", list.Flags)
		}
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Colour", Enabled: true}))
		edited := s.flagDocument(t, "color")
		edited.Tags = []string{"old"}
		if edited = ok(s.documents.ReplaceFlagDocument(t.Context(), replacing(without(edited))))(t); edited.ArchivedAt == nil {
			t.Error("an edit has put the flag back into service")
		}
		again := ok(s.documents.UnarchiveFlag(t.Context(), &burgeev1.UnarchiveFlagRequest{NamespaceKey: "acme", Key: "color", IfMatch: edited.Etag}))(t)
		if again.ArchivedAt != nil || again.Tags[0] != "old" || again.Flag.Name != "Colour" {
			t.Errorf("put back %v", again)
		}
		s.revisions(t, 0, toDoc(docRPC.UnarchiveFlag, &burgeev1.UnarchiveFlagRequest{NamespaceKey: "acme", Key: "color"}))
		ok(s.evaluation.Variant(t.Context(), about("color", "u1", "tier", "gold")))(t)
		s.refuse(t, refusal{toDoc(docRPC.ArchiveFlag, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "none"}), notFound(`flag "acme/none" not found`)})
	})
}

// evaluated returns the flags of acme in its snapshot and in a bulk evaluation, and the ETag of the snapshot.
func (s session) evaluated(t *testing.T) ([]string, string) {
	t.Helper()
	snapshot, tag := s.snapshotOf(t, "acme", "1.47.0")
	var keys []string
	for _, flag := range snapshot.Flags {
		keys = append(keys, flag.Key)
	}
	bulk := ok(s.ofrep.EvaluateBulk(with(t.Context(), namespaceHeader, "acme"), &ofrep.EvaluateBulkRequest{Context: map[string]string{"targetingKey": "u1"}}))(t)
	for _, flag := range bulk.Flags {
		keys = append(keys, flag.Key)
	}
	return keys, tag
}

// TestOurMembersInFiles takes tags, archived flags, color and production out and in again.
func TestOurMembersInFiles(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		doc := s.flagDocument(t, "color")
		doc.Tags = []string{"web", "beta"}
		namespace := &burgeev1.NamespaceDocument{Namespace: &flipt.Namespace{Name: "Acme"}, Color: "#00ff7F", Production: true}
		s.revisions(t, 1, toDoc(docRPC.Edit, edits(replaceFlag("color", doc), archiveFlag("beta"),
			&burgeev1.Edit{NamespaceKey: "acme", Action: &burgeev1.Edit_ReplaceNamespace{ReplaceNamespace: namespace}})))
		text := s.export(t, burgeev1.Encoding_ENCODING_YAML)
		other := session{s.srv.overGRPC(), start(t)}
		other.clients = other.srv.overGRPC()
		ok(other.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(text), Overwrite: true}))(t)
		if again := other.export(t, burgeev1.Encoding_ENCODING_YAML); string(again) != string(text) {
			t.Errorf("exported again:\n%s\nwant\n%s", again, text)
		}
		if beta := other.flagDocument(t, "beta"); beta.ArchivedAt == nil {
			t.Errorf("imported %v", beta)
		}
		answer := ok(other.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(text), Overwrite: true}))(t)
		if answer.Flags+answer.Segments+answer.Namespaces != 0 {
			t.Errorf("the same file has changed something: %v", answer)
		}
		// What a file does not mention stays; what it says counts.
		const silent = "namespace: {key: acme, name: Acme 2}\nflags: [{key: color, name: Other}, {key: beta, name: Beta, type: BOOLEAN_FLAG_TYPE}]\n"
		ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile([]byte(silent)), Overwrite: true}))(t)
		s.marked(t, []string{"beta", "web"}, true, "#00ff7F", true)
		const loud = "namespace: {key: acme, name: Acme 2, color: '', production: no}\nflags: [{key: color, name: Other, tags: []}, {key: beta, name: Beta, type: BOOLEAN_FLAG_TYPE, archived: no}]\n"
		changed := ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile([]byte(loud)), Overwrite: true}))(t)
		if changed.Flags != 2 || changed.Namespaces != 1 {
			t.Errorf("changed %v", changed)
		}
		s.marked(t, nil, false, "", false)
		importing := func(ctx context.Context, c clients) error {
			_, err := c.features.Import(ctx, &burgeev1.ImportRequest{File: yamlFile([]byte("namespace: {key: x, color: red}\nflags: [{key: f, name: F, tags: ['']}]"))})
			return err
		}
		s.refuse(t, refusal{importing, invalid("features.yml:1:12: invalid field color: contains invalid characters\nfeatures.yml:2:9: invalid field tags[0]: must not be empty")})
	})
}

// marked wants the marks of flag color, flag beta and namespace acme.
func (s session) marked(t *testing.T, tags []string, archived bool, color string, production bool) {
	t.Helper()
	if doc := s.flagDocument(t, "color"); !slices.Equal(doc.Tags, tags) {
		t.Errorf("tags %v", doc.Tags)
	}
	if doc := s.flagDocument(t, "beta"); (doc.ArchivedAt != nil) != archived {
		t.Errorf("archived at %v", doc.ArchivedAt)
	}
	doc := ok(s.documents.GetNamespaceDocument(t.Context(), &burgeev1.GetNamespaceDocumentRequest{Key: "acme"}))(t)
	if doc.Color != color || doc.Production != production {
		t.Errorf("namespace %v", doc)
	}
}
