package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// suggested checks that the suggestion, if there is one, does what it says, and says whether there is one.
func suggested(t *testing.T, snapshot *Snapshot, key, entityID string, context map[string]string, now *Result) bool {
	t.Helper()
	flag := flagOf(t, snapshot, key)
	before := maps.Clone(context)
	var then, want Result
	suggestion, err := flag.Suggest(entityID, context, &then)
	if err != nil {
		t.Fatalf("%s, entity %q, context %q: %v", key, entityID, context, err)
	}
	if !maps.Equal(context, before) {
		t.Fatalf("context %q became %q", before, context)
	}
	if suggestion == nil {
		return false
	}
	changed := applied(t, context, suggestion)
	if err := flag.Evaluate(entityID, changed, &want); err != nil || !flag.Same(&then, &want) || flag.Same(now, &want) {
		t.Errorf("%s, entity %q, context %q, suggestion %v: got %+v, now %+v, then %+v, %v", key, entityID, context, suggestion, then, now, want, err)
	}
	return true
}

// applied carries out a suggestion on a copy of the context.
func applied(t *testing.T, context map[string]string, s *burgeev1.Suggestion) map[string]string {
	t.Helper()
	changed := maps.Clone(context)
	if changed == nil {
		changed = map[string]string{}
	}
	if old, there := context[s.Property]; (s.Old != nil) != there || s.GetOld() != old {
		t.Errorf("context %q, suggestion %v", context, s)
	}
	delete(changed, s.Property)
	if s.New != nil {
		changed[s.Property] = *s.New
	}
	return changed
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	segment := func(key string, constraints ...*flipt.Constraint) Change {
		return setSegment(segmentDocument(key, flipt.MatchType_ALL_MATCH_TYPE, constraints...))
	}
	text := func(operator, value string) *flipt.Constraint { return constraintOf(typeString, "p", operator, value) }
	number := func(operator, value string) *flipt.Constraint { return constraintOf(typeNumber, "n", operator, value) }
	for name, test := range map[string]struct {
		constraints []*flipt.Constraint
		context     map[string]string
		want        string // property, old and new; - for nothing there
	}{
		"change what is there":        {[]*flipt.Constraint{text("eq", "gold")}, map[string]string{"p": "silver"}, "p silver gold"},
		"add what is not there":       {[]*flipt.Constraint{text("eq", "gold")}, nil, "p - gold"},
		"take away what decides":      {[]*flipt.Constraint{text("eq", "gold")}, map[string]string{"p": "gold"}, "p gold -"},
		"a value that nobody names":   {[]*flipt.Constraint{text("neq", "gold")}, map[string]string{"p": "gold"}, "p gold 1"},
		"the nearest of a list":       {[]*flipt.Constraint{text("isoneof", `["north","east","west"]`)}, map[string]string{"p": "best"}, "p best west"},
		"the next number":             {[]*flipt.Constraint{number("gt", "18")}, map[string]string{"n": "18"}, "n 18 19"},
		"the limit itself":            {[]*flipt.Constraint{number("gte", "18")}, map[string]string{"n": "17"}, "n 17 18"},
		"below a limit":               {[]*flipt.Constraint{number("gte", "18")}, map[string]string{"n": "18"}, "n 18 17"},
		"between two limits":          {[]*flipt.Constraint{number("gt", "0"), number("lt", "1")}, map[string]string{"n": "5"}, "n 5 0.5"},
		"beside a number without one": {[]*flipt.Constraint{number("gt", "1e300")}, map[string]string{"n": "1"}, "n 1 1.0000000000000002e+300"},
		"a second later": {[]*flipt.Constraint{constraintOf(typeDatetime, "d", "gt", "2024-06-15")}, map[string]string{"d": "2024-01-01"},
			"d 2024-01-01 2024-06-15T00:00:01Z"},
		"the other state": {[]*flipt.Constraint{constraintOf(typeBoolean, "b", "true", "")}, map[string]string{"b": "false"}, "b false true"},
		"a beginning":     {[]*flipt.Constraint{text("prefix", "eu-")}, map[string]string{"p": "north"}, "p north eu-north"},
		"all parts at once": {[]*flipt.Constraint{text("prefix", "eu-"), text("contains", "x"), text("suffix", "-1")}, nil,
			"p - eu-x-1"},
		"without a part":        {[]*flipt.Constraint{text("notcontains", "test")}, map[string]string{"p": "a test b"}, "p a test b a  b"},
		"none for the entity":   {[]*flipt.Constraint{constraintOf(typeEntity, "p", "eq", "other")}, map[string]string{"p": "x"}, "none"},
		"none that would do":    {[]*flipt.Constraint{text("eq", "gold"), number("eq", "1")}, nil, "none"},
		"one of two is missing": {[]*flipt.Constraint{text("eq", "gold"), number("eq", "1")}, map[string]string{"p": "gold"}, "n - 1"},
	} {
		snapshot := snapshotOf(t, segment("s", test.constraints...), setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s"))))
		var r Result
		got := "none"
		suggestion, err := flagOf(t, snapshot, "f").Suggest("e", test.context, &r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if suggestion != nil {
			got = strings.Join([]string{suggestion.Property, orDash(suggestion.Old), orDash(suggestion.New)}, " ")
		}
		if got != test.want {
			t.Errorf("%s: context %q: got %s, want %s", name, test.context, got, test.want)
		}
	}
}

func orDash(text *string) string {
	if text == nil {
		return "-"
	}
	return *text
}

// TestSuggestIsBounded gives it more values than it may try, in an order that must not matter twice.
func TestSuggestIsBounded(t *testing.T) {
	t.Parallel()
	var changes []Change
	var keys []string
	for i := range 30 {
		keys = append(keys, fmt.Sprint("s", i))
		var list []string
		for j := range 2 * maxElements {
			list = append(list, fmt.Sprintf("%q", fmt.Sprint(i, " ", j)))
		}
		document := segmentDocument(keys[i], flipt.MatchType_ALL_MATCH_TYPE, constraintOf(typeString, "never", "eq", fmt.Sprint(i)))
		for j := range 10 {
			document.Segment.Constraints = append(document.Segment.Constraints,
				constraintOf(typeString, fmt.Sprint("p", j), "isoneof", "["+strings.Join(list, ",")+"]"))
		}
		changes = append(changes, setSegment(document))
	}
	flag := flagOf(t, snapshotOf(t, append(changes, setFlag(booleanFlag("f", false, segmentRollout(1, true, operatorOR, keys...))))...), "f")
	first := flag.candidates(nil)
	if len(first) != maxCandidates {
		t.Errorf("%d candidates, want %d", len(first), maxCandidates)
	}
	if again := flag.candidates(nil); !slices.Equal(first, again) {
		t.Errorf("got %v, then %v", first, again)
	}
	var r Result
	if suggestion, err := flag.Suggest("e", nil, &r); suggestion != nil || err != nil || r.Match {
		t.Errorf("got %v, %v, want none", suggestion, err)
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "日本", 2}, {"kitten", "sitting", 3}, {"gold", "gold", 0}, {"gold", "old", 1}, {"ab", "ba", 2},
		{"é", "è", 1}, {"aXb", "aYb", 1}, {"aa", "aaa", 1}, {"a" + long, "b" + strings.Repeat("y", 150) + long, 151}, {long, "", 200},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			if got := edits(pair[0], pair[1]); got != test.want {
				t.Errorf("%q to %q: got %d, want %d", pair[0], pair[1], got, test.want)
			}
		}
	}
}
