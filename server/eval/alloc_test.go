package eval

import (
	"fmt"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

// measure returns the allocations of one look-up and evaluation, which must match.
func measure(t testing.TB, snapshot *Snapshot, key, entityID string, context map[string]string, how func(Flag, string, map[string]string, *Result) error) float64 {
	t.Helper()
	var r Result
	evaluateOnce := func() {
		flag, err := snapshot.Flag(namespace, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := how(flag, entityID, context, &r); err != nil || !r.Match {
			t.Fatalf("%s: match %v, error %v", key, r.Match, err)
		}
	}
	return testing.AllocsPerRun(100, evaluateOnce)
}

// TestMatchNoAlloc holds the promise that a match allocates nothing, for every operator of every type.
func TestMatchNoAlloc(t *testing.T) {
	texts, numbers := `["`+strings.Repeat(`x","`, 99)+`a"]`, `[`+strings.Repeat(`7,`, 99)+`1]`
	for _, test := range []struct {
		kind               flipt.ComparisonType
		operator, value, v string
	}{
		{typeString, "eq", "a", "a"}, {typeString, "neq", "b", "a"}, {typeString, "empty", "", "\u00a0"}, {typeString, "notempty", "", " é "},
		{typeString, "prefix", "a", " ab"}, {typeString, "suffix", "b", "ab "}, {typeString, "contains", "é", "aéb"},
		{typeString, "notcontains", "c", "ab"}, {typeString, "isoneof", `["a"]`, "a"}, {typeString, "isnotoneof", `["a"]`, "b"},
		{typeString, "isoneof", texts, "a"}, {typeString, "isnotoneof", texts, "b"},
		{typeNumber, "eq", "255", "0xFFp0"}, {typeNumber, "neq", "1", "nan"}, {typeNumber, "lt", "1", "-inf"}, {typeNumber, "lte", "1", "1_0e-1"},
		{typeNumber, "gt", "1", "12345678901234567890.12345678901234567890e5"}, {typeNumber, "gte", "0", "1e-400"},
		{typeNumber, "present", "", "1"}, {typeNumber, "notpresent", "", " "}, {typeNumber, "isoneof", "[1]", "1.0"},
		{typeNumber, "isnotoneof", "[1]", "2"}, {typeNumber, "isoneof", numbers, "1"}, {typeNumber, "isnotoneof", numbers, "2"},
		{typeBoolean, "true", "", "TRUE"}, {typeBoolean, "false", "", "f"}, {typeBoolean, "present", "", "x"}, {typeBoolean, "notpresent", "", ""},
		{typeDatetime, "eq", "2024-06-15", "2024-06-15T05:30:00.0000000001+05:30"}, {typeDatetime, "neq", "2024-06-15", "2024-06-15T1:00:00,5Z"},
		{typeDatetime, "lt", "2024-06-15", "2024-06-14T00:00:00-12:34"}, {typeDatetime, "lte", "2024-06-15", "2024-06-15"},
		{typeDatetime, "gt", "2024-06-15", "2024-06-15T00:00:00.000000001Z"}, {typeDatetime, "gte", "2024-06-15", "2024-06-16"},
		{typeDatetime, "present", "", "x"}, {typeDatetime, "notpresent", "", ""},
		{typeEntity, "eq", "a", "a"}, {typeEntity, "isoneof", texts, "a"}, {typeEntity, "notcontains", "c", "a"},
	} {
		name := fmt.Sprintf("%v %s %q", test.kind, test.operator, test.v)
		snapshot := snapshotOf(t,
			setSegment(segmentDocument("s", flipt.MatchType_ALL_MATCH_TYPE, constraintOf(test.kind, "p", test.operator, test.value))),
			setFlag(variantFlag("variant", []string{"a"}, ruleOf(1, operatorOR, []string{"s"}, "a"))),
			setFlag(booleanFlag("boolean", false, segmentRollout(1, true, operatorOR, "s"))))
		context := map[string]string{"p": test.v}
		checkAllocations(t, name, measure(t, snapshot, "variant", test.v, context, Flag.Variant))
		checkAllocations(t, name, measure(t, snapshot, "boolean", test.v, context, Flag.Boolean))
	}
}

// TestManyNoAlloc does the same for as many segments as a result holds in place, for thresholds and for reading the keys.
func TestManyNoAlloc(t *testing.T) {
	changes, keys := []Change{}, []string{}
	for i := range inlineSegments {
		keys = append(keys, fmt.Sprint("s", i))
		changes = append(changes, everyone(keys[i]))
	}
	snapshot := snapshotOf(t, append(changes,
		setFlag(variantFlag("variant", []string{"a", "b"}, ruleOf(1, operatorAND, keys, "a", "b"))),
		setFlag(booleanFlag("boolean", false, thresholdRollout(1, true, 0), thresholdRollout(2, true, 100))))...)
	checkAllocations(t, "segments", measure(t, snapshot, "variant", strings.Repeat("e", 1000), nil, Flag.Variant))
	checkAllocations(t, "thresholds", measure(t, snapshot, "boolean", strings.Repeat("e", 1000), nil, Flag.Boolean))
	var r Result
	if err := flagOf(t, snapshot, "variant").Variant("e", nil, &r); err != nil {
		t.Fatal(err)
	}
	buffer := make([]string, 0, inlineSegments)
	checkAllocations(t, "keys", testing.AllocsPerRun(100, func() { buffer = r.AppendSegmentKeys(buffer[:0]) }))
}

// TestIdentityNoAlloc holds the promise that an identity fits in an interface.
func TestIdentityNoAlloc(t *testing.T) {
	flag := flagOf(t, snapshotOf(t, setFlag(booleanFlag("f", true))), "f")
	var held any
	checkAllocations(t, "identity", testing.AllocsPerRun(100, func() { held = flag.Identity() }))
	if held != any(flag.Identity()) {
		t.Errorf("got %v", held)
	}
}

func checkAllocations(t *testing.T, name string, allocations float64) {
	t.Helper()
	if allocations > 0 && !raceEnabled {
		t.Errorf("%s: %v allocations, want none", name, allocations)
	}
}
