package server

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/store"
)

// GetFlag implements flipt.Flipt.
func (m *management) GetFlag(ctx context.Context, r *flipt.GetFlagRequest) (*flipt.Flag, error) {
	namespace := namespaceOf(r.NamespaceKey)
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	doc := state.Flag(namespace, r.Key)
	if doc == nil {
		return nil, flagNotFound(namespace, r.Key)
	}
	return compactFlag(doc.Flag), nil
}

// ListFlags implements flipt.Flipt. Unlike GetFlag it shows attachments as they were sent, and metadata always.
func (m *management) ListFlags(ctx context.Context, r *flipt.ListFlagRequest) (*flipt.FlagList, error) {
	state, _, err := viewOf(ctx, m.db, r.Reference)
	if err != nil {
		return nil, err
	}
	key := answerKey{procedure: fliptconnect.FliptListFlagsProcedure, namespace: namespaceOf(r.NamespaceKey), page: pageRequest{r.Limit, r.Offset, r.PageToken}}
	if r.Reference != "" {
		return listFlags(state, key)
	}
	return cached(ctx, m.cache, state, key, func() (*flipt.FlagList, error) { return listFlags(state, key) })
}

func listFlags(state *store.State, key answerKey) (*flipt.FlagList, error) {
	page, err := paginate(state.Flags(key.namespace), key.page, func(doc *storev1.Flag) (string, uint64) { return doc.Flag.Key, doc.Created })
	if err != nil {
		return nil, err
	}
	list := &flipt.FlagList{NextPageToken: page.next, TotalCount: page.total, Flags: make([]*flipt.Flag, len(page.items))}
	for i, doc := range page.items {
		list.Flags[i] = doc.Flag
		if doc.Flag.Metadata == nil {
			list.Flags[i] = copyFlag(doc.Flag)
			list.Flags[i].Metadata = new(structpb.Struct)
		}
	}
	return list, nil
}

// CreateFlag implements flipt.Flipt.
func (m *management) CreateFlag(ctx context.Context, r *flipt.CreateFlagRequest) (*flipt.Flag, error) {
	return update(ctx, m.db, r, createFlag)
}

func createFlag(d *store.Draft, r *flipt.CreateFlagRequest) (*flipt.Flag, error) {
	namespace := namespaceOf(r.NamespaceKey)
	if d.Namespace(namespace) == nil {
		return nil, namespaceNotFound(namespace)
	}
	if d.Flag(namespace, r.Key) != nil {
		return nil, invalid("flag %q is not unique", path(namespace, r.Key))
	}
	flag := &flipt.Flag{
		Key: r.Key, Name: r.Name, Description: r.Description, Enabled: r.Enabled, NamespaceKey: namespace, Type: r.Type,
		Metadata: metadata(r.Metadata), CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	d.CreateFlag(&storev1.Flag{Flag: flag})
	answer := copyFlag(flag)
	answer.Metadata = r.Metadata // as it was sent: an empty object is answered, though none is stored
	return answer, nil
}

// UpdateFlag implements flipt.Flipt.
func (m *management) UpdateFlag(ctx context.Context, r *flipt.UpdateFlagRequest) (*flipt.Flag, error) {
	return update(ctx, m.db, r, updateFlag)
}

func updateFlag(d *store.Draft, r *flipt.UpdateFlagRequest) (*flipt.Flag, error) {
	namespace := namespaceOf(r.NamespaceKey)
	doc := d.EditFlag(namespace, r.Key)
	var fallback *flipt.Variant
	if r.DefaultVariantId != "" {
		if fallback = variantByID(doc.GetFlag(), r.DefaultVariantId); fallback == nil {
			return nil, invalid("variant %q not found for flag %q", r.DefaultVariantId, path(namespace, r.Key))
		}
	}
	if doc == nil {
		return nil, flagNotFound(namespace, r.Key)
	}
	flag := doc.Flag
	flag.Name, flag.Description, flag.Enabled, flag.UpdatedAt = r.Name, r.Description, r.Enabled, d.Now()
	flag.DefaultVariant = fallback
	if r.Metadata != nil {
		flag.Metadata = metadata(r.Metadata)
	}
	return compactFlag(flag), nil
}

// DeleteFlag implements flipt.Flipt.
func (m *management) DeleteFlag(ctx context.Context, r *flipt.DeleteFlagRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteFlag)
}

func deleteFlag(d *store.Draft, r *flipt.DeleteFlagRequest) error {
	d.DeleteFlag(namespaceOf(r.NamespaceKey), r.Key)
	return nil
}

// metadata is what is stored of a request's: an empty object is none.
func metadata(sent *structpb.Struct) *structpb.Struct {
	if len(sent.GetFields()) == 0 {
		return nil
	}
	return sent
}

func flagNotFound(namespace, key string) error {
	return notFound("flag %q not found", path(namespace, key))
}

// copyFlag copies the flag but not what it points to.
func copyFlag(f *flipt.Flag) *flipt.Flag {
	return &flipt.Flag{
		Key: f.Key, Name: f.Name, Description: f.Description, Enabled: f.Enabled, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
		Variants: f.Variants, NamespaceKey: f.NamespaceKey, Type: f.Type, DefaultVariant: f.DefaultVariant, Metadata: f.Metadata,
	}
}

// compactFlag returns the flag with compact attachments: itself where they already are.
func compactFlag(f *flipt.Flag) *flipt.Flag {
	var variants []*flipt.Variant
	for i, v := range f.Variants {
		compact := compactVariant(v)
		if compact != v && variants == nil {
			variants = append(make([]*flipt.Variant, 0, len(f.Variants)), f.Variants[:i]...)
		}
		if variants != nil {
			variants = append(variants, compact)
		}
	}
	if variants == nil {
		return f
	}
	shown := copyFlag(f)
	shown.Variants = variants
	if f.DefaultVariant != nil {
		shown.DefaultVariant = compactVariant(f.DefaultVariant)
	}
	return shown
}
