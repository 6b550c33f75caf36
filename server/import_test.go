package server_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// importText imports YAML over gRPC.
func importText(t *testing.T, c clients, text string, options func(*burgeev1.ImportRequest)) *burgeev1.ImportResponse {
	t.Helper()
	r := &burgeev1.ImportRequest{File: &httpbody.HttpBody{ContentType: "application/yaml", Data: []byte(text)}}
	if options != nil {
		options(r)
	}
	answer, err := c.features.Import(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func shopFile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("features/testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func overwrite(r *burgeev1.ImportRequest) { r.Overwrite = true }

func TestImportOverwriteOfTheSameChangesNothing(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := srv.overGRPC()
	first := importText(t, c, shopFile(t), nil)
	again := importText(t, c, shopFile(t), overwrite)
	if again.Position != first.Position || again.Flags != 0 || again.Segments != 0 || again.Unchanged != first.Flags+first.Segments {
		t.Errorf("first %v, again %v", first, again)
	}
}

func TestImportOverwriteKeepsWhatStaysTheSame(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := srv.overGRPC()
	ctx := t.Context()
	const before = `
flags:
- key: color
  name: Color
  enabled: true
  variants:
  - {key: red, default: true}
  - {key: blue, attachment: {a: 1}}
  rules:
  - segment: vip
    distributions:
    - {variant: red, rollout: 30}
    - {variant: blue, rollout: 70}
  - segment: all
- key: other
  name: Other
segments:
- {key: vip, name: VIP, match_type: ALL_MATCH_TYPE, constraints: [{type: STRING_COMPARISON_TYPE, property: tier, operator: eq, value: gold}]}
- {key: all, name: All, match_type: ALL_MATCH_TYPE}
`
	importText(t, c, before, nil)
	was, err := c.flipt.ListRules(ctx, &flipt.ListRuleRequest{FlagKey: "color"})
	if err != nil {
		t.Fatal(err)
	}
	flag, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "color"})
	if err != nil {
		t.Fatal(err)
	}
	after := strings.Replace(strings.Replace(before, "rollout: 30", "rollout: 40", 1), "rollout: 70", "rollout: 60", 1)

	dry := importText(t, c, after, func(r *burgeev1.ImportRequest) { r.Overwrite, r.DryRun = true, true })
	if len(dry.Differences) != 1 || len(dry.Differences[0].Fields) != 2 ||
		dry.Differences[0].Action != burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED || dry.Differences[0].Key != "color" {
		t.Errorf("dry run: %v", dry.Differences)
	}
	if now := srv.Position().String(); dry.Position != now {
		t.Errorf("a dry run moved the server from %s to %s", dry.Position, now)
	}

	answer := importText(t, c, after, overwrite)
	if answer.Flags != 1 || answer.Segments != 0 || answer.Unchanged != 3 {
		t.Errorf("import: %v", answer)
	}
	now, err := c.flipt.ListRules(ctx, &flipt.ListRuleRequest{FlagKey: "color"})
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(was)
	for i, d := range want.Rules[0].Distributions {
		d.Rollout, d.UpdatedAt = []float32{40, 60}[i], now.Rules[0].Distributions[i].UpdatedAt
	}
	if !proto.Equal(now, want) {
		t.Errorf("rules\n got %v\nwant %v", now, want)
	}
	flagNow, err := c.flipt.GetFlag(ctx, &flipt.GetFlagRequest{Key: "color"})
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(flagNow, flag) {
		t.Errorf("flag\n got %v\nwant %v", flagNow, flag)
	}
}

func TestImportSkipExisting(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := srv.overGRPC()
	importText(t, c, "flags: [{key: a, name: A}]\n", nil)
	answer := importText(t, c, "flags: [{key: a, name: Changed}, {key: b, name: B}]\n", func(r *burgeev1.ImportRequest) { r.SkipExisting = true })
	if answer.Flags != 1 || answer.Unchanged != 1 {
		t.Errorf("import: %v", answer)
	}
	a, err := c.flipt.GetFlag(t.Context(), &flipt.GetFlagRequest{Key: "a"})
	if err != nil || a.Name != "A" {
		t.Errorf("a: %v, %v", a, err)
	}
}

func TestImportDrop(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := srv.overGRPC()
	ctx := t.Context()
	importText(t, c, "namespace: old\nflags: [{key: a, name: A}]\n", nil)
	before := srv.Position().Revision
	dry := importText(t, c, "namespace: new\nflags: [{key: b, name: B}]\n", func(r *burgeev1.ImportRequest) { r.Drop, r.DryRun = true, true })
	var got []string
	for _, d := range dry.Differences {
		got = append(got, strings.TrimPrefix(d.Action.String(), "DOCUMENT_ACTION_")+" "+d.Kind+" "+d.NamespaceKey+"/"+d.Key)
	}
	if want := "CREATED flag new/b, CREATED namespace new/new, DELETED flag old/a, DELETED namespace old/old"; strings.Join(got, ", ") != want {
		t.Errorf("dry run: got %s, want %s", strings.Join(got, ", "), want)
	}
	importText(t, c, "namespace: new\nflags: [{key: b, name: B}]\n", func(r *burgeev1.ImportRequest) { r.Drop = true })
	if now := srv.Position().Revision; now != before+1 {
		t.Errorf("drop and import made the revisions %d to %d, want one", before+1, now)
	}
	list, err := c.flipt.ListNamespaces(ctx, new(flipt.ListNamespaceRequest))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, n := range list.Namespaces {
		keys = append(keys, n.Key)
		if n.Key == "default" && !n.Protected {
			t.Error("default is not protected")
		}
	}
	if strings.Join(keys, " ") != "new default" {
		t.Errorf("namespaces: %v", keys)
	}
}

func TestImportRefusesADocumentTwice(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := srv.overGRPC()
	_, err := c.features.Import(context.Background(), &burgeev1.ImportRequest{Overwrite: true, File: &httpbody.HttpBody{
		ContentType: "application/yaml", Data: []byte("flags:\n- {key: a, name: A}\n- {key: a, name: B}\n"),
	}})
	if err == nil || !strings.Contains(err.Error(), `features.yml:3:3: flag "default/a" is not unique`) {
		t.Errorf("got %v", err)
	}
	_, err = c.features.Import(context.Background(), &burgeev1.ImportRequest{Overwrite: true, Drop: true, File: new(httpbody.HttpBody)})
	if err == nil || !strings.Contains(err.Error(), "only one of skipExisting, overwrite and drop can be set") {
		t.Errorf("got %v", err)
	}
}
