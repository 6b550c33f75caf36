package eval

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// maxCandidates is how many changes of a context Suggest tries at most, each by an evaluation.
const maxCandidates = 1000

// maxTests is how many constraints these evaluations test at most, which bounds the time for a very large flag.
const maxTests = 5_000_000

// maxElements is how many elements of one list it looks at.
const maxElements = 100

// Suggest returns the smallest change of one member of the context that makes the flag answer something else (see Same), and
// writes that answer to r. When it finds none it returns nil, and when the flag cannot be evaluated the error.
//
// What it tries comes from the constraints of the flag's segments: the values that they name and those right beside them, no
// value, and a few values that nobody names; 1,000 in all (fewer of a flag of more than 5,000 constraints) and 100 of a list.
// So it may miss a change to a value that is none of them. Small means, first to last: changing a member to a value that a constraint gives; adding such a member;
// removing a member; changing or adding one to a value that nobody names. Among equals it is the one with fewer edits of
// characters, then the property and then the value that comes first in the alphabet.
func (f Flag) Suggest(entityID string, context map[string]string, r *Result) (*burgeev1.Suggestion, error) {
	var now Result
	if err := f.Evaluate(entityID, context, &now); err != nil {
		return nil, err
	}
	changed := maps.Clone(context)
	if changed == nil {
		changed = map[string]string{}
	}
	candidates := f.candidates(context)
	for _, c := range candidates[:min(len(candidates), maxTests/max(f.Constraints(), 1))] {
		old, there := context[c.property]
		if c.kind == removal {
			delete(changed, c.property)
		} else {
			changed[c.property] = c.value
		}
		if err := f.Evaluate(entityID, changed, r); err == nil && !f.Same(r, &now) {
			suggestion := &burgeev1.Suggestion{Property: c.property}
			if there {
				suggestion.Old = &old
			}
			if c.kind != removal {
				suggestion.New = &c.value
			}
			return suggestion, nil
		}
		if there {
			changed[c.property] = old
		} else {
			delete(changed, c.property)
		}
	}
	*r = now
	return nil, nil
}

// How a candidate changes the context, the smallest first.
const (
	changeToNamed = iota
	addNamed
	removal
	changeToUnnamed
	addUnnamed
)

// candidate is a change of a context.
type candidate struct {
	property string
	value    string // nothing when it is removed
	kind     int
	edits    int
}

// candidates returns what Suggest tries, in that order.
func (f Flag) candidates(context map[string]string) []candidate {
	g := gathering{context: context, seen: map[[2]string]bool{}, limits: map[string][]float64{}, properties: map[string]bool{}}
	for _, slot := range f.program.segments {
		if len(g.candidates) == maxCandidates {
			break
		}
		document := f.table.segment(slot).document
		for _, c := range document.GetConstraints() {
			g.constraint(c)
		}
		if document.GetMatchType() == flipt.MatchType_ALL_MATCH_TYPE {
			g.joined(document.GetConstraints())
		}
	}
	properties := slices.Sorted(maps.Keys(g.properties))
	for _, property := range properties {
		g.between(property)
	}
	for _, property := range properties {
		g.unnamed(property, "1", "other", "x")
	}
	slices.SortFunc(g.candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.edits, b.edits), strings.Compare(a.property, b.property),
			strings.Compare(a.value, b.value))
	})
	return g.candidates
}

// gathering collects candidates.
type gathering struct {
	context    map[string]string
	seen       map[[2]string]bool   // property and value
	limits     map[string][]float64 // what numbers are compared to, by property
	properties map[string]bool
	candidates []candidate
}

// value takes up a value; an empty one stands for removing the member, since no constraint tells these apart.
func (g *gathering) value(property, value string, kindWhenThere, kindWhenNot int) {
	old, there := g.context[property]
	name := [2]string{property, value}
	if old == value || g.seen[name] || len(g.candidates) == maxCandidates {
		return
	}
	g.seen[name] = true
	c := candidate{property, value, kindWhenNot, edits(old, value)}
	if there {
		c.kind = kindWhenThere
	}
	if value == "" {
		c.kind = removal
	}
	g.candidates = append(g.candidates, c)
}

func (g *gathering) named(property string, values ...string) {
	for _, value := range values {
		g.value(property, value, changeToNamed, addNamed)
	}
}

func (g *gathering) unnamed(property string, values ...string) {
	for _, value := range values {
		g.value(property, value, changeToUnnamed, addUnnamed)
	}
}

// constraint takes up the values that a constraint tells apart.
func (g *gathering) constraint(c *flipt.Constraint) {
	property := c.GetProperty()
	switch c.GetType() {
	case flipt.ComparisonType_STRING_COMPARISON_TYPE:
		g.text(property, c.GetOperator(), c.GetValue())
	case flipt.ComparisonType_NUMBER_COMPARISON_TYPE:
		g.number(property, c.GetOperator(), c.GetValue())
	case flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE:
		g.named(property, "true", "false")
	case flipt.ComparisonType_DATETIME_COMPARISON_TYPE:
		if limit, ok := datetime(c.GetValue()); ok {
			g.named(property, c.GetValue(), timeText(limit.Add(-time.Second)), timeText(limit.Add(time.Second)))
		}
	default:
		return
	}
	g.named(property, "")
	g.properties[property] = true
}

func (g *gathering) text(property, operator, value string) {
	old := g.context[property]
	if len(old) > maxJoined {
		old = ""
	}
	switch operator {
	case "eq", "neq":
		g.named(property, value)
	case "prefix":
		g.named(property, value, value+old)
	case "suffix", "contains":
		g.named(property, value, old+value)
	case "notcontains":
		g.named(property, value, strings.ReplaceAll(old, value, ""))
	case "isoneof", "isnotoneof":
		var elements []string
		if json.Unmarshal([]byte(value), &elements) == nil {
			g.named(property, elements[:min(len(elements), maxElements)]...)
		}
	}
}

func (g *gathering) number(property, operator, value string) {
	switch operator {
	case "isoneof", "isnotoneof":
		var elements []float64
		if json.Unmarshal([]byte(value), &elements) == nil {
			for _, n := range elements[:min(len(elements), maxElements)] {
				g.named(property, numberText(n))
			}
		}
	default:
		if limit, ok := number(value); ok {
			g.limits[property] = append(g.limits[property], limit)
			g.named(property, value, numberText(min(limit-1, math.Nextafter(limit, math.Inf(-1)))),
				numberText(max(limit+1, math.Nextafter(limit, math.Inf(1)))))
		}
	}
}

// joined takes up one text for each property that has to begin, to go on and to end in a certain way.
func (g *gathering) joined(constraints []*flipt.Constraint) {
	parts := map[string]*[3]string{}
	for _, c := range constraints {
		place := slices.Index([]string{"prefix", "contains", "suffix"}, c.GetOperator())
		if place < 0 || c.GetType() != flipt.ComparisonType_STRING_COMPARISON_TYPE {
			continue
		}
		known := parts[c.GetProperty()]
		if known == nil {
			known = new([3]string)
			parts[c.GetProperty()] = known
		}
		if len(c.GetValue()) > len(known[place]) {
			known[place] = c.GetValue()
		}
	}
	for _, property := range slices.Sorted(maps.Keys(parts)) {
		g.named(property, strings.Join(parts[property][:], ""))
	}
}

// between takes up numbers that lie between two limits and not beside one.
func (g *gathering) between(property string) {
	limits := g.limits[property]
	slices.Sort(limits)
	for i := 1; i < len(limits); i++ {
		if low, high := limits[i-1], limits[i]; low < high && high-low <= 1 {
			g.named(property, numberText(low+(high-low)/2))
		}
	}
}

func numberText(n float64) string {
	if math.Abs(n) < 1e15 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Longer texts are not joined with what a constraint names; longer differences are not counted edit by edit. In bytes.
const (
	maxJoined   = 4096
	maxCompared = 100
)

// edits counts how many characters must be replaced, put in or taken out to make b of a. Of long texts that differ in much it
// is about the length of what they do not have in common at their ends.
func edits(a, b string) int {
	if max(len(a), len(b)) > 2*maxJoined {
		return max(len(a), len(b))
	}
	for a != "" && b != "" {
		c, size := utf8.DecodeRuneInString(a)
		d, otherSize := utf8.DecodeRuneInString(b)
		if c != d || size != otherSize {
			break
		}
		a, b = a[size:], b[size:]
	}
	for a != "" && b != "" {
		c, size := utf8.DecodeLastRuneInString(a)
		d, otherSize := utf8.DecodeLastRuneInString(b)
		if c != d || size != otherSize {
			break
		}
		a, b = a[:len(a)-size], b[:len(b)-otherSize]
	}
	if len(a) > maxCompared || len(b) > maxCompared {
		return max(utf8.RuneCountInString(a), utf8.RuneCountInString(b))
	}
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, c := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, d := range to {
			replaced := diagonal
			if c != d {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(to)]
}
