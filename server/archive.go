package server

import (
	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/store"
)

// archive takes a flag that exists out of service, or puts it back. One that is there already stays as it is.
func archive(d *store.Draft, id documentID, out bool) {
	if (d.Flag(id.namespace, id.key).ArchivedAt != nil) == out {
		return
	}
	doc := d.EditFlag(id.namespace, id.key)
	doc.Flag.UpdatedAt, doc.ArchivedAt = d.Now(), nil
	if out {
		doc.ArchivedAt = d.Now()
	}
}

// inService says whether a flag is evaluated, and so is part of snapshots and bulk answers. Package eval looks for itself.
func inService(doc *storev1.Flag) bool { return doc.ArchivedAt == nil }
