package server

import (
	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server/features"
)

// ours takes the members of a flag that are none of the contract. What the file does not mention stays as it is.
func (im *importer) ours(namespace string, f features.Flag) error {
	if im.draft == nil {
		return im.checkOurs(f.Pos, &burgeev1.FlagDocument{Tags: f.Tags})
	}
	doc := im.draft.EditFlag(namespace, f.Key)
	if f.Tags != nil {
		doc.Tags = sortedTags(f.Tags)
	}
	if f.Archived == nil || *f.Archived != inService(doc) {
		return nil
	}
	doc.ArchivedAt = nil
	if *f.Archived {
		doc.ArchivedAt = im.draft.Now()
	}
	return nil
}

// mark takes the members of a namespace that are none of the contract, and says whether they change it.
func (im *importer) mark(n features.Namespace) (bool, error) {
	if im.draft == nil {
		sent := new(burgeev1.NamespaceDocument)
		if n.Color != nil {
			sent.Color = *n.Color
		}
		return false, im.checkOurs(n.Pos, sent)
	}
	doc := im.draft.EditNamespace(n.Key)
	color, production := doc.Color, doc.Production
	if n.Color != nil {
		doc.Color = *n.Color
	}
	if n.Production != nil {
		doc.Production = *n.Production
	}
	if doc.Color == color && doc.Production == production {
		return false, nil
	}
	doc.Namespace.UpdatedAt = im.draft.Now()
	return true, nil
}

// checkOurs checks the rules of single fields of a document.
func (im *importer) checkOurs(pos features.Pos, doc proto.Message) error {
	found, err := im.validator.violations(doc)
	if err != nil {
		return err
	}
	for _, one := range found {
		field := one.at("")
		if err := im.fail(im.file.Errorf(pos, "invalid field %s: %s", field.Field, field.Description)); err != nil {
			return err
		}
	}
	return nil
}
