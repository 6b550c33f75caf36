package rest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// isParameter says whether a query parameter can set a field.
func isParameter(field protoreflect.FieldDescriptor) bool {
	switch {
	case field.IsMap(), field.Kind() == protoreflect.BytesKind, field.Kind() == protoreflect.GroupKind:
		return false
	case field.Kind() == protoreflect.MessageKind:
		return field.Message().FullName() == "google.protobuf.Timestamp"
	}
	return true
}

// readQuery returns the query parameters that mean something to a route, in a spelling that vanguard cannot mistake.
func readQuery(r *route, raw string) (url.Values, *connect.Error) {
	given, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalid("%v", err)
	}
	taken := url.Values{}
	for _, field := range r.query {
		values, ok := given[field.JSONName()]
		if !ok {
			values = given[string(field.Name())]
		}
		if len(values) > 1 && !field.IsList() {
			return nil, invalid("too many values for field %q: %s", field.Name(), strings.Join(values, ", "))
		}
		for _, value := range values {
			if value == "" && field.Kind() != protoreflect.StringKind {
				continue
			}
			value, err := canonical(field, value)
			if err != nil {
				return nil, invalid("parsing field %q: %v", field.Name(), err)
			}
			taken.Add(string(field.Name()), value)
		}
	}
	return taken, nil
}

// canonical checks the value of a parameter and writes it as JSON, but without quotes.
func canonical(field protoreflect.FieldDescriptor, value string) (string, error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		if !utf8.ValidString(value) {
			return "", errNotUTF8
		}
		return value, nil
	case protoreflect.BoolKind:
		truth, err := strconv.ParseBool(value)
		return strconv.FormatBool(truth), err
	case protoreflect.EnumKind:
		return canonicalEnum(field.Enum(), value)
	case protoreflect.MessageKind:
		t, err := time.Parse(time.RFC3339Nano, value)
		return t.UTC().Format(time.RFC3339Nano), err
	case protoreflect.FloatKind:
		return canonicalFloat(value, 32)
	case protoreflect.DoubleKind:
		return canonicalFloat(value, 64)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, err := strconv.ParseInt(value, 10, 32)
		return strconv.FormatInt(number, 10), err
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		number, err := strconv.ParseInt(value, 10, 64)
		return strconv.FormatInt(number, 10), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		number, err := strconv.ParseUint(value, 10, 32)
		return strconv.FormatUint(number, 10), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		number, err := strconv.ParseUint(value, 10, 64)
		return strconv.FormatUint(number, 10), err
	default:
		panic(fmt.Sprintf("field %s is not a parameter", field.FullName()))
	}
}

func canonicalEnum(enum protoreflect.EnumDescriptor, value string) (string, error) {
	if named := enum.Values().ByName(protoreflect.Name(value)); named != nil {
		return strconv.Itoa(int(named.Number())), nil
	}
	number, err := strconv.ParseInt(value, 10, 32)
	if err != nil || enum.Values().ByNumber(protoreflect.EnumNumber(number)) == nil {
		return "", fmt.Errorf("%q is not a valid value", value)
	}
	return strconv.FormatInt(number, 10), nil
}

func canonicalFloat(value string, bits int) (string, error) {
	number, err := strconv.ParseFloat(value, bits)
	text := strconv.FormatFloat(number, 'g', -1, bits)
	if after, ok := strings.CutSuffix(text, "Inf"); ok {
		text = strings.TrimPrefix(after, "+") + "Infinity"
	}
	return text, err
}
