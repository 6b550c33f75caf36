package server_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// Edits of namespace acme.

func replaceFlag(key string, doc *burgeev1.FlagDocument) *burgeev1.Edit {
	return &burgeev1.Edit{NamespaceKey: "acme", Key: key, Action: &burgeev1.Edit_ReplaceFlag{ReplaceFlag: doc}}
}

func replaceSegment(key string, doc *burgeev1.SegmentDocument) *burgeev1.Edit {
	return &burgeev1.Edit{NamespaceKey: "acme", Key: key, Action: &burgeev1.Edit_ReplaceSegment{ReplaceSegment: doc}}
}

func deleteFlag(key string) *burgeev1.Edit {
	return &burgeev1.Edit{NamespaceKey: "acme", Key: key, Action: &burgeev1.Edit_DeleteFlag{DeleteFlag: new(burgeev1.DeleteDocument)}}
}

func deleteSegment(key string) *burgeev1.Edit {
	return &burgeev1.Edit{NamespaceKey: "acme", Key: key, Action: &burgeev1.Edit_DeleteSegment{DeleteSegment: new(burgeev1.DeleteDocument)}}
}

func deleteNamespace(key string) *burgeev1.Edit {
	return &burgeev1.Edit{NamespaceKey: key, Action: &burgeev1.Edit_DeleteNamespace{DeleteNamespace: new(burgeev1.DeleteDocument)}}
}

func archiveFlag(key string) *burgeev1.Edit {
	return &burgeev1.Edit{NamespaceKey: "acme", Key: key, Action: &burgeev1.Edit_ArchiveFlag{ArchiveFlag: new(burgeev1.ArchiveDocument)}}
}

func edits(list ...*burgeev1.Edit) *burgeev1.EditRequest { return &burgeev1.EditRequest{Edits: list} }

// ruleFor is a flag with one rule for a segment.
func ruleFor(segment string) *burgeev1.FlagDocument {
	return &burgeev1.FlagDocument{
		Flag:  &flipt.Flag{Name: "Made", Enabled: true, Variants: []*flipt.Variant{{Key: "on"}}},
		Rules: []*flipt.Rule{{SegmentKey: segment, Distributions: []*flipt.Distribution{{VariantId: "on", Rollout: 100}}}},
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		before := s.srv.Position().Revision
		color := s.flagDocument(t, "color")
		answer := ok(s.documents.Edit(t.Context(), edits(
			&burgeev1.Edit{NamespaceKey: "side", Action: &burgeev1.Edit_ReplaceNamespace{ReplaceNamespace: &burgeev1.NamespaceDocument{Namespace: &flipt.Namespace{Name: "Side"}}}},
			replaceSegment("new", &burgeev1.SegmentDocument{Segment: &flipt.Segment{Name: "New"}}),
			replaceFlag("made", ruleFor("new")),
			replaceFlag("color", color),
			archiveFlag("beta"),
			replaceSegment("old", &burgeev1.SegmentDocument{Segment: &flipt.Segment{Name: "Old"}}),
			deleteSegment("old"),
			deleteFlag("beta"),
			replaceFlag("beta", ruleFor("vip")),
		)))(t)
		if position := s.srv.Position(); position.Revision != before+1 || answer.Position != position.String() {
			t.Errorf("position %s, before it was %d", answer.Position, before)
		}
		for i, want := range []string{"namespace side new", "segment new new", "flag made new", "flag color same", "flag beta new", "segment old gone", "segment old gone", "flag beta new", "flag beta new"} {
			doc := answer.Documents[i]
			state := "gone"
			switch revision := doc.GetFlag().GetRevision() + doc.GetSegment().GetRevision() + doc.GetNamespace().GetRevision(); {
			case revision == before+1:
				state = "new"
			case revision > 0:
				state = "same"
			}
			if got := fmt.Sprint(doc.Kind, " ", doc.Key, " ", state); got != want {
				t.Errorf("document %d: got %s, want %s", i, got, want)
			}
		}
		equal(t, "made", s.flagDocument(t, "made"), answer.Documents[2].GetFlag())
		equal(t, "color", s.flagDocument(t, "color"), color)
		if answer := ok(s.evaluation.Variant(t.Context(), about("made", "u1")))(t); answer.VariantKey != "on" {
			t.Errorf("evaluation %v", answer)
		}
		s.revisions(t, 0, toDoc(docRPC.Edit, edits(replaceFlag("color", color))))
	})
}

// TestEditRefusals wants a batch with one wrong edit to change nothing, and its place in the text.
func TestEditRefusals(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		color := s.flagDocument(t, "color")
		s.revisions(t, 1, to(rpc.UpdateFlag, &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "color", Name: "Colour", Enabled: true}))
		stale := replaceFlag("color", color)
		stale.IfMatch = color.Etag
		again := replaceSegment("vip", &burgeev1.SegmentDocument{Segment: &flipt.Segment{Name: "x"}})
		again.Create = true
		strange := ruleFor("vip")
		strange.Rules[0].Distributions[0].Id = made.half
		for _, c := range []struct {
			edit *burgeev1.Edit
			want string
		}{
			{replaceFlag("x", ruleFor("none")), invalid(`invalid field edits[1].replaceFlag.rules[0].segmentKey: segment "acme/none" not found`)},
			{replaceFlag("x", strange), invalid(`invalid field edits[1].replaceFlag.rules[0].distributions[0].id: %q is the id of no item of this list; leave it out for a new one`, made.half)},
			{replaceFlag("x", new(burgeev1.FlagDocument)), invalid(`invalid field edits[1].replaceFlag.flag.name: must not be empty`)},
			{replaceFlag("a b", ruleFor("vip")), invalid(`invalid field edits[1].key: contains invalid characters`)},
			{replaceFlag("", ruleFor("vip")), invalid(`invalid field edits[1].key: must not be empty`)},
			{&burgeev1.Edit{NamespaceKey: "acme", Key: "x"}, invalid(`invalid field edits[1].action: exactly one field is required in oneof`)},
			{&burgeev1.Edit{NamespaceKey: "a b", Action: &burgeev1.Edit_ReplaceNamespace{ReplaceNamespace: &burgeev1.NamespaceDocument{Namespace: &flipt.Namespace{Name: "x"}}}},
				invalid(`invalid field edits[1].namespaceKey: contains invalid characters`)},
			{stale, `failed_precondition: edits[1].replaceFlag: flag "acme/color" has changed: its ETag is ` + s.flagDocument(t, "color").Etag},
			{again, `already_exists: edits[1].replaceSegment: segment "acme/vip" exists already`},
			{deleteFlag("none"), notFound(`edits[1].deleteFlag: flag "acme/none" not found`)},
			{deleteSegment("none"), notFound(`edits[1].deleteSegment: segment "acme/none" not found`)},
			{deleteSegment("vip"), invalid(`edits[1].deleteSegment: segment "acme/vip" is in use`)},
			{deleteSegment("first"), invalid(`edits[1].deleteSegment: segment "acme/first" is in use`)},
			{deleteNamespace("default"), invalid(`edits[1].deleteNamespace: namespace "default" is protected`)},
			{deleteNamespace("acme"), invalid(`edits[1].deleteNamespace: namespace "acme" cannot be deleted; flags must be deleted first`)},
			{deleteNamespace("none"), notFound(`edits[1].deleteNamespace: namespace "none" not found`)},
			{archiveFlag("none"), notFound(`edits[1].archiveFlag: flag "acme/none" not found`)},
		} {
			batch := edits(replaceSegment("first", &burgeev1.SegmentDocument{Segment: &flipt.Segment{Name: "First"}}), c.edit, deleteFlag("beta"))
			if strings.Contains(c.want, "acme/first") {
				batch.Edits = append(batch.Edits[:1], replaceFlag("x", ruleFor("first")), c.edit)
				c.want = strings.ReplaceAll(c.want, "edits[1]", "edits[2]")
			}
			s.refuse(t, refusal{toDoc(docRPC.Edit, batch), c.want})
		}
		s.refuse(t, refusal{toDoc(docRPC.Edit, edits()), invalid("invalid field edits: must contain atleast 1 elements")})
		if _, err := s.documents.GetSegmentDocument(t.Context(), &burgeev1.GetSegmentDocumentRequest{NamespaceKey: "acme", Key: "first"}); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("a refused batch has left a segment: %v", err)
		}
	})
}

// TestEditMany carries out as many edits as a request may have, and not one more.
func TestEditMany(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	s.open(t)
	request := edits()
	for i := range 1000 {
		request.Edits = append(request.Edits, replaceFlag(fmt.Sprint("made-", i), ruleFor("vip")))
	}
	s.revisions(t, 1, toDoc(docRPC.Edit, request))
	request.Edits = append(request.Edits, deleteFlag("beta"))
	s.refuse(t, refusal{toDoc(docRPC.Edit, request), invalid("invalid field edits: must contain no more than 1000 item(s)")})
	if list := ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "acme"}))(t); list.TotalCount != 1002 {
		t.Errorf("%d flags", list.TotalCount)
	}
}

// TestEditsChangeNoSharedDocument hashes what others read before and after edits of every kind.
func TestEditsChangeNoSharedDocument(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	s.open(t)
	color := s.flagDocument(t, "color")
	color.Rules[0].Distributions, color.Tags = color.Rules[0].Distributions[:1], []string{"b", "a"}
	segment := ok(s.documents.GetSegmentDocument(t.Context(), &burgeev1.GetSegmentDocumentRequest{NamespaceKey: "acme", Key: "vip"}))(t)
	segment.Segment.Constraints[0].Value = "silver"
	namespace := &burgeev1.NamespaceDocument{Namespace: &flipt.Namespace{Name: "Other"}, Color: "#123456"}
	for i, c := range []call{
		toDoc(docRPC.ReplaceFlagDocument, replacing(color)),
		toDoc(docRPC.ReplaceFlagDocument, replacing(color)),
		toDoc(docRPC.ReplaceSegmentDocument, &burgeev1.ReplaceSegmentDocumentRequest{NamespaceKey: "acme", Key: "vip", Document: segment}),
		toDoc(docRPC.ReplaceNamespaceDocument, &burgeev1.ReplaceNamespaceDocumentRequest{Key: "acme", Document: namespace}),
		toDoc(docRPC.ArchiveFlag, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "beta"}),
		toDoc(docRPC.Edit, edits(replaceFlag("made", ruleFor("vip")), replaceFlag("made", ruleFor("de")), deleteFlag("beta"), archiveFlag("color"))),
		toDoc(docRPC.ListFlagSummaries, &burgeev1.ListFlagSummariesRequest{NamespaceKey: "acme"}),
	} {
		hash := srv.Freeze()
		before := ok(hash())(t)
		if err := c(t.Context(), s.clients); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		if ok(hash())(t) != before {
			t.Errorf("call %d has changed a document that others read", i)
		}
	}
}

// TestNoUpdateIsLost has 16 writers count in the metadata of one flag, each guarded by the ETag of what it has read.
func TestNoUpdateIsLost(t *testing.T) {
	t.Parallel()
	const writers, times = 16, 8
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	s.open(t)
	var wg sync.WaitGroup
	for i := range writers {
		c := protocols[i%(len(protocols)-1)].over(srv) // over REST details are read in TestDocumentREST
		wg.Go(func() {
			doc, err := c.documents.GetFlagDocument(t.Context(), &burgeev1.GetFlagDocumentRequest{NamespaceKey: "acme", Key: "color"})
			for done := 0; done < times && err == nil; {
				request := replacing(doc)
				request.IfMatch = doc.Etag
				if doc.Flag.Metadata == nil {
					doc.Flag.Metadata = &structpb.Struct{Fields: make(map[string]*structpb.Value)}
				}
				count := doc.Flag.Metadata.Fields["count"].GetNumberValue()
				doc.Flag.Metadata.Fields["count"] = structpb.NewNumberValue(count + 1)
				doc, err = c.documents.ReplaceFlagDocument(t.Context(), request)
				if connect.CodeOf(err) == connect.CodeFailedPrecondition {
					doc, err = errorDetails(t, err)[0].(*burgeev1.Document).GetFlag(), nil
					continue
				}
				done++
			}
			if err != nil {
				t.Error(c.name, err)
			}
		})
	}
	before := srv.Position().Revision
	wg.Wait()
	if count := s.flagDocument(t, "color").Flag.Metadata.Fields["count"].GetNumberValue(); count != writers*times {
		t.Errorf("counted to %v, want %d", count, writers*times)
	}
	if made := srv.Position().Revision; made < before || made > before+writers*times {
		t.Errorf("revision %d, was %d", made, before)
	}
}
