package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
)

const (
	textType     = flipt.ComparisonType_STRING_COMPARISON_TYPE
	numberType   = flipt.ComparisonType_NUMBER_COMPARISON_TYPE
	booleanType  = flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE
	datetimeType = flipt.ComparisonType_DATETIME_COMPARISON_TYPE
	entityType   = flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE
)

func TestConstraint(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		ctx := t.Context()
		s.revisions(t, 1, to(rpc.CreateSegment, &flipt.CreateSegmentRequest{Key: "vip", Name: "VIP"}))
		created := ok(s.flipt.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
			SegmentKey: "vip", Type: textType, Property: "tier", Operator: "EQ", Value: "gold", Description: "d",
		}))(t)
		checkTimes(t, created.CreatedAt, created.UpdatedAt)
		checkID(t, created.Id)
		equal(t, "created", created, &flipt.Constraint{
			Id: created.Id, SegmentKey: "vip", Type: textType, Property: "tier", Operator: "eq", Value: "gold", Description: "d",
			NamespaceKey: "default", CreatedAt: created.CreatedAt, UpdatedAt: created.CreatedAt,
		})
		second := ok(s.flipt.CreateConstraint(ctx, &flipt.CreateConstraintRequest{
			SegmentKey: "vip", Type: booleanType, Property: "p", Operator: "True", Value: "dropped",
		}))(t)

		updated := ok(s.flipt.UpdateConstraint(ctx, &flipt.UpdateConstraintRequest{
			Id: created.Id, SegmentKey: "vip", Type: numberType, Property: "n", Operator: "LTE", Value: "5",
		}))(t)
		want := proto.CloneOf(created)
		want.Type, want.Property, want.Operator, want.Value, want.Description = numberType, "n", "lte", "5", ""
		want.UpdatedAt = updated.UpdatedAt
		equal(t, "updated", updated, want)
		segment := ok(s.flipt.GetSegment(ctx, &flipt.GetSegmentRequest{Key: "vip"}))(t)
		equal(t, "in the segment", segment, &flipt.Segment{
			Key: "vip", Name: "VIP", NamespaceKey: "default", CreatedAt: segment.CreatedAt, UpdatedAt: segment.CreatedAt,
			Constraints: []*flipt.Constraint{want, second},
		})

		remove := func(segment, id string) call {
			return to(rpc.DeleteConstraint, &flipt.DeleteConstraintRequest{SegmentKey: segment, Id: id})
		}
		s.revisions(t, 0, remove("vip", "zzz"), remove("nope", created.Id))
		s.revisions(t, 1, remove("vip", created.Id))
		s.revisions(t, 0, remove("vip", created.Id))
		segment = ok(s.flipt.GetSegment(ctx, &flipt.GetSegmentRequest{Key: "vip"}))(t)
		if len(segment.Constraints) != 1 || segment.Constraints[0].Id != second.Id {
			t.Errorf("constraints %v, want the second alone", segment.Constraints)
		}
	})
}

func TestConstraintRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		create := func(namespace, segment, property, operator string) call {
			return to(rpc.CreateConstraint, &flipt.CreateConstraintRequest{
				NamespaceKey: namespace, SegmentKey: segment, Type: textType, Property: property, Operator: operator, Value: "v",
			})
		}
		update := func(id, segment, property, operator string) call {
			return to(rpc.UpdateConstraint, &flipt.UpdateConstraintRequest{
				NamespaceKey: "acme", Id: id, SegmentKey: segment, Type: textType, Property: property, Operator: operator, Value: "v",
			})
		}
		s.refuse(t,
			refusal{create("acme", "", "", ""), invalid("invalid field segmentKey: must not be empty")},
			refusal{create("acme", "vip", "", ""), invalid("invalid field property: must not be empty")},
			refusal{create("acme", "vip", "p", ""), invalid("invalid field operator: must not be empty")},
			refusal{create("acme", "nope", "p", "eq"), notFound(`segment "acme/nope" not found`)},
			refusal{create("nope", "vip", "p", "eq"), notFound(`segment "nope/vip" not found`)},
			refusal{update("", "", "", ""), invalid("invalid field id: must not be empty")},
			refusal{update(made.gold, "", "", ""), invalid("invalid field segmentKey: must not be empty")},
			refusal{update(made.gold, "vip", "", ""), invalid("invalid field property: must not be empty")},
			refusal{update(made.gold, "vip", "p", ""), invalid("invalid field operator: must not be empty")},
			refusal{update(made.gold, "vip", "p", "LT"), invalid(`constraint operator "LT" is not valid for type string`)},
			refusal{update("zzz", "vip", "p", "eq"), notFound(`constraint "zzz" not found`)},
			refusal{update(made.gold, "de", "p", "eq"), notFound(`constraint %q not found`, made.gold)},
			refusal{update(made.gold, "nope", "p", "eq"), notFound(`constraint %q not found`, made.gold)},
			refusal{to(rpc.DeleteConstraint, &flipt.DeleteConstraintRequest{NamespaceKey: "acme", SegmentKey: "vip"}), invalid("invalid field id: must not be empty")},
			refusal{to(rpc.DeleteConstraint, &flipt.DeleteConstraintRequest{NamespaceKey: "acme", Id: made.gold}), invalid("invalid field segmentKey: must not be empty")},
		)
	})
}

// TestConstraintOperators tries every operator with every type.
func TestConstraintOperators(t *testing.T) {
	t.Parallel()
	numbers := []string{"eq", "neq", "lt", "lte", "gt", "gte", "present", "notpresent", "isoneof", "isnotoneof"}
	valid := map[flipt.ComparisonType][]string{
		textType:     {"eq", "neq", "empty", "notempty", "prefix", "suffix", "isoneof", "isnotoneof", "contains", "notcontains"},
		numberType:   numbers,
		datetimeType: numbers,
		booleanType:  {"true", "false", "present", "notpresent"},
		entityType:   {"eq", "neq", "isoneof", "isnotoneof", "contains", "notcontains"},
	}
	names := map[flipt.ComparisonType]string{
		textType: "string", numberType: "number", datetimeType: "datetime", booleanType: "boolean", entityType: "entityId",
	}
	without := []string{"true", "false", "empty", "notempty", "present", "notpresent"}
	all := append([]string{"le", "like", " eq", "prefix", "suffix", "contains", "notcontains", "empty", "notempty", "true", "false"}, numbers...)
	everyProtocol(t, func(t *testing.T, s session) {
		s.revisions(t, 1, to(rpc.CreateSegment, &flipt.CreateSegmentRequest{Key: "vip", Name: "VIP"}))
		for kind, operators := range valid {
			for _, operator := range all {
				value := "1"
				switch {
				case strings.HasSuffix(operator, "oneof") && kind == numberType:
					value = "[1]"
				case kind == datetimeType:
					value = "2024-06-15"
				case strings.HasSuffix(operator, "oneof"):
					value = `["1"]`
				}
				sent := strings.ToUpper(operator[:1]) + operator[1:]
				got, err := s.flipt.CreateConstraint(t.Context(), &flipt.CreateConstraintRequest{
					SegmentKey: "vip", Type: kind, Property: "entityId", Operator: sent, Value: value,
				})
				if !slices.Contains(operators, operator) {
					want := invalid("constraint operator %q is not valid for type %s", sent, names[kind])
					if err == nil || err.Error() != want {
						t.Errorf("%v %s: got %v, want %s", kind, operator, err, want)
					}
					continue
				}
				if slices.Contains(without, operator) {
					value = ""
				}
				if err != nil || got.Operator != operator || got.Value != value {
					t.Errorf("%v %s: got %v, %v, want value %q", kind, operator, got, err, value)
				}
			}
		}
	})
}

func TestConstraintValues(t *testing.T) {
	t.Parallel()
	list := func(n int, item string) string { return "[" + strings.Repeat(item+",", n-1) + item + "]" }
	cases := []struct {
		kind                      flipt.ComparisonType
		property, operator, value string
		want                      string // stored value, or the refusal
		refused                   bool
	}{
		{0, "p", "eq", "v", `invalid constraint type: "UNKNOWN_COMPARISON_TYPE"`, true},
		{9, "p", "eq", "v", `invalid constraint type: "9"`, true},
		{entityType, "x", "prefix", "v", `property is x instead of "entityId"`, true},
		{entityType, "entityid", "eq", "v", `property is entityid instead of "entityId"`, true},
		{entityType, "entityId", "eq", "u1", "u1", false},
		{textType, "p", "eq", "", "invalid field value: must not be empty", true},
		{textType, "p", "isoneof", "", "invalid field value: must not be empty", true},
		{textType, "p", "eq", " ", " ", false},
		{textType, "p", "empty", "x", "", false},
		{textType, "p", "isoneof", `["a", "b"]`, `["a", "b"]`, false},
		{textType, "p", "isoneof", `[]`, `[]`, false},
		{textType, "p", "isoneof", `null`, `null`, false},
		{textType, "p", "isoneof", `"a"`, `invalid value provided for property "p" of type string`, true},
		{textType, "p", "isnotoneof", `[1]`, `invalid value provided for property "p" of type string`, true},
		{textType, "p", "isoneof", `a,b`, `invalid value provided for property "p" of type string`, true},
		{textType, "p", "isoneof", list(100, `"a"`), list(100, `"a"`), false},
		{textType, "p", "isoneof", list(101, `"a"`), `too many values provided for property "p" of type string (maximum 100)`, true},
		{numberType, "n", "isoneof", `[1, 2.5]`, `[1, 2.5]`, false},
		{numberType, "n", "isnotoneof", `["1"]`, `invalid value provided for property "n" of type number`, true},
		{numberType, "n", "isoneof", list(101, "1"), `too many values provided for property "n" of type number (maximum 100)`, true},
		{entityType, "entityId", "isoneof", `[1]`, `invalid value provided for property "entityId" of type entityId`, true},
		{entityType, "entityId", "isoneof", list(101, `"a"`), `too many values provided for property "entityId" of type entityId (maximum 100)`, true},
		{numberType, "n", "eq", "abc", "abc", false},
		{numberType, "n", "present", "abc", "", false},
		{datetimeType, "d", "eq", "2024-06-15T12:00:00+02:00", "2024-06-15T10:00:00Z", false},
		{datetimeType, "d", "eq", "2024-06-15T12:00:00.5+02:00", "2024-06-15T10:00:00Z", false},
		{datetimeType, "d", "gt", "2024-06-15", "2024-06-15", false},
		{datetimeType, "d", "gt", "2024-06-15T12:00Z", `parsing datetime from "2024-06-15T12:00Z"`, true},
		{datetimeType, "d", "gt", "yesterday", `parsing datetime from "yesterday"`, true},
		{datetimeType, "d", "present", "yesterday", `parsing datetime from "yesterday"`, true},
		{datetimeType, "d", "present", "2024-06-15", "", false},
		{datetimeType, "d", "present", "", "", false},
		{datetimeType, "d", "isoneof", "[]", `parsing datetime from "[]"`, true},
		{datetimeType, "d", "isoneof", "2024-06-15", "2024-06-15", false},
		{booleanType, "b", "false", "x", "", false},
	}
	everyProtocol(t, func(t *testing.T, s session) {
		made := s.open(t)
		for _, c := range cases {
			what := fmt.Sprintf("%v %s %s %.40q", c.kind, c.property, c.operator, c.value)
			created, createErr := s.flipt.CreateConstraint(t.Context(), &flipt.CreateConstraintRequest{
				NamespaceKey: "acme", SegmentKey: "vip", Type: c.kind, Property: c.property, Operator: c.operator, Value: c.value,
			})
			updated, updateErr := s.flipt.UpdateConstraint(t.Context(), &flipt.UpdateConstraintRequest{
				NamespaceKey: "acme", SegmentKey: "vip", Id: made.gold, Type: c.kind, Property: c.property, Operator: c.operator, Value: c.value,
			})
			for _, got := range []struct {
				constraint *flipt.Constraint
				err        error
			}{{created, createErr}, {updated, updateErr}} {
				switch {
				case c.refused && (got.err == nil || got.err.Error() != invalid("%s", c.want)):
					t.Errorf("%s: got %v, want %s", what, got.err, c.want)
				case !c.refused && (got.err != nil || got.constraint.Value != c.want):
					t.Errorf("%s: got %v, %v, want %q", what, got.constraint, got.err, c.want)
				}
			}
		}
	})
}
