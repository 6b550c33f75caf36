package fliptdb

import (
	"slices"
	"strings"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// selector is a rule or a rollout that is being read: what selects entities.
type selector[T any] struct {
	item     T
	flag     *storev1.Flag
	row      row // for problems alone: its statement has gone on
	segments []name
}

// picked holds the rules or the rollouts of a database, by id and by rank.
type picked[T any] struct {
	byID   map[string]*selector[T]
	byRank []*selector[T]
}

// add keeps a selector of a flag and returns it, or nil when there is another one with its id.
func (p *picked[T]) add(row row, flag *storev1.Flag, id string, item T) *selector[T] {
	if p.byID[id] != nil {
		row.problem("left out: its id is not unique")
		return nil
	}
	if p.byID == nil {
		p.byID = make(map[string]*selector[T])
	}
	s := &selector[T]{item: item, flag: flag, row: row}
	p.byID[id] = s
	p.byRank = append(p.byRank, s)
	return s
}

// names adds the segment of a row of references.
func (s *selector[T]) names(segment name) { s.segments = append(s.segments, segment) }

// choice is the segments of a selector as documents have them: one, or several and how they are combined.
type choice struct {
	one      string
	several  []string
	operator flipt.SegmentOperator
}

// choose returns the segments of a selector, or false when it is left out.
func choose[T any](r *reader, s *selector[T], namespace string, operator flipt.SegmentOperator) (choice, bool) {
	var keys []string
	for _, segment := range s.segments {
		doc, known := r.segments[segment]
		switch {
		case !known:
			s.row.problem("its segment %q was left out: it does not exist, and Flipt ignores it", segment)
		case doc == nil:
			s.row.problem("left out: its segment %q was", segment)
			return choice{}, false
		case segment.namespace != namespace:
			s.row.problem("left out: its segment %q is one of another namespace", segment)
			return choice{}, false
		case !slices.Contains(keys, segment.key):
			keys = append(keys, segment.key)
		}
	}
	if flipt.SegmentOperator_name[int32(operator)] == "" {
		s.row.problem("segment operator %d does not exist: it counts as OR", operator)
	}
	slices.SortFunc(keys, strings.Compare)
	switch len(keys) {
	case 0:
		s.row.problem("left out: it has no segments, and never matches")
		return choice{}, false
	case 1:
		return choice{one: keys[0]}, true
	}
	return choice{several: keys, operator: operator}, true
}
