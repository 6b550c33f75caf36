package features

import (
	"go.yaml.in/yaml/v3"

	"github.com/burgeehq/burgee/gen/flipt"
)

func (d *decoder) segment(n *yaml.Node, index int) Segment {
	members := d.object(n, &owner{kind: "segment", index: index})
	of := identify(members, "segment", index, nil)
	s := Segment{Pos: posOf(n)}
	for _, m := range members {
		switch m.name {
		case "key":
			s.Key = d.text(m, of)
		case "name":
			s.Name = d.text(m, of)
		case "description":
			s.Description = d.text(m, of)
		case "constraints":
			for i, n := range d.list(m, of) {
				s.Constraints = append(s.Constraints, d.constraint(n, i+1, of))
			}
		case "match_type":
			s.MatchType = enum[flipt.MatchType](d, m, of, flipt.MatchType_value)
		default:
			d.unknown(m, of)
		}
	}
	return s
}

func (d *decoder) constraint(n *yaml.Node, index int, segment *owner) Constraint {
	of := &owner{kind: "constraint", index: index, of: segment}
	c := Constraint{Pos: posOf(n)}
	for _, m := range d.object(n, of) {
		switch m.name {
		case "type":
			c.Type = enum[flipt.ComparisonType](d, m, of, flipt.ComparisonType_value)
		case "property":
			c.Property = d.text(m, of)
		case "operator":
			c.Operator = d.text(m, of)
		case "value":
			c.Value = d.text(m, of)
		case "description":
			c.Description = d.text(m, of)
		default:
			d.unknown(m, of)
		}
	}
	return c
}
