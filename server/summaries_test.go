package server_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// summaries returns the keys of one page.
func (s session) summaries(t testing.TB, r *burgeev1.ListFlagSummariesRequest) ([]string, *burgeev1.ListFlagSummariesResponse) {
	t.Helper()
	r.NamespaceKey = "acme"
	page := ok(s.documents.ListFlagSummaries(t.Context(), r))(t)
	keys := make([]string, len(page.Flags))
	for i, flag := range page.Flags {
		keys[i] = flag.Key
	}
	return keys, page
}

func TestSummaries(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		ctx := t.Context()
		color := s.flagDocument(t, "color")
		color.Tags, color.Flag.Description = []string{"web", "shop"}, "Paints the BUTTON"
		color.Flag.DefaultVariant = &flipt.Variant{Key: "blue"}
		color = ok(s.documents.ReplaceFlagDocument(ctx, replacing(color)))(t)
		s.revisions(t, 1, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "zoo", Name: "alpha zoo"}),
			toDoc(docRPC.ArchiveFlag, &burgeev1.ArchiveFlagRequest{NamespaceKey: "acme", Key: "zoo"}),
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "Late", Name: "Aardvark", Enabled: true}),
			toDoc(docRPC.Edit, edits(replaceFlag("beta", func() *burgeev1.FlagDocument {
				beta := s.flagDocument(t, "beta")
				beta.Tags = []string{"web"}
				return beta
			}()))))
		for _, c := range []struct {
			request *burgeev1.ListFlagSummariesRequest
			want    string
		}{
			{&burgeev1.ListFlagSummariesRequest{}, "Late beta color"},
			{&burgeev1.ListFlagSummariesRequest{Descending: true}, "color beta Late"},
			{&burgeev1.ListFlagSummariesRequest{OrderBy: burgeev1.SummaryOrder_SUMMARY_ORDER_NAME}, "Late beta color"},
			{&burgeev1.ListFlagSummariesRequest{OrderBy: burgeev1.SummaryOrder_SUMMARY_ORDER_NAME, Archived: burgeev1.ArchivedFilter_ARCHIVED_FILTER_INCLUDED}, "Late zoo beta color"},
			{&burgeev1.ListFlagSummariesRequest{OrderBy: burgeev1.SummaryOrder_SUMMARY_ORDER_CREATED}, "color beta Late"},
			{&burgeev1.ListFlagSummariesRequest{OrderBy: burgeev1.SummaryOrder_SUMMARY_ORDER_UPDATED}, "color Late beta"},
			{&burgeev1.ListFlagSummariesRequest{OrderBy: burgeev1.SummaryOrder_SUMMARY_ORDER_EVALUATED}, "Late beta color"},
			{&burgeev1.ListFlagSummariesRequest{Archived: burgeev1.ArchivedFilter_ARCHIVED_FILTER_ONLY}, "zoo"},
			{&burgeev1.ListFlagSummariesRequest{Enabled: burgeev1.EnabledFilter_ENABLED_FILTER_ENABLED}, "Late color"},
			{&burgeev1.ListFlagSummariesRequest{Enabled: burgeev1.EnabledFilter_ENABLED_FILTER_DISABLED}, "beta"},
			{&burgeev1.ListFlagSummariesRequest{Type: burgeev1.TypeFilter_TYPE_FILTER_BOOLEAN}, "beta"},
			{&burgeev1.ListFlagSummariesRequest{Type: burgeev1.TypeFilter_TYPE_FILTER_VARIANT}, "Late color"},
			{&burgeev1.ListFlagSummariesRequest{Tags: []string{"web"}}, "beta color"},
			{&burgeev1.ListFlagSummariesRequest{Tags: []string{"web", "shop"}}, "color"},
			{&burgeev1.ListFlagSummariesRequest{SegmentKey: "vip"}, "beta color"},
			{&burgeev1.ListFlagSummariesRequest{SegmentKey: "de"}, ""},
			{&burgeev1.ListFlagSummariesRequest{Search: "button  COL"}, "color"},
			{&burgeev1.ListFlagSummariesRequest{Search: "shop"}, "color"},
			{&burgeev1.ListFlagSummariesRequest{Search: "aardvark"}, "Late"},
			{&burgeev1.ListFlagSummariesRequest{Search: "colorcolor"}, ""},
		} {
			keys, page := s.summaries(t, c.request)
			if got := strings.Join(keys, " "); got != c.want || int(page.TotalCount) != len(keys) || strings.Join(page.Tags, " ") != "shop web" {
				t.Errorf("%v: got %s of %d with tags %v, want %s", c.request, got, page.TotalCount, page.Tags, c.want)
			}
		}
		_, page := s.summaries(t, &burgeev1.ListFlagSummariesRequest{SegmentKey: "vip", Search: "color"})
		equal(t, "summary", page.Flags[0], &burgeev1.FlagSummary{
			NamespaceKey: "acme", Key: "color", Name: "Color", Description: "Paints the BUTTON", Enabled: true, Tags: []string{"shop", "web"},
			Variants: 2, Rules: 1, DefaultVariantKey: "blue", SegmentKeys: []string{"vip"}, CreatedAt: color.Flag.CreatedAt,
			UpdatedAt: color.Flag.UpdatedAt, Etag: color.Etag,
		})
		s.refuse(t,
			refusal{toDoc(docRPC.ListFlagSummaries, &burgeev1.ListFlagSummariesRequest{NamespaceKey: "none"}), notFound(`namespace "none" not found`)},
			refusal{toDoc(docRPC.ListFlagSummaries, &burgeev1.ListFlagSummariesRequest{NamespaceKey: "acme", Limit: 1001}), invalid("invalid field limit: must be greater than or equal to 0 and less than or equal to 1000")},
		)
		if s.name != "REST" { // whose queries know no such numbers
			s.refuse(t, refusal{toDoc(docRPC.ListFlagSummaries, &burgeev1.ListFlagSummariesRequest{NamespaceKey: "acme", OrderBy: 9}), invalid("invalid field orderBy: has no such value")})
		}
	})
}

// TestSummaryPages walks through pages in every order while flags that are not counted come and go: each of the others is seen
// once, in order.
func TestSummaryPages(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		fill := edits(deleteFlag("color"), deleteFlag("beta"))
		for i := range 40 {
			fill.Edits = append(fill.Edits, replaceFlag(fmt.Sprintf("f%02d", i), &burgeev1.FlagDocument{Flag: &flipt.Flag{Name: fmt.Sprint("Name ", i%7)}}))
		}
		s.revisions(t, 1, toDoc(docRPC.Edit, fill))
		random := rand.New(rand.NewPCG(7, 7))
		for order := range burgeev1.SummaryOrder_name {
			for _, descending := range []bool{false, true} {
				r := &burgeev1.ListFlagSummariesRequest{OrderBy: burgeev1.SummaryOrder(order), Descending: descending, Limit: 1000}
				whole, _ := s.summaries(t, r)
				r.Limit = 7
				var seen []string
				for pages := 0; ; pages++ {
					keys, page := s.summaries(t, r)
					for _, key := range keys {
						if key[0] == 'f' {
							seen = append(seen, key)
						}
					}
					if r.PageToken = page.NextPageToken; r.PageToken == "" {
						break
					}
					if pages == 40 {
						t.Fatal("no last page")
					}
					churn := replaceFlag(fmt.Sprint(string("abcdegxyz"[random.IntN(9)]), "-", pages), &burgeev1.FlagDocument{Flag: &flipt.Flag{Name: fmt.Sprint("Name ", pages)}})
					batch := edits(churn)
					if last := keys[len(keys)-1]; last[0] != 'f' { // the very flag that the token is made of
						batch.Edits = append(batch.Edits, deleteFlag(last))
					}
					if err := toDoc(docRPC.Edit, batch)(t.Context(), s.clients); err != nil {
						t.Fatal(err)
					}
				}
				lasting := slices.DeleteFunc(whole, func(key string) bool { return key[0] != 'f' })
				if !slices.Equal(seen, lasting) {
					t.Errorf("order %d, descending %t: got %v, want %v", order, descending, seen, lasting)
				}
			}
		}
		for _, token := range []string{"x", "e30=", base64.StdEncoding.EncodeToString([]byte(`{"order":2,"key":"f01"}`))} {
			s.refuse(t, refusal{toDoc(docRPC.ListFlagSummaries, &burgeev1.ListFlagSummariesRequest{NamespaceKey: "acme", PageToken: token}), invalid("pageToken is not valid: %q", token)})
		}
	})
}

// BenchmarkSummaries lists a page of 50 out of 5,000 flags, searched and sorted by name, in the same process.
func BenchmarkSummaries(b *testing.B) {
	srv := start(b)
	s := session{srv.overGRPC(), srv}
	s.open(b)
	for batch := range 5 {
		request := edits()
		for i := range 1000 {
			doc := ruleFor("vip")
			doc.Flag.Name, doc.Flag.Description, doc.Tags = fmt.Sprint("Flag number ", i*7919%5000), strings.Repeat("what it is for ", 5), []string{"web", fmt.Sprint("team-", i%20)}
			request.Edits = append(request.Edits, replaceFlag(fmt.Sprintf("flag-%d-%d", batch, i), doc))
		}
		ok(s.documents.Edit(b.Context(), request))(b)
	}
	r := &burgeev1.ListFlagSummariesRequest{NamespaceKey: "acme", Search: "number WHAT", OrderBy: burgeev1.SummaryOrder_SUMMARY_ORDER_NAME}
	for b.Loop() {
		page := ok(s.documents.ListFlagSummaries(b.Context(), r))(b)
		if len(page.Flags) != 50 || page.TotalCount != 5000 {
			b.Fatal(page.TotalCount)
		}
	}
}
