package eval

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unique"
)

// The tests below are sections 5.1 to 5.4 of the contract: compiled once from operator and value, they take the entity id or
// the value of the context, which is empty when there is none. An operator that is not valid for the type never matches, and
// neither does a value that cannot be read. None allocates, but for a text that is asked for a number and is none. The
// comparisons that there are most of are no functions but cases of a switch, with what they compare to in the constraint
// itself: each function would be two more places in memory to wait for.

// comparison says what a constraint compares to.
type comparison uint8

const (
	byTest comparison = iota // whatever its test does
	toText
	toTexts  // the items of its text, see shortTexts
	toNumber // its limit
)

// outcomes are the outcomes of a comparison for which a constraint holds. They are bits and no cases of a switch, since a
// processor that guesses wrong which case is next loses as much time as it takes to compare.
type outcomes uint8

const (
	less outcomes = 1 << iota
	equal
	greater
	unordered // with what is not a number

	different = less | greater | unordered
)

// constraint compares the entity id or a property of the context.
type constraint struct {
	property   unique.Handle[string] // one for all segments, to be compared without a look at the text
	text       string
	limit      float64
	test       func(v string) bool
	place      int32 // in the document
	comparison comparison
	wanted     outcomes
	seen       uint8 // the place of the property in a subject
	entity     bool  // compare the entity id; property is of no account
}

// holds says whether the value of the entity id or the property is as the constraint demands.
func (c *constraint) holds(v string) bool {
	if c.comparison == byTest {
		return c.test(v)
	}
	if v == "" {
		return false
	}
	outcome := different
	switch c.comparison {
	case toText:
		if v == c.text {
			outcome = equal
		}
	case toTexts:
		if inShortTexts(c.text, v) {
			outcome = equal
		}
	default:
		n, ok := number(v)
		switch {
		case !ok:
			return false
		case n < c.limit:
			outcome = less
		case n > c.limit:
			outcome = greater
		case n == c.limit:
			outcome = equal
		default:
			outcome = unordered
		}
	}
	return c.wanted&outcome != 0
}

// onText makes c compare texts.
func (c *constraint) onText(operator, value string) {
	switch operator {
	case "eq":
		c.comparison, c.wanted, c.text = toText, equal, value
	case "neq":
		c.comparison, c.wanted, c.text = toText, different, value
	case "isoneof", "isnotoneof":
		c.amongTexts(operator == "isoneof", value)
	default:
		c.test = stringTest(operator, value)
	}
}

// amongTexts makes c look for texts in a list, or for those that are not in it.
func (c *constraint) amongTexts(wanted bool, value string) {
	var elements []string
	if json.Unmarshal([]byte(value), &elements) != nil {
		c.test = never
		return
	}
	if text, ok := shortTexts(elements); ok {
		c.comparison, c.wanted, c.text = toTexts, different, text
		if wanted {
			c.wanted = equal
		}
		return
	}
	contains := among(elements)
	c.test = func(v string) bool { return v != "" && contains(v) == wanted }
}

// onNumber makes c compare numbers.
func (c *constraint) onNumber(operator, value string) {
	wanted := numberOutcomes(operator)
	limit, ok := number(value)
	switch {
	case wanted == 0:
		c.test = numberTest(operator, value)
	case !ok:
		c.test = never
	default:
		c.comparison, c.wanted, c.limit = toNumber, wanted, limit
	}
}

// numberOutcomes returns the outcomes that an operator wants, or none if it is no comparison with one number.
func numberOutcomes(operator string) outcomes {
	switch operator {
	case "eq":
		return equal
	case "neq":
		return different
	case "lt":
		return less
	case "lte":
		return less | equal
	case "gt":
		return greater
	case "gte":
		return greater | equal
	}
	return 0
}

func stringTest(operator, value string) func(v string) bool {
	switch operator {
	case "empty":
		return blank
	case "notempty":
		return notBlank
	case "prefix":
		return func(v string) bool { return v != "" && strings.HasPrefix(strings.TrimSpace(v), value) }
	case "suffix":
		return func(v string) bool { return v != "" && strings.HasSuffix(strings.TrimSpace(v), value) }
	case "contains":
		return func(v string) bool { return v != "" && strings.Contains(v, value) }
	case "notcontains":
		return func(v string) bool { return v != "" && !strings.Contains(v, value) }
	}
	return never
}

func numberTest(operator, value string) func(v string) bool {
	switch operator {
	case "present":
		return notBlank
	case "notpresent":
		return blank
	case "isoneof", "isnotoneof":
		var elements []float64
		if json.Unmarshal([]byte(value), &elements) != nil {
			return never
		}
		contains, wanted := among(elements), operator == "isoneof"
		return func(v string) bool { n, ok := number(v); return ok && contains(n) == wanted }
	}
	return never
}

func booleanTest(operator string) func(v string) bool {
	switch operator {
	case "present":
		return notBlank
	case "notpresent":
		return blank
	case "true":
		return func(v string) bool {
			switch v {
			case "1", "t", "T", "TRUE", "true", "True":
				return true
			}
			return false
		}
	case "false":
		return func(v string) bool {
			switch v {
			case "0", "f", "F", "FALSE", "false", "False":
				return true
			}
			return false
		}
	}
	return never
}

func datetimeTest(operator, value string) func(v string) bool {
	switch operator {
	case "present":
		return notBlank
	case "notpresent":
		return blank
	}
	limit, ok := datetime(value)
	if !ok {
		return never
	}
	compared := func(wanted func(order int) bool) func(v string) bool {
		return func(v string) bool { t, ok := datetime(v); return ok && wanted(t.Compare(limit)) }
	}
	switch operator {
	case "eq":
		return compared(func(order int) bool { return order == 0 })
	case "neq":
		return compared(func(order int) bool { return order != 0 })
	case "lt":
		return compared(func(order int) bool { return order < 0 })
	case "lte":
		return compared(func(order int) bool { return order <= 0 })
	case "gt":
		return compared(func(order int) bool { return order > 0 })
	case "gte":
		return compared(func(order int) bool { return order >= 0 })
	}
	return never
}

// shortList is the length up to which comparing one by one beats a set.
const shortList = 8

// among returns the test for the elements of a list; a null among them is the zero value.
func among[T string | float64](elements []T) func(v T) bool {
	if len(elements) <= shortList {
		return func(v T) bool { return slices.Contains(elements, v) }
	}
	set := make(map[T]struct{}, len(elements))
	for _, element := range elements {
		set[element] = struct{}{}
	}
	return func(v T) bool { _, in := set[v]; return in }
}

// shortTexts packs a short list of texts into one: before each stands its length, in one byte.
func shortTexts(elements []string) (string, bool) {
	if len(elements) > shortList {
		return "", false
	}
	var packed []byte
	for _, element := range elements {
		if len(element) > math.MaxUint8 {
			return "", false
		}
		packed = append(append(packed, byte(len(element))), element...)
	}
	return string(packed), true
}

// inShortTexts looks for a text, which is not empty, in a packed list. Most are told apart by their ends.
func inShortTexts(packed, v string) bool {
	for packed != "" {
		end := 1 + int(packed[0])
		if end == 1+len(v) && packed[end-1] == v[len(v)-1] && packed[1:end] == v {
			return true
		}
		packed = packed[end:]
	}
	return false
}

// number reads a number in the syntax of Go, which is the contract's: hexadecimal with an exponent, single underscores between
// digits, infinity and NaN included, surrounding white space and numbers out of range not.
func number(text string) (float64, bool) {
	if n, ok := smallNumber(text); ok {
		return n, true
	}
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// smallNumber reads a number of digits alone, as most are, few enough for every such number to be exact.
func smallNumber(text string) (float64, bool) {
	if text == "" || len(text) > 15 {
		return 0, false
	}
	n := int64(0)
	for i := range len(text) {
		digit := text[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = n*10 + int64(digit)
	}
	return float64(n), true
}
