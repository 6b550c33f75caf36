package fliptdb

import "github.com/burgeehq/burgee/gen/flipt"

func (r *reader) readRollouts() error {
	return r.each("rollouts", `SELECT * FROM rollouts ORDER BY rank, created_at, rowid`, func(row row) {
		of := name{row.namespace(), row.text("flag_key")}
		doc := r.flags[of]
		if doc == nil {
			row.problem("left out: its flag %q is not there", of)
			return
		}
		rollout := &flipt.Rollout{
			Id: row.text("id"), NamespaceKey: of.namespace, FlagKey: of.key, Type: flipt.RolloutType(row.int32("type")), Rank: row.int32("rank"),
			Description: row.text("description"), CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
		}
		if rollout.Rank < 0 {
			row.problem("its rank %d makes Flipt fail to evaluate flag %q: here it comes before those of higher rank", rollout.Rank, of)
		}
		r.rollouts.add(row, doc, rollout.Id, rollout)
	})
}

func (r *reader) readThresholds() error {
	return r.each("rollout_thresholds", `SELECT * FROM rollout_thresholds ORDER BY rowid`, func(row row) {
		rollout := r.rollouts.byID[row.text("rollout_id")]
		switch {
		case rollout == nil:
			row.problem("left out: its rollout %q is not there", row.text("rollout_id"))
		case rollout.item.Rule != nil:
			row.problem("left out: rollout %q has another threshold", rollout.item.Id)
		default:
			rollout.item.Rule = &flipt.Rollout_Threshold{Threshold: &flipt.RolloutThreshold{
				Percentage: row.float32("percentage"), Value: row.GetBool("value"),
			}}
		}
	})
}

func (r *reader) readRolloutSegments() error {
	return r.each("rollout_segments", `SELECT * FROM rollout_segments ORDER BY rowid`, func(row row) {
		rollout := r.rollouts.byID[row.text("rollout_id")]
		switch {
		case rollout == nil:
			row.problem("left out: its rollout %q is not there", row.text("rollout_id"))
			return
		case rollout.item.GetThreshold() != nil:
			row.problem("left out: rollout %q has a threshold, which comes first", rollout.item.Id)
			return
		case rollout.item.Rule != nil:
			row.problem("left out: rollout %q has others", rollout.item.Id)
			return
		}
		rollout.item.Rule = &flipt.Rollout_Segment{Segment: &flipt.RolloutSegment{
			Value: row.GetBool("value"), SegmentOperator: flipt.SegmentOperator(row.int32("segment_operator")),
		}}
		r.choices[row.text("id")] = rollout
		if row.ColumnIndex("segment_key") >= 0 { // before schema 11
			rollout.names(name{rollout.item.NamespaceKey, row.text("segment_key")})
		}
	})
}

func (r *reader) readRolloutReferences() error {
	const query = `SELECT * FROM rollout_segment_references ORDER BY rollout_segment_id, namespace_key, segment_key`
	return r.each("rollout_segment_references", query, func(row row) {
		id := row.text("rollout_segment_id")
		row.id = id
		rollout := r.choices[id]
		if rollout == nil {
			row.problem("left out: its row in rollout_segments is not there")
			return
		}
		rollout.names(name{row.namespace(), row.text("segment_key")})
	})
}

// finishRollouts gives the rollouts their segments and puts them into their flags.
func (r *reader) finishRollouts() {
	for _, rollout := range r.rollouts.byRank {
		kind := flipt.RolloutType_SEGMENT_ROLLOUT_TYPE
		switch rule := rollout.item.Rule.(type) {
		case nil:
			rollout.row.problem("left out: it has neither a threshold nor segments, and never matches")
			continue
		case *flipt.Rollout_Threshold:
			kind = flipt.RolloutType_THRESHOLD_ROLLOUT_TYPE
		case *flipt.Rollout_Segment:
			chosen, ok := choose(r, rollout, rollout.item.NamespaceKey, rule.Segment.SegmentOperator)
			if !ok {
				continue
			}
			rule.Segment = &flipt.RolloutSegment{
				SegmentKey: chosen.one, SegmentKeys: chosen.several, SegmentOperator: chosen.operator, Value: rule.Segment.Value,
			}
		}
		if rollout.item.Type != kind {
			rollout.row.problem("its type is %s, but what it has makes it %s", rollout.item.Type, kind)
			rollout.item.Type = kind
		}
		rollout.flag.Rollouts = append(rollout.flag.Rollouts, rollout.item)
	}
}
