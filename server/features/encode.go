package features

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// Contents is one namespace to write, with its flags and segments in the order to write them. Encode and SortByKey only
// read the documents, which may be shared.
type Contents struct {
	Namespace *storev1.Namespace
	Flags     []*storev1.Flag
	Segments  []*storev1.Segment
}

// Encode writes one document per namespace, in the newest version of the format. Equal documents give equal bytes: there
// is no date and no header. Ids, times and ranks are left out, and so are an attachment of null and a distribution's
// variant when it is none of the flag's. It fails on an attachment that is not JSON and on numbers that are not finite.
func Encode(e Encoding, namespaces []Contents) ([]byte, error) {
	var w writer
	switch e {
	case YAML:
		w = &yamlWriter{}
	case JSON:
		w = &jsonWriter{}
	default:
		return nil, fmt.Errorf("encode features: unknown encoding %d", e)
	}
	for i, c := range namespaces {
		ns := c.Namespace.GetNamespace()
		w.begin(headNode(c.Namespace, i == 0))
		for _, f := range c.Flags {
			n, err := flagNode(f)
			if err != nil {
				return nil, fmt.Errorf("encode flag %q: %w", ns.GetKey()+"/"+f.GetFlag().GetKey(), err)
			}
			w.item("flags", n)
		}
		for _, s := range c.Segments {
			w.item("segments", segmentNode(s.GetSegment()))
		}
		w.end()
	}
	return w.bytes(), nil
}

// A writer writes documents: begin, then the items of each list, then end.
type writer interface {
	begin(head *yaml.Node)
	item(list string, n *yaml.Node)
	end()
	bytes() []byte
}

// SortByKey sorts c in place by the namespaces' keys, and in copies the flags, segments and variants of each, all
// bytewise. The documents themselves stay as they are.
func SortByKey(c []Contents) {
	slices.SortStableFunc(c, func(a, b Contents) int {
		return cmp.Compare(a.Namespace.GetNamespace().GetKey(), b.Namespace.GetNamespace().GetKey())
	})
	byKey := func(a, b *flipt.Variant) int { return cmp.Compare(a.GetKey(), b.GetKey()) }
	for i := range c {
		c[i].Flags = slices.Clone(c[i].Flags)
		for j, f := range c[i].Flags {
			if !slices.IsSortedFunc(f.GetFlag().GetVariants(), byKey) {
				f = proto.CloneOf(f)
				slices.SortStableFunc(f.Flag.Variants, byKey)
				c[i].Flags[j] = f
			}
		}
		slices.SortStableFunc(c[i].Flags, func(a, b *storev1.Flag) int {
			return cmp.Compare(a.GetFlag().GetKey(), b.GetFlag().GetKey())
		})
		c[i].Segments = slices.Clone(c[i].Segments)
		slices.SortStableFunc(c[i].Segments, func(a, b *storev1.Segment) int {
			return cmp.Compare(a.GetSegment().GetKey(), b.GetSegment().GetKey())
		})
	}
}

func headNode(stored *storev1.Namespace, first bool) *yaml.Node {
	ns := stored.GetNamespace()
	n := mapNode()
	if first {
		put(n, "version", textNode("1."+strconv.Itoa(latest)))
	}
	name := mapNode()
	putText(name, "key", ns.GetKey())
	putText(name, "name", ns.GetName())
	putText(name, "description", ns.GetDescription())
	putText(name, "color", stored.GetColor())
	putTrue(name, "production", stored.GetProduction())
	put(n, "namespace", name)
	return n
}

func flagNode(stored *storev1.Flag) (*yaml.Node, error) {
	f := stored.GetFlag()
	n := mapNode()
	putText(n, "key", f.GetKey())
	putText(n, "name", f.GetName())
	putText(n, "type", f.GetType().String())
	putText(n, "description", f.GetDescription())
	put(n, "enabled", boolNode(f.GetEnabled()))
	metadata, err := structNode(f.GetMetadata())
	if err != nil {
		return nil, err
	}
	putFull(n, "metadata", metadata)
	putFull(n, "tags", textsNode(stored.GetTags()))
	putTrue(n, "archived", stored.GetArchivedAt() != nil)
	variants, keys := listNode(), make(map[string]string, len(f.GetVariants()))
	for _, v := range f.GetVariants() {
		keys[v.GetId()] = v.GetKey()
		item, err := variantNode(v, f.GetDefaultVariant() != nil && f.GetDefaultVariant().GetId() == v.GetId())
		if err != nil {
			return nil, err
		}
		variants.Content = append(variants.Content, item)
	}
	putFull(n, "variants", variants)
	rules, rollouts := listNode(), listNode()
	for _, r := range stored.GetRules() {
		item, err := ruleNode(r, keys)
		if err != nil {
			return nil, err
		}
		rules.Content = append(rules.Content, item)
	}
	putFull(n, "rules", rules)
	for _, r := range stored.GetRollouts() {
		item, err := rolloutNode(r)
		if err != nil {
			return nil, err
		}
		rollouts.Content = append(rollouts.Content, item)
	}
	putFull(n, "rollouts", rollouts)
	return n, nil
}

func variantNode(v *flipt.Variant, standard bool) (*yaml.Node, error) {
	n := mapNode()
	putTrue(n, "default", standard)
	putText(n, "key", v.GetKey())
	putText(n, "name", v.GetName())
	putText(n, "description", v.GetDescription())
	if v.GetAttachment() == "" {
		return n, nil
	}
	attachment, err := attachmentNode(v.GetAttachment())
	if err != nil {
		return nil, fmt.Errorf("attachment of variant %q: %w", v.GetKey(), err)
	}
	if !isNull(attachment) {
		put(n, "attachment", attachment)
	}
	return n, nil
}

// attachmentNode returns JSON text as a node with sorted members and numbers spelled as in the text.
func attachmentNode(text string) (*yaml.Node, error) {
	const parserDepth = 10_000 // what encoding/json holds for valid
	r := newJSONReader([]byte(text), parserDepth)
	n, err := r.value(0)
	if err != nil {
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	if _, _, err := r.token(0); !errors.Is(err, io.EOF) {
		return nil, errors.New("invalid JSON: more than one value")
	}
	sortMembers(n)
	return n, nil
}

func sortMembers(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		pairs := make([][2]*yaml.Node, 0, len(n.Content)/2)
		for pair := range slices.Chunk(n.Content, 2) {
			pairs = append(pairs, [2]*yaml.Node(pair))
		}
		slices.SortFunc(pairs, func(a, b [2]*yaml.Node) int { return cmp.Compare(a[0].Value, b[0].Value) })
		n.Content = n.Content[:0]
		for _, pair := range pairs {
			n.Content = append(n.Content, pair[0], pair[1])
		}
	}
	for _, child := range n.Content {
		sortMembers(child)
	}
}

func ruleNode(r *flipt.Rule, variants map[string]string) (*yaml.Node, error) {
	n := mapNode()
	switch keys := segmentKeys(r.GetSegmentKey(), r.GetSegmentKeys()); len(keys) {
	case 0:
	case 1:
		putText(n, "segment", keys[0])
	default:
		segment := mapNode()
		put(segment, "keys", textsNode(keys))
		putText(segment, "operator", r.GetSegmentOperator().String())
		put(n, "segment", segment)
	}
	distributions := listNode()
	for _, d := range r.GetDistributions() {
		item := mapNode()
		putText(item, "variant", variants[d.GetVariantId()])
		if err := putNumber(item, "rollout", float64(d.GetRollout()), 32); err != nil {
			return nil, err
		}
		distributions.Content = append(distributions.Content, item)
	}
	putFull(n, "distributions", distributions)
	return n, nil
}

func segmentKeys(one string, several []string) []string {
	if one != "" {
		return []string{one}
	}
	return several
}

func rolloutNode(r *flipt.Rollout) (*yaml.Node, error) {
	n := mapNode()
	putText(n, "description", r.GetDescription())
	if s := r.GetSegment(); s != nil {
		segment := mapNode()
		//lint:ignore SA1019 stored rollouts of one segment name it there
		keys := segmentKeys(s.GetSegmentKey(), s.GetSegmentKeys())
		if len(keys) == 1 {
			putText(segment, "key", keys[0])
		} else {
			putFull(segment, "keys", textsNode(keys))
		}
		if s.GetSegmentOperator() == flipt.SegmentOperator_AND_SEGMENT_OPERATOR {
			putText(segment, "operator", s.GetSegmentOperator().String())
		}
		putTrue(segment, "value", s.GetValue())
		put(n, "segment", segment)
	}
	if t := r.GetThreshold(); t != nil {
		threshold := mapNode()
		if err := putNumber(threshold, "percentage", float64(t.GetPercentage()), 32); err != nil {
			return nil, err
		}
		putTrue(threshold, "value", t.GetValue())
		put(n, "threshold", threshold)
	}
	return n, nil
}

func segmentNode(s *flipt.Segment) *yaml.Node {
	n := mapNode()
	putText(n, "key", s.GetKey())
	putText(n, "name", s.GetName())
	putText(n, "description", s.GetDescription())
	constraints := listNode()
	for _, c := range s.GetConstraints() {
		item := mapNode()
		putText(item, "type", c.GetType().String())
		putText(item, "property", c.GetProperty())
		putText(item, "operator", c.GetOperator())
		putText(item, "value", c.GetValue())
		putText(item, "description", c.GetDescription())
		constraints.Content = append(constraints.Content, item)
	}
	putFull(n, "constraints", constraints)
	putText(n, "match_type", s.GetMatchType().String())
	return n
}

// structNode returns metadata as a map with sorted members, nil for none.
func structNode(s *structpb.Struct) (*yaml.Node, error) {
	n := mapNode()
	keys := make([]string, 0, len(s.GetFields()))
	for key := range s.GetFields() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value, err := valueNode(s.GetFields()[key])
		if err != nil {
			return nil, fmt.Errorf("metadata %q: %w", key, err)
		}
		put(n, key, value)
	}
	return n, nil
}

func valueNode(v *structpb.Value) (*yaml.Node, error) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return textNode(kind.StringValue), nil
	case *structpb.Value_BoolValue:
		return boolNode(kind.BoolValue), nil
	case *structpb.Value_NumberValue:
		return numberNode(kind.NumberValue, 64)
	case *structpb.Value_StructValue:
		return structNode(kind.StructValue)
	case *structpb.Value_ListValue:
		n := listNode()
		for _, item := range kind.ListValue.GetValues() {
			value, err := valueNode(item)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, value)
		}
		return n, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	}
}
