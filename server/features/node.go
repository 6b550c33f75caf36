package features

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// The nodes that Encode writes: tagged as readJSON tags them, so that both writers tell texts from other scalars.

func mapNode() *yaml.Node  { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }
func listNode() *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"} }

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
}

func textsNode(texts []string) *yaml.Node {
	n := listNode()
	for _, s := range texts {
		n.Content = append(n.Content, textNode(s))
	}
	return n
}

func boolNode(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(b)}
}

func numberNode(f float64, bits int) (*yaml.Node, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("the number %v cannot be written", f)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: formatNumber(f, bits)}, nil
}

func put(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, textNode(key), value)
}

// putText adds a text unless it is empty.
func putText(n *yaml.Node, key, value string) {
	if value != "" {
		put(n, key, textNode(value))
	}
}

// putTrue adds true, and leaves false out.
func putTrue(n *yaml.Node, key string, value bool) {
	if value {
		put(n, key, boolNode(true))
	}
}

// putFull adds a list or a map unless it is empty.
func putFull(n *yaml.Node, key string, value *yaml.Node) {
	if len(value.Content) > 0 {
		put(n, key, value)
	}
}

func putNumber(n *yaml.Node, key string, f float64, bits int) error {
	value, err := numberNode(f, bits)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	put(n, key, value)
	return nil
}
