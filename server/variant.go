package server

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/store"
)

// CreateVariant implements flipt.Flipt.
func (m *management) CreateVariant(ctx context.Context, r *flipt.CreateVariantRequest) (*flipt.Variant, error) {
	return update(ctx, m.db, r, createVariant)
}

func createVariant(d *store.Draft, r *flipt.CreateVariantRequest) (*flipt.Variant, error) {
	namespace := namespaceOf(r.NamespaceKey)
	doc := d.EditFlag(namespace, r.FlagKey)
	if doc == nil {
		return nil, flagNotFound(namespace, r.FlagKey)
	}
	if err := uniqueVariant(doc.Flag, "", r.Key); err != nil {
		return nil, err
	}
	variant := &flipt.Variant{
		Id: d.NewID(), FlagKey: r.FlagKey, Key: r.Key, Name: r.Name, Description: r.Description, Attachment: r.Attachment,
		NamespaceKey: namespace, CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	doc.Flag.Variants = append(doc.Flag.Variants, variant)
	return compactVariant(variant), nil
}

// UpdateVariant implements flipt.Flipt.
func (m *management) UpdateVariant(ctx context.Context, r *flipt.UpdateVariantRequest) (*flipt.Variant, error) {
	return update(ctx, m.db, r, updateVariant)
}

func updateVariant(d *store.Draft, r *flipt.UpdateVariantRequest) (*flipt.Variant, error) {
	doc := d.EditFlag(namespaceOf(r.NamespaceKey), r.FlagKey)
	variant := variantByID(doc.GetFlag(), r.Id)
	if variant == nil {
		return nil, notFound("variant %q not found", r.Key)
	}
	if err := uniqueVariant(doc.Flag, r.Id, r.Key); err != nil {
		return nil, err
	}
	variant.Key, variant.Name, variant.Description, variant.Attachment = r.Key, r.Name, r.Description, r.Attachment
	variant.UpdatedAt = d.Now()
	return compactVariant(variant), nil
}

// DeleteVariant implements flipt.Flipt.
func (m *management) DeleteVariant(ctx context.Context, r *flipt.DeleteVariantRequest) (*emptypb.Empty, error) {
	return remove(ctx, m.db, r, deleteVariant)
}

func deleteVariant(d *store.Draft, r *flipt.DeleteVariantRequest) error {
	namespace := namespaceOf(r.NamespaceKey)
	if variantByID(d.Flag(namespace, r.FlagKey).GetFlag(), r.Id) == nil {
		return nil
	}
	doc := d.EditFlag(namespace, r.FlagKey)
	doc.Flag.Variants = slices.DeleteFunc(doc.Flag.Variants, func(v *flipt.Variant) bool { return v.Id == r.Id })
	if doc.Flag.DefaultVariant.GetId() == r.Id {
		doc.Flag.DefaultVariant = nil
	}
	for _, rule := range doc.Rules {
		rule.Distributions = slices.DeleteFunc(rule.Distributions, func(d *flipt.Distribution) bool { return d.VariantId == r.Id })
	}
	return nil
}

// uniqueVariant refuses a key that a variant other than the one with the id has.
func uniqueVariant(flag *flipt.Flag, id, key string) error {
	for _, v := range flag.Variants {
		if v.Key == key && v.Id != id {
			return invalid("variant %q is not unique for flag %q", key, path(flag.NamespaceKey, flag.Key))
		}
	}
	return nil
}

// variantByID returns nil when the flag is nil or has no such variant.
func variantByID(flag *flipt.Flag, id string) *flipt.Variant {
	for _, v := range flag.GetVariants() {
		if v.Id == id {
			return v
		}
	}
	return nil
}

// compactVariant returns the variant with its attachment free of insignificant white space: itself where it already is.
func compactVariant(v *flipt.Variant) *flipt.Variant {
	compact := compactJSON(v.Attachment)
	if compact == v.Attachment {
		return v
	}
	return &flipt.Variant{
		Id: v.Id, FlagKey: v.FlagKey, Key: v.Key, Name: v.Name, Description: v.Description, CreatedAt: v.CreatedAt,
		UpdatedAt: v.UpdatedAt, Attachment: compact, NamespaceKey: v.NamespaceKey,
	}
}

// compactJSON takes the insignificant white space out of JSON text; other text stays as it is.
func compactJSON(text string) string {
	if text == "" {
		return ""
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return text
	}
	return b.String()
}
