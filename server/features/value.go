package features

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// tagOf returns what a node is: !!map, !!seq, !!null, !!bool, !!int, !!float or !!str. A scalar that spells a number as
// JSON does is one, whatever its size. An explicit tag that the text does not bear out is returned with a question mark.
func tagOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "!!map"
	case yaml.SequenceNode:
		return "!!seq"
	case yaml.AliasNode:
		return tagOf(n.Alias)
	}
	if n.Style&(quoted|yaml.TaggedStyle) == 0 && spellsNumber(n.Value) {
		return "!!float"
	}
	tag := n.ShortTag()
	switch tag {
	case "!!null", "!!bool", "!!int", "!!float":
	default:
		return "!!str" // dates, merge marks and tags of others among them
	}
	if n.Style&yaml.TaggedStyle != 0 {
		natural := (&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}).ShortTag()
		if natural != tag && (natural != "!!int" || tag != "!!float") {
			return tag + "?"
		}
	}
	return tag
}

func isNull(n *yaml.Node) bool { return tagOf(n) == "!!null" }

// numberOf returns the JSON spelling of a number: that of the file if it is one.
func numberOf(n *yaml.Node) (string, bool) {
	tag := tagOf(n)
	if tag != "!!int" && tag != "!!float" {
		return "", false
	}
	if spellsNumber(n.Value) {
		return n.Value, true
	}
	plain := strings.ReplaceAll(n.Value, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return strconv.FormatInt(i, 10), true
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return strconv.FormatUint(u, 10), true
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	return formatNumber(f, 64), true
}

// formatNumber returns the shortest JSON spelling of a finite number with the given bits.
func formatNumber(f float64, bits int) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// spellsNumber reports whether s is a number by the grammar of JSON.
func spellsNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, s := digits(s)
	if whole == "" || whole[0] == '0' && len(whole) > 1 {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		var part string
		if part, s = digits(rest); part == "" {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		var part string
		if part, s = digits(s); part == "" {
			return false
		}
	}
	return s == ""
}

func digits(s string) (head, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

// attachment returns a member of any kind as JSON text, or nothing for null.
func (d *decoder) attachment(m member, of *owner) string {
	v := d.visit(m.value)
	if isNull(v) {
		return ""
	}
	const depth = 6 // below document, flags, flag, variants and variant
	return string(d.appendJSON(nil, v, &owner{kind: m.name, of: of}, depth))
}

// metadata returns a member that must be a map.
func (d *decoder) metadata(m member, of *owner) *structpb.Struct {
	v := d.visit(m.value)
	if isNull(v) {
		return nil
	}
	if v.Kind != yaml.MappingNode {
		d.mismatch(m, of, "a map", v)
		return nil
	}
	const depth = 4 // below document, flags and flag
	errs := len(d.errs)
	text := d.appendJSON(nil, v, &owner{kind: m.name, of: of}, depth)
	if len(d.errs) > errs || d.stopped {
		return nil
	}
	s := &structpb.Struct{}
	if err := s.UnmarshalJSON(text); err != nil { // a number beyond double precision
		d.fail(posOf(m.value), "%s of %s: %w", m.name, of, err)
		return nil
	}
	if len(s.GetFields()) == 0 {
		return nil
	}
	return s
}

// appendJSON appends a visited node as compact JSON with sorted members. Depth is that of the node in its document, with
// what aliases stand for, so that the document can be written and read again.
func (d *decoder) appendJSON(b []byte, n *yaml.Node, of *owner, depth int) []byte {
	if depth > maxDepth && n.Kind != yaml.ScalarNode {
		d.fail(posOf(n), "%s is %w", of, errDepth)
		return b
	}
	switch tag := tagOf(n); tag {
	case "!!map":
		return d.appendObject(b, n, of, depth)
	case "!!seq":
		b = append(b, '[')
		for i, item := range n.Content {
			if d.stopped {
				return b
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = d.appendJSON(b, d.visit(item), of, depth+1)
		}
		return append(b, ']')
	case "!!null":
		return append(b, "null"...)
	case "!!bool":
		return strconv.AppendBool(b, strings.EqualFold(n.Value, "true"))
	case "!!int", "!!float":
		text, ok := numberOf(n)
		if !ok {
			d.fail(posOf(n), "%s: JSON has no number %s", of, short(n.Value))
		}
		return append(b, text...)
	case "!!str":
		return appendString(b, d.string(member{name: "a text"}, n, of))
	default:
		d.fail(posOf(n), "%s: %q is not what its tag says", of, short(n.Value))
		return b
	}
}

func (d *decoder) appendObject(b []byte, n *yaml.Node, of *owner, depth int) []byte {
	members := d.members(n, of)
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	b = append(b, '{')
	for i, m := range members {
		if d.stopped {
			return b
		}
		if tag := tagOf(m.key); tag != "!!str" {
			d.fail(posOf(m.key), "a key of %s must be a string, found %s: quote it", of, describe(m.key))
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, m.name), ':')
		b = d.appendJSON(b, d.visit(m.value), of, depth+1)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string with no more escapes than JSON asks for.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
