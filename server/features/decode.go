package features

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what aliases may make of a file: the values to read are at most so many times those that are written, but
// may be minExpanded, and likewise for bytes.
const (
	maxExpansion = 10
	minExpanded  = 100_000
	minBytes     = 16 << 20
)

const latest = 4 // minor number of the newest version of the format

// decoder turns the nodes of a file into documents. It notes errors and goes on, so that one reading finds several; what
// it returns after an error is never seen.
type decoder struct {
	file     *File
	errs     []*Error
	stopped  bool // nothing more is read
	warned   map[Pos]bool
	unlisted int // warnings beyond the limit

	started bool // a document was read
	version int  // minor number of the file's version

	written  int // nodes as written, of the documents so far
	nodes    int // nodes as read, with those that aliases stand for
	bytes    int // their text
	maxBytes int
}

// Decode reads a features file. Its errors are *Error with the given name: one alone, or up to 20 joined by errors.Join
// in the order of their places. A file without content has no documents. It bounds its own work: 64 levels, 100,000
// documents, 4,000,000 values in a document as estimated before it is read (some 35,000 flags with all parts), and ten times
// what is written, or 100,000 values, when aliases are followed. The size of data is for the caller to bound.
func Decode(name string, data []byte, e Encoding) (*File, error) {
	d := &decoder{
		file:     &File{Name: name},
		warned:   map[Pos]bool{},
		version:  latest,
		maxBytes: max(minBytes, maxExpansion*len(data)),
	}
	next, err := open(data, e)
	for err == nil && !d.stopped {
		var root *yaml.Node
		var written int
		if root, written, err = next(); err == nil {
			d.written += written
			d.document(root)
		}
	}
	var located *Error
	switch {
	case errors.As(err, &located):
		d.fail(located.Pos, "%w", located.Err)
	case err != nil && !errors.Is(err, io.EOF):
		d.fail(Pos{}, "%w", err)
	}
	return d.result()
}

// open returns a reader of data's documents. All errors of it and of the reader but io.EOF are *Error.
func open(data []byte, e Encoding) (reader, error) {
	if err := checkUTF8(data); err != nil {
		return nil, err
	}
	switch e {
	case YAML:
		return readYAML(data)
	case JSON:
		return readJSON(data)
	default:
		return nil, &Error{Err: fmt.Errorf("unknown encoding %d", e)}
	}
}

// document reads one document, unless it is empty.
func (d *decoder) document(root *yaml.Node) {
	if root.Kind == yaml.DocumentNode || isNull(root) {
		return
	}
	of := &owner{kind: "the document"}
	members := d.object(root, of)
	d.readVersion(members, of)
	doc := Document{Pos: posOf(root), Namespace: Namespace{Pos: posOf(root), Key: "default", Name: "default"}}
	for _, m := range members {
		if m.name == "namespace" {
			doc.Namespace = d.namespace(m)
		}
	}
	for _, m := range members {
		switch m.name {
		case "version", "namespace":
		case "flags":
			items := d.list(m, of)
			doc.Flags = make([]Flag, 0, len(items))
			for i, n := range items {
				doc.Flags = append(doc.Flags, d.flag(n, i+1, doc.Namespace.Key))
			}
		case "segments":
			items := d.list(m, of)
			doc.Segments = make([]Segment, 0, len(items))
			for i, n := range items {
				doc.Segments = append(doc.Segments, d.segment(n, i+1))
			}
		default:
			d.unknown(m, of)
		}
	}
	d.file.Documents = append(d.file.Documents, doc)
}

// readVersion reads the version of the first document, which counts for all.
func (d *decoder) readVersion(members []member, of *owner) {
	first := !d.started
	d.started = true
	for _, m := range members {
		if m.name != "version" {
			continue
		}
		text := d.text(m, of)
		if text == "" {
			return
		}
		minor, err := parseVersion(text)
		switch {
		case !first && (err != nil || minor != d.version):
			d.warn(posOf(m.key), "version %s is ignored: that of the first document counts, 1.%d", short(text), d.version)
		case err != nil:
			d.fail(posOf(m.value), "%w", err)
		default:
			d.version = minor
		}
	}
}

// parseVersion returns the minor number of a version of major number 1, with or without a `v` and trailing zeros.
func parseVersion(text string) (int, error) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimSpace(text), "v"), ".")
	var numbers [3]uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || i >= len(numbers) {
			return 0, fmt.Errorf("parsing document version: %q is not a version number", short(text))
		}
		numbers[i] = n
	}
	if numbers[0] != 1 || numbers[1] > latest || numbers[2] != 0 {
		return 0, fmt.Errorf("unsupported version: %s", short(text))
	}
	return int(numbers[1]), nil
}

// since notes an error when the file's version is older than 1.minor.
func (d *decoder) since(minor int, pos Pos, what string) {
	if d.version < minor {
		d.fail(pos, "%s is supported in version >=1.%d, found 1.%d", what, minor, d.version)
	}
}

// namespace reads a key, or a map of key, name, description, color and production.
func (d *decoder) namespace(m member) Namespace {
	ns := Namespace{Pos: posOf(m.value)}
	of := &owner{kind: "namespace"}
	switch v := d.visit(m.value); v.Kind {
	case yaml.MappingNode:
		for _, m := range d.members(v, of) {
			switch m.name {
			case "key":
				ns.Key = d.text(m, of)
			case "name":
				ns.Name = d.text(m, of)
			case "description":
				ns.Description = d.text(m, of)
			case "color":
				if !isNull(m.value) {
					color := d.text(m, of)
					ns.Color = &color
				}
			case "production":
				ns.Production = d.choice(m, of)
			default:
				d.unknown(m, of)
			}
		}
		if ns.Key == "" {
			ns.Key = "default"
		}
	case yaml.ScalarNode:
		ns.Key = d.text(m, &owner{kind: "the document"})
		if ns.Key == "" {
			ns.Key = "default"
		}
		ns.Name = ns.Key
	default:
		d.mismatch(m, &owner{kind: "the document"}, "a key or a map", v)
	}
	return ns
}
