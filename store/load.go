package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
)

// stored is a current document as it was read.
type stored struct {
	id       id
	revision uint64
	body     []byte
	doc      proto.Message
	created  uint64
}

// loaded is what load reads before it builds the state.
type loaded struct {
	head      head
	chunks    [][]stored
	deletions map[string]uint64
}

// chunkSize documents are handed to a decoder at once.
const chunkSize = 128

// load reads the current documents and verifies the file: SQLite's own quick check, the hash of the newest revision and
// its link to the one before, and that every document has a body that decodes to it. The first two run beside the
// reading, on a connection of their own, and the decoding on all cores.
func load(ctx context.Context, path string) (*State, []Change, error) {
	group, ctx := errgroup.WithContext(ctx)
	checker, err := openReader(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	reader, err := openReader(ctx, path)
	if err != nil {
		return nil, nil, also(err, checker.close())
	}
	var found loaded
	chunks := make(chan []stored, 64)
	group.Go(func() error { return verify(checker) })
	group.Go(func() error {
		defer close(chunks)
		if err := reader.readMuch(); err != nil {
			return err
		}
		return reader.reading(func() (err error) {
			found, err = read(ctx, reader, chunks)
			return err
		})
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error { return decodeAll(chunks) })
	}
	err = group.Wait()
	// Only now that both are at rest: the last of a file's connections to close frees locks that they share, which a
	// connection still at work may be about to let go of.
	if err := also(err, reader.close(), checker.close()); err != nil {
		return nil, nil, err
	}
	return build(found)
}

// withReader runs f on a connection of its own.
func withReader(ctx context.Context, path string, f func(*conn) error) error {
	c, err := openReader(ctx, path)
	if err != nil {
		return err
	}
	return also(f(c), c.close())
}

// read reads everything and sends the documents to the decoders.
func read(ctx context.Context, c *conn, decode chan<- []stored) (found loaded, err error) {
	if found.head, err = c.readHead(); err != nil {
		return found, err
	}
	chunk := make([]stored, 0, chunkSize)
	send := func() {
		found.chunks = append(found.chunks, chunk)
		select {
		case decode <- chunk:
		case <-ctx.Done():
		}
		chunk = make([]stored, 0, chunkSize)
	}
	found.deletions = make(map[string]uint64)
	err = c.documents(func(i id, revision uint64, body []byte) {
		chunk = append(chunk, stored{id: i, revision: revision, body: body})
		if i.kind == KindNamespace {
			found.deletions[i.key] = 0
		}
		if len(chunk) == chunkSize {
			send()
		}
	})
	send()
	if err != nil {
		return found, err
	}
	for namespace := range found.deletions {
		if found.deletions[namespace], err = c.lastDeletion(namespace, found.head.position.Revision); err != nil {
			return found, err
		}
	}
	return found, nil
}

// verify lets SQLite check the file and recomputes the hash of the newest revision from its rows.
func verify(c *conn) error {
	if err := c.quickCheck(); err != nil {
		return err
	}
	return c.reading(func() error {
		h, err := c.readHead()
		if err != nil {
			return err
		}
		return verifyHead(c, h)
	})
}

func verifyHead(c *conn, h head) error {
	if raw, err := hex.DecodeString(h.position.Epoch); err != nil || len(raw) < 4 {
		return damage(fmt.Sprintf("epoch %q is not hexadecimal", h.position.Epoch))
	}
	newest, err := c.newest()
	if err != nil {
		return err
	}
	if newest != h.position.Revision || newest == 0 {
		return damage(fmt.Sprintf("head is at revision %d, the newest is %d", h.position.Revision, newest))
	}
	r, err := c.revision(newest)
	if err != nil {
		return err
	}
	if err := c.readRecords(r); err != nil {
		return err
	}
	var said storev1.Revision
	if err := proto.Unmarshal(r.body, &said); err != nil || said.GetAt().AsTime().UnixMicro() != r.at || h.at != r.at {
		return damage(fmt.Sprintf("revision %d does not tell its time", newest))
	}
	if got := chainHash(h.position.Epoch, r); got != r.hash || got != h.position.Hash {
		return damage(fmt.Sprintf("revision %d does not have the hash that it was stored with", newest))
	}
	var previous [32]byte
	if newest > 1 {
		before, err := c.revision(newest - 1)
		if err != nil {
			return err
		}
		previous = before.hash
	}
	if !bytes.Equal(r.previous[:], previous[:]) {
		return damage(fmt.Sprintf("revision %d does not follow revision %d", newest, newest-1))
	}
	return nil
}

// decodeAll decodes the documents of each chunk in place.
func decodeAll(chunks <-chan []stored) error {
	s := newSharer()
	for chunk := range chunks {
		for n := range chunk {
			if err := chunk[n].decode(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *stored) decode(s *sharer) error {
	if d.body == nil {
		return damage(fmt.Sprintf("%s points to revision %d, which has no body of it", d.id, d.revision))
	}
	var err error
	switch d.id.kind {
	case KindNamespace:
		err = decodeInto[*storev1.Namespace](d, s)
	case KindFlag:
		err = decodeInto[*storev1.Flag](d, s)
	case KindSegment:
		err = decodeInto[*storev1.Segment](d, s)
	default:
		err = errors.New("its kind is unknown")
	}
	if err != nil {
		return damage(fmt.Sprintf("%s cannot be decoded: %v", d.id, err))
	}
	return nil
}

func decodeInto[D document](d *stored, s *sharer) error {
	doc, err := decode[D](d.body, s)
	if err != nil {
		return err
	}
	if d.id.key == "" {
		return errors.New("it has no key")
	}
	if identify(doc) != d.id {
		return fmt.Errorf("it holds %s", identify(doc))
	}
	// The id with the strings of the document, which are the ones to stay.
	d.id, d.doc, d.created = identify(doc), doc, doc.GetCreated()
	return nil
}

// build makes the state of decoded documents, which are ordered by id, and the changes for derive.
func build(found loaded) (*State, []Change, error) {
	docs := slices.Concat(found.chunks...)
	s := newState(found.head.position.Epoch)
	s.position, s.created, s.at = found.head.position, found.head.created, time.UnixMicro(found.head.at).UTC()
	changes := make([]Change, 0, len(docs))
	for _, kind := range [...]Kind{KindNamespace, KindSegment, KindFlag} {
		for _, d := range docs {
			if d.id.kind != kind {
				continue
			}
			if err := s.add(d, found.deletions); err != nil {
				return nil, nil, err
			}
			changes = append(changes, changeOf(d.id, d.doc))
		}
	}
	// The second tables, filled in their own order.
	slices.SortFunc(docs, func(a, b stored) int { return cmp.Compare(a.created, b.created) })
	for n, d := range docs {
		if d.created == 0 || d.created > s.created || n > 0 && d.created == docs[n-1].created {
			return nil, nil, damage(fmt.Sprintf("%s has place %d in the order of creation, which is not its own", d.id, d.created))
		}
		s.addOrder(d)
	}
	return s, changes, nil
}

// add puts a document into its table by key.
func (s *State) add(d stored, deletions map[string]uint64) error {
	size := len(d.body)
	s.size += int64(size)
	if n, ok := d.doc.(*storev1.Namespace); ok {
		s.namespaces.keys.Load(d.id.key, entry[*storev1.Namespace]{n, size, d.revision})
		c := newContents()
		c.revision = max(d.revision, deletions[d.id.key])
		s.contents.Load(d.id.key, c)
		return nil
	}
	c, ok := s.contents.Get(d.id.namespace)
	if !ok {
		return damage(fmt.Sprintf("%s lies in a namespace that does not exist", d.id))
	}
	c.revision = max(c.revision, d.revision)
	switch doc := d.doc.(type) {
	case *storev1.Flag:
		c.flags.keys.Load(doc.Flag.Key, entry[*storev1.Flag]{doc, size, d.revision})
	case *storev1.Segment:
		c.segments.keys.Load(doc.Segment.Key, entry[*storev1.Segment]{doc, size, d.revision})
	}
	return nil
}

// addOrder puts a document into its table by place in the order of creation.
func (s *State) addOrder(d stored) {
	switch doc := d.doc.(type) {
	case *storev1.Namespace:
		s.namespaces.order.Load(d.created, doc)
	case *storev1.Flag:
		c, _ := s.contents.Get(d.id.namespace)
		c.flags.order.Load(d.created, doc)
	case *storev1.Segment:
		c, _ := s.contents.Get(d.id.namespace)
		c.segments.order.Load(d.created, doc)
	}
}
