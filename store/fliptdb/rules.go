package fliptdb

import (
	"github.com/google/uuid"

	"github.com/burgeehq/burgee/gen/flipt"
)

func (r *reader) readRules() error {
	return r.each("rules", `SELECT * FROM rules ORDER BY rank, created_at, rowid`, func(row row) {
		of := name{row.namespace(), row.text("flag_key")}
		doc := r.flags[of]
		if doc == nil {
			row.problem("left out: its flag %q is not there", of)
			return
		}
		id := row.text("id")
		rule := r.rules.add(row, doc, id, &flipt.Rule{
			Id: id, FlagKey: of.key, Rank: row.int32("rank"), NamespaceKey: of.namespace,
			SegmentOperator: flipt.SegmentOperator(row.int32("segment_operator")),
			CreatedAt:       row.time("created_at"), UpdatedAt: row.time("updated_at"),
		})
		if rule != nil && row.ColumnIndex("segment_key") >= 0 { // before schema 11
			rule.names(name{of.namespace, row.text("segment_key")})
		}
	})
}

func (r *reader) readRuleSegments() error {
	return r.each("rule_segments", `SELECT * FROM rule_segments ORDER BY rule_id, namespace_key, segment_key`, func(row row) {
		id := row.text("rule_id")
		row.id = id
		rule := r.rules.byID[id]
		if rule == nil {
			row.problem("left out: its rule is not there")
			return
		}
		rule.names(name{row.namespace(), row.text("segment_key")})
	})
}

func (r *reader) readDistributions() error {
	return r.each("distributions", `SELECT * FROM distributions ORDER BY created_at, rowid`, func(row row) {
		rule := r.rules.byID[row.text("rule_id")]
		variant := r.variants[row.text("variant_id")]
		switch {
		case rule == nil:
			row.problem("left out: its rule %q is not there", row.text("rule_id"))
			return
		case variant == nil:
			row.problem("left out: its variant %q is not there, and Flipt ignores it", row.text("variant_id"))
			return
		}
		rule.item.Distributions = append(rule.item.Distributions, &flipt.Distribution{
			Id: row.text("id"), RuleId: rule.item.Id, VariantId: r.own(row, rule.flag.Flag, variant).Id, Rollout: row.float32("rollout"),
			CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
		})
	})
}

// own returns the variant itself if it is one of the flag, or what stands for it there: the flag's variant with its key, or else
// a copy, whose id is the same each time. Buckets and the key that is answered stay what they are in Flipt.
func (r *reader) own(row row, flag *flipt.Flag, variant *flipt.Variant) *flipt.Variant {
	if variant.FlagKey == flag.Key && variant.NamespaceKey == flag.NamespaceKey {
		return variant
	}
	of := name{variant.NamespaceKey, variant.FlagKey}
	for _, other := range flag.Variants {
		if other.Key != variant.Key {
			continue
		}
		attachment := ""
		if other.Attachment != variant.Attachment {
			attachment = ", which has another attachment"
		}
		row.problem("its variant %q is one of flag %q: that of flag %q was taken%s", variant.Key, of, path(flag), attachment)
		return other
	}
	row.problem("its variant %q is one of flag %q: it was copied to flag %q", variant.Key, of, path(flag))
	copied := &flipt.Variant{
		Id:      uuid.NewSHA1(uuid.NameSpaceOID, []byte(path(flag)+"/"+variant.Id)).String(),
		FlagKey: flag.Key, Key: variant.Key, Name: variant.Name, Description: variant.Description, Attachment: variant.Attachment,
		NamespaceKey: flag.NamespaceKey, CreatedAt: variant.CreatedAt, UpdatedAt: variant.UpdatedAt,
	}
	flag.Variants = append(flag.Variants, copied)
	return copied
}

// finishRules gives the rules their segments and puts them into their flags.
func (r *reader) finishRules() {
	for _, rule := range r.rules.byRank {
		chosen, ok := choose(r, rule, rule.item.NamespaceKey, rule.item.SegmentOperator)
		if !ok {
			continue
		}
		rule.item.SegmentKey, rule.item.SegmentKeys, rule.item.SegmentOperator = chosen.one, chosen.several, chosen.operator
		rule.flag.Rules = append(rule.flag.Rules, rule.item)
	}
}
