package server_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// TestCaller sends comment and author with writes of every kind, and reads them in the history.
func TestCaller(t *testing.T) {
	t.Parallel()
	const author, comment = "Åsa <asa@example.org>", "50 % more\nfor 日本"
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		ctx := with(t.Context(), "Burgee-Author", url.PathEscape(author), "Burgee-Comment", url.PathEscape(comment))
		for method, c := range map[string]call{
			"/flipt.Flipt/CreateFlag":                        to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "made", Name: "Made"}),
			"/flipt.Flipt/DeleteSegment":                     to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: "acme", Key: "de"}),
			"/burgee.v1.DocumentService/ArchiveFlag":         toDoc(docRPC.ArchiveFlag, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "beta"}),
			"/burgee.v1.DocumentService/Edit":                toDoc(docRPC.Edit, edits(replaceSegment("new", &burgeev1.SegmentDocument{Segment: &flipt.Segment{Name: "New"}}))),
			"/burgee.v1.DocumentService/ReplaceFlagDocument": toDoc(docRPC.ReplaceFlagDocument, &burgeev1.ReplaceFlagDocumentRequest{NamespaceKey: "acme", Key: "x", Document: ruleFor("vip")}),
			"/burgee.v1.FeaturesService/Import": func(ctx context.Context, c clients) error {
				_, err := c.features.Import(ctx, &burgeev1.ImportRequest{File: yamlFile([]byte("namespace: other\nflags: [{key: a, name: A}]\n"))})
				return err
			},
		} {
			if err := c(ctx, s.clients); err != nil {
				t.Fatal(method, err)
			}
			said := ok(s.history.ListRevisions(t.Context(), &burgeev1.ListRevisionsRequest{Limit: 1}))(t).Revisions[0]
			if said.Author != author || said.Comment != comment || said.Method != method {
				t.Errorf("%s: the history says %v", method, said)
			}
		}
		for header, text := range map[string]string{
			"Burgee-Author: must not be longer than 256 bytes":   strings.Repeat("a", 257),
			"Burgee-Comment: must not be longer than 4096 bytes": url.PathEscape(strings.Repeat("é", 2049)),
			"Burgee-Comment: must be percent-encoded UTF-8":      "%ff",
		} {
			name, _, _ := strings.Cut(header, ":")
			refused := func(ctx context.Context, c clients) error {
				return to(rpc.CreateFlag, &flipt.CreateFlagRequest{Key: "more", Name: "More"})(with(ctx, name, text), c)
			}
			s.refuse(t, refusal{refused, invalid("invalid header %s", header)})
		}
		longest := with(t.Context(), "Burgee-Author", strings.Repeat("a", 256), "Burgee-Comment", url.PathEscape(strings.Repeat("é", 2048)), "X-Request-Id", strings.Repeat("i", 129))
		ok(s.flipt.CreateFlag(longest, &flipt.CreateFlagRequest{Key: "more", Name: "More"}))(t)
	})
}
