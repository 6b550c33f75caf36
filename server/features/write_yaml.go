package features

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// longKey is the number of bytes above which a key is written after `? `: a parser need not find the colon of a longer
// one than 1,024 characters.
const longKey = 128

// yamlWriter writes documents as YAML: two spaces of indentation, lists level with their key, `---` between documents.
type yamlWriter struct {
	b    []byte
	list string // the list whose items are being written
}

func (w *yamlWriter) bytes() []byte { return w.b }

func (w *yamlWriter) begin(head *yaml.Node) {
	if len(w.b) > 0 {
		w.b = append(w.b, "---\n"...)
	}
	w.list = ""
	w.members(head, 0, 0)
}

func (w *yamlWriter) item(list string, n *yaml.Node) {
	if w.list != list {
		w.list = list
		w.b = append(w.b, list+":\n"...)
	}
	w.b = append(w.b, "- "...)
	w.entry(n, 0, 0)
}

func (w *yamlWriter) end() {}

// indent writes the beginning of a line.
func (w *yamlWriter) indent(columns int) {
	for range columns {
		w.b = append(w.b, ' ')
	}
}

// members writes the members of a map, each in a line that begins at a column. The first line has begun already.
func (w *yamlWriter) members(n *yaml.Node, column, depth int) {
	for i := 0; i < len(n.Content); i += 2 {
		if i > 0 {
			w.indent(column)
		}
		key, value := n.Content[i].Value, n.Content[i+1]
		if len(key) > longKey {
			w.b = appendQuoted(append(w.b, "? "...), key)
			w.b = append(w.b, '\n')
			w.indent(column)
			w.b = append(w.b, ": "...)
			w.b = append(appendFlow(w.b, value, YAML), '\n')
			continue
		}
		w.b = append(appendPlain(w.b, key), ':')
		switch {
		case len(value.Content) == 0 || depth >= flowDepth:
			w.b = append(w.b, ' ')
			w.inline(value, column+2)
		case value.Kind == yaml.MappingNode:
			w.b = append(w.b, '\n')
			w.indent(column + 2)
			w.members(value, column+2, depth+1)
		default:
			w.b = append(w.b, '\n')
			w.indent(column)
			w.items(value, column, depth+1)
		}
	}
}

// items writes the items of a list, each in a line that begins at a column. The first line has begun already.
func (w *yamlWriter) items(n *yaml.Node, column, depth int) {
	for i, item := range n.Content {
		if i > 0 {
			w.indent(column)
		}
		w.b = append(w.b, "- "...)
		w.entry(item, column, depth)
	}
}

// entry writes what follows `- ` at a column.
func (w *yamlWriter) entry(n *yaml.Node, column, depth int) {
	switch {
	case len(n.Content) == 0 || depth >= flowDepth:
		w.inline(n, column+2)
	case n.Kind == yaml.MappingNode:
		w.members(n, column+2, depth+1)
	default:
		w.items(n, column+2, depth+1)
	}
}

// inline writes a value in the rest of the line; a text of several lines continues at a column.
func (w *yamlWriter) inline(n *yaml.Node, column int) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
		w.b = appendFlow(w.b, n, YAML)
	case isLiteral(n.Value):
		w.literal(n.Value, column)
		return
	default:
		w.b = appendPlain(w.b, n.Value)
	}
	w.b = append(w.b, '\n')
}

// isLiteral reports whether a text is written over lines, as it reads: it has several, and none that would be in doubt.
func isLiteral(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(s, "\n") || body == "" || body[0] == ' ' || body[0] == '\t' || body[0] == '\n' {
		return false
	}
	for line := range strings.SplitSeq(body, "\n") {
		if strings.HasSuffix(line, " ") || strings.HasPrefix(line, "\t") || !isPrintable(strings.ReplaceAll(line, "\t", " ")) {
			return false
		}
	}
	return !strings.HasSuffix(body, "\n") && !strings.HasSuffix(body, "\t")
}

func (w *yamlWriter) literal(s string, column int) {
	body, ended := strings.CutSuffix(s, "\n")
	if ended {
		w.b = append(w.b, "|\n"...)
	} else {
		w.b = append(w.b, "|-\n"...)
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			w.indent(column)
		}
		w.b = append(append(w.b, line...), '\n')
	}
}

// appendPlain appends a text without quotes where YAML then reads it as that text, also by version 1.1, else with them:
// single ones where they spare escapes, as in lists of JSON.
func appendPlain(b []byte, s string) []byte {
	switch {
	case isPlain(s):
		return append(b, s...)
	case strings.ContainsAny(s, `"\`) && isPrintable(s):
		b = append(b, '\'')
		b = append(b, strings.ReplaceAll(s, "'", "''")...)
		return append(b, '\'')
	}
	return appendQuoted(b, s)
}

func isPlain(s string) bool {
	switch s {
	case "", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF", "=", "<<":
		return false
	}
	if strings.IndexByte("-?:,[]{}#&*!|>'\"%@` ", s[0]) >= 0 || strings.HasPrefix(s, "...") {
		return false
	}
	if strings.HasSuffix(s, " ") || strings.HasSuffix(s, ":") || strings.Contains(s, ": ") || strings.Contains(s, " #") {
		return false
	}
	if !isPrintable(s) || isClock(s) {
		return false
	}
	return tagOf(&yaml.Node{Kind: yaml.ScalarNode, Value: s}) == "!!str" &&
		(&yaml.Node{Kind: yaml.ScalarNode, Value: s}).ShortTag() == "!!str" // a date is a text to us, and not to others
}

// isClock reports whether s may be a number of base 60 to YAML 1.1, such as 12:30:45.
func isClock(s string) bool {
	return strings.Contains(s, ":") && strings.Trim(s, "0123456789:._+-") == ""
}

// isPrintable reports whether s holds nothing that needs an escape. The joiner within emoji counts as printable.
func isPrintable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) && r != '\u200d' {
			return false
		}
	}
	return true
}

// appendQuoted appends a text in double quotes, in one line.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case strconv.IsPrint(r) || r == '\u200d':
			b = utf8.AppendRune(b, r)
		case r < 0x100:
			b = fmt.Appendf(b, `\x%02X`, r)
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04X`, r)
		default:
			b = fmt.Appendf(b, `\U%08X`, r)
		}
	}
	return append(b, '"')
}
