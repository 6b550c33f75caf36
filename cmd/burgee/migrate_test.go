package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/burgeehq/burgee/gen/flipt"
)

// fliptV1 is a database of Flipt v1 (schema 15) with 3 flags, 3 segments, an operator that does not exist and a distribution of
// no variant. The tests of store/fliptdb write it and say what is in it:
//
//	go test ./store/fliptdb -run TestCommittedDatabase -args -write
var fliptV1 = filepath.Join("testdata", "flipt-v1.db")

// reported is what an import of fliptV1 warns of.
var reported = `warning: ` + fliptV1 + `: constraints "c-odd": operator "like" does not exist for type STRING_COMPARISON_TYPE: the constraint never matches, as in Flipt
warning: ` + fliptV1 + `: distributions "d-lost": left out: its variant "v-lost" is not there, and Flipt ignores it
`

func TestImportOfFliptV1(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "burgee.db")
	before, err := os.ReadFile(fliptV1)
	if err != nil {
		t.Fatal(err)
	}
	absent := db + " does not exist: compared with an empty database\n"
	steps := []struct {
		args     []string
		stdout   string // a regular expression
		stderr   string
		wantFail bool
	}{
		{[]string{"--dry-run"}, `(?s)^\+ flag default/checkout\n\+ flag default/color\n~ namespace default\n    name: "Default" -> "Shop"\n.*\+ segment ops/berlin\n$`, absent + reported, false},
		{nil, `^imported 3 flags and 3 segments, created 2 namespaces, revision [0-9a-f]{16}-2\n$`, reported, false},
		{nil, `^$`, "Error: segment \"default/vip\" is not unique\n", true},
		{[]string{"--skip-existing"}, `^imported 0 flags and 0 segments, created 0 namespaces, left 6 as they were, revision [0-9a-f]{16}-2\n$`, reported, false},
		{[]string{"--overwrite"}, `^imported 0 flags and 0 segments, created 0 namespaces, left 6 as they were, revision [0-9a-f]{16}-2\n$`, reported, false},
		{[]string{"--overwrite", "--dry-run"}, `^nothing would change\n$`, reported, false},
		{[]string{"--drop"}, `^imported 3 flags and 3 segments, created 2 namespaces, revision [0-9a-f]{16}-3\n$`, reported, false},
	}
	for _, step := range steps {
		stdout, stderr, status := command(t, append([]string{"import", "--flipt-db", fliptV1, "--db", db}, step.args...)...)
		if !regexp.MustCompile(step.stdout).MatchString(stdout) || stderr != step.stderr || (status == 1) != step.wantFail {
			t.Errorf("import %v: status %d\n%s%s", step.args, status, stdout, stderr)
		}
	}
	if after, err := os.ReadFile(fliptV1); err != nil || string(after) != string(before) {
		t.Errorf("the import changed the database of Flipt (%v)", err)
	}

	s := serveOn(t, db)
	rules, err := s.flipt.ListRules(t.Context(), &flipt.ListRuleRequest{FlagKey: "color"})
	if err != nil {
		t.Fatal(err)
	}
	if r := rules.Rules[0]; r.Id != "r-1" || r.Distributions[1].Id != "d-2" || stamp(r.CreatedAt) != "2024-05-07T10:00:00.123456Z" {
		t.Errorf("first rule: %v", r)
	}
	for _, c := range []struct{ entity, city, want string }{
		{"u1", "Berlin", "MATCH_EVALUATION_REASON blue by berlin, vip"}, // bucket 639 of the first rule
		{"u1", "Rome", "MATCH_EVALUATION_REASON blue by vip"},           // the second rule, which has no distribution left
		{"u2", "Berlin", "DEFAULT_EVALUATION_REASON blue by "},
	} {
		answer, err := s.flipt.Evaluate(t.Context(), &flipt.EvaluationRequest{
			FlagKey: "color", EntityId: c.entity, Context: map[string]string{"city": c.city, "age": "30"},
		})
		if got := fmt.Sprintf("%v %s by %s", answer.GetReason(), answer.GetValue(), strings.Join(answer.GetSegmentKeys(), ", ")); err != nil || got != c.want {
			t.Errorf("%s in %s: got %s, %v", c.entity, c.city, got, err)
		}
	}
}

func stamp(at *timestamppb.Timestamp) string {
	return at.AsTime().Format("2006-01-02T15:04:05.999999Z07:00")
}

func TestImportOfFliptV1IsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, text := filepath.Join(dir, "burgee.db"), filepath.Join(dir, "features.yml")
	if err := os.WriteFile(text, []byte(strings.Repeat("flags: []\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--flipt-db", text, "--db", db}, text + " is not a SQLite database"},
		{[]string{"--flipt-db", filepath.Join(dir, "none.db"), "--db", db}, filepath.Join(dir, "none.db") + " does not exist"},
		{[]string{"--flipt-db", fliptV1, "--db", db, text}, "--flipt-db takes the place of the features file " + text + ": name one of them"},
		{[]string{"--flipt-db", fliptV1, "--address", "http://127.0.0.1:1"},
			"--flipt-db keeps ids and times, which no server takes over its API: name the database with --db instead of --address, and stop its server"},
	} {
		stdout, stderr, status := command(t, append([]string{"import"}, c.args...)...)
		if stdout != "" || stderr != "Error: "+c.want+"\n" || status != 1 {
			t.Errorf("import %v: status %d\n%s%s", c.args, status, stdout, stderr)
		}
	}
	if _, err := os.Stat(db); err == nil {
		t.Error("a refused import made a database")
	}
	s := serveOn(t, db)
	_, stderr, status := command(t, "import", "--flipt-db", fliptV1, "--db", db)
	if !strings.Contains(stderr, " is in use, another process holds the database: stop that process or name another file") || status != 1 {
		t.Errorf("import into the database of a server: status %d\n%s", status, stderr)
	}
	s.stop(t)
}
