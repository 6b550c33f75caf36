package server

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// GetNamespace implements flipt.Flipt.
func (m *management) GetNamespace(ctx context.Context, r *flipt.GetNamespaceRequest) (*flipt.Namespace, error) {
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	doc := state.Namespace(r.Key)
	if doc == nil {
		return nil, namespaceNotFound(r.Key)
	}
	return doc.Namespace, nil
}

// ListNamespaces implements flipt.Flipt.
func (m *management) ListNamespaces(ctx context.Context, r *flipt.ListNamespaceRequest) (*flipt.NamespaceList, error) {
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	page, err := paginate(state.Namespaces(), pageRequest{r.Limit, r.Offset, r.PageToken},
		func(doc *storev1.Namespace) (string, uint64) { return doc.Namespace.Key, doc.Created })
	if err != nil {
		return nil, err
	}
	list := &flipt.NamespaceList{NextPageToken: page.next, TotalCount: page.total, Namespaces: make([]*flipt.Namespace, len(page.items))}
	for i, doc := range page.items {
		list.Namespaces[i] = doc.Namespace
	}
	return list, nil
}

// CreateNamespace implements flipt.Flipt.
func (m *management) CreateNamespace(ctx context.Context, r *flipt.CreateNamespaceRequest) (*flipt.Namespace, error) {
	return update(ctx, m.db, r, createNamespace)
}

func createNamespace(d *store.Draft, r *flipt.CreateNamespaceRequest) (*flipt.Namespace, error) {
	if d.Namespace(r.Key) != nil {
		return nil, invalid("namespace %q is not unique", r.Key)
	}
	namespace := &flipt.Namespace{Key: r.Key, Name: r.Name, Description: r.Description, CreatedAt: d.Now(), UpdatedAt: d.Now()}
	d.CreateNamespace(&storev1.Namespace{Namespace: namespace})
	return namespace, nil
}

// UpdateNamespace implements flipt.Flipt.
func (m *management) UpdateNamespace(ctx context.Context, r *flipt.UpdateNamespaceRequest) (*flipt.Namespace, error) {
	return update(ctx, m.db, r, updateNamespace)
}

func updateNamespace(d *store.Draft, r *flipt.UpdateNamespaceRequest) (*flipt.Namespace, error) {
	doc := d.EditNamespace(r.Key)
	if doc == nil {
		return nil, namespaceNotFound(r.Key)
	}
	doc.Namespace.Name, doc.Namespace.Description, doc.Namespace.UpdatedAt = r.Name, r.Description, d.Now()
	return doc.Namespace, nil
}

// DeleteNamespace implements flipt.Flipt.
func (m *management) DeleteNamespace(ctx context.Context, r *flipt.DeleteNamespaceRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteNamespace)
}

func deleteNamespace(d *store.Draft, r *flipt.DeleteNamespaceRequest) error {
	doc := d.Namespace(r.Key)
	if doc == nil {
		return namespaceNotFound(r.Key)
	}
	if doc.Namespace.Protected && !r.Force {
		return invalid("namespace %q is protected", r.Key)
	}
	if d.Flags(r.Key).Len() > 0 && !r.Force {
		return invalid("namespace %q cannot be deleted; flags must be deleted first", r.Key)
	}
	d.DeleteNamespace(r.Key)
	return nil
}

func namespaceNotFound(key string) error { return notFound("namespace %q not found", key) }
