package rest

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
)

// readHot reads a request for an evaluation, if it is one and is written as clients write it: an object with known names only,
// each once, and values of the very type. It says whether it did. If not, message has a meaningless content and is to be read
// otherwise: what is unusual, and why, is for [Unmarshal] to say.
//
// The strings of the message are parts of one copy of data.
func readHot(data []byte, message proto.Message) bool {
	r := reader{}
	switch m := message.(type) {
	case *evaluation.EvaluationRequest:
		return r.begin(data, m) && r.evaluation(m) && r.end()
	case *evaluation.BatchEvaluationRequest:
		return r.begin(data, m) && r.batch(m) && r.end()
	case *flipt.EvaluationRequest:
		return r.begin(data, m) && r.legacy(m) && r.end()
	case *flipt.BatchEvaluationRequest:
		return r.begin(data, m) && r.legacyBatch(m) && r.end()
	case *ofrep.EvaluateFlagRequest:
		return r.begin(data, m) && r.flag(m) && r.end()
	case *ofrep.EvaluateBulkRequest:
		return r.begin(data, m) && r.bulk(m) && r.end()
	}
	return false
}

func (r *reader) evaluation(m *evaluation.EvaluationRequest) bool {
	return r.object(func(name string) int {
		switch name {
		case "requestId", "request_id":
			return r.text(1, &m.RequestId)
		case "namespaceKey", "namespace_key":
			return r.text(2, &m.NamespaceKey)
		case "flagKey", "flag_key":
			return r.text(3, &m.FlagKey)
		case "entityId", "entity_id":
			return r.text(4, &m.EntityId)
		case "context":
			return r.texts(5, &m.Context)
		case "reference":
			return r.text(6, &m.Reference)
		}
		return 0
	})
}

func (r *reader) batch(m *evaluation.BatchEvaluationRequest) bool {
	return r.object(func(name string) int {
		switch name {
		case "requestId", "request_id":
			return r.text(1, &m.RequestId)
		case "requests":
			return readItems(r, 3, &m.Requests, func(item *evaluation.EvaluationRequest) bool { return r.evaluation(item) })
		case "reference":
			return r.text(4, &m.Reference)
		}
		return 0
	})
}

func (r *reader) legacy(m *flipt.EvaluationRequest) bool {
	return r.object(func(name string) int {
		switch name {
		case "requestId", "request_id":
			return r.text(1, &m.RequestId)
		case "flagKey", "flag_key":
			return r.text(2, &m.FlagKey)
		case "entityId", "entity_id":
			return r.text(3, &m.EntityId)
		case "context":
			return r.texts(4, &m.Context)
		case "namespaceKey", "namespace_key":
			return r.text(5, &m.NamespaceKey)
		}
		return 0
	})
}

func (r *reader) legacyBatch(m *flipt.BatchEvaluationRequest) bool {
	return r.object(func(name string) int {
		switch name {
		case "requestId", "request_id":
			return r.text(1, &m.RequestId)
		case "requests":
			return readItems(r, 2, &m.Requests, func(item *flipt.EvaluationRequest) bool { return r.legacy(item) })
		case "excludeNotFound", "exclude_not_found":
			return r.truth(3, &m.ExcludeNotFound)
		case "namespaceKey", "namespace_key":
			return r.text(4, &m.NamespaceKey)
		}
		return 0
	})
}

func (r *reader) flag(m *ofrep.EvaluateFlagRequest) bool {
	return r.object(func(name string) int {
		switch name {
		case "key":
			return r.text(1, &m.Key)
		case "context":
			return r.texts(2, &m.Context)
		}
		return 0
	})
}

func (r *reader) bulk(m *ofrep.EvaluateBulkRequest) bool {
	return r.object(func(name string) int {
		if name != "context" {
			return 0
		}
		return r.texts(2, &m.Context)
	})
}

// reader reads JSON from its beginning to its end. A method that answers false, or 0 for the number of a field, has met what is
// not usual; nothing may be read after that.
type reader struct {
	source string // valid UTF-8
	at     int    // where what comes next stands in source
}

// begin makes the message empty.
func (r *reader) begin(data []byte, m interface{ Reset() }) bool {
	m.Reset()
	r.source = string(data)
	return utf8.ValidString(r.source)
}

// end says whether nothing but blanks is left.
func (r *reader) end() bool {
	r.skip()
	return r.at == len(r.source)
}

func (r *reader) skip() {
	for r.at < len(r.source) && (r.source[r.at] == ' ' || r.source[r.at] == '\n' || r.source[r.at] == '\r' || r.source[r.at] == '\t') {
		r.at++
	}
}

// take takes c, and blanks before it, if c comes next.
func (r *reader) take(c byte) bool {
	r.skip()
	if r.at == len(r.source) || r.source[r.at] != c {
		return false
	}
	r.at++
	return true
}

// object reads an object. member reads the value of a member and returns the number of its field, which may come once.
func (r *reader) object(member func(name string) int) bool {
	if !r.take('{') {
		return false
	}
	if r.take('}') {
		return true
	}
	for seen := uint64(1); ; { // no field has the number 0
		name, ok := r.quoted()
		if !ok || !r.take(':') {
			return false
		}
		field := uint64(1) << member(name)
		if seen&field != 0 {
			return false
		}
		seen |= field
		if !r.take(',') {
			return r.take('}')
		}
	}
}

// text reads a string into a field, whose number it returns.
func (r *reader) text(field int, into *string) int {
	text, ok := r.quoted()
	if !ok {
		return 0
	}
	*into = text
	return field
}

func (r *reader) truth(field int, into *bool) int {
	r.skip()
	for _, word := range [...]string{"true", "false"} {
		if strings.HasPrefix(r.source[r.at:], word) {
			r.at, *into = r.at+len(word), word == "true"
			return field
		}
	}
	return 0
}

// number reads a number, which is a part of the text.
func (r *reader) number() (string, bool) {
	text, end := r.source, r.at
	digits := func() bool {
		from := end
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		return end > from
	}
	one := func(of string) bool {
		if end == len(text) || strings.IndexByte(of, text[end]) < 0 {
			return false
		}
		end++
		return true
	}
	one("-")
	if whole := end; !digits() || text[whole] == '0' && end > whole+1 {
		return "", false
	}
	if one(".") && !digits() {
		return "", false
	}
	if one("eE") {
		if one("+-"); !digits() {
			return "", false
		}
	}
	number := text[r.at:end]
	r.at = end
	return number, true
}

// texts reads an object of strings, each under a name of its own.
func (r *reader) texts(field int, into *map[string]string) int {
	if !r.take('{') {
		return 0
	}
	if r.take('}') {
		return field
	}
	texts := make(map[string]string)
	for n := 1; ; n++ {
		name, ok := r.quoted()
		if !ok || !r.take(':') {
			return 0
		}
		text, ok := r.quoted()
		if !ok {
			return 0
		}
		if texts[name] = text; len(texts) != n {
			return 0
		}
		if !r.take(',') {
			break
		}
	}
	if !r.take('}') {
		return 0
	}
	*into = texts
	return field
}

// maxGuess is how many items room is made for before they are read, on the word of the text.
const maxGuess = 128

// readItems reads an array of objects. The items stand in a few blocks of memory, in one as a rule.
func readItems[T any](r *reader, field int, into *[]*T, read func(*T) bool) int {
	if !r.take('[') {
		return 0
	}
	if r.take(']') {
		return field
	}
	// An item has as a rule two braces: its own and its context's.
	block := make([]T, min(max(strings.Count(r.source[r.at:], "{")+1, 2)/2, maxGuess))
	items := make([]*T, 0, len(block))
	for {
		if len(block) == 0 {
			block = make([]T, len(items))
		}
		if !read(&block[0]) {
			return 0
		}
		items, block = append(items, &block[0]), block[1:]
		if !r.take(',') {
			break
		}
	}
	if !r.take(']') {
		return 0
	}
	*into = items
	return field
}
