package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// Progress is told how far a long operation is. step says in a few words what is being done, and done of total how much
// of it; the unit differs from step to step, and total is 0 while nobody knows. One goroutine at a time calls it, often.
// It may be nil.
type Progress func(step string, done, total int64)

func (p Progress) report(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}

// Report says what a database holds in which Verify found nothing wrong.
type Report struct {
	// Position is that of the newest revision.
	Position Position
	// Epochs counts the beginning of the history and each restore.
	Epochs int
	// Base is the number of the oldest revision whose state can be told: 1 unless the history was folded.
	Base uint64
	// Revisions and Changes count the history, as much of it as is there, Documents the current state.
	Revisions, Changes, Documents int64
	// Bytes is the size of the database, with what of it lies in its log.
	Bytes int64
}

// Verify reads the whole database at path and holds it to itself: SQLite's own integrity check; every revision present,
// every body decodable, every hash recomputed, from the first revision to head; of a history that was folded, from its base
// on, with all that is left before it as the fold told it, and no more; every current document the newest change
// of its id, in a namespace that exists, with a place in the order of creation of its own; no change and no document that
// belongs to nothing. Its error says in one sentence what is wrong first, with the number of the revision where there is
// one.
//
// It sees one snapshot, changes nothing, and may run while a server holds the database. Its memory is bounded by the
// largest revision, and 16 bytes a document. What it cannot see is a history that was rewritten as a whole, by someone
// who recomputed every hash: for that, compare positions that were noted elsewhere.
func Verify(ctx context.Context, path string, progress Progress) (Report, error) {
	var report Report
	err := visit(ctx, path, func(path string, version int64) (err error) {
		report, err = audit(ctx, path, version, progress)
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return report, nil
}

// visit calls f with the absolute path, without symbolic links, of a database of ours that exists, and the version of its
// tables. Whoever reads a database has SQLite make a log beside it; when there was none, visit lets SQLite take it away.
func visit(ctx context.Context, path string, f func(path string, version int64) error) error {
	path, err := find(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		defer tidy(path)
	}
	version, err := examine(ctx, path)
	if err != nil {
		return err
	}
	if version == 0 {
		return fmt.Errorf("%s is empty: name another file", path)
	}
	return f(path, version)
}

// find returns the absolute path, without symbolic links, of a file that exists.
func find(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no database %s", path)
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: name another file", abs)
	}
	return abs, err
}

// tidy removes the empty log of a database, unless somebody uses it. That it cannot is no reason to fail.
func tidy(path string) {
	c, err := openWriter(path)
	if err != nil {
		return
	}
	// SQLite opens the log at the first reading, and the last to close a database removes it.
	_, _ = c.identity()
	_ = c.close()
}

// audit verifies a file that examine has found to be ours.
func audit(ctx context.Context, path string, version int64, progress Progress) (Report, error) {
	a := auditor{version: version, progress: progress, places: make(map[uint64]struct{})}
	err := withReader(ctx, path, func(c *conn) error {
		a.conn = c
		return c.reading(a.run)
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return Report{}, fmt.Errorf("%s: %w", path, ctx.Err())
	case err != nil:
		return Report{}, refusal(path, err)
	}
	return a.report, nil
}

// auditor carries out one Verify, inside of a transaction of its connection.
type auditor struct {
	conn     *conn
	version  int64
	progress Progress
	report   Report

	head   head
	epochs []epoch
	base   base
	// next is the number of the revision that must come next, previous is the hash of the one before, at its time.
	next     uint64
	previous [32]byte
	at       int64
	// left is what there is up to the base, if the history was folded, and fold what the newest fold tells.
	left left
	fold *storev1.Fold
	// places are those of the documents in the order of creation, and newest is the newest that a change tells.
	places map[uint64]struct{}
	newest uint64
}

func (a *auditor) run() (err error) {
	a.progress.report("checking pages", 0, 0)
	if err := a.conn.integrityCheck(); err != nil {
		return err
	}
	if a.report.Bytes, err = a.conn.bytes(); err != nil {
		return err
	}
	if a.head, err = a.conn.readHead(); err != nil {
		return err
	}
	if a.epochs, err = a.conn.epochs(a.version, a.head); err != nil {
		return err
	}
	if err := a.checkEpochs(); err != nil {
		return err
	}
	if err := a.checkBase(); err != nil {
		return err
	}
	if err := a.conn.revisionsAfter(a.next-1, a.revision); err != nil {
		return err
	}
	if err := a.checkHead(); err != nil {
		return err
	}
	if err := a.checkFold(); err != nil {
		return err
	}
	if err := a.checkCounts(); err != nil {
		return err
	}
	if err := a.checkDocuments(); err != nil {
		return err
	}
	a.report.Position, a.report.Epochs = a.head.position, len(a.epochs)
	return nil
}

// checkEpochs looks at the names; whether they begin where they should, the hashes tell.
func (a *auditor) checkEpochs() error {
	begun := make(map[string]bool)
	for _, e := range a.epochs {
		if begun[e.name] {
			return damage(fmt.Sprintf("epoch %s begins twice, the second time with revision %d", e.name, e.first))
		}
		begun[e.name] = true
		if raw, err := hex.DecodeString(e.name); err != nil || len(raw) < 4 {
			return damage(fmt.Sprintf("epoch %q, which begins with revision %d, is not hexadecimal", e.name, e.first))
		}
	}
	if len(a.epochs) == 0 || a.epochs[0].first != 1 {
		return damage("it is unknown in which epoch revision 1 was made")
	}
	last := a.epochs[len(a.epochs)-1]
	if last.name != a.head.position.Epoch {
		return damage(fmt.Sprintf("head is in epoch %s, the newest, %s, begins with revision %d", a.head.position.Epoch, last.name, last.first))
	}
	if last.first > a.head.position.Revision {
		return damage(fmt.Sprintf("epoch %s begins with revision %d, which does not exist", last.name, last.first))
	}
	return nil
}

// revision checks the next revision of the history and its changes.
func (a *auditor) revision(r *revision) (more bool, err error) {
	a.report.Revisions++
	if r.number != a.next {
		return false, damage(fmt.Sprintf("revision %d is missing", a.next))
	}
	// What the base of a fold follows is gone; the digest of the fold vouches for it.
	if r.previous != a.previous && !(a.base.folded && r.number == a.base.revision) {
		return false, damage(fmt.Sprintf("revision %d does not follow revision %d", r.number, r.number-1))
	}
	if err := a.conn.readRecords(r); err != nil {
		return false, err
	}
	if chainHash(epochOf(a.epochs, r.number), r) != r.hash {
		return false, damage(fmt.Sprintf("revision %d does not have the hash that it was stored with", r.number))
	}
	said, err := a.said(r)
	if err != nil {
		return false, err
	}
	if said.Fold != nil {
		a.fold = said.Fold
	}
	for _, rec := range r.records {
		if err := a.change(r.number, rec); err != nil {
			return false, err
		}
	}
	a.next, a.previous = r.number+1, r.hash
	a.report.Changes += int64(len(r.records))
	a.progress.report("checking history", int64(r.number), int64(a.head.position.Revision))
	return true, nil
}

// said returns what a revision tells of itself, whose time must not be before those of the revisions before.
func (a *auditor) said(r *revision) (*storev1.Revision, error) {
	said, err := r.said()
	if err != nil || said.GetAt().AsTime().UnixMicro() != r.at {
		return nil, damage(fmt.Sprintf("revision %d does not tell its time", r.number))
	}
	if r.at < a.at {
		return nil, damage(fmt.Sprintf("revision %d is older than one before it", r.number))
	}
	a.at = r.at
	return said, nil
}

// change checks that a document can be read.
func (a *auditor) change(number uint64, rec record) error {
	if rec.body == nil {
		return nil
	}
	doc := stored{id: rec.id, revision: number, body: rec.body}
	if err := doc.decode(newSharer()); err != nil {
		return damage(fmt.Sprintf("revision %d: %v", number, err))
	}
	a.newest = max(a.newest, doc.created)
	return nil
}

func (a *auditor) checkHead() error {
	switch newest := a.next - 1; {
	case a.report.Revisions == 0 || newest != a.head.position.Revision:
		return damage(fmt.Sprintf("head is at revision %d, the newest is %d", a.head.position.Revision, newest))
	case !bytes.Equal(a.head.position.Hash[:], a.previous[:]):
		return damage(fmt.Sprintf("head does not have the hash of revision %d", newest))
	case a.head.at != a.at:
		return damage(fmt.Sprintf("head does not have the time of revision %d", newest))
	case a.head.created < a.newest:
		return damage(fmt.Sprintf("head has place %d in the order of creation as the last one, there is %d", a.head.created, a.newest))
	}
	return nil
}

// checkDocuments holds the current documents to the history, whose bodies are known to be good.
func (a *auditor) checkDocuments() error {
	odd, err := a.conn.staleDocument()
	if err != nil {
		return err
	}
	if odd != nil {
		return damage(fmt.Sprintf("%s points to revision %d, the newest that changed it is %d", odd.id, odd.points, odd.newest))
	}
	if odd, err = a.conn.lostDocument(); err != nil {
		return err
	}
	if odd != nil {
		return damage(fmt.Sprintf("%s of revision %d is not among the documents", odd.id, odd.newest))
	}
	if odd, err = a.conn.homelessDocument(); err != nil {
		return err
	}
	if odd != nil {
		return damage(fmt.Sprintf("%s of revision %d lies in a namespace that does not exist", odd.id, odd.points))
	}
	var wrong error
	err = a.conn.documents(func(i id, revision uint64, body []byte) {
		if wrong == nil {
			wrong = a.document(stored{id: i, revision: revision, body: body})
		}
	})
	return also(wrong, err)
}

// document checks that a document has a place in the order of creation that no other has.
func (a *auditor) document(d stored) error {
	if err := d.decode(newSharer()); err != nil {
		return err
	}
	if _, taken := a.places[d.created]; taken || d.created == 0 || d.created > a.head.created {
		return damage(fmt.Sprintf("%s of revision %d has place %d in the order of creation, which is not its own", d.id, d.revision, d.created))
	}
	a.places[d.created] = struct{}{}
	a.report.Documents++
	return nil
}
