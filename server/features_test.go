package server_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// sample is a features file of two namespaces.
func sample(t *testing.T) []byte {
	t.Helper()
	return ok(os.ReadFile("features/testdata/shop.yml"))(t)
}

func yamlFile(text []byte) *httpbody.HttpBody {
	return &httpbody.HttpBody{ContentType: "application/yaml", Data: text}
}

func importOf(r *burgeev1.ImportRequest) call {
	return func(ctx context.Context, c clients) error {
		_, err := c.features.Import(ctx, r)
		return err
	}
}

// export returns all namespaces as a file.
func (s session) export(t *testing.T, encoding burgeev1.Encoding) []byte {
	t.Helper()
	return ok(s.features.Export(t.Context(), &burgeev1.ExportRequest{AllNamespaces: true, Encoding: encoding}))(t).File.Data
}

// totals returns the numbers of flags and segments of the namespaces of the sample.
func (s session) totals(t *testing.T) (flags, segments int32) {
	t.Helper()
	for _, namespace := range []string{"default", "checkout"} {
		flags += ok(s.flipt.ListFlags(t.Context(), &flipt.ListFlagRequest{NamespaceKey: namespace, Limit: 1}))(t).TotalCount
		segments += ok(s.flipt.ListSegments(t.Context(), &flipt.ListSegmentRequest{NamespaceKey: namespace, Limit: 1}))(t).TotalCount
	}
	return flags, segments
}

func TestImport(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.revisions(t, 1, to(rpc.UpdateNamespace, &flipt.UpdateNamespaceRequest{Key: "default", Name: "Ours", Description: "d"}))
		untouched := ok(s.flipt.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "default"}))(t)
		before := s.srv.Position().Revision
		answer := ok(s.features.Import(ctx, &burgeev1.ImportRequest{File: yamlFile(sample(t)), Name: "shop.yml"}))(t)
		if after := s.srv.Position(); after.Revision != before+1 || answer.Position != after.String() {
			t.Errorf("revision %d before, %s after, %s in the answer; want one more", before, after, answer.Position)
		}
		flags, segments := s.totals(t)
		if flags != 47 || segments != 25 || answer.Namespaces != 1 || answer.Flags != flags || answer.Segments != segments || len(answer.Warnings) > 0 {
			t.Errorf("answer %v, but there are %d flags and %d segments", answer, flags, segments)
		}
		equal(t, "the namespace that existed", ok(s.flipt.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "default"}))(t), untouched)
		s.checkSample(t)
		s.refuse(t, refusal{importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t)), Name: "shop.yml"}),
			invalid(`shop.yml:8:3: flag "default/home-hero" is not unique`)})
	})
}

// checkSample evaluates flags of the sample.
func (s session) checkSample(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		namespace, flag, entity, property, value string
		variant                                  string
		segment                                  string
	}{
		{"default", "home-hero", "u-1", "email", "ann@shop.example.com", "gift-guide", "staff"},
		{"default", "home-hero", "u-1001", "email", "", "gift-guide", "staff"},
		{"default", "home-hero", "u-1", "email", "ann@example.com", "classic", ""},
		{"default", "price-display", "u-1", "vat_id", "DE1", "net", "companies"},
		{"checkout", "payment-methods", "u-1", "country", "NL", "netherlands", "netherlands"},
		{"checkout", "payment-methods", "u-66613", "country", "FR", "careful", "fraud-risk"},
		{"checkout", "payment-methods", "u-1", "country", "FR", "standard", ""},
	} {
		got := ok(s.evaluation.Variant(t.Context(), &evaluation.EvaluationRequest{
			NamespaceKey: c.namespace, FlagKey: c.flag, EntityId: c.entity, Context: map[string]string{c.property: c.value},
		}))(t)
		if got.VariantKey != c.variant || strings.Join(got.SegmentKeys, ",") != c.segment || got.Match != (c.segment != "") {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	for cents, want := range map[string]bool{"50000": false, "50001": true} {
		got := ok(s.evaluation.Boolean(t.Context(), &evaluation.EvaluationRequest{
			NamespaceKey: "checkout", FlagKey: "three-d-secure", EntityId: "u-1", Context: map[string]string{"basket_cents": cents},
		}))(t)
		if got.Enabled != want {
			t.Errorf("three-d-secure of %s: %v", cents, got)
		}
	}
}

// TestRoundTrip exports what was imported and imports that into an empty server: its exports are the same to the byte.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t)), Name: "shop.yml"}))
		yaml, json := s.export(t, burgeev1.Encoding_ENCODING_YAML), s.export(t, burgeev1.Encoding_ENCODING_JSON)
		if again := s.export(t, burgeev1.Encoding_ENCODING_UNSPECIFIED); !bytes.Equal(again, yaml) {
			t.Error("a second export is not the first")
		}
		for name, file := range map[string]*httpbody.HttpBody{
			"YAML": yamlFile(yaml), "JSON": {ContentType: "application/json", Data: json},
		} {
			fresh := start(t)
			other := session{fresh.overGRPC(), fresh}
			other.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: file}))
			other.checkSample(t)
			if !bytes.Equal(other.export(t, burgeev1.Encoding_ENCODING_YAML), yaml) {
				t.Errorf("the YAML after an import of %s is another", name)
			}
			if !bytes.Equal(other.export(t, burgeev1.Encoding_ENCODING_JSON), json) {
				t.Errorf("the JSON after an import of %s is another", name)
			}
		}
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		export := func(r *burgeev1.ExportRequest) *httpbody.HttpBody {
			t.Helper()
			return ok(s.features.Export(t.Context(), r))(t).File
		}
		if file := export(&burgeev1.ExportRequest{}); file.ContentType != "application/yaml" || !bytes.Contains(file.Data, []byte("key: default")) ||
			bytes.Contains(file.Data, []byte("acme")) {
			t.Errorf("%s: %s", file.ContentType, file.Data)
		}
		file := export(&burgeev1.ExportRequest{Namespaces: []string{"acme", "default"}, Encoding: burgeev1.Encoding_ENCODING_JSON})
		acme, def := bytes.Index(file.Data, []byte(`"acme"`)), bytes.Index(file.Data, []byte(`"default"`))
		if file.ContentType != "application/json" || acme < 0 || def < acme {
			t.Errorf("%s: %s", file.ContentType, file.Data)
		}
		sorted := export(&burgeev1.ExportRequest{Namespaces: []string{"acme"}, SortByKey: true}).Data
		if beta, color := bytes.Index(sorted, []byte("key: beta")), bytes.Index(sorted, []byte("key: color")); beta < 0 || color < beta {
			t.Errorf("not sorted: %s", sorted)
		}
		exportOf := func(r *burgeev1.ExportRequest) call {
			return func(ctx context.Context, c clients) error {
				_, err := c.features.Export(ctx, r)
				return err
			}
		}
		s.refuse(t,
			refusal{exportOf(&burgeev1.ExportRequest{Namespaces: []string{"acme", "nope"}}), notFound(`namespace "nope" not found`)},
			refusal{exportOf(&burgeev1.ExportRequest{Namespaces: []string{"acme"}, AllNamespaces: true}),
				invalid("invalid field namespaces: must be empty when allNamespaces is set")},
		)
	})
}

func TestImportRefused(t *testing.T) {
	t.Parallel()
	const rules = `    variants: [{key: on}]
    rules:
      - segment: all
        distributions:
          - {variant: off, rollout: 100}
segments: [{key: all, name: All, match_type: ALL_MATCH_TYPE}]
`
	const operator = `segments:
  - key: all
    name: All
    constraints:
      - {type: STRING_COMPARISON_TYPE, property: p, operator: lt, value: "1"}
`
	flags := func(key, rest string) string { return "flags:\n  - key: " + key + "\n    name: X\n" + rest }
	cases := []struct{ text, want string }{
		{"flags: [", "bad.yml:"},
		{flags("good", rules), "bad.yml:8:13: finding variant: off; flag: good"},
		{flags("good", operator), `bad.yml:8:9: constraint operator "lt" is not valid for type string`},
		{flags("no good", ""), "bad.yml:2:5: invalid field key: contains invalid characters"},
		{flags("good", "    variants: [{name: x}]\n"), "bad.yml:4:16: invalid field key: must not be empty"},
		{flags("good", "    rules: [{segment: nope}]\n"), `bad.yml:4:23: segment "default/nope" not found`},
		{flags("one", "") + "  - {key: two}\n  - {key: thr ee, name: x}\n",
			"bad.yml:4:5: invalid field name: must not be empty\nbad.yml:5:5: invalid field key: contains invalid characters"},
	}
	everyProtocol(t, func(t *testing.T, s session) {
		before := s.export(t, burgeev1.Encoding_ENCODING_YAML)
		position := s.srv.Position()
		for _, c := range cases {
			_, err := s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile([]byte(c.text)), Name: "bad.yml"})
			if err == nil || !strings.HasPrefix(err.Error(), "invalid_argument: "+c.want) {
				t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
			}
		}
		if after := s.srv.Position(); after != position || !bytes.Equal(s.export(t, burgeev1.Encoding_ENCODING_YAML), before) {
			t.Errorf("files that were refused have moved the revision from %v to %v", position, after)
		}
		s.refuse(t,
			refusal{importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t)), Overwrite: true, Drop: true}),
				invalid("invalid field skipExisting: only one of skipExisting, overwrite and drop can be set")},
			refusal{importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t)), Name: "shop.toml"}),
				invalid(`invalid field name: unexpected extension ".toml": a features file ends in .yml, .yaml or .json, or has no extension`)},
		)
		// A file with nothing in it is no error and no revision.
		s.revisions(t, 0, importOf(&burgeev1.ImportRequest{File: yamlFile([]byte("# nothing\n"))}))
	})
}

func TestImportOverExisting(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t))}))
		flags, segments := s.totals(t)
		before := s.export(t, burgeev1.Encoding_ENCODING_YAML)
		for _, r := range []*burgeev1.ImportRequest{{SkipExisting: true}, {Overwrite: true}, {Overwrite: true, DryRun: true}} {
			r.File = yamlFile(sample(t))
			position := s.srv.Position()
			answer := ok(s.features.Import(ctx, r))(t)
			if answer.Unchanged != flags+segments || answer.Flags+answer.Segments+answer.Namespaces != 0 || len(answer.Differences) > 0 || s.srv.Position() != position {
				t.Errorf("skip %v, overwrite %v: the same file again makes %v", r.SkipExisting, r.Overwrite, answer)
			}
		}

		// One word of one flag changes: ids and all other documents stay.
		changed := yamlFile(bytes.Replace(sample(t), []byte("headline: Gifts that last"), []byte("headline: Gifts for ever"), 1))
		read := func() *flipt.Flag {
			return ok(s.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "home-hero"}))(t)
		}
		was := read()
		dry := ok(s.features.Import(ctx, &burgeev1.ImportRequest{File: changed, Overwrite: true, DryRun: true}))(t)
		if d := dry.Differences; len(d) != 1 || d[0].NamespaceKey != "default" || d[0].Kind != "flag" || d[0].Key != "home-hero" ||
			d[0].Action != burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED || len(d[0].Fields) == 0 {
			t.Errorf("differences of a dry run: %v", d)
		}
		if !bytes.Equal(s.export(t, burgeev1.Encoding_ENCODING_YAML), before) {
			t.Error("a dry run has changed something")
		}
		s.revisions(t, 0, importOf(&burgeev1.ImportRequest{File: changed, SkipExisting: true}))
		s.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: changed, Overwrite: true}))
		is := read()
		want := proto.CloneOf(was)
		want.Variants[2].Attachment = strings.Replace(want.Variants[2].Attachment, "that last", "for ever", 1)
		want.Variants[2].UpdatedAt = is.Variants[2].UpdatedAt
		equal(t, "the flag that changed", is, want)
	})
}

func TestImportInsteadOfEverything(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.open(t)
		drop := &burgeev1.ImportRequest{File: yamlFile(sample(t)), Drop: true, DryRun: true}
		dry := ok(s.features.Import(ctx, drop))(t)
		deleted := 0
		for _, d := range dry.Differences {
			if d.Action == burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED && d.NamespaceKey == "acme" {
				deleted++
			}
		}
		if deleted != 5 { // the namespace, two flags, two segments
			t.Errorf("a dry run deletes %d documents of acme, want 5: %v", deleted, dry.Differences)
		}
		s.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t)), Drop: true}))
		s.refuse(t,
			refusal{to(rpc.GetNamespace, &flipt.GetNamespaceRequest{Key: "acme"}), notFound(`namespace "acme" not found`)},
			refusal{to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "default"}), invalid(`namespace "default" is protected`)})
		s.checkSample(t)
		fresh := start(t)
		other := session{fresh.overGRPC(), fresh}
		other.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: yamlFile(sample(t))}))
		if !bytes.Equal(s.export(t, burgeev1.Encoding_ENCODING_YAML), other.export(t, burgeev1.Encoding_ENCODING_YAML)) {
			t.Error("an import that drops everything before differs from one into an empty server")
		}
	})
}
