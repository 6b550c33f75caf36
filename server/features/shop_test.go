package features_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/features"
)

// operators are those that the API takes, by type of comparison.
var operators = map[flipt.ComparisonType]string{
	flipt.ComparisonType_STRING_COMPARISON_TYPE:    "eq neq empty notempty prefix suffix isoneof isnotoneof contains notcontains",
	flipt.ComparisonType_NUMBER_COMPARISON_TYPE:    "eq neq lt lte gt gte present notpresent isoneof isnotoneof",
	flipt.ComparisonType_DATETIME_COMPARISON_TYPE:  "eq neq lt lte gt gte present notpresent isoneof isnotoneof",
	flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE:   "true false present notpresent",
	flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE: "eq neq isoneof isnotoneof contains notcontains",
}

// TestShop holds the sample to the rules of the API and to what it is a sample of.
func TestShop(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := features.Decode("shop.yml", text, features.YAML)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) != 0 || len(f.Documents) != 2 {
		t.Fatalf("got warnings %v and %d documents, want none and 2", f.Warnings, len(f.Documents))
	}
	flags, segments, types, kinds := 0, 0, map[flipt.FlagType]int{}, map[flipt.ComparisonType]int{}
	for _, doc := range f.Documents {
		flags += len(doc.Flags)
		segments += len(doc.Segments)
		var keys []string
		for _, s := range doc.Segments {
			checkName(t, f, s.Pos, s.Key, s.Name, s.Description, keys)
			keys = append(keys, s.Key)
			for _, c := range s.Constraints {
				kinds[c.Type]++
				checkConstraint(t, f, c)
			}
		}
		var names []string
		for _, flag := range doc.Flags {
			checkName(t, f, flag.Pos, flag.Key, flag.Name, flag.Description, names)
			names = append(names, flag.Key)
			types[flag.Type]++
			checkFlag(t, f, flag, keys)
		}
	}
	if flags < 44 || segments < 12 || len(types) != 2 || len(kinds) != 5 {
		t.Errorf("got %d flags of types %v and %d segments of kinds %v", flags, types, segments, kinds)
	}
	contents := contentsOf(f.Documents)
	want := shape(t, f.Documents)
	for _, e := range []features.Encoding{features.YAML, features.JSON} {
		out, err := features.Encode(e, contents)
		if err != nil {
			t.Fatal(err)
		}
		if got := shape(t, decode(t, e, string(out)).Documents); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func checkName(t *testing.T, f *features.File, pos features.Pos, key, name, description string, taken []string) {
	t.Helper()
	if !regexp.MustCompile(`^[-_,A-Za-z0-9]+$`).MatchString(key) || name == "" || description == "" || slices.Contains(taken, key) {
		t.Error(f.Errorf(pos, "key %q, name %q, description %q", key, name, description))
	}
}

func checkConstraint(t *testing.T, f *features.File, c features.Constraint) {
	t.Helper()
	entity := c.Type == flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE
	if !slices.Contains(strings.Fields(operators[c.Type]), c.Operator) || c.Property == "" || entity != (c.Property == "entityId") {
		t.Error(f.Errorf(c.Pos, "%v %q %q", c.Type, c.Property, c.Operator))
	}
	bare := slices.Contains(strings.Fields("true false empty notempty present notpresent"), c.Operator)
	if bare != (c.Value == "") {
		t.Error(f.Errorf(c.Pos, "%q has the value %q", c.Operator, c.Value))
	}
	if strings.HasSuffix(c.Operator, "oneof") {
		if list := []string{}; json.Unmarshal([]byte(c.Value), &list) != nil || len(list) == 0 {
			t.Error(f.Errorf(c.Pos, "%s is no list", c.Value))
		}
		return
	}
	var err error
	switch {
	case bare:
	case c.Type == flipt.ComparisonType_DATETIME_COMPARISON_TYPE:
		_, err = time.Parse(time.RFC3339, c.Value)
	case c.Type == flipt.ComparisonType_NUMBER_COMPARISON_TYPE:
		_, err = strconv.ParseFloat(c.Value, 64)
	}
	if err != nil {
		t.Error(f.Wrap(c.Pos, err))
	}
}

func checkFlag(t *testing.T, f *features.File, flag features.Flag, segments []string) {
	t.Helper()
	known := func(pos features.Pos, all []string, keys ...string) {
		for _, key := range keys {
			if !slices.Contains(all, key) {
				t.Error(f.Errorf(pos, "flag %q refers to %q, which is none of %q", flag.Key, key, all))
			}
		}
	}
	var variants []string
	for _, v := range flag.Variants {
		if v.Key == "" || v.Name == "" || slices.Contains(variants, v.Key) {
			t.Error(f.Errorf(v.Pos, "variant %q, name %q", v.Key, v.Name))
		}
		variants = append(variants, v.Key)
	}
	boolean := flag.Type == flipt.FlagType_BOOLEAN_FLAG_TYPE
	if boolean && len(flag.Variants)+len(flag.Rules) > 0 || !boolean && (len(flag.Rollouts) > 0 || len(flag.Variants) == 0) {
		t.Error(f.Errorf(flag.Pos, "flag %q has the parts of the other type", flag.Key))
	}
	for _, r := range flag.Rules {
		known(r.Pos, segments, r.SegmentKeys...)
		sum := float32(0)
		for _, d := range r.Distributions {
			known(d.Pos, variants, d.Variant)
			sum += d.Rollout
		}
		if sum < 99.99 || sum > 100.01 {
			t.Error(f.Errorf(r.Pos, "the distributions are %v %% together", sum))
		}
	}
	for _, r := range flag.Rollouts {
		if r.Segment != nil {
			known(r.Pos, segments, r.Segment.Keys...)
		}
		if (r.Segment == nil) == (r.Threshold == nil) || r.Threshold != nil && (r.Threshold.Percentage < 0 || r.Threshold.Percentage > 100) {
			t.Error(f.Errorf(r.Pos, "rollout %+v", r))
		}
	}
}
