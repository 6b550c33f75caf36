// Package features reads and writes the features file: flags and segments of one or more namespaces as YAML or JSON, in
// the versions 1.0 to 1.4 of the format. What is read carries line and column throughout, so that whoever applies a file
// can say where it is wrong; what is written holds no date and is equal to the byte for equal documents.
//
// It does not touch the store, checks no rule of the API (patterns, operators, references, uniqueness) and decides
// nothing about what exists already: package server does. All of its functions may be called by several goroutines at
// once; what they return belongs to the caller.
//
// Where it departs from the original Flipt:
//   - integers of attachments keep every digit, on both ways; the original takes them through a float;
//   - constraint descriptions are read back, not lost;
//   - an unknown flag type, match type, operator or comparison type is an error, not silently the first one;
//   - a rule without a segment is an error, not a crash;
//   - a duplicate rank of 0 cannot arise from a file of version 1.0: position counts there too;
//   - a quoted text is never taken for a boolean, and a fraction never for a rank;
//   - a date without quotes in an attachment stays the text that was written;
//   - an unknown file extension is an error that lists the known ones, not a crash;
//   - unknown members are named in warnings.
//
// The file has four members that the original does not know, in every version, and ignores when it imports: tags and archived
// of a flag, color and production of a namespace. They are written only where they say something, so that a file without
// them is the original's.
package features

import (
	"fmt"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
)

// Encoding is how a features file is written.
type Encoding uint8

const (
	// YAML is a stream of documents separated by `---`.
	YAML Encoding = iota
	// JSON is a sequence of values, one per document.
	JSON
)

// EncodingOf returns the encoding that the extension of a file's name stands for. Capitals count like small letters.
func EncodingOf(name string) (Encoding, error) {
	switch ext := filepath.Ext(name); strings.ToLower(ext) {
	case ".yml", ".yaml", "":
		return YAML, nil
	case ".json":
		return JSON, nil
	default:
		return YAML, fmt.Errorf("unexpected extension %q: a features file ends in .yml, .yaml or .json, or has no extension", ext)
	}
}

// File is a decoded features file.
type File struct {
	// Name is the name that Decode was given, for messages.
	Name string
	// Documents are in the order of the file. Empty ones are left out.
	Documents []Document
	// Warnings name what has no meaning, in the order of the file; at most 101.
	Warnings []Warning
}

// Document is the part of a file that describes one namespace. Several documents may describe the same one.
type Document struct {
	Pos       Pos
	Namespace Namespace
	Flags     []Flag
	Segments  []Segment
}

// Namespace says which namespace a document describes.
type Namespace struct {
	// Pos is that of the namespace, or of the document when it names none.
	Pos Pos
	// Key is "default" when the file names none.
	Key string
	// Name equals Key where the file gives nothing but the key, and may be empty where it gives a map.
	Name        string
	Description string
	// Color and Production are nil where the file says nothing.
	Color      *string
	Production *bool
}

// Flag is a flag with all its parts.
type Flag struct {
	Pos         Pos
	Key         string
	Name        string
	Description string
	Type        flipt.FlagType
	Enabled     bool
	// Metadata is nil when there is none or when it is empty.
	Metadata *structpb.Struct
	// Tags are nil, and so is Archived, where the file says nothing.
	Tags     []string
	Archived *bool
	Variants []Variant
	Rules    []Rule
	Rollouts []Rollout
}

// Variant is a variant of a flag.
type Variant struct {
	Pos Pos
	// Default is true for one variant of a flag at most: the last that says so.
	Default     bool
	Key         string
	Name        string
	Description string
	// Attachment is compact JSON text with sorted members, or empty when there is none or when it is null. Numbers are
	// spelled as in the file where JSON can spell them so.
	Attachment string
}

// Rule is a rule of a variant flag.
type Rule struct {
	Pos Pos
	// SegmentKeys holds one key at least.
	SegmentKeys []string
	// SegmentPos holds the position of each of SegmentKeys.
	SegmentPos []Pos
	Operator   flipt.SegmentOperator
	// Rank is what the file says, or else the place in the list, from 1.
	Rank          int32
	Distributions []Distribution
}

// Distribution gives a variant a share of a rule.
type Distribution struct {
	Pos Pos
	// Variant is the key of the variant, empty when the file names none.
	Variant string
	// Rollout is the share in percent. Its range is not checked.
	Rollout float32
}

// Rollout is a rollout of a boolean flag, with a segment or a threshold or neither, but not both.
type Rollout struct {
	Pos         Pos
	Description string
	Segment     *RolloutSegment
	Threshold   *RolloutThreshold
}

// RolloutSegment selects the entities of segments.
type RolloutSegment struct {
	Keys     []string
	Operator flipt.SegmentOperator
	Value    bool
}

// RolloutThreshold selects a share of the entities.
type RolloutThreshold struct {
	// Percentage is not checked for its range.
	Percentage float32
	Value      bool
}

// Segment is a segment with its constraints.
type Segment struct {
	Pos         Pos
	Key         string
	Name        string
	Description string
	MatchType   flipt.MatchType
	Constraints []Constraint
}

// Constraint is a constraint of a segment, all of it as written.
type Constraint struct {
	Pos         Pos
	Type        flipt.ComparisonType
	Property    string
	Operator    string
	Value       string
	Description string
}
