// Package store keeps the documents of Burgee (namespaces, segments and flags) and the revisions that made them.
//
// The whole configuration is one immutable [State] in memory, read without I/O by [DB.View]. A change is a function on a
// [Draft] of the newest state, given to [Update]: one goroutine runs the waiting functions one after the other, appends
// what they changed to a SQLite file in one transaction, publishes the new state and only then answers. Every revision
// keeps who changed what, when and how, with the new bodies of its documents, chained by hashes.
//
// A history is identified by its epoch, 16 random digits in every hash of the chain. [Restore] puts a [Backup] in the
// place of a database and begins a new epoch, by a revision of the method "restore" that changes no document: what a
// client knows of the history that was replaced never passes for the one that goes on. The table epoch keeps where each
// epoch begins, so that [Verify] can recompute every hash from the first revision on.
//
// The history is read on connections of its own, beside the writer: what came after a position ([DB.Changes]), pages of
// revisions ([DB.History]), one with what was before it ([DB.Revision]), and every state of the past, whole ([DB.At]).
// Nothing of it is dropped, unless [DB.Fold] or a retention gives up what is old: then one revision, the base, is the oldest
// whose state can be told, a later one keeps a digest of what is left up to it, and the chain from base to head stays whole.
//
// The package knows nothing of rules about documents beyond their keys: whether a key is well formed, a segment in use
// or a rank free is the business of the functions given to Update. It never deletes, repairs or re-creates a database
// that it cannot read: it refuses to open it, in one sentence.
package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// Kind is the kind of a document, as it is stored.
type Kind string

// The kinds of documents.
const (
	KindNamespace Kind = "namespace"
	KindFlag      Kind = "flag"
	KindSegment   Kind = "segment"
)

// Settings says where the database lies and how far it may grow.
type Settings struct {
	// Path names the database file. It is created, with its directory, when it is missing.
	Path string
	// MaxState bounds the encoded bodies of all documents together, in bytes; 0 means 1 GiB.
	MaxState int64
	// Clock tells the time of changes; nil means time.Now. It is called by one goroutine at a time.
	Clock func() time.Time
	// Retention is how long a state of the past can be told at least. What is older is folded once a day, into the newest
	// revision that is; 0 means that nothing is ever given up.
	Retention time.Duration
	// RetentionFailed is told why that did not work, by a goroutine of the database. It is tried again a day later. It may be nil.
	RetentionFailed func(error)
}

const (
	defaultMaxState = 1 << 30
	maxDocument     = 8 << 20
)

// Author says who makes a change and how. It is kept in the revision.
type Author struct {
	// Name says who, as claimed or authenticated; it may be empty.
	Name string
	// Method is the rpc or command, such as "/flipt.Flipt/CreateFlag".
	Method string
	// Comment says why, in the author's words.
	Comment string
	// RequestID is the id of the request.
	RequestID string
	// Reverts is the number of the revision that this change undoes; 0 when it undoes none.
	Reverts uint64
	// Restores is the number of the revision whose state this change brings back; 0 when it brings back none.
	Restores uint64
}

// Position identifies a state. Two states with one position are equal.
type Position struct {
	// Epoch is 16 random hexadecimal digits, drawn when the history began or was last restored.
	Epoch string
	// Revision is the number of the newest revision; the first is 1 and none is left out.
	Revision uint64
	// Hash is the hash of that revision, which includes the hash of the one before.
	Hash [32]byte
}

// String returns the text form, "epoch-revision".
func (p Position) String() string {
	return p.Epoch + "-" + strconv.FormatUint(p.Revision, 10)
}

// Change is a document of a revision as it is after the change. The field of its kind is set; all three are nil when the
// document was deleted. The document is shared and must not be changed.
type Change struct {
	// Namespace is the key of the namespace; of a namespace itself, its own key.
	Namespace string
	// Kind says which of the three documents it is.
	Kind Kind
	// Key is the key within namespace and kind.
	Key string

	NamespaceDoc *storev1.Namespace
	Flag         *storev1.Flag
	Segment      *storev1.Segment
}

var (
	// ErrClosed is returned by updates of a database that was closed.
	ErrClosed = errors.New("the database is closed")
	// ErrQueueFull is returned at once by an update that finds 1,024 others waiting.
	ErrQueueFull = errors.New("too many changes are waiting")
	// ErrTooLarge is wrapped when a document exceeds 8 MiB, or all documents together exceed Settings.MaxState.
	ErrTooLarge = errors.New("too large")
	// ErrReadOnly is wrapped, with the reason, by updates after writes have stopped for good. Reads go on.
	ErrReadOnly = errors.New("writes have stopped")
	// ErrLocked is wrapped by Open and Restore when another process uses the database.
	ErrLocked = errors.New("another process holds the database")
)

// id names a document. Its order on disk and in the hash chain is that of its fields, bytewise.
type id struct {
	namespace string
	kind      Kind
	key       string
}

func (i id) String() string {
	if i.kind == KindNamespace {
		return fmt.Sprintf("namespace %q", i.key)
	}
	return fmt.Sprintf("%s %q", i.kind, i.namespace+"/"+i.key)
}
