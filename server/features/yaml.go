package features

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file. A node costs some 200 bytes while its document is read.
const (
	maxDepth      = 64
	maxNodes      = 4_000_000 // of one document
	maxDocuments  = 100_000
	maxDirectives = 64 // the parser compares each %TAG line with all before it
)

var errDepth = fmt.Errorf("nested deeper than %d levels", maxDepth)
var errNodes = fmt.Errorf("document has more than %d values: split it into several", maxNodes)

// A reader returns the next document of a file and the number of its nodes, or io.EOF, or an *Error without file name.
type reader func() (*yaml.Node, int, error)

// readYAML returns the documents of a YAML stream. Aliases are left as they are.
func readYAML(data []byte) (reader, error) {
	if err := checkControls(data); err != nil {
		return nil, err
	}
	if err := scanYAML(data); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	return func() (*yaml.Node, int, error) {
		var doc yaml.Node
		if err := decodeYAML(dec, &doc); err != nil {
			return nil, 0, err
		}
		if len(doc.Content) == 0 {
			return &doc, 0, nil
		}
		count, err := measure(doc.Content[0], 1)
		return doc.Content[0], count, err
	}, nil
}

// decodeYAML reads one document. A panic of the parser, which takes its own confusion for impossible, becomes an error.
func decodeYAML(dec *yaml.Decoder, doc *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Pos: markOf(dec, ""), Err: fmt.Errorf("cannot be read as YAML: %v", r)}
		}
	}()
	err = dec.Decode(doc)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		_, text, _ = strings.Cut(rest, ": ")
	}
	pos := markOf(dec, text)
	if strings.HasPrefix(text, "exceeded max depth") {
		return &Error{Pos: pos, Err: errDepth}
	}
	return &Error{Pos: pos, Err: errors.New(text)}
}

// markOf returns where the parser stopped because of the problem. The parser knows it to the column, but its error names
// a line at best, and often that of the surrounding collection; so it is read from the parser's fields. Should they
// vanish some day the place is unknown, and a test fails.
func markOf(dec *yaml.Decoder, problem string) Pos {
	parser := reflect.ValueOf(dec).Elem().FieldByName("parser")
	if parser.Kind() != reflect.Pointer || parser.IsNil() {
		return Pos{}
	}
	inner := field(parser.Elem(), "parser")
	mark := field(inner, "problem_mark")
	if text := field(inner, "problem"); text.Kind() != reflect.String || text.String() != problem {
		mark = field(field(parser.Elem(), "event"), "start_mark") // found by the composer, as an unknown anchor is
	}
	line, column := field(mark, "line"), field(mark, "column")
	if !line.CanInt() || !column.CanInt() {
		return Pos{}
	}
	return Pos{Line: int(line.Int()) + 1, Column: int(column.Int()) + 1}
}

func field(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// scanYAML refuses what the parser would take at a price: more nodes than memory should hold, before one is made, and
// the heaps of directives that it handles in quadratic time. A node needs one of the counted characters, and none of
// them makes more than two.
func scanYAML(data []byte) error {
	nodes, documents, directives := 0, 0, 0
	lineStart := true
	for i, c := range data {
		switch c {
		case ',', ':', '[', '{':
			nodes += 2
		case '-', '?':
			if blank(data, i+1) {
				nodes += 2
			}
			if lineStart && c == '-' && bytes.HasPrefix(data[i:], []byte("---")) && blank(data, i+3) {
				nodes = 0
				documents++
			}
		case '%':
			if lineStart {
				directives++
			}
		}
		lineStart = c == '\n'
		switch {
		case nodes > maxNodes:
			return &Error{Pos: posAt(data, i), Err: errNodes}
		case documents > maxDocuments:
			return &Error{Pos: posAt(data, i), Err: fmt.Errorf("more than %d documents", maxDocuments)}
		case directives > maxDirectives:
			return &Error{Pos: posAt(data, i), Err: fmt.Errorf("more than %d lines begin with %%", maxDirectives)}
		}
	}
	return nil
}

func blank(data []byte, i int) bool {
	return i >= len(data) || data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r'
}

// checkUTF8 returns an error at the first byte that is not UTF-8.
func checkUTF8(data []byte) error {
	if utf8.Valid(data) {
		return nil
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return &Error{Pos: posAt(data, at), Err: errors.New("invalid UTF-8")}
		}
		at += size
	}
}

// checkControls returns an error at the first character that YAML does not allow.
func checkControls(data []byte) error {
	for i := 0; i < len(data); {
		c := data[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r < ' ' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff {
			return &Error{Pos: posAt(data, i), Err: fmt.Errorf("control character %U is not allowed", r)}
		}
		i += size
	}
	return nil
}

// posAt returns the place of a byte.
func posAt(data []byte, offset int) Pos {
	head := bytes.TrimPrefix(data[:offset], []byte("\ufeff"))
	line := bytes.LastIndexByte(head, '\n') + 1
	return Pos{Line: bytes.Count(head, []byte("\n")) + 1, Column: utf8.RuneCount(head[line:]) + 1}
}

// measure counts the nodes below and including n, which is at the given depth, as they are written.
func measure(n *yaml.Node, depth int) (int, error) {
	if depth > maxDepth && n.Kind != yaml.ScalarNode {
		return 0, &Error{Pos: posOf(n), Err: errDepth}
	}
	count := 1
	for _, child := range n.Content {
		below, err := measure(child, depth+1)
		if err != nil {
			return 0, err
		}
		count += below
	}
	return count, nil
}

func posOf(n *yaml.Node) Pos { return Pos{Line: n.Line, Column: n.Column} }
