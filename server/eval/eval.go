// Package eval evaluates flags: documents go in, programs come out, and a program answers for an entity and its context.
//
// A [Snapshot] holds the programs of all namespaces and never changes; [Snapshot.Apply] makes the next one, at the cost of
// what changed. The package is pure: it does no I/O, reads no clock, takes no lock, logs nothing and keeps no state of its
// own. It does not validate documents, does not fill in empty namespaces and does not build responses, but for the traces that
// explain an evaluation: those are messages from the start.
//
// What it does follows the evaluation contract of Flipt v1.61.1. It differs, or decides what the contract leaves open, in this:
//   - Segment keys come in the order of the rule; the original gives them in any order.
//   - Rules, and rollouts, of equal rank are tried in the order of the document.
//   - A distribution must name a variant of its own flag. One that does not breaks the flag (see [Problem]).
//   - A segment with an unknown match type matches nothing; a segment operator that is not AND counts as OR.
//   - A rule without segments never matches.
//   - An archived flag, which the original does not know, is not found.
package eval

import (
	"fmt"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// Kind says what a document describes.
type Kind uint8

const (
	// KindFlag is a flag with its variants, rules and rollouts.
	KindFlag Kind = iota
	// KindSegment is a segment with its constraints.
	KindSegment
)

// Change is the new state of one document.
type Change struct {
	// Namespace is the key of the namespace, never empty.
	Namespace string
	// Key is the key of the flag or the segment within the namespace.
	Key string
	// Kind says which of the two documents below is meant.
	Kind Kind
	// Flag is the document of a KindFlag; nil when it was deleted. An archived flag is no flag of the snapshot. The document is not changed, and must not change later.
	Flag *storev1.Flag
	// Segment is the document of a KindSegment; nil when it was deleted. It is not changed, and must not change later.
	Segment *storev1.Segment
}

// Problem tells why a document cannot be evaluated. A flag with a problem is in the snapshot and answers with Err; a segment
// with a problem is absent, and the flags that name it answer with an error until it is there.
type Problem struct {
	// Namespace and Key name the document.
	Namespace, Key string
	// Kind is what the document describes.
	Kind Kind
	// Err is an *Error of kind Internal.
	Err error
}

// ErrorKind says whose fault an error is.
type ErrorKind uint8

const (
	// Internal means that a stored document is damaged.
	Internal ErrorKind = iota
	// NotFound means that there is no such flag.
	NotFound
	// Invalid means that the flag cannot be evaluated in the way that was asked for.
	Invalid
)

// Error is the only type of error that this package returns.
type Error struct {
	// Kind says whose fault it is.
	Kind ErrorKind
	text string
}

// Error returns the text that clients read; those of NotFound and Invalid are the contract's.
func (e *Error) Error() string { return e.text }

func errorf(kind ErrorKind, format string, arguments ...any) *Error {
	return &Error{Kind: kind, text: fmt.Sprintf(format, arguments...)}
}

// id names a document of one kind.
type id struct{ namespace, key string }

// String returns `namespace/key`, or the namespace alone when the key is empty: this is how error texts name a document.
func (i id) String() string {
	if i.key == "" {
		return i.namespace
	}
	return i.namespace + "/" + i.key
}
