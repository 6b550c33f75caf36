package features

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// owner is the thing that members belong to, for messages: `variant "red" of flag "x"`, `rule 2 of flag "x"`.
type owner struct {
	kind  string
	key   string
	index int // from 1, shown when there is no key
	of    *owner
}

func (o *owner) String() string {
	text := o.kind
	switch {
	case o.key != "":
		text += " " + strconv.Quote(o.key)
	case o.index > 0:
		text += " " + strconv.Itoa(o.index)
	}
	if o.of != nil {
		text += " of " + o.of.String()
	}
	return text
}

// member is one key of a map with its value.
type member struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// memberIndex finds members by name: by looking at each, or by a map once there are many.
type memberIndex map[string]int

func (m *memberIndex) find(content []*yaml.Node, name string) (int, bool) {
	if *m != nil {
		i, ok := (*m)[name]
		return i, ok
	}
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Value == name && content[i].Kind == yaml.ScalarNode {
			return i, true
		}
	}
	if len(content) > 32 {
		*m = memberIndex{}
		for i := 0; i+1 < len(content); i += 2 {
			(*m)[content[i].Value] = i
		}
	}
	return 0, false
}

func (m *memberIndex) add(name string, i int) {
	if *m != nil {
		(*m)[name] = i
	}
}

// visit follows an alias and charges for what it leads to, so that a small file cannot stand for an immense one. After
// it has stopped the decoder it returns a null.
func (d *decoder) visit(n *yaml.Node) *yaml.Node {
	at := posOf(n)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.nodes++
	d.bytes += len(n.Value)
	if d.nodes > max(minExpanded, maxExpansion*d.written) || d.bytes > d.maxBytes {
		d.fail(at, "aliases expand to more than %d values or %d bytes", max(minExpanded, maxExpansion*d.written), d.maxBytes)
		d.stopped = true
	}
	if d.stopped {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: at.Line, Column: at.Column}
	}
	return n
}

// members returns the members of a map in their order, those that `<<` merges after its own. A key that stands twice
// is an error.
func (d *decoder) members(n *yaml.Node, of *owner) []member {
	return d.merged(n, of, 0)
}

func (d *decoder) merged(n *yaml.Node, of *owner, depth int) []member {
	own := make([]member, 0, len(n.Content)/2)
	first := make(map[string]int, len(n.Content)/2)
	var merge *yaml.Node
	for i := 0; i+1 < len(n.Content) && !d.stopped; i += 2 {
		at := n.Content[i]
		key := d.visit(at)
		if key.Kind != yaml.ScalarNode {
			d.fail(posOf(at), "a key of %s must be a string, found %s", of, describe(key))
			continue
		}
		if line, ok := first[key.Value]; ok {
			d.fail(posOf(at), "%q of %s is already given in line %d", short(key.Value), of, line)
			continue
		}
		first[key.Value] = at.Line
		if key.Tag == "!!merge" {
			merge = n.Content[i+1]
			continue
		}
		own = append(own, member{name: key.Value, key: key, value: n.Content[i+1]})
	}
	if merge == nil || d.stopped {
		return own
	}
	if depth == maxDepth {
		d.fail(posOf(merge), "<< of %s is %w", of, errDepth)
		return own
	}
	for _, from := range d.sources(merge, of) {
		for _, m := range d.merged(from, of, depth+1) {
			if _, ok := first[m.name]; !ok {
				first[m.name] = m.key.Line
				own = append(own, m)
			}
		}
	}
	return own
}

// sources returns the maps that the value of `<<` names.
func (d *decoder) sources(merge *yaml.Node, of *owner) []*yaml.Node {
	n := d.visit(merge)
	switch n.Kind {
	case yaml.MappingNode:
		return []*yaml.Node{n}
	case yaml.SequenceNode:
		maps := make([]*yaml.Node, 0, len(n.Content))
		for _, item := range n.Content {
			from := d.visit(item)
			if d.stopped {
				return nil
			}
			if from.Kind != yaml.MappingNode {
				d.fail(posOf(item), "<< of %s must name maps, found %s", of, describe(from))
				continue
			}
			maps = append(maps, from)
		}
		return maps
	}
	if !d.stopped {
		d.fail(posOf(merge), "<< of %s must be a map or a list of maps, found %s", of, describe(n))
	}
	return nil
}

// object returns the members of an item that must be a map.
func (d *decoder) object(n *yaml.Node, of *owner) []member {
	v := d.visit(n)
	if v.Kind != yaml.MappingNode {
		if !d.stopped {
			d.fail(posOf(n), "%s must be a map, found %s", of, describe(v))
		}
		return nil
	}
	return d.members(v, of)
}

// list returns the items of a member that must be a list, without nulls.
func (d *decoder) list(m member, of *owner) []*yaml.Node {
	v := d.visit(m.value)
	if isNull(v) {
		return nil
	}
	if v.Kind != yaml.SequenceNode {
		d.mismatch(m, of, "a list", v)
		return nil
	}
	items := make([]*yaml.Node, 0, len(v.Content))
	for _, item := range v.Content {
		if !isNull(item) {
			items = append(items, item)
		}
	}
	return items
}

// text returns a member that must be a string. Any scalar is one, as it is written; null is empty.
func (d *decoder) text(m member, of *owner) string {
	return d.string(m, m.value, of)
}

func (d *decoder) string(m member, n *yaml.Node, of *owner) string {
	v := d.visit(n)
	if isNull(v) {
		return ""
	}
	if v.Kind != yaml.ScalarNode {
		d.mismatch(member{name: m.name, value: n}, of, "a string", v)
		return ""
	}
	if v.ShortTag() != "!!binary" {
		return v.Value
	}
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v.Value), ""))
	if err != nil || !utf8.Valid(text) {
		d.mismatch(member{name: m.name, value: n}, of, "base64 of UTF-8 text", v)
		return ""
	}
	return string(text)
}

// boolean returns a member that must be true or false, or in the words of YAML 1.1, without quotes, yes or no.
func (d *decoder) boolean(m member, of *owner) bool {
	v := d.visit(m.value)
	switch tagOf(v) {
	case "!!null":
		return false
	case "!!bool":
		return strings.EqualFold(v.Value, "true")
	}
	if v.Kind == yaml.ScalarNode && v.Style == 0 {
		switch v.Value {
		case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
			return true
		case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
			return false
		}
	}
	d.mismatch(m, of, "true or false", v)
	return false
}

// choice is boolean for a member that may be left out: null is nil.
func (d *decoder) choice(m member, of *owner) *bool {
	if isNull(m.value) {
		return nil
	}
	is := d.boolean(m, of)
	return &is
}

// number returns a member that must be a number, to the nearest single-precision one.
func (d *decoder) number(m member, of *owner) float32 {
	v := d.visit(m.value)
	if isNull(v) {
		return 0
	}
	if text, ok := numberOf(v); ok {
		if f, err := strconv.ParseFloat(text, 32); err == nil {
			return float32(f)
		}
	}
	d.mismatch(m, of, "a number", v)
	return 0
}

// rank returns a member that must be a whole number from 0, or 0 when it is null.
func (d *decoder) rank(m member, of *owner) int32 {
	v := d.visit(m.value)
	if isNull(v) {
		return 0
	}
	if text, ok := numberOf(v); ok {
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && f >= 0 && f <= math.MaxInt32 && f == math.Trunc(f) {
			return int32(f)
		}
	}
	d.mismatch(m, of, "a whole number from 0 to 2147483647", v)
	return 0
}

// enum returns a member that must be one of the names; null is the one with number 0.
func enum[E ~int32](d *decoder, m member, of *owner, numbers map[string]int32) E {
	v := d.visit(m.value)
	if isNull(v) || v.Kind == yaml.ScalarNode && v.Value == "" {
		return 0
	}
	if v.Kind == yaml.ScalarNode {
		if number, ok := numbers[v.Value]; ok {
			return E(number)
		}
	}
	names := make([]string, 0, len(numbers))
	for name := range numbers {
		if !strings.HasPrefix(name, "UNKNOWN_") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(numbers[a] - numbers[b]) })
	d.mismatch(m, of, "one of "+strings.Join(names, ", "), v)
	return 0
}

func (d *decoder) unknown(m member, of *owner) {
	d.warn(posOf(m.key), "unknown member %q of %s is ignored", short(m.name), of)
}

func (d *decoder) mismatch(m member, of *owner, want string, got *yaml.Node) {
	if d.stopped {
		return
	}
	d.fail(posOf(m.value), "%s of %s must be %s, found %s", m.name, of, want, describe(got))
}

// describe says what a node holds, in a few words.
func describe(n *yaml.Node) string {
	switch tag := tagOf(n); tag {
	case "!!map":
		return "a map"
	case "!!seq":
		return "a list"
	case "!!null":
		return "nothing"
	case "!!bool":
		return n.Value
	case "!!int", "!!float":
		return "the number " + short(n.Value)
	case "!!str":
		return fmt.Sprintf("the text %q", short(n.Value))
	default:
		return "a value tagged " + short(tag)
	}
}

// short returns the beginning of a text that is too long for a message.
func short(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	end := limit
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
