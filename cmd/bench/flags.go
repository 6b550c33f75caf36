package main

import (
	"fmt"
	"strings"
)

// The configuration that is measured, and the entities that are asked for. Of five flags four are variant flags and one is boolean.

const segments = 20

// boolean says whether flag i is a boolean flag.
func boolean(i int) bool { return i%5 == 4 }

func flagKey(i int) string { return fmt.Sprintf("flag-%05d", i) }

// keysOf returns the keys of the flags that take, in order.
func keysOf(flags int, take func(i int) bool) []string {
	var keys []string
	for i := range flags {
		if take(i) {
			keys = append(keys, flagKey(i))
		}
	}
	return keys
}

// featuresFile writes that many flags of a namespace as a features file. Each variant flag has three variants with attachments, the
// first of them the default, and two rules of three distributions; each boolean flag has a rollout by segment and one by share.
func featuresFile(namespace string, flags int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "version: \"1.4\"\nnamespace: {key: %s, name: %s}\nflags:\n", namespace, namespace)
	for i := range flags {
		kind := "VARIANT"
		if boolean(i) {
			kind = "BOOLEAN"
		}
		fmt.Fprintf(&b, "- {key: %s, name: Flag number %d, type: %s_FLAG_TYPE, enabled: true, description: What flag %d is for in a sentence", flagKey(i), i, kind, i)
		first, second := 2*(i%(segments/2)), 2*(i%(segments/2))+1
		if boolean(i) {
			fmt.Fprintf(&b, ", rollouts: [{segment: {key: segment-%02d, value: true}}, {threshold: {percentage: 50, value: true}}]}\n", first)
			continue
		}
		b.WriteString(", variants: [")
		for v := range 3 {
			fmt.Fprintf(&b, `{key: variant-%d, name: Variant %d, default: %v, attachment: {color: "#ff880%d", size: %d, label: Buy now}}, `, v, v, v == 0, v, 10+v)
		}
		b.WriteString("], rules: [")
		for r, segment := range []int{first, second} {
			fmt.Fprintf(&b, "{segment: segment-%02d, distributions: [", segment)
			for v, share := range [3]int{50, 30, 20} {
				fmt.Fprintf(&b, "{variant: variant-%d, rollout: %d}, ", (v+r)%3, share)
			}
			b.WriteString("]}, ")
		}
		b.WriteString("]}\n")
	}
	b.WriteString("segments:\n")
	for s := range segments {
		plan, countries := "premium", "DE,FR,IT,ES,NL,BE,AT,CH"
		if s%2 == 1 {
			plan, countries = "team", "US,CA,MX,BR,AR,CL,PE,CO"
		}
		fmt.Fprintf(&b, "- {key: segment-%02d, name: Segment %d, match_type: ALL_MATCH_TYPE, constraints: [", s, s)
		fmt.Fprintf(&b, "{type: STRING_COMPARISON_TYPE, property: country, operator: isoneof, value: '[\"%s\"]'}, ", strings.ReplaceAll(countries, ",", `","`))
		fmt.Fprintf(&b, "{type: STRING_COMPARISON_TYPE, property: plan, operator: eq, value: %s}, ", plan)
		b.WriteString("{type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: \"18\"}]}\n")
	}
	return []byte(b.String())
}

// entity is who is evaluated.
type entity struct {
	id      string
	context map[string]string
}

// kinds is how many kinds of entities there are.
const kinds = 3

// entityOf returns one of endlessly many entities: of three, the first matches the first rule of every flag, the second the second rule,
// and the third none, so that it gets the default.
func entityOf(i int) entity {
	countries := [kinds][]string{{"DE", "FR", "CH"}, {"US", "BR", "CO"}, {"JP", "IN", "KR"}}[i%kinds]
	return entity{
		id: fmt.Sprintf("user-%07d", 1_000_003*(i+1)%9_999_991),
		context: map[string]string{
			"country": countries[i/kinds%len(countries)],
			"plan":    [kinds]string{"premium", "team", "free"}[i%kinds],
			"age":     fmt.Sprint(18 + i%60),
		},
	}
}
