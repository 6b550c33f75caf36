package store

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
)

// record is a changed document as it is stored: the id and the body, nil when the document was deleted.
type record struct {
	id   id
	body []byte
}

// revision is a revision as it is stored.
type revision struct {
	number uint64
	// at is the time in microseconds since 1970, the one of the body, for queries by people.
	at int64
	// body is the encoded storev1.Revision.
	body     []byte
	previous [sha256.Size]byte
	hash     [sha256.Size]byte
	// records are ordered by id.
	records []record
	// fold is what else a revision that folds the history stores; nil for any other.
	fold *fold
	// size is the length of all bodies of records, in bytes.
	size int
}

// chainHash returns the hash that a revision must have. It is the SHA-256 of these parts, in this order:
//
//	"burgee1"
//	epoch, as its text
//	hash of the revision before, 32 bytes; zeros before the first
//	number of the revision, 8 bytes, big-endian
//	body of the revision
//	for each changed document, by ascending namespace, kind and key: namespace, kind, key, body
//
// Before each part stands its length in bytes, 8 bytes, big-endian. A deleted document has, in place of its body, a
// length of 2^64-1 and nothing after it.
func chainHash(epoch string, r *revision) [sha256.Size]byte {
	h := sha256.New()
	part(h, []byte("burgee1"))
	part(h, []byte(epoch))
	part(h, r.previous[:])
	part(h, binary.BigEndian.AppendUint64(nil, r.number))
	part(h, r.body)
	for _, rec := range r.records {
		part(h, []byte(rec.id.namespace))
		part(h, []byte(rec.id.kind))
		part(h, []byte(rec.id.key))
		if rec.body == nil {
			length(h, math.MaxUint64)
			continue
		}
		part(h, rec.body)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func part(h hash.Hash, p []byte) {
	length(h, uint64(len(p)))
	h.Write(p)
}

func length(h hash.Hash, n uint64) {
	var prefix [8]byte
	binary.BigEndian.PutUint64(prefix[:], n)
	h.Write(prefix[:])
}
