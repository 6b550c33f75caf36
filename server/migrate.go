package server

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server/diff"
	"github.com/burgeehq/burgee/store"
)

// Documents is a configuration that was kept elsewhere: documents with ids and times, in the order of their creation.
type Documents struct {
	Namespaces []*storev1.Namespace
	Segments   []*storev1.Segment
	Flags      []*storev1.Flag
}

// ImportDocuments takes documents in as one revision, or nothing. Ids and times stay what they are, where an import of a file
// makes new ones; a time that is nil becomes that of the import, and an id that is not unique becomes a new one, with a warning.
// Nothing else is checked but keys: a document may hold what no request could make, as long as it can be compiled.
//
// DryRun, SkipExisting, Overwrite and Drop of the request say what they say for FeaturesService.Import; nothing else of it is
// read. A namespace that exists stays as it is, unless it is the default one as a new database has it. The documents are not
// changed.
func (s *Server) ImportDocuments(ctx context.Context, by store.Author, docs Documents, r *burgeev1.ImportRequest) (*burgeev1.ImportResponse, error) {
	select {
	case s.features.importing <- struct{}{}:
		defer func() { <-s.features.importing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answer, position, err := store.Update(ctx, s.db, by, func(d *store.Draft) (*burgeev1.ImportResponse, error) {
		return migrate(d, docs, r)
	})
	if errors.Is(err, errDryRun) {
		state, _ := s.db.View()
		position, err = state.Position(), nil
	}
	if err != nil {
		return nil, err
	}
	answer.Position = position.String()
	return answer, nil
}

// migrate takes the documents into the draft. A dry run ends with errDryRun beside its answer.
func migrate(d *store.Draft, docs Documents, r *burgeev1.ImportRequest) (*burgeev1.ImportResponse, error) {
	m := migration{draft: d, request: r, answer: new(burgeev1.ImportResponse)}
	return takeIn(d, r, m.answer, func() error {
		m.ids = takenIDs(d, docs, r.Overwrite)
		return m.run(docs)
	})
}

// migration carries documents into a draft. It clones them, since the function of a draft may run again.
type migration struct {
	draft   *store.Draft
	request *burgeev1.ImportRequest
	answer  *burgeev1.ImportResponse
	ids     identities
}

func (m *migration) run(docs Documents) error {
	for _, doc := range docs.Namespaces {
		if err := m.namespace(proto.CloneOf(doc)); err != nil {
			return err
		}
	}
	for _, doc := range docs.Segments {
		if err := m.segment(proto.CloneOf(doc)); err != nil {
			return err
		}
	}
	for _, doc := range docs.Flags {
		if err := m.flag(proto.CloneOf(doc)); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) namespace(doc *storev1.Namespace) error {
	namespace := doc.Namespace
	if namespace.GetKey() == "" {
		return invalid("a namespace has no key")
	}
	old := m.draft.Namespace(namespace.Key)
	if old != nil && namespace.CreatedAt == nil {
		namespace.CreatedAt, namespace.UpdatedAt = old.Namespace.CreatedAt, old.Namespace.UpdatedAt
	}
	m.times(&namespace.CreatedAt, &namespace.UpdatedAt)
	if old == nil {
		m.draft.CreateNamespace(doc)
		m.answer.Namespaces++
		return nil
	}
	if !m.request.Overwrite && !untouched(old) {
		return nil
	}
	namespace.Protected = old.Namespace.Protected
	now := m.draft.EditNamespace(namespace.Key)
	now.Namespace = namespace
	if len(diff.Documents(old, now)) > 0 {
		m.answer.Namespaces++
	}
	return nil
}

// untouched says whether the namespace is the default one as a new database has it.
func untouched(doc *storev1.Namespace) bool {
	n := doc.Namespace
	return n.Key == defaultNamespace && n.Name == "Default" && n.Description == "Default namespace" && proto.Equal(n.CreatedAt, n.UpdatedAt)
}

func (m *migration) segment(doc *storev1.Segment) error {
	segment := doc.Segment
	old, err := place(m, "segment", segment.GetNamespaceKey(), segment.GetKey(), m.draft.Segment)
	if errors.Is(err, errKept) {
		return nil
	}
	if err != nil {
		return err
	}
	m.times(&segment.CreatedAt, &segment.UpdatedAt)
	for _, c := range segment.Constraints {
		m.times(&c.CreatedAt, &c.UpdatedAt)
		m.unique(&c.Id, "constraint", "segment", path(segment.NamespaceKey, segment.Key))
	}
	if old == nil {
		m.draft.CreateSegment(doc)
		m.answer.Segments++
		return nil
	}
	now := m.draft.EditSegment(segment.NamespaceKey, segment.Key)
	now.Segment = segment
	m.count(&m.answer.Segments, old, now)
	return nil
}

func (m *migration) flag(doc *storev1.Flag) error {
	flag := doc.Flag
	old, err := place(m, "flag", flag.GetNamespaceKey(), flag.GetKey(), m.draft.Flag)
	if errors.Is(err, errKept) {
		return nil
	}
	if err != nil {
		return err
	}
	m.settle(doc)
	if old == nil {
		m.draft.CreateFlag(doc)
		m.answer.Flags++
		return nil
	}
	now := m.draft.EditFlag(flag.NamespaceKey, flag.Key)
	now.Flag, now.Rules, now.Rollouts = flag, doc.Rules, doc.Rollouts
	m.count(&m.answer.Flags, old, now)
	return nil
}

// errKept says that a document exists and stays as it is.
var errKept = errors.New("kept")

// place returns the document that one of the import replaces, nil when there is none, or why it has no place.
func place[D interface {
	comparable
	proto.Message
}](m *migration, kind, namespace, key string, find func(namespace, key string) D) (D, error) {
	var none D
	switch {
	case key == "":
		return none, invalid("a %s has no key", kind)
	case m.draft.Namespace(namespace) == nil:
		return none, namespaceNotFound(namespace)
	}
	old := find(namespace, key)
	switch {
	case old == none || m.request.Overwrite:
		return old, nil
	case m.request.SkipExisting:
		m.answer.Unchanged++
		return old, errKept
	}
	return none, invalid("%s %q is not unique", kind, path(namespace, key))
}

// count counts a document that was replaced.
func (m *migration) count(changed *int32, before, now proto.Message) {
	if proto.Equal(before, now) {
		m.answer.Unchanged++
	} else {
		*changed++
	}
}

// times fills in the times that are not known.
func (m *migration) times(times ...**timestamppb.Timestamp) {
	for _, at := range times {
		if *at == nil {
			*at = m.draft.Now()
		}
	}
}

// settle gives every part of a flag times and an id of its own.
func (m *migration) settle(doc *storev1.Flag) {
	flag := doc.Flag
	of := path(flag.NamespaceKey, flag.Key)
	m.times(&flag.CreatedAt, &flag.UpdatedAt)
	fresh := make(map[string]string, len(flag.Variants))
	for _, v := range flag.Variants {
		m.times(&v.CreatedAt, &v.UpdatedAt)
		before := v.Id
		m.unique(&v.Id, "variant", "flag", of)
		fresh[before] = v.Id
	}
	if flag.DefaultVariant != nil {
		flag.DefaultVariant = variantByID(flag, fresh[flag.DefaultVariant.Id])
	}
	for _, rule := range doc.Rules {
		m.times(&rule.CreatedAt, &rule.UpdatedAt)
		m.unique(&rule.Id, "rule", "flag", of)
		for _, d := range rule.Distributions {
			m.times(&d.CreatedAt, &d.UpdatedAt)
			m.unique(&d.Id, "distribution", "flag", of)
			d.RuleId = rule.Id
			if id, ok := fresh[d.VariantId]; ok {
				d.VariantId = id
			}
		}
	}
	for _, rollout := range doc.Rollouts {
		m.times(&rollout.CreatedAt, &rollout.UpdatedAt)
		m.unique(&rollout.Id, "rollout", "flag", of)
	}
}

// unique replaces an id that another part of its kind has.
func (m *migration) unique(id *string, kind, parent, of string) {
	if !m.ids.take(kind, *id) {
		before := *id
		*id = m.draft.NewID()
		m.ids.take(kind, *id)
		m.answer.Warnings = append(m.answer.Warnings, fmt.Sprintf("%s %q of %s %q: its id is taken, it gets the id %q", kind, before, parent, of, *id))
	}
}

// identities are the ids in use, by what has them.
type identities map[[2]string]bool

// take says whether the id was free, and it no longer is.
func (i identities) take(kind, id string) bool {
	name := [2]string{kind, id}
	if id == "" || i[name] {
		return false
	}
	i[name] = true
	return true
}

// takenIDs returns the ids in the draft, but not those of documents that the import replaces.
func takenIDs(d *store.Draft, docs Documents, overwrite bool) identities {
	replaced := make(map[documentID]bool)
	if overwrite {
		for _, doc := range docs.Segments {
			replaced[documentID{doc.GetSegment().GetNamespaceKey(), store.KindSegment, doc.GetSegment().GetKey()}] = true
		}
		for _, doc := range docs.Flags {
			replaced[documentID{doc.GetFlag().GetNamespaceKey(), store.KindFlag, doc.GetFlag().GetKey()}] = true
		}
	}
	ids := make(identities)
	for id, doc := range pictureOf(d) {
		if replaced[id] {
			continue
		}
		switch doc := doc.(type) {
		case *storev1.Segment:
			for _, c := range doc.Segment.Constraints {
				ids.take("constraint", c.Id)
			}
		case *storev1.Flag:
			ids.takeFlag(doc)
		}
	}
	return ids
}

func (i identities) takeFlag(doc *storev1.Flag) {
	for _, v := range doc.Flag.Variants {
		i.take("variant", v.Id)
	}
	for _, rule := range doc.Rules {
		i.take("rule", rule.Id)
		for _, d := range rule.Distributions {
			i.take("distribution", d.Id)
		}
	}
	for _, rollout := range doc.Rollouts {
		i.take("rollout", rollout.Id)
	}
}
