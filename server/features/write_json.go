package features

import "go.yaml.in/yaml/v3"

// flowDepth is the number of levels of an item that are laid out over lines. What is deeper stands in one line, so that
// the indentation of a deep attachment does not outgrow it.
const flowDepth = 32

// jsonWriter writes documents as JSON with an indentation of two spaces, a newline after each.
type jsonWriter struct {
	b    []byte
	list string // the list whose items are being written
}

func (w *jsonWriter) bytes() []byte { return w.b }

func (w *jsonWriter) begin(head *yaml.Node) {
	w.list = ""
	w.b = append(w.b, '{')
	w.members(head, 1, 0)
}

func (w *jsonWriter) item(list string, n *yaml.Node) {
	if w.list == list {
		w.b = append(w.b, ',')
	} else {
		w.endList()
		w.list = list
		w.b = append(w.b, ',')
		w.line(1)
		w.b = append(appendString(w.b, list), ": ["...)
	}
	w.line(2)
	w.value(n, 2, 0)
}

func (w *jsonWriter) endList() {
	if w.list != "" {
		w.line(1)
		w.b = append(w.b, ']')
	}
}

func (w *jsonWriter) end() {
	w.endList()
	w.b = append(w.b, "\n}\n"...)
}

// line begins a line that stands in so many levels.
func (w *jsonWriter) line(levels int) {
	w.b = append(w.b, '\n')
	for range levels {
		w.b = append(w.b, "  "...)
	}
}

// value writes a node. Its own lines stand in one level more than levels; it is depth levels below its item.
func (w *jsonWriter) value(n *yaml.Node, levels, depth int) {
	switch {
	case len(n.Content) == 0 || depth >= flowDepth:
		w.b = appendFlow(w.b, n, JSON)
	case n.Kind == yaml.MappingNode:
		w.b = append(w.b, '{')
		w.members(n, levels+1, depth)
		w.line(levels)
		w.b = append(w.b, '}')
	default:
		w.b = append(w.b, '[')
		for i, item := range n.Content {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.line(levels + 1)
			w.value(item, levels+1, depth+1)
		}
		w.line(levels)
		w.b = append(w.b, ']')
	}
}

func (w *jsonWriter) members(n *yaml.Node, levels, depth int) {
	for i := 0; i < len(n.Content); i += 2 {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.line(levels)
		w.b = append(appendString(w.b, n.Content[i].Value), ": "...)
		w.value(n.Content[i+1], levels, depth+1)
	}
}

// appendFlow appends a node in one line, as JSON but for what YAML has otherwise: escapes, and a mark before long keys.
func appendFlow(b []byte, n *yaml.Node, e Encoding) []byte {
	quote := appendString
	if e == YAML {
		quote = appendQuoted
	}
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b = append(b, ", "...)
			}
			key := n.Content[i].Value
			if e == YAML && len(key) > longKey {
				b = append(b, "? "...)
			}
			b = append(quote(b, key), ": "...)
			b = appendFlow(b, n.Content[i+1], e)
		}
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, item := range n.Content {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendFlow(b, item, e)
		}
		return append(b, ']')
	}
	if n.Tag == "!!str" {
		return quote(b, n.Value)
	}
	return append(b, n.Value...)
}
