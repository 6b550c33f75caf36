package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"connectrpc.com/connect"
)

// entrySize bounds what a member of the context takes in a message beside name and value.
const entrySize = 12

// readContext reads the body of an evaluation and returns it with a context of strings only, as constraints compare them:
// booleans and numbers are spelled out, nulls left out, arrays and objects written as JSON. The members of objects can be
// reached too, by their path with dots, unless the context has a member of that very name. All names and values together
// hold limit, in bytes. The key of a flag, if there is one, becomes a member beside the context.
//
// What it returns stands in room, if it fits in there.
func readContext(body []byte, key *string, limit int64, room []byte) ([]byte, *connect.Error) {
	w := contextWriter{writer{out: room}, limit}
	if w.usual(body, key) {
		return w.out, nil
	}
	return readAnyContext(body, key, limit)
}

// readAnyContext is readContext by encoding/json.
func readAnyContext(body []byte, key *string, limit int64) ([]byte, *connect.Error) {
	w := contextWriter{left: limit}
	if _, err := survey(body); err != nil {
		return nil, withCode(invalidContext, err)
	}
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&first); errors.Is(err, io.EOF) {
		first = json.RawMessage("null")
	} else if err != nil {
		return nil, withCode(parseError, err)
	}
	var request, members map[string]json.RawMessage
	if json.Unmarshal(first, &request) != nil {
		return nil, withCode(invalidContext, errWrongType)
	}
	if given, ok := request["context"]; ok && json.Unmarshal(given, &members) != nil {
		return nil, withCode(invalidContext, errWrongType)
	}
	if key, ok := members["targetingKey"]; ok && key[0] != '"' && !isNull(key) {
		return nil, withCode(invalidContext, errors.New("targetingKey must be a string"))
	}
	w.begin(key)
	if !w.members(members) {
		return nil, tooLarge("evaluation context", limit)
	}
	w.raw("}}")
	return w.out, nil
}

// usual writes the context of a body that is all usual: it has no other member, and in that are only strings, numbers and truth
// values. It says whether it is, and fits; if not, out has no meaning.
func (w *contextWriter) usual(body []byte, key *string) bool {
	r := reader{source: string(body)}
	if !utf8.ValidString(r.source) || !r.take('{') {
		return false
	}
	if name, ok := r.quoted(); !ok || name != "context" || !r.take(':') || !r.take('{') {
		return false
	}
	w.begin(key)
	for i, more := 0, !r.take('}'); more; i++ {
		if !w.usualMember(&r, i) {
			return false
		}
		if more = r.take(','); !more && !r.take('}') {
			return false
		}
	}
	w.raw("}}")
	return r.take('}')
}

// usualMember writes the member i of the context.
func (w *contextWriter) usualMember(r *reader, i int) bool {
	name, ok := r.quoted()
	if !ok || !r.take(':') {
		return false
	}
	w.comma(i)
	w.quoted(name)
	w.raw(":")
	r.skip()
	before := r.at
	if !w.scalar(r, name == "targetingKey") {
		return false
	}
	w.left -= int64(len(name) + r.at - before + entrySize)
	return w.left >= 0
}

// scalar writes a string, a number or a truth value as a string, and says whether the value is one that may stand there.
func (w *contextWriter) scalar(r *reader, onlyText bool) bool {
	if strings.HasPrefix(r.source[r.at:], `"`) {
		text, ok := r.quoted()
		w.quoted(text)
		return ok
	}
	var is bool
	switch {
	case onlyText:
		return false
	case r.truth(1, &is) != 0:
		w.quoted(strconv.FormatBool(is))
		return true
	}
	number, ok := r.number()
	w.quoted(spell(number))
	return ok
}

// contextWriter writes a flat context as JSON.
type contextWriter struct {
	writer
	left int64 // bytes that names and values may still take
}

// begin writes what comes before the members.
func (w *contextWriter) begin(key *string) {
	w.raw("{")
	if key != nil {
		w.text(`"key":`, *key)
		w.raw(",")
	}
	w.raw(`"context":{`)
}

// nested is an object in the context, under its name.
type nested struct {
	name string
	raw  json.RawMessage
}

// members writes the members of the context, then those of the objects in it, level by level: the name with fewer dots
// wins. It says whether all of it fits.
func (w *contextWriter) members(members map[string]json.RawMessage) bool {
	var objects []nested
	for name, raw := range members {
		if !w.member(name, raw) {
			return false
		}
		if raw[0] == '{' {
			objects = append(objects, nested{name, raw})
		}
	}
	if len(objects) == 0 {
		return true
	}
	slices.SortFunc(objects, func(a, b nested) int { return strings.Compare(a.name, b.name) })
	taken := make(map[string]bool, len(members))
	for name := range members {
		taken[name] = true
	}
	for ; len(objects) > 0; objects = objects[1:] {
		var inner map[string]json.RawMessage
		if err := json.Unmarshal(objects[0].raw, &inner); err != nil {
			panic(fmt.Sprintf("read an object again: %v", err))
		}
		for _, last := range slices.Sorted(maps.Keys(inner)) {
			name, raw := objects[0].name+"."+last, inner[last]
			if !taken[name] && !w.member(name, raw) {
				return false
			}
			taken[name] = true
			if raw[0] == '{' {
				objects = append(objects, nested{name, raw})
			}
		}
	}
	return true
}

// member writes one member as a string, or nothing for a null. It says whether it fits.
func (w *contextWriter) member(name string, raw json.RawMessage) bool {
	if isNull(raw) {
		return true
	}
	if w.left -= int64(len(name) + len(raw) + entrySize); w.left < 0 {
		return false
	}
	if w.out[len(w.out)-1] != '{' {
		w.raw(",")
	}
	w.quoted(name)
	w.raw(":")
	switch raw[0] {
	case '"':
		w.out = append(w.out, raw...)
	case 't', 'f':
		w.quoted(string(raw))
	case '{', '[':
		var text bytes.Buffer
		if err := json.Compact(&text, raw); err != nil {
			panic(fmt.Sprintf("read a value again: %v", err))
		}
		w.quoted(text.String())
	default:
		w.quoted(spell(string(raw)))
	}
	return true
}

// spell returns a JSON number in the one spelling that all numbers equal to it get. An integer stays as it is written, so
// that none of its digits is lost, and so does what is out of the range of a double.
func spell(number string) string {
	if !strings.ContainsAny(number, ".eE") {
		return number
	}
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil:
		return number
	case n == 0:
		return "0"
	case math.Abs(n) < 1e-6, math.Abs(n) >= 1e21:
		return strconv.FormatFloat(n, 'e', -1, 64)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
