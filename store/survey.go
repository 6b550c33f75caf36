package store

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
)

// left is what a survey finds of the history up to a base.
type left struct {
	digest [sha256.Size]byte
	// changes and revisions count what a fold keeps, the others what it gives up.
	changes, revisions               int64
	surplusChanges, surplusRevisions int64
}

// survey goes through the history up to a base, and calls change and revised, which may be nil, for the changes and revisions that a fold keeps. Its memory is
// bounded by the number of namespaces and of the revisions that are kept. The digest is the SHA-256 of these parts, in this
// order:
//
//	"burgee1 fold"
//	number of the base
//	for each kept change, by ascending namespace, kind, key and number: "change", namespace, kind, key, number of its revision, body
//	for each kept revision, by ascending number: "revision", number, time in microseconds, body, hash of the one before, hash
//	for each epoch that began up to the base, by ascending first revision: "epoch", number of that revision, name
//
// Before each part stands its length, and a deletion has no body, as in the hash of the chain. Numbers and times are 8 bytes,
// big-endian.
func (c *conn) survey(base uint64, change func(number uint64, rec record) error, revised func(*revision) error) (left, error) {
	var l left
	needed, err := c.neededDeletions(base)
	if err != nil {
		return l, err
	}
	h := sha256.New()
	part(h, []byte("burgee1 fold"))
	numberPart(h, base)
	kept := make(map[uint64]struct{})
	err = c.olderChanges(base, func(o older) error {
		_, needs := needed[o.place]
		if o.place.revision != base && !needs && (o.superseded || o.deleted) {
			l.surplusChanges++
			return nil
		}
		l.changes++
		kept[o.place.revision] = struct{}{}
		rec := record{o.place.id, o.body()}
		digestChange(h, o.place.revision, rec)
		if change == nil {
			return nil
		}
		return change(o.place.revision, rec)
	})
	if err != nil {
		return l, err
	}
	err = c.olderRevisions(base, func(r *revision) error {
		if _, keeps := kept[r.number]; !keeps && r.number != base {
			l.surplusRevisions++
			return nil
		}
		l.revisions++
		digestRevision(h, r)
		if revised == nil {
			return nil
		}
		return revised(r)
	})
	if err != nil {
		return l, err
	}
	if err := c.digestEpochs(h, base); err != nil {
		return l, err
	}
	l.digest = [sha256.Size]byte(h.Sum(nil))
	return l, nil
}

func numberPart(h hash.Hash, n uint64) { part(h, binary.BigEndian.AppendUint64(nil, n)) }

func digestChange(h hash.Hash, number uint64, rec record) {
	part(h, []byte("change"))
	part(h, []byte(rec.id.namespace))
	part(h, []byte(rec.id.kind))
	part(h, []byte(rec.id.key))
	numberPart(h, number)
	if rec.body == nil {
		length(h, math.MaxUint64)
		return
	}
	part(h, rec.body)
}

func digestRevision(h hash.Hash, r *revision) {
	part(h, []byte("revision"))
	numberPart(h, r.number)
	numberPart(h, uint64(r.at))
	part(h, r.body)
	part(h, r.previous[:])
	part(h, r.hash[:])
}

func (c *conn) digestEpochs(h hash.Hash, base uint64) error {
	head, err := c.readHead()
	if err != nil {
		return err
	}
	epochs, err := c.epochs(int64(len(migrations())), head)
	for _, e := range epochs {
		if e.first <= base {
			part(h, []byte("epoch"))
			numberPart(h, e.first)
			part(h, []byte(e.name))
		}
	}
	return err
}

// neededDeletions returns the deletions before a base that make the revision of a namespace: the newest one in each that
// exists at the base, the first of them by id, unless something in the namespace was changed with it or later. They are
// the same while a sweep goes on.
func (c *conn) neededDeletions(base uint64) (map[place]struct{}, error) {
	type namespace struct {
		exists  bool
		changed uint64
		deleted place
	}
	all := make(map[string]*namespace)
	err := c.marks(base, func(p place, deleted bool) {
		n := all[p.id.namespace]
		if n == nil {
			n = new(namespace)
			all[p.id.namespace] = n
		}
		if p.id.kind == KindNamespace {
			n.exists = !deleted // the last one decides
		}
		switch {
		case !deleted:
			n.changed = max(n.changed, p.revision)
		case p.revision > n.deleted.revision:
			n.deleted = p
		}
	})
	needed := make(map[place]struct{})
	for _, n := range all {
		if n.exists && n.deleted.revision > n.changed {
			needed[n.deleted] = struct{}{}
		}
	}
	return needed, err
}
