package eval

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// What follows evaluates a second time, straight from the text of the contract and the documents: nothing is compiled, shared
// with the package or fast. The two are held against each other on random flags and by the fuzz targets.

// world is the documents of one namespace.
type world struct {
	flags    map[string]*storev1.Flag
	segments map[string]*flipt.Segment
}

// outcome is everything that an evaluation says. A failure of a damaged document is only told as such.
type outcome struct {
	err                 string
	match, enabled      bool
	reason              Reason
	variant, attachment string
	segments            []string
}

const damaged = "damaged"

func (o outcome) equal(other outcome) bool {
	return o.err == other.err && o.match == other.match && o.enabled == other.enabled && o.reason == other.reason &&
		o.variant == other.variant && o.attachment == other.attachment && slices.Equal(o.segments, other.segments)
}

func (w *world) variant(key, entityID string, context map[string]string) outcome {
	flag := w.flags[key]
	if err := w.wrong(flag, key, flipt.FlagType_VARIANT_FLAG_TYPE); err != "" {
		return outcome{err: err}
	}
	start := outcome{}
	if d := flag.Flag.DefaultVariant; d != nil {
		start.reason = Default
		start.variant, start.attachment = answerOf(flag, d.Id)
	}
	if !flag.Flag.Enabled {
		start.reason = FlagDisabled
		return start
	}
	rules := slices.Clone(flag.Rules)
	sort.SliceStable(rules, func(i, j int) bool { return rules[i].Rank < rules[j].Rank })
	for _, rule := range rules {
		matched, keys, err := w.selected(segmentsOf(rule.SegmentKey, rule.SegmentKeys), rule.SegmentOperator, entityID, context)
		if err != "" {
			return outcome{err: err}
		}
		if !matched {
			continue
		}
		result := start
		result.segments = keys
		bucket := int(crc32.ChecksumIEEE([]byte(key+entityID)) % 1000)
		sum, some := 0, false
		for _, d := range rule.Distributions {
			if d.Rollout <= 0 {
				continue
			}
			some = true
			sum += int(math.Trunc(float64(d.Rollout * float32(10))))
			if bucket < sum {
				result.match, result.reason = true, Match
				result.variant, result.attachment = answerOf(flag, d.VariantId)
				return result
			}
		}
		if !some {
			result.match, result.reason = true, Match
		}
		return result
	}
	return start
}

func (w *world) boolean(key, entityID string, context map[string]string) outcome {
	flag := w.flags[key]
	if err := w.wrong(flag, key, flipt.FlagType_BOOLEAN_FLAG_TYPE); err != "" {
		return outcome{err: err}
	}
	rollouts := slices.Clone(flag.Rollouts)
	sort.SliceStable(rollouts, func(i, j int) bool { return rollouts[i].Rank < rollouts[j].Rank })
	for _, rollout := range rollouts {
		if threshold := rollout.GetThreshold(); threshold != nil {
			if float32(crc32.ChecksumIEEE([]byte(entityID+key))%100) < threshold.Percentage {
				return outcome{match: true, enabled: threshold.Value, reason: Match}
			}
			continue
		}
		s := rollout.GetSegment()
		matched, keys, err := w.selected(segmentsOf("", s.SegmentKeys), s.SegmentOperator, entityID, context)
		if err != "" {
			return outcome{err: err}
		}
		if matched {
			return outcome{match: true, enabled: s.Value, reason: Match, segments: keys}
		}
	}
	return outcome{enabled: flag.Flag.Enabled, reason: Default}
}

// wrong returns the error that comes before any evaluation.
func (w *world) wrong(flag *storev1.Flag, key string, kind flipt.FlagType) string {
	if flag == nil {
		return fmt.Sprintf(`flag "%s/%s" not found`, namespace, key)
	}
	if flag.Flag.Type != kind {
		return "flag type " + flag.Flag.Type.String() + " invalid"
	}
	named, variants := []string{}, []string{}
	for _, rule := range flag.Rules {
		named = append(named, segmentsOf(rule.SegmentKey, rule.SegmentKeys)...)
		for _, d := range rule.Distributions {
			variants = append(variants, d.VariantId)
		}
	}
	for _, rollout := range flag.Rollouts {
		if s := rollout.GetSegment(); s != nil {
			named = append(named, s.SegmentKeys...)
		}
	}
	if d := flag.Flag.DefaultVariant; d != nil {
		variants = append(variants, d.Id)
	}
	for _, key := range named {
		if w.segments[key] == nil {
			return damaged
		}
	}
	for _, id := range variants {
		if !slices.ContainsFunc(flag.Flag.Variants, func(v *flipt.Variant) bool { return v.Id == id }) {
			return damaged
		}
	}
	return ""
}

func segmentsOf(one string, several []string) []string {
	var keys []string
	for _, key := range append([]string{one}, several...) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// answerOf returns key and attachment of a variant, the latter without white space outside of its strings.
func answerOf(flag *storev1.Flag, id string) (key, attachment string) {
	for _, v := range flag.Flag.Variants {
		if v.Id != id {
			continue
		}
		inside, escaped := false, false
		for _, c := range v.Attachment {
			if !inside && strings.ContainsRune(" \t\r\n", c) {
				continue
			}
			if c == '"' && !escaped {
				inside = !inside
			}
			escaped = c == '\\' && !escaped
			attachment += string(c)
		}
		return v.Key, attachment
	}
	panic("variant checked before")
}

func (w *world) selected(keys []string, operator flipt.SegmentOperator, entityID string, context map[string]string) (bool, []string, string) {
	var matched []string
	for _, key := range keys {
		ok, err := naiveSegment(w.segments[key], entityID, context)
		if err != "" {
			return false, nil, err
		}
		if ok {
			matched = append(matched, key)
		}
	}
	if len(matched) == 0 || operator == operatorAND && len(matched) != len(keys) {
		return false, nil, ""
	}
	return true, matched, ""
}

func naiveSegment(s *flipt.Segment, entityID string, context map[string]string) (bool, string) {
	matching := 0
	for _, c := range s.Constraints {
		v := context[c.Property]
		if c.Type == flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE {
			v = entityID
		}
		ok := false
		switch c.Type {
		case flipt.ComparisonType_STRING_COMPARISON_TYPE, flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE:
			ok = naiveString(c.Operator, c.Value, v)
		case flipt.ComparisonType_NUMBER_COMPARISON_TYPE:
			ok = naiveNumber(c.Operator, c.Value, v)
		case flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE:
			ok = naiveBoolean(c.Operator, v)
		case flipt.ComparisonType_DATETIME_COMPARISON_TYPE:
			ok = naiveDatetime(c.Operator, c.Value, v)
		default:
			return false, "unknown constraint type"
		}
		if ok {
			matching++
		}
	}
	if s.MatchType == flipt.MatchType_ANY_MATCH_TYPE {
		return matching > 0 || len(s.Constraints) == 0, ""
	}
	return matching == len(s.Constraints), ""
}

func naiveString(operator, value, v string) bool {
	trimmed := strings.TrimSpace(v)
	switch {
	case operator == "empty":
		return trimmed == ""
	case operator == "notempty":
		return trimmed != ""
	case v == "":
		return false
	}
	switch operator {
	case "eq":
		return v == value
	case "neq":
		return v != value
	case "prefix":
		return strings.HasPrefix(trimmed, value)
	case "suffix":
		return strings.HasSuffix(trimmed, value)
	case "contains":
		return strings.Contains(v, value)
	case "notcontains":
		return !strings.Contains(v, value)
	case "isoneof", "isnotoneof":
		elements, ok := naiveList(value)
		in := false
		for _, element := range elements {
			if element == nil {
				element = ""
			}
			text, isText := element.(string)
			ok = ok && isText
			in = in || text == v
		}
		return ok && in == (operator == "isoneof")
	}
	return false
}

// naiveList decodes a JSON array; null is an empty one.
func naiveList(value string) ([]any, bool) {
	var decoded any
	if json.Unmarshal([]byte(value), &decoded) != nil {
		return nil, false
	}
	elements, ok := decoded.([]any)
	return elements, ok || decoded == nil
}

func naiveNumber(operator, value, v string) bool {
	switch operator {
	case "present":
		return strings.TrimSpace(v) != ""
	case "notpresent":
		return strings.TrimSpace(v) == ""
	}
	n, ok := naiveParse(v)
	if !ok {
		return false
	}
	if operator == "isoneof" || operator == "isnotoneof" {
		elements, ok := naiveList(value)
		in := false
		for _, element := range elements {
			if element == nil {
				element = 0.0
			}
			f, isNumber := element.(float64)
			ok = ok && isNumber
			in = in || isNumber && f == n
		}
		return ok && in == (operator == "isoneof")
	}
	limit, ok := naiveParse(value)
	if !ok {
		return false
	}
	results := map[string]bool{"eq": n == limit, "neq": n != limit, "lt": n < limit, "lte": n <= limit, "gt": n > limit, "gte": n >= limit}
	return results[operator]
}

var numberSyntax = func() *regexp.Regexp {
	const d, h = `[0-9](_?[0-9])*`, `[0-9a-fA-F](_?[0-9a-fA-F])*`
	decimal := `[+-]?(` + d + `(\.(` + d + `)?)?|\.` + d + `)([eE][+-]?` + d + `)?`
	hexadecimal := `[+-]?0[xX](_?` + h + `(\.(` + h + `)?)?|\.` + h + `)[pP][+-]?` + d
	return regexp.MustCompile(`^(` + decimal + `|` + hexadecimal + `|[+-]?(?i:inf(inity)?)|(?i:nan))$`)
}()

// naiveParse reads a number by the syntax of section 5.2, written as a regular expression.
func naiveParse(text string) (float64, bool) {
	if !numberSyntax.MatchString(text) {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	return n, err == nil
}

func naiveBoolean(operator, v string) bool {
	switch operator {
	case "present":
		return strings.TrimSpace(v) != ""
	case "notpresent":
		return strings.TrimSpace(v) == ""
	case "true", "false":
		value, err := strconv.ParseBool(v)
		return err == nil && value == (operator == "true")
	}
	return false
}

func naiveDatetime(operator, value, v string) bool {
	switch operator {
	case "present":
		return strings.TrimSpace(v) != ""
	case "notpresent":
		return strings.TrimSpace(v) == ""
	}
	a, ok := naiveTime(v)
	b, ok2 := naiveTime(value)
	if !ok || !ok2 {
		return false
	}
	results := map[string]bool{"eq": a.Equal(b), "neq": !a.Equal(b), "lt": a.Before(b), "lte": !a.After(b), "gt": a.After(b), "gte": !a.Before(b)}
	return results[operator]
}

func naiveTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
