package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// defaultSummaries is the number of summaries in a page unless a request says otherwise.
const defaultSummaries = 50

// ListFlagSummaries implements burgee.v1.DocumentService.
func (s *documentService) ListFlagSummaries(ctx context.Context, r *burgeev1.ListFlagSummariesRequest) (*burgeev1.ListFlagSummariesResponse, error) {
	if err := checkSummaryEnums(r); err != nil {
		return nil, err
	}
	after, err := summaryStart(r)
	if err != nil {
		return nil, err
	}
	evaluated, err := s.lastEvaluated(ctx, r.NamespaceKey)
	if err != nil {
		return nil, err
	}
	state, _ := s.db.View()
	if state.Namespace(r.NamespaceKey) == nil {
		return nil, namespaceNotFound(r.NamespaceKey)
	}
	limit := int(r.Limit)
	if limit == 0 {
		limit = defaultSummaries
	}
	answer := new(burgeev1.ListFlagSummariesResponse)
	page := summaryPage{after: after, size: limit + 1} // one more, to know whether there is another page
	filter := summaryFilter{ListFlagSummariesRequest: r}
	for word := range strings.FieldsSeq(r.Search) {
		filter.words = append(filter.words, appendLower(nil, word))
	}
	tags := make(map[string]bool)
	for doc := range state.Flags(r.NamespaceKey).All() {
		for _, tag := range doc.Tags {
			tags[tag] = true
		}
		if filter.passes(doc) {
			answer.TotalCount++
			page.add(summaryRow{placeOf(state, doc, r, evaluated), doc})
		}
	}
	answer.Tags = slices.Sorted(maps.Keys(tags))
	rows := page.sorted()
	if len(rows) > limit {
		rows = rows[:limit]
		answer.NextPageToken = rows[limit-1].place.token()
	}
	answer.Flags = make([]*burgeev1.FlagSummary, len(rows))
	for i, row := range rows {
		answer.Flags[i] = summaryOf(state, row.doc, evaluated)
	}
	return answer, nil
}

func checkSummaryEnums(r *burgeev1.ListFlagSummariesRequest) error {
	for _, e := range []struct {
		field  string
		number int32
		names  map[int32]string
	}{
		{"type", int32(r.Type), burgeev1.TypeFilter_name},
		{"enabled", int32(r.Enabled), burgeev1.EnabledFilter_name},
		{"archived", int32(r.Archived), burgeev1.ArchivedFilter_name},
		{"orderBy", int32(r.OrderBy), burgeev1.SummaryOrder_name},
	} {
		if e.names[e.number] == "" {
			return &fieldError{path: e.field, text: "has no such value"}
		}
	}
	return nil
}

// summaryRow is a flag that passes the filters, with its place.
type summaryRow struct {
	place summaryPlace
	doc   *storev1.Flag
}

// summaryPage takes any number of rows and keeps the first size of those after a place.
type summaryPage struct {
	after *summaryPlace // nil for the first page
	size  int
	rows  []summaryRow  // never more than twice the size
	last  *summaryPlace // what comes after it is not of the page; nil until that is known
}

func (p *summaryPage) add(row summaryRow) {
	if p.after != nil && row.place.compare(*p.after) <= 0 || p.last != nil && row.place.compare(*p.last) > 0 {
		return
	}
	if len(p.rows) == 2*p.size {
		p.rows = p.sorted()
		last := p.rows[p.size-1].place
		p.last = &last
	}
	p.rows = append(p.rows, row)
}

// sorted returns the rows of the page in order.
func (p *summaryPage) sorted() []summaryRow {
	slices.SortFunc(p.rows, func(a, b summaryRow) int { return a.place.compare(b.place) })
	return p.rows[:min(len(p.rows), p.size)]
}

// summaryFilter is a request's filters.
type summaryFilter struct {
	*burgeev1.ListFlagSummariesRequest
	words [][]byte // of the search, in small letters
	text  []byte   // of a flag, kept to be written over
}

// passes says whether a flag passes every filter.
func (r *summaryFilter) passes(doc *storev1.Flag) bool {
	switch r.Archived {
	case burgeev1.ArchivedFilter_ARCHIVED_FILTER_ONLY:
		if inService(doc) {
			return false
		}
	case burgeev1.ArchivedFilter_ARCHIVED_FILTER_UNSPECIFIED:
		if !inService(doc) {
			return false
		}
	}
	flag := doc.Flag
	if r.Enabled != 0 && flag.Enabled != (r.Enabled == burgeev1.EnabledFilter_ENABLED_FILTER_ENABLED) {
		return false
	}
	if r.Type != 0 && (flag.Type == flipt.FlagType_BOOLEAN_FLAG_TYPE) != (r.Type == burgeev1.TypeFilter_TYPE_FILTER_BOOLEAN) {
		return false
	}
	for _, tag := range r.Tags {
		if !slices.Contains(doc.Tags, tag) {
			return false
		}
	}
	if r.SegmentKey != "" && !usesSegment(doc, r.SegmentKey) {
		return false
	}
	if len(r.words) == 0 {
		return true
	}
	r.text = r.text[:0]
	for _, text := range append([]string{flag.Key, flag.Name, flag.Description}, doc.Tags...) {
		r.text = append(appendLower(r.text, text), '\n') // which no word holds
	}
	return !slices.ContainsFunc(r.words, func(word []byte) bool { return !bytes.Contains(r.text, word) })
}

// appendLower appends text in small letters.
func appendLower(to []byte, text string) []byte {
	for _, c := range text {
		switch {
		case c >= utf8.RuneSelf:
			to = utf8.AppendRune(to, unicode.ToLower(c))
		case 'A' <= c && c <= 'Z':
			to = append(to, byte(c)+'a'-'A')
		default:
			to = append(to, byte(c))
		}
	}
	return to
}

// summaryPlace is the place of a flag in an order: by text or number, whichever the order is by, and then by key. A page
// token is base64 of the last one of its page as JSON, so that a page begins at the right place when flags come and go.
type summaryPlace struct {
	Order      burgeev1.SummaryOrder `json:"order"`
	Descending bool                  `json:"descending,omitempty"`
	Text       string                `json:"text,omitempty"`
	Number     uint64                `json:"number,omitempty"`
	Key        string                `json:"key"`
}

func placeOf(state *store.State, doc *storev1.Flag, r *burgeev1.ListFlagSummariesRequest, evaluated map[string]time.Time) summaryPlace {
	place := summaryPlace{Order: r.OrderBy, Descending: r.Descending, Key: doc.Flag.Key}
	switch r.OrderBy {
	case burgeev1.SummaryOrder_SUMMARY_ORDER_NAME:
		place.Text = strings.ToLower(doc.Flag.Name)
	case burgeev1.SummaryOrder_SUMMARY_ORDER_CREATED:
		place.Number = uint64(doc.Flag.CreatedAt.AsTime().UnixMicro())
	case burgeev1.SummaryOrder_SUMMARY_ORDER_UPDATED:
		place.Number = state.DocumentRevision(r.NamespaceKey, store.KindFlag, doc.Flag.Key)
	case burgeev1.SummaryOrder_SUMMARY_ORDER_EVALUATED:
		if at, ever := evaluated[doc.Flag.Key]; ever {
			place.Number = uint64(at.Unix())
		}
	}
	return place
}

// compare compares two places of the same order. With descending the whole order is the other way round, keys included.
func (p summaryPlace) compare(other summaryPlace) int {
	order := cmp.Or(cmp.Compare(p.Number, other.Number), cmp.Compare(p.Text, other.Text), cmp.Compare(p.Key, other.Key))
	if p.Descending {
		return -order
	}
	return order
}

func (p summaryPlace) token() string {
	text, _ := json.Marshal(p) // strings and numbers only: cannot fail
	return base64.StdEncoding.EncodeToString(text)
}

// summaryStart returns the place after which the page begins, nil for the first page. A token is for the order of its list
// alone.
func summaryStart(r *burgeev1.ListFlagSummariesRequest) (*summaryPlace, error) {
	if r.PageToken == "" {
		return nil, nil
	}
	place := new(summaryPlace)
	text, err := base64.StdEncoding.DecodeString(r.PageToken)
	if err == nil {
		err = json.Unmarshal(text, place)
	}
	if err != nil || place.Key == "" || place.Order != r.OrderBy || place.Descending != r.Descending {
		return nil, invalid("pageToken is not valid: %q", r.PageToken)
	}
	return place, nil
}

// summaryOf shares what is stored.
func summaryOf(state *store.State, doc *storev1.Flag, evaluated map[string]time.Time) *burgeev1.FlagSummary {
	flag := doc.Flag
	summary := &burgeev1.FlagSummary{
		NamespaceKey: flag.NamespaceKey, Key: flag.Key, Name: flag.Name, Description: flag.Description, Type: flag.Type,
		Enabled: flag.Enabled, Tags: doc.Tags, Variants: int32(len(flag.Variants)), Rules: int32(len(doc.Rules)),
		Rollouts: int32(len(doc.Rollouts)), DefaultVariantKey: flag.DefaultVariant.GetKey(), SegmentKeys: segmentsOf(doc),
		CreatedAt: flag.CreatedAt, UpdatedAt: updatedAt(doc), ArchivedAt: doc.ArchivedAt,
		Etag: documentETag(state.Position().Epoch, state.DocumentRevision(flag.NamespaceKey, store.KindFlag, flag.Key)),
	}
	if at, ever := evaluated[flag.Key]; ever {
		summary.EvaluatedAt = timestamppb.New(at)
	}
	return summary
}

// segmentsOf returns the keys of the segments that a flag uses, each once, in the order of the alphabet.
func segmentsOf(doc *storev1.Flag) []string {
	var keys []string
	add := func(one string, several []string) {
		if one != "" {
			keys = append(keys, one)
		}
		keys = append(keys, several...)
	}
	for _, r := range doc.Rules {
		add(r.SegmentKey, r.SegmentKeys)
	}
	for _, r := range doc.Rollouts {
		if s := r.GetSegment(); s != nil {
			add(s.SegmentKey, s.SegmentKeys)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// updatedAt is the newest time of change in a flag with all its parts.
func updatedAt(doc *storev1.Flag) *timestamppb.Timestamp {
	newest := doc.Flag.UpdatedAt
	see := func(at *timestamppb.Timestamp) {
		if at.AsTime().After(newest.AsTime()) {
			newest = at
		}
	}
	for _, v := range doc.Flag.Variants {
		see(v.UpdatedAt)
	}
	for _, r := range doc.Rules {
		see(r.UpdatedAt)
		for _, d := range r.Distributions {
			see(d.UpdatedAt)
		}
	}
	for _, r := range doc.Rollouts {
		see(r.UpdatedAt)
	}
	return newest
}
