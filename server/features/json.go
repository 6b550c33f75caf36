package features

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// readJSON returns the values of a sequence of JSON values as the nodes that YAML gives. A first line that begins with
// `#` is skipped.
func readJSON(data []byte) (reader, error) {
	r := newJSONReader(data, maxDepth)
	if bytes.HasPrefix(data[r.at:], []byte("#")) {
		skip := bytes.IndexByte(data, '\n')
		if skip < 0 {
			skip = len(data)
		}
		r.skip(skip)
		r.restart()
	}
	if err := scanJSON(data, r.at); err != nil {
		return nil, err
	}
	documents := 0
	return func() (*yaml.Node, int, error) {
		if documents++; documents > maxDocuments {
			return nil, 0, &Error{Pos: r.pos, Err: fmt.Errorf("more than %d documents", maxDocuments)}
		}
		r.nodes = 0
		n, err := r.value(0)
		return n, r.nodes, err
	}, nil
}

// scanJSON refuses a document with more nodes than memory should hold, before one is made. It looks at data from an offset on.
// Each node but the first follows one of the counted characters.
func scanJSON(data []byte, from int) error {
	nodes, depth := 0, 0
	text, escaped := false, false
	for i := from; i < len(data); i++ {
		c := data[i]
		switch {
		case text:
			text = c != '"' || escaped
			escaped = c == '\\' && !escaped
		case c == '"':
			text, escaped = true, false
		case c == '[' || c == '{':
			depth++
			nodes++
		case c == ',' || c == ':':
			nodes++
		case c == ']' || c == '}':
			if depth--; depth <= 0 {
				nodes = 0
			}
		}
		if nodes > maxNodes {
			return &Error{Pos: posAt(data, i), Err: errNodes}
		}
	}
	return nil
}

// jsonReader builds nodes from JSON tokens. It keeps its own place in data, in step with the token decoder.
type jsonReader struct {
	data     []byte
	dec      *json.Decoder
	base     int // where in data dec began
	at       int // up to where pos has counted
	pos      Pos
	maxDepth int
	nodes    int
}

func newJSONReader(data []byte, maxDepth int) *jsonReader {
	r := &jsonReader{data: data, pos: Pos{Line: 1, Column: 1}, maxDepth: maxDepth}
	r.at = len(data) - len(bytes.TrimPrefix(data, []byte("\ufeff")))
	r.restart()
	return r
}

func (r *jsonReader) restart() {
	r.base = r.at
	r.dec = json.NewDecoder(bytes.NewReader(r.data[r.at:]))
	r.dec.UseNumber()
}

// skip moves the place to an offset of data.
func (r *jsonReader) skip(to int) {
	for r.at < to {
		if r.data[r.at] == '\n' {
			r.pos = Pos{Line: r.pos.Line + 1, Column: 1}
			r.at++
			continue
		}
		_, size := utf8.DecodeRune(r.data[r.at:])
		r.at += size
		r.pos.Column++
	}
}

// token returns the next token with the place where it begins.
func (r *jsonReader) token(depth int) (json.Token, Pos, error) {
	start := r.at
	for start < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[start]) >= 0 {
		start++
	}
	t, err := r.dec.Token()
	if err != nil {
		return nil, Pos{}, r.located(err, depth)
	}
	r.skip(start)
	pos := r.pos
	r.skip(r.base + int(r.dec.InputOffset()))
	return t, pos, nil
}

// located gives a token decoder's error its place: that of the character that does not fit.
func (r *jsonReader) located(err error, depth int) error {
	if errors.Is(err, io.EOF) && depth == 0 {
		return io.EOF
	}
	at := r.base + int(r.dec.InputOffset())
	if strings.Contains(err.Error(), " in ") { // inside a literal, of which the decoder gives the beginning
		var syntax *json.SyntaxError
		if errors.As(json.Unmarshal(r.data[at:], new(json.RawMessage)), &syntax) {
			at += int(syntax.Offset) - 1
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		at, err = len(r.data), errors.New("unexpected end of file")
	}
	r.skip(at)
	return &Error{Pos: r.pos, Err: err}
}

// value reads one value, which stands in depth others. It returns io.EOF only at depth 0.
func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	t, pos, err := r.token(depth)
	if err != nil {
		return nil, err
	}
	return r.node(t, pos, depth)
}

func (r *jsonReader) node(t json.Token, pos Pos, depth int) (*yaml.Node, error) {
	r.nodes++
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: pos.Line, Column: pos.Column}
	switch t := t.(type) {
	case nil:
		n.Tag, n.Value = "!!null", "null"
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(t)
	case json.Number:
		n.Tag, n.Value = "!!float", t.String()
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Delim:
		if depth >= r.maxDepth {
			return nil, &Error{Pos: pos, Err: errDepth}
		}
		if t == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
			return n, r.object(n, depth+1)
		}
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		return n, r.array(n, depth+1)
	}
	return n, nil
}

// object reads the members of an object up to its end. Of members with the same name the last one stays.
func (r *jsonReader) object(n *yaml.Node, depth int) error {
	var places memberIndex
	for {
		t, pos, err := r.token(depth)
		if err != nil {
			return err
		}
		if t == json.Delim('}') {
			return nil
		}
		key, err := r.node(t, pos, depth)
		if err != nil {
			return err
		}
		value, err := r.value(depth)
		if err != nil {
			return err
		}
		if i, ok := places.find(n.Content, key.Value); ok {
			n.Content[i], n.Content[i+1] = key, value
			continue
		}
		places.add(key.Value, len(n.Content))
		n.Content = append(n.Content, key, value)
	}
}

func (r *jsonReader) array(n *yaml.Node, depth int) error {
	for {
		t, pos, err := r.token(depth)
		if err != nil {
			return err
		}
		if t == json.Delim(']') {
			return nil
		}
		item, err := r.node(t, pos, depth)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, item)
	}
}
