package features

import (
	"go.yaml.in/yaml/v3"

	"github.com/burgeehq/burgee/gen/flipt"
)

// identify returns an owner that is named by its key where it has one, before its members are read.
func identify(members []member, kind string, index int, of *owner) *owner {
	o := &owner{kind: kind, index: index, of: of}
	for _, m := range members {
		if m.name != "key" {
			continue
		}
		v := m.value
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		if v.Kind == yaml.ScalarNode {
			o.key = short(v.Value)
		}
	}
	return o
}

func (d *decoder) flag(n *yaml.Node, index int, namespace string) Flag {
	members := d.object(n, &owner{kind: "flag", index: index})
	of := identify(members, "flag", index, nil)
	f := Flag{Pos: posOf(n)}
	for _, m := range members {
		switch m.name {
		case "key":
			f.Key = d.text(m, of)
		case "name":
			f.Name = d.text(m, of)
		case "type":
			f.Type = enum[flipt.FlagType](d, m, of, flipt.FlagType_value)
			if !isNull(m.value) {
				d.since(1, posOf(m.key), "flag.type")
			}
		case "description":
			f.Description = d.text(m, of)
		case "enabled":
			f.Enabled = d.boolean(m, of)
		case "metadata":
			f.Metadata = d.metadata(m, of)
		case "tags":
			if !isNull(m.value) {
				f.Tags, _ = d.keys(m, of)
			}
		case "archived":
			f.Archived = d.choice(m, of)
		case "variants":
			f.Variants = d.variants(m, of)
		case "rules":
			for i, n := range d.list(m, of) {
				f.Rules = append(f.Rules, d.rule(n, i+1, of))
			}
		case "rollouts":
			items := d.list(m, of)
			if len(items) > 0 {
				d.since(1, posOf(m.key), "flag.rollouts")
			}
			for i, n := range items {
				f.Rollouts = append(f.Rollouts, d.rollout(n, i, of, namespace+"/"+of.key))
			}
		default:
			d.unknown(m, of)
		}
	}
	return f
}

// variants reads the variants of a flag; of several defaults the last one stays.
func (d *decoder) variants(m member, of *owner) []Variant {
	var variants []Variant
	standard := -1
	for i, n := range d.list(m, of) {
		variants = append(variants, d.variant(n, i+1, of))
		if variants[i].Default {
			standard = i
		}
	}
	for i := range variants {
		variants[i].Default = i == standard
	}
	return variants
}

func (d *decoder) variant(n *yaml.Node, index int, flag *owner) Variant {
	members := d.object(n, &owner{kind: "variant", index: index, of: flag})
	of := identify(members, "variant", index, flag)
	v := Variant{Pos: posOf(n)}
	for _, m := range members {
		switch m.name {
		case "default":
			if v.Default = d.boolean(m, of); v.Default {
				d.since(3, posOf(m.key), "variant.default")
			}
		case "key":
			v.Key = d.text(m, of)
		case "name":
			v.Name = d.text(m, of)
		case "description":
			v.Description = d.text(m, of)
		case "attachment":
			v.Attachment = d.attachment(m, of)
		default:
			d.unknown(m, of)
		}
	}
	return v
}

func (d *decoder) rule(n *yaml.Node, index int, flag *owner) Rule {
	of := &owner{kind: "rule", index: index, of: flag}
	errs := len(d.errs)
	r := Rule{Pos: posOf(n)}
	for _, m := range d.object(n, of) {
		switch m.name {
		case "segment":
			d.ruleSegment(&r, m, of)
		case "rank":
			r.Rank = d.rank(m, of)
		case "distributions":
			for i, n := range d.list(m, of) {
				r.Distributions = append(r.Distributions, d.distribution(n, i+1, of))
			}
		default:
			d.unknown(m, of)
		}
	}
	if r.Rank == 0 {
		r.Rank = int32(index)
	}
	if len(r.SegmentKeys) == 0 && len(d.errs) == errs && !d.stopped {
		d.fail(r.Pos, "%s has no segment", of)
	}
	return r
}

// ruleSegment reads a key, or a map of keys and operator.
func (d *decoder) ruleSegment(r *Rule, m member, rule *owner) {
	v := d.visit(m.value)
	if v.Kind == yaml.ScalarNode {
		if key := d.text(m, rule); key != "" {
			r.SegmentKeys, r.SegmentPos = []string{key}, []Pos{posOf(m.value)}
		}
		return
	}
	if v.Kind != yaml.MappingNode {
		d.mismatch(m, rule, "a key or a map of keys and operator", v)
		return
	}
	of := &owner{kind: "segment", of: rule}
	for _, m := range d.members(v, of) {
		switch m.name {
		case "keys":
			r.SegmentKeys, r.SegmentPos = d.keys(m, of)
		case "operator":
			r.Operator = enum[flipt.SegmentOperator](d, m, of, flipt.SegmentOperator_value)
		default:
			d.unknown(m, of)
		}
	}
}

// keys reads a list of strings with the place of each.
func (d *decoder) keys(m member, of *owner) ([]string, []Pos) {
	items := d.list(m, of)
	keys, places := make([]string, len(items)), make([]Pos, len(items))
	for i, n := range items {
		keys[i], places[i] = d.string(m, n, of), posOf(n)
	}
	return keys, places
}

func (d *decoder) distribution(n *yaml.Node, index int, rule *owner) Distribution {
	of := &owner{kind: "distribution", index: index, of: rule}
	dist := Distribution{Pos: posOf(n)}
	for _, m := range d.object(n, of) {
		switch m.name {
		case "variant":
			dist.Variant = d.text(m, of)
		case "rollout":
			dist.Rollout = d.number(m, of)
		default:
			d.unknown(m, of)
		}
	}
	return dist
}

// rollout reads the rollout at an index from 0, in a flag that messages call by its path.
func (d *decoder) rollout(n *yaml.Node, index int, flag *owner, path string) Rollout {
	of := &owner{kind: "rollout", index: index + 1, of: flag}
	r := Rollout{Pos: posOf(n)}
	for _, m := range d.object(n, of) {
		switch m.name {
		case "description":
			r.Description = d.text(m, of)
		case "segment":
			r.Segment = d.rolloutSegment(m, index, of, path)
		case "threshold":
			r.Threshold = d.threshold(m, of)
		default:
			d.unknown(m, of)
		}
	}
	if r.Segment != nil && r.Threshold != nil {
		d.fail(r.Pos, `rollout "%s/%d" cannot have both segment and percentage rule`, path, index)
	}
	return r
}

func (d *decoder) rolloutSegment(m member, index int, rollout *owner, path string) *RolloutSegment {
	if isNull(m.value) {
		return nil
	}
	of := &owner{kind: "segment", of: rollout}
	s := &RolloutSegment{}
	key := ""
	for _, m := range d.object(m.value, of) {
		switch m.name {
		case "key":
			key = d.text(m, of)
		case "keys":
			if s.Keys, _ = d.keys(m, of); len(s.Keys) > 0 {
				d.since(2, posOf(m.key), "flag.rollouts[*].segment.keys")
			}
		case "operator":
			s.Operator = enum[flipt.SegmentOperator](d, m, of, flipt.SegmentOperator_value)
		case "value":
			s.Value = d.boolean(m, of)
		default:
			d.unknown(m, of)
		}
	}
	switch {
	case key != "" && len(s.Keys) > 0:
		d.fail(posOf(m.value), "rollout %s/%d cannot have both segment.keys and segment.key", path, index)
	case key != "":
		s.Keys = []string{key}
	}
	return s
}

func (d *decoder) threshold(m member, rollout *owner) *RolloutThreshold {
	if isNull(m.value) {
		return nil
	}
	of := &owner{kind: "threshold", of: rollout}
	t := &RolloutThreshold{}
	for _, m := range d.object(m.value, of) {
		switch m.name {
		case "percentage":
			t.Percentage = d.number(m, of)
		case "value":
			t.Value = d.boolean(m, of)
		default:
			d.unknown(m, of)
		}
	}
	return t
}
