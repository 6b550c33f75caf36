package fliptdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"zombiezen.com/go/sqlite"
)

// row is a row of a table. Columns are found by name: old schemas lack some and have them in another order. A column that is
// not there reads as its zero value.
type row struct {
	*sqlite.Stmt
	reader *reader
	table  string
	id     string // for problems
}

// problem notes that the row is not taken as it is.
func (r row) problem(format string, args ...any) {
	r.reader.problem(r.table, r.id, format, args...)
}

// text returns a text that documents can hold.
func (r row) text(column string) string {
	text := r.GetText(column)
	if utf8.ValidString(text) {
		return text
	}
	r.problem("%s is not UTF-8: what is not readable was replaced by U+FFFD", column)
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// namespace returns the key of the namespace that the row belongs to. Flipt had but one before schema 7.
func (r row) namespace() string {
	if r.ColumnIndex("namespace_key") < 0 {
		return defaultNamespace
	}
	return r.text("namespace_key")
}

// int32 returns a number, the nearest one if it is too large.
func (r row) int32(column string) int32 {
	n := r.GetInt64(column)
	if near := min(max(n, math.MinInt32), math.MaxInt32); near != n {
		r.problem("%s is %d, which is out of range: %d was taken", column, n, near)
		n = near
	}
	return int32(n)
}

// float32 returns a number in the precision of the API.
func (r row) float32(column string) float32 { return float32(r.GetFloat(column)) }

// timeLayouts are the forms in which Flipt, its driver and SQLite write times. A fraction of a second may stand in each.
var timeLayouts = []string{"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02"}

// time returns a time to the microsecond, or nil when the column holds none.
func (r row) time(column string) *timestamppb.Timestamp {
	if r.ColumnIndex(column) < 0 {
		return nil
	}
	text := r.text(column)
	for _, layout := range timeLayouts {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if stamp := timestamppb.New(at.Truncate(time.Microsecond)); stamp.IsValid() {
			return stamp
		}
	}
	r.problem("%s %q is not a time: that of the import was taken", column, text)
	return nil
}

// attachment returns the JSON text of a variant, as it was sent to Flipt.
func (r row) attachment() string {
	text := r.text("attachment")
	if text == "" || json.Valid([]byte(text)) {
		return text
	}
	r.problem("attachment was left out: it is not JSON, and Flipt fails to evaluate the flag")
	return ""
}

// maxDepth bounds metadata, which nobody nests that deep: protobuf stops decoding at 10,000 messages, of which each level
// takes up to three.
const maxDepth = 1000

// metadata returns the JSON object of a flag, or nil when it has none.
func (r row) metadata() *structpb.Struct {
	text := r.text("metadata")
	if text == "" {
		return nil
	}
	var members map[string]any
	err := json.Unmarshal([]byte(text), &members)
	if err == nil && depth(members) > maxDepth {
		err = errors.New("it is nested too deep")
	}
	if err != nil {
		r.problem("metadata was left out: it is not a JSON object (%v)", err)
		return nil
	}
	if len(members) == 0 {
		return nil
	}
	metadata, err := structpb.NewStruct(members)
	if err != nil {
		panic(fmt.Sprintf("fliptdb: decoded JSON has no message: %v", err)) // it consists of what NewStruct knows
	}
	return metadata
}

// depth returns how many objects and arrays lie in each other, at most.
func depth(value any) int {
	deepest := 0
	switch value := value.(type) {
	case map[string]any:
		for _, member := range value {
			deepest = max(deepest, depth(member))
		}
	case []any:
		for _, element := range value {
			deepest = max(deepest, depth(element))
		}
	default:
		return 0
	}
	return deepest + 1
}
