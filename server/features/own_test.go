package features_test

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/features"
)

// TestOwnMembers reads and writes what the original does not know: left out it says nothing, which is not the same as empty
// or false.
func TestOwnMembers(t *testing.T) {
	t.Parallel()
	is, is2 := true, false
	color, none := "#a0b1C2", ""
	for _, c := range []struct {
		namespace, flag string
		want            features.Namespace
		tags            []string
		archived        *bool
	}{
		{"", "", features.Namespace{}, nil, nil},
		{"color: null, production: null", "tags: null, archived: null", features.Namespace{}, nil, nil},
		{`color: "#a0b1C2", production: true`, "tags: [b, a], archived: yes", features.Namespace{Color: &color, Production: &is}, []string{"b", "a"}, &is},
		{`color: "", production: false`, "tags: [], archived: no", features.Namespace{Color: &none, Production: &is2}, []string{}, &is2},
	} {
		f := decode(t, features.YAML, "version: 1.0\nnamespace: {key: n, "+c.namespace+"}\nflags: [{key: f, "+c.flag+"}]\n")
		got := f.Documents[0]
		if !reflect.DeepEqual(got.Namespace.Color, c.want.Color) || !reflect.DeepEqual(got.Namespace.Production, c.want.Production) {
			t.Errorf("namespace {%s}: got %+v", c.namespace, got.Namespace)
		}
		if flag := got.Flags[0]; !reflect.DeepEqual(flag.Tags, c.tags) || !reflect.DeepEqual(flag.Archived, c.archived) {
			t.Errorf("flag {%s}: got %+v", c.flag, flag)
		}
		if len(f.Warnings) > 0 {
			t.Errorf("{%s} {%s}: warnings %v", c.namespace, c.flag, f.Warnings)
		}
	}
	for _, text := range []string{"flags: [{key: f, tags: a}]", "flags: [{key: f, archived: later}]", "namespace: {production: 1}", "namespace: {color: [x]}"} {
		if _, err := features.Decode("f", []byte(text), features.YAML); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// TestOwnMembersAreRare wants the original's file where there is nothing of ours.
func TestOwnMembersAreRare(t *testing.T) {
	t.Parallel()
	contents := features.Contents{
		Namespace: &storev1.Namespace{Namespace: &flipt.Namespace{Key: "n"}},
		Flags:     []*storev1.Flag{{Flag: &flipt.Flag{Key: "f"}}},
	}
	text := func() string {
		text, err := features.Encode(features.YAML, []features.Contents{contents})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	words := []string{"tags", "archived", "color", "production"}
	for _, word := range words {
		if bare := text(); strings.Contains(bare, word) {
			t.Errorf("a file without anything of ours has %s:\n%s", word, bare)
		}
	}
	contents.Namespace.Color, contents.Namespace.Production = "#000000", true
	contents.Flags[0].Tags, contents.Flags[0].ArchivedAt = []string{"a"}, new(timestamppb.Timestamp)
	for _, word := range words {
		if full := text(); !strings.Contains(full, word) {
			t.Errorf("%s is not in the file:\n%s", word, full)
		}
	}
}
