package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// Edit implements burgee.v1.DocumentService.
func (s *documentService) Edit(ctx context.Context, r *burgeev1.EditRequest) (*burgeev1.EditResponse, error) {
	edits := make([]editing, len(r.Edits))
	for i, e := range r.Edits {
		place := fmt.Sprintf("edits[%d]", i)
		edits[i] = editing{Edit: e, place: place, document: join(place, actionOf(e))}
	}
	documents, position, err := s.edit(ctx, edits)
	if err != nil {
		return nil, err
	}
	return &burgeev1.EditResponse{Position: position.String(), Documents: documents}, nil
}

// editing is an edit on its way into a draft.
type editing struct {
	*burgeev1.Edit
	place    string // of the edit in its request, empty when the request is the edit
	document string // place of its document
	id       documentID
	odd      error // what keeps the key from being that of a new document
}

// edit carries out edits as one revision, and returns the document of each as it is after all of them.
func (s *documentService) edit(ctx context.Context, edits []editing) ([]*burgeev1.Document, store.Position, error) {
	for i := range edits {
		if err := edits[i].prepare(s.validator); err != nil {
			return nil, store.Position{}, err
		}
	}
	documents, position, err := store.Update(ctx, s.db, caller(ctx), func(d *store.Draft) ([]*burgeev1.Document, error) {
		for _, e := range edits {
			if err := e.carryOut(d); err != nil {
				return nil, e.located(err)
			}
		}
		documents := make([]*burgeev1.Document, len(edits))
		for i, e := range edits {
			documents[i] = documentAfter(d, e.id)
		}
		return documents, nil
	})
	return documents, position, trimmed(ctx, err)
}

// prepare checks what can be checked without the draft.
func (e *editing) prepare(v *validator) error {
	var create proto.Message
	e.id = documentID{e.NamespaceKey, kindOf(e.Edit), e.Key}
	keyField := join(e.place, "key")
	switch e.id.kind {
	case store.KindNamespace:
		if e.Key != "" {
			return &fieldError{e.place, "key", "must be empty"}
		}
		e.id.key = e.NamespaceKey
		if e.place != "" {
			keyField = join(e.place, "namespaceKey")
		}
		create = &flipt.CreateNamespaceRequest{Key: e.id.key, Name: unnamed}
	case store.KindFlag:
		create = &flipt.CreateFlagRequest{Key: e.Key, Name: unnamed}
	default:
		create = &flipt.CreateSegmentRequest{Key: e.Key, Name: unnamed}
	}
	if e.id.key == "" {
		return &fieldError{e.place, "key", "must not be empty"}
	}
	if e.Create && e.IfMatch != "" {
		return &fieldError{e.place, "create", "must not be true beside ifMatch"}
	}
	found, err := v.violations(create)
	if len(found) > 0 {
		e.odd = &fieldError{"", keyField, found[0].at("").Description}
	}
	return err
}

// located says where in the request an error was found.
func (e *editing) located(err error) error {
	if field, is := err.(*fieldError); is { // one that is wrapped has its place already
		if field.place == "document" {
			return placed(err, e.document)
		}
		return err
	}
	if e.place == "" {
		return err
	}
	return fmt.Errorf("%s: %w", e.document, err)
}

// kindOf returns the kind of the document of an edit.
func kindOf(e *burgeev1.Edit) store.Kind {
	switch e.Action.(type) {
	case *burgeev1.Edit_ReplaceNamespace, *burgeev1.Edit_DeleteNamespace:
		return store.KindNamespace
	case *burgeev1.Edit_ReplaceSegment, *burgeev1.Edit_DeleteSegment:
		return store.KindSegment
	}
	return store.KindFlag
}

// actionOf returns the name of what an edit does, as JSON has it.
func actionOf(e *burgeev1.Edit) string {
	message := e.ProtoReflect()
	if field := message.WhichOneof(message.Descriptor().Oneofs().ByName("action")); field != nil {
		return field.JSONName()
	}
	return ""
}

// carryOut takes the edit into the draft.
func (e *editing) carryOut(d *store.Draft) error {
	if err := guard(d, e.id, e.IfMatch, e.Create); err != nil {
		return err
	}
	switch action := e.Action.(type) {
	case *burgeev1.Edit_ReplaceFlag:
		return e.replaceFlag(d, action.ReplaceFlag)
	case *burgeev1.Edit_ReplaceSegment:
		return e.replaceSegment(d, action.ReplaceSegment)
	case *burgeev1.Edit_ReplaceNamespace:
		return e.replaceNamespace(d, action.ReplaceNamespace)
	}
	if e.id.find(d) == nil {
		return e.id.missing()
	}
	switch e.Action.(type) {
	case *burgeev1.Edit_DeleteFlag:
		return deleteFlag(d, &flipt.DeleteFlagRequest{NamespaceKey: e.id.namespace, Key: e.id.key})
	case *burgeev1.Edit_DeleteSegment:
		return deleteSegment(d, &flipt.DeleteSegmentRequest{NamespaceKey: e.id.namespace, Key: e.id.key})
	case *burgeev1.Edit_DeleteNamespace:
		return deleteNamespace(d, &flipt.DeleteNamespaceRequest{Key: e.id.key})
	case *burgeev1.Edit_ArchiveFlag:
		archive(d, e.id, true)
	case *burgeev1.Edit_UnarchiveFlag:
		archive(d, e.id, false)
	}
	return nil
}

// open refuses a new document that has no namespace or an odd key.
func (e *editing) open(d *store.Draft) error {
	if e.odd != nil {
		return e.odd
	}
	if e.id.kind != store.KindNamespace && d.Namespace(e.id.namespace) == nil {
		return namespaceNotFound(e.id.namespace)
	}
	return nil
}

func (e *editing) replaceFlag(d *store.Draft, doc *burgeev1.FlagDocument) error {
	current := d.Flag(e.id.namespace, e.id.key)
	if current == nil {
		if err := e.open(d); err != nil {
			return err
		}
	}
	done, err := completeFlag(doc, e.id.namespace, e.id.key, current, d.Now(), d.NewID)
	if err != nil {
		return err
	}
	exists := func(key string) bool { return d.Segment(e.id.namespace, key) != nil }
	if err := missingSegment(doc, e.id.namespace, exists); err != nil {
		return err
	}
	if current == nil {
		d.CreateFlag(done)
		return nil
	}
	stored := d.EditFlag(e.id.namespace, e.id.key)
	stored.Flag, stored.Rules, stored.Rollouts, stored.Tags = done.Flag, done.Rules, done.Rollouts, done.Tags
	return nil
}

func (e *editing) replaceSegment(d *store.Draft, doc *burgeev1.SegmentDocument) error {
	current := d.Segment(e.id.namespace, e.id.key)
	if current == nil {
		if err := e.open(d); err != nil {
			return err
		}
	}
	done, err := completeSegment(doc, e.id.namespace, e.id.key, current, d.Now(), d.NewID)
	if err != nil {
		return err
	}
	if current == nil {
		d.CreateSegment(done)
		return nil
	}
	d.EditSegment(e.id.namespace, e.id.key).Segment = done.Segment
	return nil
}

// replaceNamespace leaves the protection of a namespace as it is: only the default namespace has it.
func (e *editing) replaceNamespace(d *store.Draft, doc *burgeev1.NamespaceDocument) error {
	sent := doc.GetNamespace()
	if sent.GetKey() != "" && sent.GetKey() != e.id.key {
		return fieldFailure("namespace.key", "must be %q or empty", e.id.key)
	}
	stored := d.EditNamespace(e.id.key)
	if stored == nil {
		if err := e.open(d); err != nil {
			return err
		}
		d.CreateNamespace(&storev1.Namespace{Color: doc.GetColor(), Production: doc.GetProduction(), Namespace: &flipt.Namespace{
			Key: e.id.key, Name: sent.GetName(), Description: sent.GetDescription(), CreatedAt: d.Now(), UpdatedAt: d.Now(),
		}})
		return nil
	}
	n := stored.Namespace
	if n.Name == sent.GetName() && n.Description == sent.GetDescription() && stored.Color == doc.GetColor() && stored.Production == doc.GetProduction() {
		return nil
	}
	n.Name, n.Description, n.UpdatedAt = sent.GetName(), sent.GetDescription(), d.Now()
	stored.Color, stored.Production = doc.GetColor(), doc.GetProduction()
	return nil
}
