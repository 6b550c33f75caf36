package fliptdb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/store/fliptdb"
)

// plain writes a variant flag "f" with variants a and b, half of everybody in segment s each, and a boolean flag "g" with a
// rollout for s.
func plain(d *database) {
	d.insert("segments", "key", "s")
	d.insert("flags", "key", "f", "enabled", true)
	d.insert("variants", "id", "va", "flag_key", "f", "key", "a", "attachment", `{"n": 1}`)
	d.insert("variants", "id", "vb", "flag_key", "f", "key", "b")
	d.insert("rules", "id", "r", "flag_key", "f")
	d.insert("rule_segments", "rule_id", "r", "segment_key", "s")
	d.insert("distributions", "id", "da", "rule_id", "r", "variant_id", "va", "rollout", 50)
	d.insert("distributions", "id", "db", "rule_id", "r", "variant_id", "vb", "rollout", 50)
	d.insert("flags", "key", "g", "type", 1)
	d.insert("rollouts", "id", "o", "flag_key", "g", "type", 1)
	d.insert("rollout_segments", "id", "os", "rollout_id", "o", "value", true)
	d.insert("rollout_segment_references", "rollout_segment_id", "os", "segment_key", "s")
}

// Entities of flag f by their bucket: low is below 500, high is not.
const (
	low  = "u0" // 127
	high = "u1" // 713
)

// asPlain is what plain answers: a for low, b for high, and true.
const asPlain = `a{"n":1} b true`

// answers evaluates both flags of plain.
func answers(t *testing.T, snapshot *eval.Snapshot) string {
	t.Helper()
	return evaluate(t, snapshot, "f", low) + " " + evaluate(t, snapshot, "f", high) + " " + evaluate(t, snapshot, "g", low)
}

// evaluate says what a flag of the default namespace answers, or "none" when it does not match.
func evaluate(t *testing.T, snapshot *eval.Snapshot, key, entity string) string {
	t.Helper()
	flag, err := snapshot.Flag("default", key)
	if err != nil {
		return err.Error()
	}
	var r eval.Result
	context := map[string]string{"p": "x"}
	if key == "g" {
		if err := flag.Boolean(entity, context, &r); err != nil {
			return err.Error()
		}
		return fmt.Sprint(r.Enabled)
	}
	if err := flag.Variant(entity, context, &r); err != nil {
		return err.Error()
	}
	if !r.Match {
		return "none"
	}
	return r.VariantKey + r.Attachment
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit     func(*database)
		problems string // each with a line of its own
		answers  string
	}{
		"none":                 {func(*database) {}, "", asPlain},
		"attachment not JSON":  {func(d *database) { d.exec(`UPDATE variants SET attachment = '{' WHERE id = 'va'`) }, `variants "va": attachment was left out: it is not JSON, and Flipt fails to evaluate the flag`, "a b true"},
		"attachment empty":     {func(d *database) { d.exec(`UPDATE variants SET attachment = '' WHERE id = 'va'`) }, "", "a b true"},
		"metadata not JSON":    {func(d *database) { d.exec(`UPDATE flags SET metadata = 'x' WHERE key = 'f'`) }, `flags "default/f": metadata was left out: it is not a JSON object (invalid character 'x' looking for beginning of value)`, asPlain},
		"metadata no object":   {func(d *database) { d.exec(`UPDATE flags SET metadata = '[1]' WHERE key = 'f'`) }, `flags "default/f": metadata was left out: it is not a JSON object (json: cannot unmarshal array into Go value of type map[string]interface {})`, asPlain},
		"metadata of nothing":  {func(d *database) { d.exec(`UPDATE flags SET metadata = 'null' WHERE key = 'f'`) }, "", asPlain},
		"metadata nested":      {func(d *database) { d.exec(`UPDATE flags SET metadata = ? WHERE key = 'f'`, nested(1000)) }, "", asPlain},
		"metadata nested deep": {func(d *database) { d.exec(`UPDATE flags SET metadata = ? WHERE key = 'f'`, nested(1001)) }, `flags "default/f": metadata was left out: it is not a JSON object (it is nested too deep)`, asPlain},
		"default variant gone": {func(d *database) { d.exec(`UPDATE flags SET default_variant_id = 'v' WHERE key = 'f'`) }, `flags "default/f": its default variant "v" was left out: it has no such variant, and Flipt ignores it`, asPlain},
		"default variant of another flag": {func(d *database) { d.exec(`UPDATE flags SET default_variant_id = 'va' WHERE key = 'g'`) },
			`flags "default/g": its default variant "va" was left out: it has no such variant, and Flipt ignores it`, asPlain},
		"unknown operator": {func(d *database) { d.insert("constraints", "id", "c", "segment_key", "s", "operator", "EQ") },
			`constraints "c": operator "EQ" does not exist for type STRING_COMPARISON_TYPE: the constraint never matches, as in Flipt`, "none none false"},
		"operator of another type": {func(d *database) { d.insert("constraints", "id", "c", "segment_key", "s", "type", 3, "operator", "eq") },
			`constraints "c": operator "eq" does not exist for type BOOLEAN_COMPARISON_TYPE: the constraint never matches, as in Flipt`, "none none false"},
		"unknown constraint type": {func(d *database) { d.insert("constraints", "id", "c", "segment_key", "s", "type", 9) },
			`constraints "c": type 9 does not exist: whatever asks segment "default/s" fails, as it does in Flipt`, "unknown constraint type unknown constraint type unknown constraint type"},
		"number out of range": {func(d *database) { d.exec(`UPDATE rules SET rank = 3000000000`) }, `rules "r": rank is 3000000000, which is out of range: 2147483647 was taken`, asPlain},
		"time that is none": {func(d *database) { d.exec(`UPDATE rules SET created_at = 'soon', updated_at = '0000-01-01'`) },
			`rules "r": created_at "soon" is not a time: that of the import was taken
			rules "r": updated_at "0000-01-01" is not a time: that of the import was taken`, asPlain},
		"text that is none": {func(d *database) { d.exec(`UPDATE flags SET description = CAST(x'41ff' AS TEXT) WHERE key = 'f'`) },
			`flags "default/f": description is not UTF-8: what is not readable was replaced by U+FFFD`, asPlain},
		"unknown match type":       {func(d *database) { d.exec(`UPDATE segments SET match_type = 7`) }, `segments "default/s": match type 7 does not exist: the segment matches nothing`, "none none false"},
		"unknown segment operator": {func(d *database) { d.exec(`UPDATE rules SET segment_operator = 7`) }, `rules "r": segment operator 7 does not exist: it counts as OR`, asPlain},

		// what is referred to is not there
		"constraint without segment": {func(d *database) { d.insert("constraints", "id", "c", "segment_key", "x") }, `constraints "c": left out: its segment "default/x" is not there`, asPlain},
		"variant without flag":       {func(d *database) { d.insert("variants", "id", "v", "flag_key", "x", "key", "k") }, `variants "v": left out: its flag "default/x" is not there`, asPlain},
		"rule without flag":          {func(d *database) { d.insert("rules", "id", "x", "flag_key", "x") }, `rules "x": left out: its flag "default/x" is not there`, asPlain},
		"rollout without flag":       {func(d *database) { d.insert("rollouts", "id", "x", "flag_key", "x") }, `rollouts "x": left out: its flag "default/x" is not there`, asPlain},
		"segments without rule":      {func(d *database) { d.insert("rule_segments", "rule_id", "x", "segment_key", "s") }, `rule_segments "x": left out: its rule is not there`, asPlain},
		"distribution without rule": {func(d *database) { d.insert("distributions", "id", "x", "rule_id", "x", "variant_id", "va") },
			`distributions "x": left out: its rule "x" is not there`, asPlain},
		"distribution without variant": {func(d *database) {
			d.exec(`UPDATE distributions SET variant_id = 'x' WHERE id = 'da'`)
		}, `distributions "da": left out: its variant "x" is not there, and Flipt ignores it`, "b none true"},
		"threshold without rollout": {func(d *database) { d.insert("rollout_thresholds", "id", "x", "rollout_id", "x") }, `rollout_thresholds "x": left out: its rollout "x" is not there`, asPlain},
		"choice without rollout":    {func(d *database) { d.insert("rollout_segments", "id", "x", "rollout_id", "x") }, `rollout_segments "x": left out: its rollout "x" is not there`, asPlain},
		"reference without choice": {func(d *database) {
			d.insert("rollout_segment_references", "rollout_segment_id", "x", "segment_key", "s")
		}, `rollout_segment_references "x": left out: its row in rollout_segments is not there`, asPlain},
		"one of two segments gone": {func(d *database) {
			d.insert("rule_segments", "rule_id", "r", "segment_key", "x")
			d.exec(`UPDATE rules SET segment_operator = 1`)
		}, `rules "r": its segment "default/x" was left out: it does not exist, and Flipt ignores it`, asPlain},
		"no segments": {func(d *database) {
			d.exec(`DELETE FROM rule_segments`)
			d.exec(`DELETE FROM rollout_segment_references`)
		},
			`rules "r": left out: it has no segments, and never matches
			rollouts "o": left out: it has no segments, and never matches`, "none none false"},
		"rollout of nothing": {func(d *database) { d.exec(`DELETE FROM rollout_segments`) },
			`rollout_segment_references "os": left out: its row in rollout_segments is not there
			rollouts "o": left out: it has neither a threshold nor segments, and never matches`, `a{"n":1} b false`},
		"segments of another namespace": {func(d *database) {
			d.insert("namespaces", "key", "n")
			d.insert("segments", "namespace_key", "n", "key", "s")
			d.exec(`UPDATE rule_segments SET namespace_key = 'n'`)
			d.exec(`UPDATE rollout_segment_references SET namespace_key = 'n'`)
		}, `rules "r": left out: its segment "n/s" is one of another namespace
			rollouts "o": left out: its segment "n/s" is one of another namespace`, "none none false"},

		// distributions of variants of other flags
		"variant of another flag": {func(d *database) {
			d.insert("flags", "key", "h")
			d.insert("variants", "id", "vc", "flag_key", "h", "key", "c", "attachment", "[1]")
			d.exec(`UPDATE distributions SET variant_id = 'vc' WHERE id = 'da'`)
		}, `distributions "da": its variant "c" is one of flag "default/h": it was copied to flag "default/f"`, `c[1] b true`},
		"variant of another flag and key": {func(d *database) {
			d.insert("flags", "key", "h")
			d.insert("variants", "id", "vc", "flag_key", "h", "key", "a", "attachment", `{"n": 1}`)
			d.exec(`UPDATE distributions SET variant_id = 'vc' WHERE id = 'da'`)
		}, `distributions "da": its variant "a" is one of flag "default/h": that of flag "default/f" was taken`, asPlain},
		"variant of another flag and attachment": {func(d *database) {
			d.insert("flags", "key", "h")
			d.insert("variants", "id", "vc", "flag_key", "h", "key", "a")
			d.exec(`UPDATE distributions SET variant_id = 'vc' WHERE id = 'da'`)
		}, `distributions "da": its variant "a" is one of flag "default/h": that of flag "default/f" was taken, which has another attachment`, asPlain},
		"two distributions of another flag": {func(d *database) {
			d.insert("flags", "key", "h")
			d.insert("variants", "id", "vc", "flag_key", "h", "key", "c")
			d.exec(`UPDATE distributions SET variant_id = 'vc'`)
		}, `distributions "da": its variant "c" is one of flag "default/h": it was copied to flag "default/f"
			distributions "db": its variant "c" is one of flag "default/h": that of flag "default/f" was taken`, "c c true"},

		// what documents cannot say
		"no key": {func(d *database) {
			d.insert("namespaces", "key", "")
			d.insert("flags", "key", "")
			d.insert("segments", "key", "")
			d.insert("rule_segments", "rule_id", "r", "segment_key", "")
		}, `namespaces: left out: it has no key
			segments "default/": left out: it has no key
			flags "default/": left out: it has no key
			rules "r": left out: its segment "default/" was`, "none none true"},
		"no namespace": {func(d *database) { d.insert("flags", "namespace_key", "", "key", "f") }, `flags "/f": left out: it has no namespace`, asPlain},
		"keys made equal": {func(d *database) {
			d.exec(`INSERT INTO flags (key, name, description) VALUES (CAST(x'6bff' AS TEXT), 'first', '')`)
			d.exec(`INSERT INTO flags (key, name, description) VALUES (CAST(x'6bfe' AS TEXT), 'second', '')`)
		}, `flags "k\xff": key is not UTF-8: what is not readable was replaced by U+FFFD
			flags "k\xfe": key is not UTF-8: what is not readable was replaced by U+FFFD
			flags "default/k�": left out: its key is not unique`, asPlain},
		"threshold and segments": {func(d *database) {
			d.insert("rollout_thresholds", "id", "x", "rollout_id", "o", "percentage", 100, "value", true)
		},
			`rollout_segments "os": left out: rollout "o" has a threshold, which comes first
			rollout_segment_references "os": left out: its row in rollout_segments is not there
			rollouts "o": its type is SEGMENT_ROLLOUT_TYPE, but what it has makes it THRESHOLD_ROLLOUT_TYPE`, asPlain},
		"two choices": {func(d *database) { d.insert("rollout_segments", "id", "x", "rollout_id", "o") }, `rollout_segments "x": left out: rollout "o" has others`, asPlain},
		"negative rank": {func(d *database) { d.exec(`UPDATE rollouts SET rank = -1`) },
			`rollouts "o": its rank -1 makes Flipt fail to evaluate flag "default/g": here it comes before those of higher rank`, asPlain},
		"tokens": {func(d *database) {
			d.insert("authentications", "id", "x", "hashed_client_token", "x")
			d.insert("authentications", "id", "y", "hashed_client_token", "y")
		}, "authentications: 2 tokens were left out: burgee has no authentication yet", asPlain},
		"a large flag": {func(d *database) {
			d.insert("flags", "key", "h")
			d.insert("variants", "id", "x", "flag_key", "h", "key", "k", "attachment", `"`+strings.Repeat("x", 9<<20)+`"`)
		}, `flags "default/h": left out: with all that belongs to it, it has 9437263 bytes of at most 8388544`, asPlain},
		"a large segment": {func(d *database) {
			d.insert("constraints", "id", "x", "segment_key", "s", "value", strings.Repeat("x", 9<<20))
		},
			`segments "default/s": left out: with all that belongs to it, it has 9437267 bytes of at most 8388544
			rules "r": left out: its segment "default/s" was
			rollouts "o": left out: its segment "default/s" was`, "none none false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := fliptDB(t, newest)
			plain(d)
			c.edit(d)
			contents, err := fliptdb.Read(t.Context(), d.done())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range contents.Problems {
				got = append(got, p.String())
			}
			if want := strings.ReplaceAll(c.problems, "\t", ""); strings.Join(got, "\n") != want {
				t.Errorf("problems:\n%s\nwant\n%s", strings.Join(got, "\n"), want)
			}
			if got := answers(t, compiled(t, contents)); got != c.answers {
				t.Errorf("evaluates to %q, want %q", got, c.answers)
			}
		})
	}
}

// nested is an object with others in it, so many altogether.
func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels)
}
