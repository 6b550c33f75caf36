package rest

import (
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// writer appends JSON as protojson writes it, without blanks. Where a method takes a name it comes before the value, with
// quotes, colon and what separates it from the member before.
type writer struct {
	out     []byte
	unusual bool // out has no meaning
}

func (w *writer) raw(text string) { w.out = append(w.out, text...) }

// missing notes that a message is nil, which is unusual.
func (w *writer) missing(is bool) bool {
	w.unusual = w.unusual || is
	return is
}

// comma separates the element i of a list from the one before.
func (w *writer) comma(i int) {
	if i > 0 {
		w.out = append(w.out, ',')
	}
}

func (w *writer) truth(name string, is bool) {
	w.raw(name)
	w.out = strconv.AppendBool(w.out, is)
}

// enum writes the name of a number. One without a name is unusual.
func (w *writer) enum(name string, names map[int32]string, number int32) {
	text, ok := names[number]
	w.unusual = w.unusual || !ok
	w.raw(name)
	w.out = append(w.out, '"')
	w.raw(text)
	w.out = append(w.out, '"')
}

func (w *writer) text(name, text string) {
	w.raw(name)
	w.quoted(text)
}

// quoted writes a string. What is no UTF-8 is unusual.
func (w *writer) quoted(text string) {
	w.out = append(w.out, '"')
	start, ascii := 0, true
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			ascii = ascii && c < utf8.RuneSelf
			continue
		}
		w.raw(text[start:i])
		w.escaped(c)
		start = i + 1
	}
	w.raw(text[start:])
	w.out = append(w.out, '"')
	w.unusual = w.unusual || !ascii && !utf8.ValidString(text)
}

func (w *writer) escaped(c byte) {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		w.out = append(w.out, '\\', c)
	case '\b':
		w.raw(`\b`)
	case '\f':
		w.raw(`\f`)
	case '\n':
		w.raw(`\n`)
	case '\r':
		w.raw(`\r`)
	case '\t':
		w.raw(`\t`)
	default:
		w.out = append(w.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}

// double writes a number as encoding/json does: with an exponent, and that without a leading zero, where it is far from 1.
func (w *writer) double(name string, n float64) {
	w.raw(name)
	size := math.Abs(n)
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		w.unusual = true
	case size == 0 || size >= 1e-6 && size < 1e21:
		w.out = strconv.AppendFloat(w.out, n, 'f', -1, 64)
	default:
		w.out = strconv.AppendFloat(w.out, n, 'e', -1, 64)
		if end := len(w.out); string(w.out[end-4:end-1]) == "e-0" {
			w.out[end-2] = w.out[end-1]
			w.out = w.out[:end-1]
		}
	}
}

const (
	minSeconds = -62135596800 // the year 1
	maxSeconds = 253402300799 // the last second of the year 9999
)

// time writes a moment of RFC 3339 in UTC with 0, 3, 6 or 9 digits after the second, and nothing for none.
func (w *writer) time(name string, at *timestamppb.Timestamp) {
	if at == nil {
		return
	}
	if at.Seconds < minSeconds || at.Seconds > maxSeconds || at.Nanos < 0 || at.Nanos >= 1e9 {
		w.unusual = true
		return
	}
	t := time.Unix(at.Seconds, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	w.raw(name)
	w.out = append(w.out, '"')
	w.digits(year, 4)
	w.out = append(w.out, '-')
	w.digits(int(month), 2)
	w.out = append(w.out, '-')
	w.digits(day, 2)
	w.out = append(w.out, 'T')
	w.digits(hour, 2)
	w.out = append(w.out, ':')
	w.digits(minute, 2)
	w.out = append(w.out, ':')
	w.digits(second, 2)
	switch nanos := int(at.Nanos); {
	case nanos == 0:
	case nanos%1e6 == 0:
		w.out = append(w.out, '.')
		w.digits(nanos/1e6, 3)
	case nanos%1e3 == 0:
		w.out = append(w.out, '.')
		w.digits(nanos/1e3, 6)
	default:
		w.out = append(w.out, '.')
		w.digits(nanos, 9)
	}
	w.out = append(w.out, 'Z', '"')
}

// digits writes the last count digits of a number.
func (w *writer) digits(number, count int) {
	start := len(w.out)
	w.out = append(w.out, "000000000"[:count]...)
	for i := start + count - 1; i >= start; i-- {
		w.out[i] = '0' + byte(number%10)
		number /= 10
	}
}

func (w *writer) list(name string, texts []string) {
	w.raw(name)
	w.out = append(w.out, '[')
	for i, text := range texts {
		w.comma(i)
		w.quoted(text)
	}
	w.out = append(w.out, ']')
}

// maxSorted is how many members of an object are sorted without memory of their own.
const maxSorted = 16

// texts writes a map in the order of its keys.
func (w *writer) texts(name string, texts map[string]string) {
	w.raw(name)
	w.out = append(w.out, '{')
	var room [maxSorted]string
	for i, key := range sortedKeys(room[:0], texts) {
		w.comma(i)
		w.quoted(key)
		w.out = append(w.out, ':')
		w.quoted(texts[key])
	}
	w.out = append(w.out, '}')
}

func sortedKeys[V any](keys []string, m map[string]V) []string {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// object writes a struct, and nothing for none.
func (w *writer) object(name string, object *structpb.Struct) {
	if object == nil {
		return
	}
	w.raw(name)
	w.out = append(w.out, '{')
	var room [maxSorted]string
	for i, key := range sortedKeys(room[:0], object.Fields) {
		w.comma(i)
		w.quoted(key)
		if value := object.Fields[key]; !w.missing(value == nil) {
			w.value(`:`, value)
		}
	}
	w.out = append(w.out, '}')
}

// value writes a string or a truth value, and nothing for none. All else is unusual in an answer.
func (w *writer) value(name string, value *structpb.Value) {
	if value == nil {
		return
	}
	switch kind := value.Kind.(type) {
	case *structpb.Value_StringValue:
		if !w.missing(kind == nil) {
			w.text(name, kind.StringValue)
		}
	case *structpb.Value_BoolValue:
		if !w.missing(kind == nil) {
			w.truth(name, kind.BoolValue)
		}
	default:
		w.unusual = true
	}
}
