package eval

import (
	"strings"
	"unique"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// segment is a segment made ready for matching. It is immutable.
type segment struct {
	name        id
	document    *flipt.Segment // nil when it is missing
	missing     bool           // there is no such segment, but a flag names it
	fatal       bool           // a constraint has an unknown type: whoever visits the segment fails
	never       bool           // nothing matches
	any         bool           // one constraint suffices; otherwise all must match
	constraints []constraint   // those on the entity id last, so that it is compared only where the context does not decide
}

// roomySegment is a segment with room for the constraints that most have: see roomyProgram.
type roomySegment struct {
	segment
	constraints [3]constraint
}

// wrongSegment returns what is wrong with a document that does not hold the segment it should, or nil.
func wrongSegment(name id, document *storev1.Segment) *Error {
	if key := document.GetSegment().GetKey(); key != name.key {
		return errorf(Internal, "segment %q: its document holds segment %q", name, key)
	}
	return nil
}

func compileSegment(name id, document *flipt.Segment) *segment {
	var s *segment
	if n := len(document.GetConstraints()); 0 < n && n <= len(roomySegment{}.constraints) {
		roomy := new(roomySegment)
		s, roomy.segment.constraints = &roomy.segment, roomy.constraints[:0]
	} else {
		s = new(segment)
	}
	s.name, s.document, s.any = name, document, document.GetMatchType() == flipt.MatchType_ANY_MATCH_TYPE
	s.never = !s.any && document.GetMatchType() != flipt.MatchType_ALL_MATCH_TYPE
	var onEntity []constraint
	for i, document := range document.GetConstraints() {
		c := constraint{property: unique.Make(document.GetProperty()), seen: placeOf(document.GetProperty()), place: int32(i)}
		operator, value := document.GetOperator(), document.GetValue()
		switch document.GetType() {
		case flipt.ComparisonType_STRING_COMPARISON_TYPE:
			c.onText(operator, value)
		case flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE:
			c.entity = true
			c.onText(operator, value)
			onEntity = append(onEntity, c)
			continue
		case flipt.ComparisonType_NUMBER_COMPARISON_TYPE:
			c.onNumber(operator, value)
		case flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE:
			c.test = booleanTest(operator)
		case flipt.ComparisonType_DATETIME_COMPARISON_TYPE:
			c.test = datetimeTest(operator, value)
		default:
			s.fatal = true
			continue
		}
		s.constraints = append(s.constraints, c)
	}
	s.constraints = append(s.constraints, onEntity...)
	s.joinTexts()
	return s
}

// joinTexts lets the texts of all constraints lie next to each other.
func (s *segment) joinTexts() {
	var joined strings.Builder
	for i := range s.constraints {
		joined.WriteString(s.constraints[i].text)
	}
	rest := joined.String()
	for i := range s.constraints {
		c := &s.constraints[i]
		c.text, rest = rest[:len(c.text)], rest[len(c.text):]
	}
}

// check fails when a constraint has an unknown type; it comes before matches.
func (s *segment) check() error {
	if s.fatal {
		return errorf(Invalid, "unknown constraint type")
	}
	return nil
}

// matches stops at the first constraint that decides. It notes in r where the entity id is compared, and in notes, which are
// nil unless somebody asks, what became of the constraints.
func (s *segment) matches(u *subject, r *Result, notes *burgeev1.SegmentTrace) bool {
	if s.never {
		return false
	}
	for i := range s.constraints {
		c := &s.constraints[i]
		v := u.entityID
		if c.entity {
			r.ByEntity = true
		} else {
			v = u.property(c)
		}
		matched := c.holds(v)
		if notes != nil {
			notes.Constraints[c.place].Tried, notes.Constraints[c.place].Matched = true, matched
		}
		if matched == s.any {
			return s.any
		}
	}
	return !s.any || len(s.constraints) == 0
}

func never(string) bool { return false }

func blank(v string) bool { return strings.TrimSpace(v) == "" }

func notBlank(v string) bool { return strings.TrimSpace(v) != "" }
