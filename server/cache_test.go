package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// TestCacheIsCurrent asks for long answers in all formats before, during and after changes. None may be older than the last change that
// was acknowledged before it was asked for, and each must equal what is built anew, which naming a revision does.
func TestCacheIsCurrent(t *testing.T) {
	t.Parallel()
	s := openForBench(t)
	ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(many(60))}))(t)
	const pages = 3
	for change := range 5 {
		name := fmt.Sprintf("changed %d times", change)
		ok(s.flipt.UpdateFlag(t.Context(), &flipt.UpdateFlagRequest{NamespaceKey: "large", Key: "flag-0000", Name: name, Enabled: true}))(t)
		anew := fmt.Sprintf("rev:%d", s.srv.Position().Revision)
		var asking sync.WaitGroup
		for page := range int32(pages) {
			asking.Go(func() {
				request := &flipt.ListFlagRequest{NamespaceKey: "large", Limit: 60 - 10*page}
				for range 2 {
					got, err := s.flipt.ListFlags(t.Context(), request)
					if err != nil || got.Flags[0].Name != name {
						t.Errorf("a list after change %d: %v, first flag %q", change, err, got.GetFlags()[0].GetName())
						return
					}
					over := new(flipt.FlagList)
					s.restJSON(t, fmt.Sprintf("/api/v1/namespaces/large/flags?limit=%d", request.Limit), over)
					want, err := s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "large", Limit: request.Limit, Reference: anew})
					if err != nil || !proto.Equal(got, want) || !proto.Equal(over, want) {
						t.Errorf("a list after change %d differs from what is built anew (%v)", change, err)
					}
				}
			})
		}
		asking.Go(func() {
			got := ok(s.flipt.ListSegments(t.Context(), &flipt.ListSegmentRequest{NamespaceKey: "large"}))(t)
			want := ok(s.flipt.ListSegments(t.Context(), &flipt.ListSegmentRequest{NamespaceKey: "large", Reference: anew}))(t)
			if len(got.Segments) != 20 || !proto.Equal(got, want) {
				t.Error("a list of segments differs from what is built anew")
			}
		})
		asking.Go(func() {
			for range 2 {
				got := ok(s.data.EvaluationSnapshotNamespace(t.Context(), &evaluation.EvaluationNamespaceSnapshotRequest{Key: "large"}))(t)
				over := new(evaluation.EvaluationNamespaceSnapshot)
				s.restJSON(t, "/internal/v1/evaluation/snapshot/namespace/large", over)
				want := ok(s.data.EvaluationSnapshotNamespace(t.Context(), &evaluation.EvaluationNamespaceSnapshotRequest{Key: "large", Reference: anew}))(t)
				if got.Flags[0].Name != name || !proto.Equal(got, want) || !proto.Equal(over, want) {
					t.Error("a snapshot differs from what is built anew")
				}
			}
		})
		asking.Wait()
	}
	if n, _ := s.srv.Cached(); n < pages+2 {
		t.Errorf("%d answers are kept, want the pages, the segments and a snapshot at least", n)
	}
}

// restJSON reads the answer to a GET of the REST door.
func (s session) restJSON(t *testing.T, path string, into proto.Message) {
	t.Helper()
	response, err := s.srv.overH1().Get(s.srv.httpURL + path)
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if err == nil {
		err = protojson.Unmarshal(body, into)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestCacheIsBounded asks for more different answers than are kept.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	s := openForBench(t)
	ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(many(200))}))(t)
	held := 0
	for n := range int32(200) {
		got := new(flipt.FlagList)
		s.restJSON(t, fmt.Sprintf("/api/v1/namespaces/large/flags?limit=%d", 200-n), got)
		if len(got.Flags) != int(200-n) {
			t.Fatalf("%d flags, want %d", len(got.Flags), 200-n)
		}
		answers, bytes := s.srv.Cached()
		held = max(held, answers)
		if answers > 128 || bytes > 48<<20 {
			t.Fatalf("%d answers of %d bytes are kept after %d requests, want 128 and 48 MiB at most", answers, bytes, n+1)
		}
	}
	if held != 128 {
		t.Errorf("at most %d answers were kept, want 128", held)
	}
}

// TestCacheKeepsShort finds a list of one flag kept, and none that was asked for with a token larger than any that the server makes.
func TestCacheKeepsShort(t *testing.T) {
	t.Parallel()
	s := openForBench(t)
	ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(many(1))}))(t)
	large := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"key":%q,"offset":0,"from":1}`, strings.Repeat("k", 1<<10)))
	for n, test := range []struct {
		token string
		kept  int
	}{{large, 0}, {"", 1}, {"", 1}, {large, 1}} {
		got := ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "large", Limit: 10, PageToken: test.token}))(t)
		if answers, _ := s.srv.Cached(); len(got.Flags) != 1 || answers != test.kept {
			t.Errorf("request %d: %d flags, %d answers are kept, want 1 and %d", n, len(got.Flags), answers, test.kept)
		}
	}
}

// TestCacheOverREST asks for a kept answer in each form that a client may want, twice: all say the same, and the plain and the
// compressed one have a length, as they are ready.
func TestCacheOverREST(t *testing.T) {
	t.Parallel()
	s := openForBench(t)
	ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(many(60))}))(t)
	want := ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: "large"}))(t)
	for _, form := range []struct {
		encoding, query string
		ready           bool
	}{{"identity", "", true}, {"gzip", "", true}, {"identity", "?pretty", true}, {"gzip", "?pretty", false}} {
		for range 2 {
			r := ok(http.NewRequestWithContext(t.Context(), http.MethodGet, s.srv.httpURL+"/api/v1/namespaces/large/flags"+form.query, nil))(t)
			r.Header.Set("Accept-Encoding", form.encoding)
			response, body := s.srv.do(t, r)
			if (response.ContentLength == int64(len(body))) != form.ready || response.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%v: length %d of %d, %v", form, response.ContentLength, len(body), response.Header)
			}
			if form.encoding == "gzip" {
				unzip := ok(gzip.NewReader(bytes.NewReader(body)))(t)
				body = ok(io.ReadAll(unzip))(t)
			}
			got := new(flipt.FlagList)
			if err := protojson.Unmarshal(body, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%v: %v, %d flags, want %d", form, err, len(got.Flags), len(want.Flags))
			}
		}
	}
}
