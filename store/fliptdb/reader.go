package fliptdb

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"zombiezen.com/go/sqlite"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// defaultNamespace is the one that Flipt always has.
const defaultNamespace = "default"

// maxDocument is the largest document that the store takes, in bytes, less what it adds itself.
const maxDocument = 8<<20 - 64

// name is the key of a flag or a segment with that of its namespace.
type name struct{ namespace, key string }

func (n name) String() string { return n.namespace + "/" + n.key }

// reader turns rows into documents, table by table.
type reader struct {
	conn     *conn
	tables   map[string]map[string]bool
	contents *Contents

	namespaces map[string]bool
	segments   map[name]*storev1.Segment // nil for a segment that was left out
	flags      map[name]*storev1.Flag
	variants   map[string]*flipt.Variant // by id, those of all flags
	rules      picked[*flipt.Rule]
	rollouts   picked[*flipt.Rollout]
	choices    map[string]*selector[*flipt.Rollout] // by the id in rollout_segments
}

func newReader(c *conn, tables map[string]map[string]bool) *reader {
	return &reader{
		conn: c, tables: tables, contents: new(Contents),
		namespaces: make(map[string]bool), segments: make(map[name]*storev1.Segment), flags: make(map[name]*storev1.Flag),
		variants: make(map[string]*flipt.Variant), choices: make(map[string]*selector[*flipt.Rollout]),
	}
}

func (r *reader) problem(table, id, format string, args ...any) {
	r.contents.Problems = append(r.contents.Problems, Problem{table, id, fmt.Sprintf(format, args...)})
}

// each calls read for each row of a table, if the schema has it. Rows have their id for problems.
func (r *reader) each(table, query string, read func(row)) error {
	if r.tables[table] == nil {
		return nil
	}
	err := r.conn.query(func(stmt *sqlite.Stmt) {
		at := row{Stmt: stmt, reader: r, table: table}
		if at.ColumnIndex("id") >= 0 {
			at.id = at.GetText("id")
		} else {
			at.id = at.GetText("key")
		}
		read(at)
	}, query)
	if err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	return nil
}

func (r *reader) readNamespaces() error {
	if r.tables["namespaces"] == nil { // before schema 7
		r.addNamespace(&flipt.Namespace{Key: defaultNamespace, Name: "Default", Description: "Default namespace", Protected: true})
		return nil
	}
	return r.each("namespaces", `SELECT * FROM namespaces ORDER BY created_at, rowid`, func(row row) {
		key := row.text("key")
		switch {
		case key == "":
			row.problem("left out: it has no key")
		case r.namespaces[key]:
			row.problem("left out: its key is not unique")
		default:
			r.addNamespace(&flipt.Namespace{
				Key: key, Name: row.text("name"), Description: row.text("description"), Protected: row.GetBool("protected"),
				CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
			})
		}
	})
}

func (r *reader) addNamespace(namespace *flipt.Namespace) {
	r.namespaces[namespace.Key] = true
	r.contents.Namespaces = append(r.contents.Namespaces, &storev1.Namespace{Namespace: namespace})
}

// place returns the name of a flag or a segment, and whether there is a place for it. Its namespace is added when there is
// none, since Flipt evaluates without looking for it.
func (r *reader) place(row row, taken func(name) bool) (name, bool) {
	is := name{row.namespace(), row.text("key")}
	row.id = is.String()
	switch {
	case is.namespace == "":
		row.problem("left out: it has no namespace")
	case is.key == "":
		row.problem("left out: it has no key")
	case taken(is):
		row.problem("left out: its key is not unique")
	default:
		if !r.namespaces[is.namespace] {
			r.problem("namespaces", is.namespace, "has no row, but flags or segments: it was added")
			r.addNamespace(&flipt.Namespace{Key: is.namespace, Name: is.namespace})
		}
		return is, true
	}
	return is, false
}

func (r *reader) readSegments() error {
	return r.each("segments", `SELECT * FROM segments ORDER BY created_at, rowid`, func(row row) {
		is, ok := r.place(row, func(is name) bool { return r.segments[is] != nil })
		if !ok {
			if _, known := r.segments[is]; !known {
				r.segments[is] = nil
			}
			return
		}
		row.id = is.String()
		segment := &flipt.Segment{
			Key: is.key, Name: row.text("name"), Description: row.text("description"), MatchType: flipt.MatchType(row.int32("match_type")),
			NamespaceKey: is.namespace, CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
		}
		if flipt.MatchType_name[int32(segment.MatchType)] == "" {
			row.problem("match type %d does not exist: the segment matches nothing", segment.MatchType)
		}
		r.segments[is] = &storev1.Segment{Segment: segment}
		r.contents.Segments = append(r.contents.Segments, r.segments[is])
	})
}

func (r *reader) readConstraints() error {
	return r.each("constraints", `SELECT * FROM constraints ORDER BY created_at, rowid`, func(row row) {
		of := name{row.namespace(), row.text("segment_key")}
		doc := r.segments[of]
		if doc == nil {
			row.problem("left out: its segment %q is not there", of)
			return
		}
		constraint := &flipt.Constraint{
			Id: row.text("id"), SegmentKey: of.key, Type: flipt.ComparisonType(row.int32("type")), Property: row.text("property"),
			Operator: row.text("operator"), Value: row.text("value"), Description: row.text("description"), NamespaceKey: of.namespace,
			CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
		}
		known, ok := operators[constraint.Type]
		switch {
		case !ok:
			row.problem("type %d does not exist: whatever asks segment %q fails, as it does in Flipt", constraint.Type, of)
		case !known[constraint.Operator]:
			row.problem("operator %q does not exist for type %s: the constraint never matches, as in Flipt", constraint.Operator, constraint.Type)
		}
		doc.Segment.Constraints = append(doc.Segment.Constraints, constraint)
	})
}

func (r *reader) readFlags() error {
	return r.each("flags", `SELECT * FROM flags ORDER BY created_at, rowid`, func(row row) {
		is, ok := r.place(row, func(is name) bool { return r.flags[is] != nil })
		if !ok {
			return
		}
		row.id = is.String()
		flag := &flipt.Flag{
			Key: is.key, Name: row.text("name"), Description: row.text("description"), Enabled: row.GetBool("enabled"),
			NamespaceKey: is.namespace, Type: flipt.FlagType(row.int32("type")), Metadata: row.metadata(),
			CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
		}
		if id := row.text("default_variant_id"); id != "" {
			flag.DefaultVariant = &flipt.Variant{Id: id} // found when there are variants
		}
		r.flags[is] = &storev1.Flag{Flag: flag}
		r.contents.Flags = append(r.contents.Flags, r.flags[is])
	})
}

func (r *reader) readVariants() error {
	err := r.each("variants", `SELECT * FROM variants ORDER BY created_at, rowid`, func(row row) {
		of := name{row.namespace(), row.text("flag_key")}
		doc, id := r.flags[of], row.text("id")
		switch {
		case doc == nil:
			row.problem("left out: its flag %q is not there", of)
			return
		case r.variants[id] != nil:
			row.problem("left out: its id is not unique")
			return
		}
		variant := &flipt.Variant{
			Id: id, FlagKey: of.key, Key: row.text("key"), Name: row.text("name"), Description: row.text("description"),
			Attachment: row.attachment(), NamespaceKey: of.namespace, CreatedAt: row.time("created_at"), UpdatedAt: row.time("updated_at"),
		}
		r.variants[id] = variant
		doc.Flag.Variants = append(doc.Flag.Variants, variant)
	})
	for _, doc := range r.contents.Flags {
		r.linkDefault(doc.Flag)
	}
	return err
}

// linkDefault replaces the id of the default variant by the variant.
func (r *reader) linkDefault(flag *flipt.Flag) {
	if flag.DefaultVariant == nil {
		return
	}
	variant := r.variants[flag.DefaultVariant.Id]
	if variant == nil || variant.FlagKey != flag.Key || variant.NamespaceKey != flag.NamespaceKey {
		r.problem("flags", path(flag), "its default variant %q was left out: it has no such variant, and Flipt ignores it", flag.DefaultVariant.Id)
		variant = nil
	}
	flag.DefaultVariant = variant
}

func path(flag *flipt.Flag) string { return name{flag.NamespaceKey, flag.Key}.String() }

// readTokens only counts them.
func (r *reader) readTokens() error {
	tokens := 0
	err := r.each("authentications", `SELECT * FROM authentications`, func(row) { tokens++ })
	if tokens > 0 {
		r.problem("authentications", "", "%d tokens were left out: burgee has no authentication yet", tokens)
	}
	return err
}

// finish completes the flags, and leaves out what is too large for the store.
func (r *reader) finish() {
	r.contents.Segments = keep(r.contents.Segments, func(doc *storev1.Segment) bool {
		is := name{doc.Segment.NamespaceKey, doc.Segment.Key}
		if r.fits("segments", is, doc) {
			return true
		}
		r.segments[is] = nil
		return false
	})
	r.finishRules()
	r.finishRollouts()
	r.contents.Flags = keep(r.contents.Flags, func(doc *storev1.Flag) bool {
		return r.fits("flags", name{doc.Flag.NamespaceKey, doc.Flag.Key}, doc)
	})
}

// fits says whether the store takes the document.
func (r *reader) fits(table string, is name, doc proto.Message) bool {
	size := proto.Size(doc)
	if flag, ok := doc.(*storev1.Flag); ok && flag.Flag.DefaultVariant != nil {
		size -= proto.Size(flag.Flag.DefaultVariant) // the store keeps its id only
	}
	if size <= maxDocument {
		return true
	}
	r.problem(table, is.String(), "left out: with all that belongs to it, it has %d bytes of at most %d", size, maxDocument)
	return false
}

// keep returns the documents that are to be kept.
func keep[D any](docs []D, wanted func(D) bool) []D {
	var kept []D
	for _, doc := range docs {
		if wanted(doc) {
			kept = append(kept, doc)
		}
	}
	return kept
}

// operators lists what Flipt compares with, by type; any other operator never matches.
var operators = map[flipt.ComparisonType]map[string]bool{
	flipt.ComparisonType_STRING_COMPARISON_TYPE: texts, flipt.ComparisonType_ENTITY_ID_COMPARISON_TYPE: texts,
	flipt.ComparisonType_NUMBER_COMPARISON_TYPE: numbers, flipt.ComparisonType_DATETIME_COMPARISON_TYPE: numbers,
	flipt.ComparisonType_BOOLEAN_COMPARISON_TYPE: {"true": true, "false": true, "present": true, "notpresent": true},
}

var (
	texts = map[string]bool{
		"eq": true, "neq": true, "empty": true, "notempty": true, "prefix": true, "suffix": true, "isoneof": true, "isnotoneof": true,
		"contains": true, "notcontains": true,
	}
	numbers = map[string]bool{
		"eq": true, "neq": true, "lt": true, "lte": true, "gt": true, "gte": true, "present": true, "notpresent": true,
		"isoneof": true, "isnotoneof": true,
	}
)
