package eval

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// The tests below are sections 5.1 to 5.4 of the contract: compiled once from operator and value, they take the entity id or
// the value of the context, which is empty when there is none. An operator that is not valid for the type never matches, and
// neither does a value that cannot be read. None allocates, but for a text that is asked for a number and is none.

func stringTest(operator, value string) func(v string) bool {
	switch operator {
	case "empty":
		return blank
	case "notempty":
		return notBlank
	case "eq":
		return func(v string) bool { return v != "" && v == value }
	case "neq":
		return func(v string) bool { return v != "" && v != value }
	case "prefix":
		return func(v string) bool { return v != "" && strings.HasPrefix(strings.TrimSpace(v), value) }
	case "suffix":
		return func(v string) bool { return v != "" && strings.HasSuffix(strings.TrimSpace(v), value) }
	case "contains":
		return func(v string) bool { return v != "" && strings.Contains(v, value) }
	case "notcontains":
		return func(v string) bool { return v != "" && !strings.Contains(v, value) }
	case "isoneof", "isnotoneof":
		contains, ok := list[string](value)
		if !ok {
			return never
		}
		wanted := operator == "isoneof"
		return func(v string) bool { return v != "" && contains(v) == wanted }
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
		contains, ok := list[float64](value)
		if !ok {
			return never
		}
		wanted := operator == "isoneof"
		return func(v string) bool { n, ok := number(v); return ok && contains(n) == wanted }
	}
	limit, ok := number(value)
	if !ok {
		return never
	}
	switch operator {
	case "eq":
		return func(v string) bool { n, ok := number(v); return ok && n == limit }
	case "neq":
		return func(v string) bool { n, ok := number(v); return ok && n != limit }
	case "lt":
		return func(v string) bool { n, ok := number(v); return ok && n < limit }
	case "lte":
		return func(v string) bool { n, ok := number(v); return ok && n <= limit }
	case "gt":
		return func(v string) bool { n, ok := number(v); return ok && n > limit }
	case "gte":
		return func(v string) bool { n, ok := number(v); return ok && n >= limit }
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

// list reads a JSON array and returns the test for its elements. A null array is empty, a null element is the zero value.
func list[T string | float64](text string) (contains func(v T) bool, ok bool) {
	var elements []T
	if json.Unmarshal([]byte(text), &elements) != nil {
		return nil, false
	}
	if len(elements) <= shortList {
		return func(v T) bool { return slices.Contains(elements, v) }, true
	}
	set := make(map[T]struct{}, len(elements))
	for _, element := range elements {
		set[element] = struct{}{}
	}
	return func(v T) bool { _, in := set[v]; return in }, true
}

// number reads a number in the syntax of Go, which is the contract's: hexadecimal with an exponent, single underscores between
// digits, infinity and NaN included, surrounding white space and numbers out of range not.
func number(text string) (float64, bool) {
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}
