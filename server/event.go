package server

import (
	"iter"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/store"
)

// interest is what a watcher wants to be told.
type interest struct {
	namespaces map[string]bool // nil for all
	documents  bool            // or else only which ones
}

func (i interest) wants(namespace string) bool { return i.namespaces == nil || i.namespaces[namespace] }

// message is an event as it is sent. Watchers share it.
type message struct {
	response *burgeev1.WatchResponse

	once  sync.Once
	frame []byte // of a stream of server-sent events, once it was asked for
	err   error
}

func bookmarkAt(at store.Position) *message {
	return &message{response: &burgeev1.WatchResponse{Event: burgeev1.WatchEvent_WATCH_EVENT_BOOKMARK, Position: at.String()}}
}

// maxForms bounds the messages of one event that are kept for others with the same interest.
const maxForms = 16

// event is a revision for watchers of any interest.
type event struct {
	position   store.Position
	revision   *burgeev1.Revision   // with all its changes
	documents  []*burgeev1.Document // of the changes, in their order
	namespaces []string             // of the changes, each once
	size       int                  // of the documents, in bytes

	mu    sync.Mutex
	forms map[string]*message // guarded by mu
}

// newEvent returns the event of a revision. existed says of each document in turn whether it did before; it is told whether
// it does afterwards. The epoch is the one that ETags are of now.
func newEvent(told store.Revision, epoch string, existed func(id documentID, exists bool) bool) *event {
	e := &event{position: told.Position, revision: revisionOfHistory(told.Position, told.Said), forms: make(map[string]*message)}
	e.revision.ChangeCount = int32(len(told.Changes))
	for _, c := range told.Changes {
		id := documentID{c.Namespace, c.Kind, c.Key}
		content := documentIn(c)
		before := existed(id, content != nil)
		action, revision := burgeev1.DocumentAction_DOCUMENT_ACTION_CREATED, told.Position.Revision
		switch {
		case content == nil:
			action, revision = burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED, 0
		case before:
			action = burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED
		}
		document := documentOf(id, content, epoch, revision)
		e.size += proto.Size(document)
		e.documents = append(e.documents, document)
		e.revision.Changes = append(e.revision.Changes, &burgeev1.DocumentChange{
			NamespaceKey: c.Namespace, Kind: string(c.Kind), Key: c.Key, Action: action,
		})
		if !slices.Contains(e.namespaces, c.Namespace) {
			e.namespaces = append(e.namespaces, c.Namespace)
		}
	}
	return e
}

// message returns the event for an interest, or nil when it is of none. A revision without changes is told to those who are
// interested in all namespaces.
func (e *event) message(i interest) *message {
	form, partly := "", false
	if i.namespaces != nil {
		names := slices.DeleteFunc(slices.Clone(e.namespaces), func(namespace string) bool { return !i.namespaces[namespace] })
		if len(names) == 0 {
			return nil
		}
		if partly = len(names) < len(e.namespaces); partly {
			form = strings.Join(names, " ")
		}
	}
	if !i.documents {
		form += "-"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if m := e.forms[form]; m != nil {
		return m
	}
	m := &message{response: e.response(i, partly)}
	if len(e.forms) < maxForms {
		e.forms[form] = m
	}
	return m
}

func (e *event) response(i interest, partly bool) *burgeev1.WatchResponse {
	answer := &burgeev1.WatchResponse{
		Event: burgeev1.WatchEvent_WATCH_EVENT_REVISION, Position: e.revision.Position, Revision: e.revision,
	}
	if i.documents {
		answer.Documents = e.documents
	}
	if !partly {
		return answer
	}
	r := e.revision
	answer.Revision = &burgeev1.Revision{
		Revision: r.Revision, Position: r.Position, At: r.At, Author: r.Author, Method: r.Method, Comment: r.Comment, Reverts: r.Reverts,
		Restores: r.Restores, RequestId: r.RequestId, ChangeCount: r.ChangeCount, Hash: r.Hash,
	}
	answer.Documents = nil
	for n, change := range r.Changes {
		if !i.wants(change.NamespaceKey) {
			continue
		}
		answer.Revision.Changes = append(answer.Revision.Changes, change)
		if i.documents {
			answer.Documents = append(answer.Documents, e.documents[n])
		}
	}
	return answer
}

// partSize is how many bytes of documents a part of a snapshot holds, unless one document alone is larger.
const partSize = 256 << 10

// snapshotParts returns a state in parts, each made when it is asked for. Only the last has a position.
func snapshotParts(state *store.State, i interest) iter.Seq[*message] {
	return func(yield func(*message) bool) {
		part := &burgeev1.WatchResponse{Event: burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT, First: true}
		size := 0
		for document := range documentsOf(state, i) {
			grown := size + proto.Size(document)
			if len(part.Documents) > 0 && grown > partSize {
				if !yield(&message{response: part}) {
					return
				}
				part = &burgeev1.WatchResponse{Event: burgeev1.WatchEvent_WATCH_EVENT_SNAPSHOT}
				grown -= size
			}
			part.Documents, size = append(part.Documents, document), grown
		}
		part.Last, part.Position = true, state.Position().String()
		yield(&message{response: part})
	}
}

// documentsOf returns the documents of a state that are of interest: of each namespace itself, its segments and its flags, in
// the order of their creation.
func documentsOf(state *store.State, i interest) iter.Seq[*burgeev1.Document] {
	return func(yield func(*burgeev1.Document) bool) {
		if !i.documents {
			return
		}
		epoch := state.Position().Epoch
		tell := func(id documentID, content proto.Message) bool {
			return yield(documentOf(id, content, epoch, state.DocumentRevision(id.namespace, id.kind, id.key)))
		}
		for namespace := range state.Namespaces().All() {
			key := namespace.Namespace.Key
			if !i.wants(key) {
				continue
			}
			if !tell(documentID{key, store.KindNamespace, key}, namespace) {
				return
			}
			for segment := range state.Segments(key).All() {
				if !tell(documentID{key, store.KindSegment, segment.Segment.Key}, segment) {
					return
				}
			}
			for flag := range state.Flags(key).All() {
				if !tell(documentID{key, store.KindFlag, flag.Flag.Key}, flag) {
					return
				}
			}
		}
	}
}
