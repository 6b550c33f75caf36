package features_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/burgeehq/burgee/server/features"
)

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		// Wrong types.
		{"- a", `1:1: the document must be a map, found a list`},
		{"flags:\n- key: x\n  enabled: \"yes\"", `3:12: enabled of flag "x" must be true or false, found the text "yes"`},
		{"flags:\n- key: x\n  enabled: 1", `3:12: enabled of flag "x" must be true or false, found the number 1`},
		{"flags: x", `1:8: flags of the document must be a list, found the text "x"`},
		{"flags:\n  key: x", `2:3: flags of the document must be a list, found a map`},
		{"flags: [x]", `1:9: flag 1 must be a map, found the text "x"`},
		{"flags:\n- key: [a]", `2:8: key of flag 1 must be a string, found a list`},
		{"flags:\n- key: x\n  variants:\n  - attachment: {}\n    name: {a: 1}", `5:11: name of variant 1 of flag "x" must be a string, found a map`},
		{"flags:\n- key: x\n  metadata: [1]", `3:13: metadata of flag "x" must be a map, found a list`},
		{"flags:\n- key: x\n  rules:\n  - segment: s\n    rank: 1.5", `5:11: rank of rule 1 of flag "x" must be a whole number from 0 to 2147483647, found the number 1.5`},
		{"flags:\n- key: x\n  rules:\n  - segment: s\n    rank: -1", `5:11: rank of rule 1 of flag "x" must be a whole number from 0 to 2147483647, found the number -1`},
		{"flags:\n- key: x\n  rules:\n  - segment: s\n    distributions:\n    - {variant: é, rollout: '50'}",
			`6:29: rollout of distribution 1 of rule 1 of flag "x" must be a number, found the text "50"`},
		{"flags:\n- key: x\n  rules:\n  - segment: s\n    distributions:\n    - {rollout: .nan}", `6:17: rollout of distribution 1 of rule 1 of flag "x" must be a number, found the number .nan`},
		{"flags:\n- key: x\n  rules:\n  - segment: s\n    distributions:\n    - {rollout: 1e39}", `6:17: rollout of distribution 1 of rule 1 of flag "x" must be a number, found the number 1e39`},
		{"namespace: [a]", `1:12: namespace of the document must be a key or a map, found a list`},
		{"flags: [{name: !!binary '*'}]", `1:16: name of flag 1 must be base64 of UTF-8 text, found the text "*"`},
		{"flags: [{enabled: !!bool maybe}]", `1:19: enabled of flag 1 must be true or false, found a value tagged !!bool?`},
		{"flags:\r\n- key: x\r\n  enabled: 3\r\n", `3:12: enabled of flag "x" must be true or false, found the number 3`},
		// Names of enumerations.
		{"flags:\n- key: x\n  type: boolean", `3:9: type of flag "x" must be one of VARIANT_FLAG_TYPE, BOOLEAN_FLAG_TYPE, found the text "boolean"`},
		{"segments:\n- key: x\n  match_type: 1", `3:15: match_type of segment "x" must be one of ALL_MATCH_TYPE, ANY_MATCH_TYPE, found the number 1`},
		{"segments:\n- key: x\n  constraints:\n  - type: INT", `4:11: type of constraint 1 of segment "x" must be one of STRING_COMPARISON_TYPE, NUMBER_COMPARISON_TYPE, ` +
			`BOOLEAN_COMPARISON_TYPE, DATETIME_COMPARISON_TYPE, ENTITY_ID_COMPARISON_TYPE, found the text "INT"`},
		{"flags:\n- rules:\n  - segment: {keys: [a], operator: XOR}", `3:36: operator of segment of rule 1 of flag 1 must be one of OR_SEGMENT_OPERATOR, AND_SEGMENT_OPERATOR, found the text "XOR"`},
		// Attachments and metadata.
		{"flags:\n- key: x\n  variants:\n  - key: v\n    attachment:\n      1: a", `6:7: a key of attachment of variant "v" of flag "x" must be a string, found the number 1: quote it`},
		{"flags:\n- key: x\n  variants:\n  - key: v\n    attachment:\n      a: [{true: 1}]", `6:12: a key of attachment of variant "v" of flag "x" must be a string, found true: quote it`},
		{"flags:\n- key: x\n  variants:\n  - key: v\n    attachment:\n      ? [a]\n      : 1", `6:9: a key of attachment of variant "v" of flag "x" must be a string, found a list`},
		{"flags:\n- key: x\n  variants:\n  - key: v\n    attachment: [1, .inf]", `5:21: attachment of variant "v" of flag "x": JSON has no number .inf`},
		{"flags:\n- variants:\n  - attachment: !!int x", `3:17: attachment of variant 1 of flag 1: "x" is not what its tag says`},
		{"flags:\n- key: x\n  metadata:\n    1: 2", `4:5: a key of metadata of flag "x" must be a string, found the number 1: quote it`},
		{"flags:\n- key: x\n  metadata: {a: 1e400}", `3:13: metadata of flag "x": proto:`},
		// Rules and rollouts.
		{"flags:\n- key: x\n  rules:\n  - distributions: []", `4:5: rule 1 of flag "x" has no segment`},
		{"flags:\n- key: x\n  rules:\n  - segment: a\n  - segment: {keys: []}", `5:5: rule 2 of flag "x" has no segment`},
		{"flags:\n- key: x\n  rules:\n  - segment: [a]", `4:14: segment of rule 1 of flag "x" must be a key or a map of keys and operator, found a list`},
		{"namespace: n\nflags:\n- key: x\n  rollouts:\n  - threshold: {percentage: 1}\n  - segment: {key: a}\n    threshold: {percentage: 1}",
			`6:5: rollout "n/x/1" cannot have both segment and percentage rule`},
		{"flags:\n- key: x\n  rollouts:\n  - segment: {key: a, keys: [b]}\nnamespace: n", `4:14: rollout n/x/0 cannot have both segment.keys and segment.key`},
		// Versions.
		{"version: 1.5", `1:10: unsupported version: 1.5`},
		{"version: \"2\"", `1:10: unsupported version: 2`},
		{"version: 1.4.1", `1:10: unsupported version: 1.4.1`},
		{"version: new", `1:10: parsing document version: "new" is not a version number`},
		{"version: 1.2.3.4", `1:10: parsing document version: "1.2.3.4" is not a version number`},
		{"version: [1]", `1:10: version of the document must be a string, found a list`},
		{"version: 1.0\nflags:\n- key: x\n  type: BOOLEAN_FLAG_TYPE", `4:3: flag.type is supported in version >=1.1, found 1.0`},
		{"version: v1\nflags:\n- key: x\n  rollouts: [{}]", `4:3: flag.rollouts is supported in version >=1.1, found 1.0`},
		{"version: 1.1\nflags:\n- key: x\n  rollouts: [{segment: {keys: [a]}}]", `4:25: flag.rollouts[*].segment.keys is supported in version >=1.2, found 1.1`},
		{"flags:\n- key: x\n  variants:\n  - default: true\nversion: \"1.2\"", `4:5: variant.default is supported in version >=1.3, found 1.2`},
		{"version: 1.2\n---\nflags:\n- variants: [{default: true}]", `4:15: variant.default is supported in version >=1.3, found 1.2`},
		// Keys and merges.
		{"flags:\n- key: x\n  name: a\n  key: y", `4:3: "key" of flag 1 is already given in line 2`},
		{"flags: []\nflags: []", `2:1: "flags" of the document is already given in line 1`},
		{"? {a: 1}\n: 2", `1:3: a key of the document must be a string, found a map`},
		{"<<: 1", `1:5: << of the document must be a map or a list of maps, found the number 1`},
		{"<<: [1]", `1:6: << of the document must name maps, found the number 1`},
		{"&a <<: &b\n  <<: *b", `2:7: << of the document is nested deeper than 64 levels`},
		// Syntax.
		{"a: 1\nb: [1, 2\nc: 3\n", `3:2: did not find expected ',' or ']'`},
		{"a:\n\tb: 1", `2:1: found character that cannot start any token`},
		{"flags:\n- key: x\n  name: y\n name: z\n", `4:2: did not find expected key`},
		{"é: é: c", `1:5: mapping values are not allowed in this context`},
		{"a: *x", `1:4: unknown anchor 'x' referenced`},
		{"a: b\n---\na: \"\\q\"", `3:5: found unknown escape character`},
		{"a: é\xff", `1:5: invalid UTF-8`},
		{"\ufeffa: b\nc: \x00", `2:4: control character U+0000 is not allowed`},
	} {
		check(t, features.YAML, c.text, c.want)
	}
}

func TestDecodeJSONErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{`{"flags": [` + "\n" + ` {"é": 1, "key": "x", "enabled": "yes"}]}`, `2:34: enabled of flag "x" must be true or false, found the text "yes"`},
		{"[1]", `1:1: the document must be a map, found a list`},
		{"12", `1:1: the document must be a map, found the number 12`},
		{`{"version": 1.9}`, `1:13: unsupported version: 1.9`},
		{`{"é": 1, "b" 2}`, `1:14: invalid character '2' after object key`},
		{"{\"a\": [1,\n2,}", `2:3: invalid character '}' looking for beginning of value`},
		{`{"a": tru}`, `1:10: invalid character '}' in literal true (expecting 'e')`},
		{"{\"a\": \"x\n\"}", `1:9: invalid character '\n' in string literal`},
		{`{"é": "\q"}`, `1:9: invalid character 'q' in string escape code`},
		{`{"a":1,}`, `1:8: invalid character '}' looking for beginning of object key string`},
		{"{}\n,{}", `2:1: invalid character ',' looking for beginning of value`},
		{"{}\n{\"a\": ", `2:7: unexpected end of file`},
		{`{"a": "b`, `1:9: unexpected end of file`},
		{"# no\n# two\n{}", `2:1: invalid character '#' looking for beginning of value`},
		{"# no\n{\"a\": 01}", `2:8: invalid character '1' after object key:value pair`},
		{"{\"a\": \"\xff\"}", `1:8: invalid UTF-8`},
	} {
		check(t, features.JSON, c.text, c.want)
	}
}

// check decodes a text that has one error and compares it with the place and the beginning of the text.
func check(t *testing.T, e features.Encoding, text, want string) {
	t.Helper()
	f, err := features.Decode("a.yml", []byte(text), e)
	var located *features.Error
	if err == nil || f != nil || !errors.As(err, &located) {
		t.Errorf("%q: got %v, %v, want %s", text, f, err, want)
		return
	}
	if got := err.Error(); got != "a.yml:"+want && !(strings.HasSuffix(want, "proto:") && strings.HasPrefix(got, "a.yml:"+want)) {
		t.Errorf("%q:\ngot  %s\nwant a.yml:%s", text, got, want)
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%q: %v is io.EOF", text, err)
	}
}

func TestErrorsAreJoinedInOrder(t *testing.T) {
	t.Parallel()
	text := "segments:\n- key: [1]\nflags:\n- enabled: 3\n- enabled: 4\nnamespace: [x]\n---\na: ["
	_, err := features.Decode("f", []byte(text), features.YAML)
	want := `f:2:8: key of segment 1 must be a string, found a list
f:4:12: enabled of flag 1 must be true or false, found the number 3
f:5:12: enabled of flag 2 must be true or false, found the number 4
f:6:12: namespace of the document must be a key or a map, found a list
f:9:1: did not find expected node content`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}

	_, err = features.Decode("f", []byte("flags:\n"+strings.Repeat("- enabled: 2\n", 1000)), features.YAML)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 20 {
		t.Fatalf("got %v, want 20 errors", err)
	}
	for i, e := range joined.Unwrap() {
		if located, ok := e.(*features.Error); !ok || located.Pos != (features.Pos{Line: i + 2, Column: 12}) || located.File != "f" {
			t.Errorf("error %d: got %v", i, e)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	f := &features.File{Name: "features.yml"}
	pos := features.Pos{Line: 12, Column: 7}
	err := f.Wrap(pos, io.ErrUnexpectedEOF)
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "features.yml:12:7: unexpected EOF" {
		t.Errorf("got %v", err)
	}
	for want, err := range map[string]error{
		"features.yml:12:7: flag 3": f.Errorf(pos, "flag %d", 3),
		"features.yml: flag":        f.Errorf(features.Pos{}, "flag"),
		"12:7: flag":                (&features.File{}).Errorf(pos, "flag"),
		"flag":                      (&features.File{}).Errorf(features.Pos{}, "flag"),
	} {
		if err.Error() != want {
			t.Errorf("got %s, want %s", err, want)
		}
	}
	if _, err := features.Decode("f", nil, features.Encoding(9)); err == nil || err.Error() != "f: unknown encoding 9" {
		t.Errorf("got %v", err)
	}
}

// TestBombs holds that a small file cannot make much work or memory, whatever it is made of.
func TestBombs(t *testing.T) {
	t.Parallel()
	laughs := func(head, tail string) string {
		b := head + "x0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
		for i := 1; i < 12; i++ {
			b += fmt.Sprintf("x%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), ", "))
		}
		return b + tail
	}
	flags := "flags: &f\n" + strings.Repeat("- &f0 {key: a, variants: [{key: b}]}\n", 300)
	for _, c := range []struct {
		name string
		e    features.Encoding
		text string
		want string
	}{
		{"billion laughs", features.YAML, laughs("", "flags: [{variants: [{attachment: *l11}]}]"), "aliases expand to more than 100000 values"},
		{"billion metadata", features.YAML, laughs("", "flags: [{metadata: {a: *l11}}]"), "aliases expand to more than 100000 values"},
		{"repeated flags", features.YAML, flags + strings.Repeat("---\nflags: *f\n", 1000), "aliases expand to more than"},
		{"long text", features.YAML, "x: &x " + strings.Repeat("a", 100_000) + "\nflags: [{variants: [" + strings.Repeat("{attachment: [*x, *x, *x]}, ", 60) + "]}]", "bytes"},
		{"cycle", features.YAML, "flags: [{variants: [{attachment: &a [*a]}]}]", "nested deeper than 64 levels"},
		{"wide cycle", features.YAML, "flags: [{variants: [{attachment: &a [*a, *a, *a, *a]}]}]", "nested deeper than 64 levels"},
		{"lists", features.YAML, strings.Repeat("[", 100_000), "nested deeper than 64 levels"},
		{"maps", features.YAML, strings.Repeat("{a: ", 100_000), "nested deeper than 64 levels"},
		{"dashes", features.YAML, strings.Repeat("- ", 100_000), "nested deeper than 64 levels"},
		{"closed lists", features.YAML, "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper than 64 levels"},
		{"level 65", features.YAML, "a: " + strings.Repeat("[", 64) + strings.Repeat("]", 64), "nested deeper than 64 levels"},
		{"values", features.YAML, "a: [" + strings.Repeat("1,", 2_000_000) + "]", "document has more than 4000000 values"},
		{"documents", features.YAML, strings.Repeat("---\n", 100_100), "more than 100000 documents"},
		{"directives", features.YAML, strings.Repeat("%TAG !a! b\n", 10_000), "more than 64 lines begin with %"},
		{"JSON lists", features.JSON, strings.Repeat("[", 100_000), "nested deeper than 64 levels"},
		{"JSON maps", features.JSON, strings.Repeat(`{"a":`, 100_000), "nested deeper than 64 levels"},
		{"JSON values", features.JSON, `{"a\"": [` + strings.Repeat("1,", 4_000_000), "1:8000005: document has more than 4000000 values"},
		{"JSON documents", features.JSON, strings.Repeat("0 ", 100_100), "the document must be a map"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := 3 * time.Second
			if strings.HasPrefix(c.name, "billion") {
				limit = 250 * time.Millisecond
			}
			took, err := time.Duration(math.MaxInt64), error(nil)
			for range 3 { // the shortest of three, for the sake of a busy machine
				start := time.Now()
				_, err = features.Decode("f", []byte(c.text), c.e)
				took = min(took, time.Since(start))
				if took < limit {
					break
				}
			}
			if took >= limit {
				t.Errorf("took %v, want less than %v", took, limit)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %s", err, c.want)
			}
		})
	}

	for _, e := range []features.Encoding{features.YAML, features.JSON} {
		if _, err := features.Decode("f", []byte(`{"a": `+strings.Repeat("[", 63)+strings.Repeat("]", 63)+"}"), e); err != nil {
			t.Errorf("64 levels: %v", err)
		}
	}
}
