package store

import (
	"bytes"
	"fmt"
)

// checkBase looks at what is left up to the base of a folded history. Whether it is all that a fold left, checkFold tells.
func (a *auditor) checkBase() (err error) {
	a.next = 1
	if a.version < 3 { // there were no folds
		a.base.revision = 1
		return nil
	}
	if a.base, err = a.conn.base(); err != nil || !a.base.folded {
		return err
	}
	if a.base.revision < 1 || a.base.revision >= a.head.position.Revision {
		return damage(fmt.Sprintf("base is revision %d, which is not older than the newest, %d", a.base.revision, a.head.position.Revision))
	}
	a.left, err = a.conn.survey(a.base.revision, a.change, func(r *revision) error {
		if r.number == a.base.revision {
			return nil // is looked at with those that follow
		}
		_, err := a.said(r)
		return err
	})
	a.next = a.base.revision
	return err
}

// checkFold holds what is left up to the base to what the newest fold tells, once the hash of that is known to be good.
func (a *auditor) checkFold() error {
	base := a.base.revision
	if !a.base.folded && a.fold == nil {
		return nil
	}
	switch surplus := a.left.surplusChanges + a.left.surplusRevisions; {
	case a.fold == nil:
		return damage(fmt.Sprintf("base is revision %d, but no revision folded the history", base))
	case !a.base.folded || a.fold.Base != base:
		return damage(fmt.Sprintf("base is revision %d, but the history was folded into revision %d", base, a.fold.Base))
	case !bytes.Equal(a.fold.Digest, a.left.digest[:]):
		return damage(fmt.Sprintf("what is left of the history up to revision %d is not what the fold into it left", base))
	case surplus != a.base.surplus:
		return damage(fmt.Sprintf("%d rows before revision %d are still to be deleted, there are %d", a.base.surplus, base, surplus))
	}
	return nil
}

// checkCounts looks for rows that belong to nothing, and completes the report.
func (a *auditor) checkCounts() error {
	revisions, err := a.conn.count(`SELECT count(*) FROM revision`)
	if err != nil {
		return err
	}
	changes, err := a.conn.count(`SELECT count(*) FROM change`)
	if err != nil {
		return err
	}
	known := a.report
	if a.base.folded {
		before, err := a.conn.count(`SELECT count(*) FROM change, base WHERE change.revision < base.revision`)
		if err != nil {
			return err
		}
		known.Changes += before
		known.Revisions += a.left.revisions + a.left.surplusRevisions - 1 // the base is known already
	}
	if revisions != known.Revisions {
		return damage(fmt.Sprintf("%d revisions have numbers that there cannot be", revisions-known.Revisions))
	}
	if changes != known.Changes {
		return damage(fmt.Sprintf("%d changes belong to no revision", changes-known.Changes))
	}
	a.report.Base, a.report.Revisions, a.report.Changes = a.base.revision, revisions, changes
	return nil
}
