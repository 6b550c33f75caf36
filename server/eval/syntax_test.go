package eval

import (
	"math"
	"testing"
	"time"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

const (
	typeString   = flipt.ComparisonType_STRING_COMPARISON_TYPE
	typeNumber   = flipt.ComparisonType_NUMBER_COMPARISON_TYPE
	typeBoolean  = flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE
	typeDatetime = flipt.ComparisonType_DATETIME_COMPARISON_TYPE
	typeEntity   = flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"5.": 5, ".5": 0.5, "-.5": -0.5, "+7": 7, "1e3": 1000, "1E-3": 0.001, "0255": 255, "2_55": 255, "1_0.5_0": 10.5,
		"1e1_0": 1e10, "0xFFp0": 255, "0X1P-2": 0.25, "0x1_0p0": 16, "0x_1p0": 1, "-0x.8p1": -1, "1e-400": 0, "-0": 0,
		"inf": math.Inf(1), "+Inf": math.Inf(1), "-INFINITY": math.Inf(-1), "infinity": math.Inf(1),
		"1.7976931348623157e308": math.MaxFloat64,
	} {
		if got, ok := number(text); !ok || got != want {
			t.Errorf("number(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"nan", "NaN", "NAN"} {
		if got, ok := number(text); !ok || !math.IsNaN(got) {
			t.Errorf("number(%q) = %v, %v; want NaN", text, got, ok)
		}
	}
	for _, text := range []string{
		"", " ", " 1", "1 ", "1\n", "abc", "0xff", "0xff.8", "0b1", "0o7", "0b1p0", "1__0", "_1", "1_", "1_.5", "1._5", "1_e5", "1e_5", "1e",
		"1e5_", "0x_p0", "0xp0", "0x1p", "+", "-", ".", "e5", "--1", "+-1", "+nan", "-nan", "in", "infinit", "1e400", "-1e400",
		"1,5", "1 000", "１", "0x1p1024",
	} {
		if got, ok := number(text); ok {
			t.Errorf("number(%q) = %v, want none", text, got)
		}
	}
}

func TestDatetime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2024-06-15":                                  "2024-06-15T00:00:00Z",
		"2024-02-29":                                  "2024-02-29T00:00:00Z",
		"0000-01-01":                                  "0000-01-01T00:00:00Z",
		"2024-06-15T12:00:00Z":                        "2024-06-15T12:00:00Z",
		"2024-06-15T12:00:00.5Z":                      "2024-06-15T12:00:00.5Z",
		"2024-06-15T12:00:00,5Z":                      "2024-06-15T12:00:00.5Z",
		"2024-06-15T12:00:00.1234567899Z":             "2024-06-15T12:00:00.123456789Z",
		"2024-06-15T12:00:00.000000000999999Z":        "2024-06-15T12:00:00Z",
		"2024-06-15T1:00:00Z":                         "2024-06-15T01:00:00Z",
		"2024-06-15T1:00:00,25+01:00":                 "2024-06-15T00:00:00.25Z",
		"2024-06-15T12:00:00+02:00":                   "2024-06-15T10:00:00Z",
		"2024-06-15T12:00:00-05:30":                   "2024-06-15T17:30:00Z",
		"2024-06-15T12:00:00+24:00":                   "2024-06-14T12:00:00Z",
		"2024-06-15T12:00:00+24:60":                   "2024-06-14T11:00:00Z",
		"2024-06-15T12:00:00-00:60":                   "2024-06-15T13:00:00Z",
		"2024-12-31T23:59:59.999999999-00:00":         "2024-12-31T23:59:59.999999999Z",
		"9999-12-31T23:59:59Z":                        "9999-12-31T23:59:59Z",
		"2024-06-15T12:00:00.00000000000000000+00:00": "2024-06-15T12:00:00Z",
	} {
		expected, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := datetime(text); !ok || !got.Equal(expected) {
			t.Errorf("datetime(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "2024", "2024-06", "2024-6-15", "2024-06-5", "24-06-15", "02024-06-15", "10000-01-01", "-001-01-01", "2024-13-01", "2024-00-01",
		"2024-01-00", "2024-06-31", "2023-02-29", "1900-02-29", "2024/06/15", "15-06-2024", "2024-06-15 ", " 2024-06-15",
		"2024-06-15T12:00Z", "2024-06-15T12:00:00", "2024-06-15 12:00:00Z", "2024-06-15t12:00:00Z", "2024-06-15T12:00:00z",
		"2024-06-15T24:00:00Z", "2024-06-15T12:60:00Z", "2024-06-15T12:00:60Z", "2024-06-15T12:0:00Z", "2024-06-15T12:00:0Z",
		"2024-06-15T012:00:00Z", "2024-06-15T:00:00Z", "2024-06-15T12:00:00.Z", "2024-06-15T12:00:00.", "2024-06-15T12:00:00;5Z",
		"2024-06-15T12:00:00+0200", "2024-06-15T12:00:00+02", "2024-06-15T12:00:00+2:00", "2024-06-15T12:00:00+25:00",
		"2024-06-15T12:00:00+23:61", "2024-06-15T12:00:00Z ", "2024-06-15T12:00:00ZZ", "2024-06-15T12:00:00Z+01:00", "1718452800",
		"2024-06-15T12:00:00+02:00:00", "2024-06-15T12:00:00 02:00", "２024-06-15",
	} {
		if got, ok := datetime(text); ok {
			t.Errorf("datetime(%q) = %v, want none", text, got)
		}
	}
}

func TestOperators(t *testing.T) {
	t.Parallel()
	const nbsp, nextLine, zeroWidth = "\u00a0", "\u0085", "\u200b"
	long := `["a","b","c","d","e","f","g","h","i","j"]`
	longNumbers := `[1,2,3,4,5,6,7,8,9,-0,null]`
	// For each constraint, the values of the context that match and those that do not.
	for _, test := range []struct {
		kind            flipt.ComparisonType
		operator, value string
		yes, no         []string
	}{
		{typeString, "empty", "", []string{"", " ", nbsp, nextLine, " \t\n"}, []string{zeroWidth, "a", " a "}},
		{typeString, "notempty", "", []string{zeroWidth, "a"}, []string{"", nbsp, nextLine, "\u3000"}},
		{typeString, "eq", "a", []string{"a"}, []string{"", "A", " a", "b", "a" + zeroWidth}},
		{typeString, "eq", "", nil, []string{"", "a"}},
		{typeString, "neq", "a", []string{"A", " a", "b"}, []string{"", "a"}},
		{typeString, "neq", "", []string{"a", " "}, []string{""}},
		{typeString, "prefix", "a", []string{"a", "ab", " ab", nbsp + "ab"}, []string{"", "ba", "A", zeroWidth + "ab"}},
		{typeString, "prefix", " a", nil, []string{" a", "a"}},
		{typeString, "prefix", "", []string{"a", " "}, []string{""}},
		{typeString, "suffix", "a", []string{"a", "ba", "ba ", "ba" + nextLine}, []string{"", "ab", "A", "ba" + zeroWidth}},
		{typeString, "suffix", "a ", nil, []string{"a ", "a"}},
		{typeString, "contains", " ", []string{" ", "a b", " a"}, []string{"", "ab"}},
		{typeString, "contains", "", []string{"a"}, []string{""}},
		{typeString, "notcontains", "a", []string{"b", " ", "A"}, []string{"", "a", "bab"}},
		{typeString, "notcontains", "", nil, []string{"", "a"}},
		{typeString, "isoneof", `["a","b c",""]`, []string{"a", "b c"}, []string{"", "b", "A"}},
		{typeString, "isoneof", `["\u0061",null]`, []string{"a"}, []string{"", "null"}},
		{typeString, "isoneof", ` [ "a" ] `, []string{"a"}, []string{"b"}},
		{typeString, "isoneof", long, []string{"a", "j"}, []string{"", "k"}},
		{typeString, "isoneof", "null", nil, []string{"", "a", "null"}},
		{typeString, "isoneof", "a", nil, []string{"", "a"}},
		{typeString, "isoneof", `{"a":1}`, nil, []string{"a"}},
		{typeString, "isoneof", `["a",1]`, nil, []string{"a", "1"}},
		{typeString, "isnotoneof", `["a"]`, []string{"b", "A", " "}, []string{"", "a"}},
		{typeString, "isnotoneof", long, []string{"k"}, []string{"", "a", "j"}},
		{typeString, "isnotoneof", "null", []string{"a"}, []string{""}},
		{typeString, "isnotoneof", "[]", []string{"a"}, []string{""}},
		{typeString, "isnotoneof", "", nil, []string{"", "a"}},
		{typeString, "isnotoneof", `["a",1]`, nil, []string{"a", "b"}},
		{typeString, "isnotoneof", `["a"] x`, nil, []string{"a", "b"}},
		{typeString, "EQ", "a", nil, []string{"a"}},
		{typeString, "gt", "1", nil, []string{"2"}},
		{typeString, "present", "", nil, []string{"", "a"}},
		{typeString, "", "a", nil, []string{"", "a"}},

		{typeNumber, "present", "", []string{"1", "abc"}, []string{"", " ", nbsp}},
		{typeNumber, "notpresent", "", []string{"", " ", nextLine}, []string{"1", "abc", zeroWidth}},
		{typeNumber, "eq", "10", []string{"10", "10.0", "1e1", "0xAp0", "1_0"}, []string{"", " 10", "11", "abc", "nan"}},
		{typeNumber, "eq", "nan", nil, []string{"", "nan", "1"}},
		{typeNumber, "eq", "inf", []string{"Infinity"}, []string{"-inf", "1e400"}},
		{typeNumber, "eq", "abc", nil, []string{"", "abc", "1"}},
		{typeNumber, "eq", "0", []string{"-0", "1e-400"}, []string{"", "1"}},
		{typeNumber, "neq", "10", []string{"11", "nan"}, []string{"", "10", "abc", "10.0"}},
		{typeNumber, "neq", "nan", []string{"nan", "1"}, []string{"", "abc"}},
		{typeNumber, "neq", "abc", nil, []string{"", "1", "abc"}},
		{typeNumber, "lt", "10", []string{"9", "-inf"}, []string{"", "10", "11", "nan"}},
		{typeNumber, "lte", "10", []string{"9", "10"}, []string{"", "11", "nan"}},
		{typeNumber, "gt", "10", []string{"11", "inf"}, []string{"", "10", "9", "nan"}},
		{typeNumber, "gte", "10", []string{"11", "10"}, []string{"", "9", "nan", "abc"}},
		{typeNumber, "isoneof", "[1, 2.5, 3e2]", []string{"1.0", "2.50", "300"}, []string{"", "2", "x", "nan"}},
		{typeNumber, "isoneof", longNumbers, []string{"9", "0", "-0"}, []string{"", "10", "nan"}},
		{typeNumber, "isoneof", `["1"]`, nil, []string{"1"}},
		{typeNumber, "isoneof", `[1,1e400]`, nil, []string{"1"}},
		{typeNumber, "isnotoneof", "[1, 2.5]", []string{"2", "nan"}, []string{"", "1", "x"}},
		{typeNumber, "isnotoneof", longNumbers, []string{"10", "nan"}, []string{"", "9", "x"}},
		{typeNumber, "isnotoneof", "null", []string{"1"}, []string{"", "x"}},
		{typeNumber, "isnotoneof", `["1"]`, nil, []string{"1", "2"}},
		{typeNumber, "contains", "1", nil, []string{"1"}},
		{typeNumber, "empty", "", nil, []string{"", "1"}},

		{typeBoolean, "true", "false", []string{"1", "t", "T", "TRUE", "true", "True"}, []string{"", "0", "false", "yes", " true", "tRUE", "on"}},
		{typeBoolean, "false", "", []string{"0", "f", "F", "FALSE", "false", "False"}, []string{"", "1", "true", "no", "false ", "fALSE"}},
		{typeBoolean, "present", "", []string{"x"}, []string{"", " "}},
		{typeBoolean, "notpresent", "", []string{"", nbsp}, []string{"x"}},
		{typeBoolean, "eq", "true", nil, []string{"true"}},

		{typeDatetime, "present", "", []string{"x"}, []string{"", " "}},
		{typeDatetime, "notpresent", "", []string{"", " "}, []string{"x"}},
		{typeDatetime, "eq", "2024-06-15T12:00:00Z", []string{"2024-06-15T14:00:00+02:00"}, []string{"", "2024-06-15", "x"}},
		{typeDatetime, "eq", "2024-06-15", []string{"2024-06-15", "2024-06-15T00:00:00Z"}, []string{"", "2024-06-14T24:00:00Z"}},
		{typeDatetime, "eq", "x", nil, []string{"", "x", "2024-06-15"}},
		{typeDatetime, "neq", "2024-06-15", []string{"2024-06-15T00:00:00.000000001Z"}, []string{"", "x", "2024-06-15"}},
		{typeDatetime, "neq", "x", nil, []string{"", "x", "2024-06-15"}},
		{typeDatetime, "lt", "2024-06-15", []string{"2024-06-14"}, []string{"", "2024-06-15", "2024-06-16", "x"}},
		{typeDatetime, "lte", "2024-06-15", []string{"2024-06-14", "2024-06-15"}, []string{"", "2024-06-16"}},
		{typeDatetime, "gt", "2024-06-15", []string{"2024-06-16"}, []string{"", "2024-06-15", "2024-06-14"}},
		{typeDatetime, "gte", "2024-06-15", []string{"2024-06-16", "2024-06-15"}, []string{"", "2024-06-14"}},
		{typeDatetime, "isoneof", `["2024-06-15"]`, nil, []string{"2024-06-15"}},
		{typeDatetime, "isnotoneof", `["2024-06-15"]`, nil, []string{"2024-06-15", "2024-06-16"}},
	} {
		constraint := constraintOf(test.kind, "p", test.operator, test.value)
		for i, v := range append(test.yes, test.no...) {
			want := i < len(test.yes)
			if got := matchesConstraint(t, constraint, "e", map[string]string{"p": v}); got != want {
				t.Errorf("%v %q %q of %q: got %v, want %v", test.kind, test.operator, test.value, v, got, want)
			}
			if v == "" && matchesConstraint(t, constraint, "e", nil) != want {
				t.Errorf("%v %q %q of nothing: want %v, as for the empty text", test.kind, test.operator, test.value, want)
			}
			if test.kind != typeString {
				continue
			}
			entity := constraintOf(typeEntity, "p", test.operator, test.value)
			if got := matchesConstraint(t, entity, v, map[string]string{"p": "other"}); got != want {
				t.Errorf("entity id %q %q of %q: got %v, want %v", test.operator, test.value, v, got, want)
			}
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, text := range []string{"1", "2_55", "0x_1p0", "-inf", "NaN", "1e400", "0x1.8p-3", "1__0", ".", "0b1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := number(text)
		want, wantOK := naiveParse(text)
		if ok != wantOK || ok && got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("number(%q) = %v, %v; want %v, %v", text, got, ok, want, wantOK)
		}
	})
}

func FuzzDatetime(f *testing.F) {
	for _, text := range []string{
		"2024-06-15", "2024-06-15T12:00:00Z", "2024-02-29T1:00:00,5+24:60", "2024-06-15T12:00:00.1234567899-05:30", "2023-02-29",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := datetime(text)
		want, wantOK := naiveTime(text)
		if ok != wantOK || !got.Equal(want) {
			t.Errorf("datetime(%q) = %v, %v; want %v, %v", text, got, ok, want, wantOK)
		}
	})
}

func FuzzConstraintValue(f *testing.F) {
	for kind := range int32(6) {
		for _, operator := range operators {
			f.Add(kind, operator, `["a",null]`, "a")
			f.Add(kind, operator, "1", "1")
			f.Add(kind, operator, "2024-06-15", "2024-06-15")
		}
	}
	f.Fuzz(func(t *testing.T, kind int32, operator, value, v string) {
		segment := segmentDocument("s", flipt.MatchType_ALL_MATCH_TYPE, constraintOf(flipt.ComparisonType(kind), "p", operator, value))
		w := world{
			flags:    map[string]*storev1.Flag{"f": booleanFlag("f", false, segmentRollout(1, true, operatorOR, "s"))},
			segments: map[string]*flipt.Segment{"s": segment.Segment},
		}
		snapshot := snapshotOf(t, setSegment(segment), setFlag(w.flags["f"]))
		context := map[string]string{"p": v}
		got, want := booleanOutcome(snapshot, "f", "e", context), w.boolean("f", "e", context)
		if !got.equal(want) {
			t.Errorf("%d %q %q of %q: got %+v, want %+v", kind, operator, value, v, got, want)
		}
	})
}
