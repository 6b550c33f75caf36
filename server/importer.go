package server

import (
	"errors"

	"google.golang.org/protobuf/proto"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server/diff"
	"github.com/burgeehq/burgee/server/features"
	"github.com/burgeehq/burgee/store"
)

// importer carries a features file out as the requests that a client would have sent, in the order: namespace, flags with
// their variants, segments with their constraints, then rules and rollouts. Without a draft it only checks the requests.
type importer struct {
	file      *features.File
	request   *burgeev1.ImportRequest
	validator *validator   // for a check
	draft     *store.Draft // for an import
	answer    *burgeev1.ImportResponse
	seen      map[string]bool // flags and segments that the file has named so far
	errs      []error         // found by a check
}

// maxImportErrors is how many errors of one file are reported at a time.
const maxImportErrors = 20

// errEnough ends a check that has found maxImportErrors.
var errEnough = errors.New("too many errors")

// checkFile returns what is wrong with the file by itself, up to maxImportErrors errors with their places.
func checkFile(v *validator, file *features.File) error {
	im := importer{
		file: file, request: new(burgeev1.ImportRequest), validator: v, answer: new(burgeev1.ImportResponse), seen: make(map[string]bool),
	}
	if err := im.run(); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return errors.Join(im.errs...)
}

// errDryRun ends the function of a dry run, so that nothing of its draft is kept.
var errDryRun = errors.New("dry run")

// importFile takes the file into the draft, as the request says. The file must have been checked. A dry run ends with
// errDryRun beside its answer.
func importFile(d *store.Draft, file *features.File, r *burgeev1.ImportRequest) (*burgeev1.ImportResponse, error) {
	im := importer{file: file, request: r, draft: d, answer: new(burgeev1.ImportResponse), seen: make(map[string]bool)}
	return takeIn(d, r, im.answer, im.run)
}

// takeIn lets run take documents into the draft, after everything was dropped if the request says so, and completes the answer.
func takeIn(d *store.Draft, r *burgeev1.ImportRequest, answer *burgeev1.ImportResponse, run func() error) (*burgeev1.ImportResponse, error) {
	var before picture
	if r.DryRun {
		before = pictureOf(d)
	}
	if r.Drop {
		for doc := range d.Namespaces().All() {
			d.DeleteNamespace(doc.Namespace.Key)
		}
	}
	if err := run(); err != nil {
		return nil, err
	}
	if r.Drop {
		protectDefault(d)
	}
	if r.DryRun {
		answer.Differences = differences(before, pictureOf(d))
		return answer, errDryRun
	}
	return answer, nil
}

// protectDefault leaves the default namespace as a new database has it, with the name that the file may have given it.
func protectDefault(d *store.Draft) {
	if d.Namespace(defaultNamespace) == nil {
		d.CreateNamespace(&storev1.Namespace{Namespace: &flipt.Namespace{
			Key: defaultNamespace, Name: "Default", Description: "Default namespace", CreatedAt: d.Now(), UpdatedAt: d.Now(),
		}})
	}
	d.EditNamespace(defaultNamespace).Namespace.Protected = true
}

func (im *importer) run() error {
	for _, doc := range im.file.Documents {
		if err := im.document(doc); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) document(doc features.Document) error {
	namespace := doc.Namespace.Key
	if err := im.namespace(doc.Namespace); err != nil {
		return err
	}
	flags := make([]imported, len(doc.Flags))
	for i, flag := range doc.Flags {
		var err error
		if flags[i], err = im.flag(namespace, flag); err != nil {
			return err
		}
	}
	for _, segment := range doc.Segments {
		if err := im.segment(namespace, segment); err != nil {
			return err
		}
	}
	for i, flag := range doc.Flags {
		if flags[i].skipped {
			continue
		}
		if err := im.rules(namespace, flag, flags[i].variants); err != nil {
			return err
		}
		if err := im.rollouts(namespace, flag); err != nil {
			return err
		}
		if err := im.ours(namespace, flag); err != nil {
			return err
		}
		im.settleFlag(namespace, flag.Key, flags[i].old)
	}
	return nil
}

// imported is a flag of the file on its way into the draft.
type imported struct {
	variants map[string]string // ids of the variants by key
	old      *storev1.Flag     // what it replaces, or nil
	skipped  bool              // it exists and stays as it is
}

// namespace adds a namespace that does not exist, and leaves one that does as it is unless the request says otherwise.
func (im *importer) namespace(n features.Namespace) error {
	name := n.Name
	if name == "" {
		name = n.Key
	}
	if im.draft == nil || im.draft.Namespace(n.Key) == nil {
		im.answer.Namespaces++
		if _, err := im.do(n.Pos, &flipt.CreateNamespaceRequest{Key: n.Key, Name: name, Description: n.Description}); err != nil {
			return err
		}
		_, err := im.mark(n)
		return err
	}
	if !im.request.Overwrite {
		return nil
	}
	now := im.draft.Namespace(n.Key).Namespace
	silent := name == n.Key && n.Description == "" // the file only names it
	changed := !silent && (now.Name != name || now.Description != n.Description)
	if changed {
		if _, err := im.do(n.Pos, &flipt.UpdateNamespaceRequest{Key: n.Key, Name: name, Description: n.Description}); err != nil {
			return err
		}
	}
	marked, err := im.mark(n)
	if changed || marked {
		im.answer.Namespaces++
	}
	return err
}

// once refuses a document that the file holds twice.
func (im *importer) once(pos features.Pos, kind, namespace, key string) error {
	name := kind + " " + path(namespace, key)
	if im.seen[name] {
		return im.fail(im.file.Errorf(pos, "%s %q is not unique", kind, path(namespace, key)))
	}
	im.seen[name] = true
	return nil
}

// flag adds a flag with its variants.
func (im *importer) flag(namespace string, f features.Flag) (imported, error) {
	if err := im.once(f.Pos, "flag", namespace, f.Key); err != nil {
		return imported{}, err
	}
	to := imported{variants: make(map[string]string, len(f.Variants))}
	if im.draft != nil {
		to.old = im.draft.Flag(namespace, f.Key)
	}
	r := &flipt.CreateFlagRequest{
		Key: f.Key, Name: f.Name, Description: f.Description, Enabled: f.Enabled, NamespaceKey: namespace, Type: f.Type, Metadata: f.Metadata,
	}
	switch {
	case to.old != nil && im.request.SkipExisting:
		im.answer.Unchanged++
		return imported{skipped: true}, nil
	case to.old != nil && im.request.Overwrite:
		clearFlag(im.draft, r)
	default:
		if _, err := im.do(f.Pos, r); err != nil {
			return to, err
		}
	}
	fallback := ""
	for _, v := range f.Variants {
		id, err := im.do(v.Pos, &flipt.CreateVariantRequest{
			FlagKey: f.Key, Key: v.Key, Name: v.Name, Description: v.Description, Attachment: v.Attachment, NamespaceKey: namespace,
		})
		if err != nil {
			return to, err
		}
		to.variants[v.Key] = id
		if v.Default {
			fallback = id
		}
	}
	if fallback == "" {
		return to, nil
	}
	_, err := im.do(f.Pos, &flipt.UpdateFlagRequest{
		Key: f.Key, Name: f.Name, Description: f.Description, Enabled: f.Enabled, NamespaceKey: namespace, DefaultVariantId: fallback,
	})
	return to, err
}

// clearFlag makes an existing flag what a new one would be.
func clearFlag(d *store.Draft, r *flipt.CreateFlagRequest) {
	doc := d.EditFlag(r.NamespaceKey, r.Key)
	doc.Flag = &flipt.Flag{
		Key: r.Key, Name: r.Name, Description: r.Description, Enabled: r.Enabled, NamespaceKey: r.NamespaceKey, Type: r.Type,
		Metadata: metadata(r.Metadata), CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
	doc.Rules, doc.Rollouts = nil, nil
}

// settleFlag counts a flag that is complete, and keeps what it says already as it was.
func (im *importer) settleFlag(namespace, key string, old *storev1.Flag) {
	if im.draft == nil || old == nil {
		im.answer.Flags++
		return
	}
	doc := im.draft.EditFlag(namespace, key)
	adoptFlag(doc, old)
	im.count(&im.answer.Flags, len(diff.Documents(old, doc)) > 0)
}

func (im *importer) count(changed *int32, is bool) {
	if is {
		*changed++
	} else {
		im.answer.Unchanged++
	}
}

func (im *importer) segment(namespace string, s features.Segment) error {
	if err := im.once(s.Pos, "segment", namespace, s.Key); err != nil {
		return err
	}
	var old *storev1.Segment
	if im.draft != nil {
		old = im.draft.Segment(namespace, s.Key)
	}
	r := &flipt.CreateSegmentRequest{Key: s.Key, Name: s.Name, Description: s.Description, MatchType: s.MatchType, NamespaceKey: namespace}
	switch {
	case old != nil && im.request.SkipExisting:
		im.answer.Unchanged++
		return nil
	case old != nil && im.request.Overwrite:
		clearSegment(im.draft, r)
	default:
		if _, err := im.do(s.Pos, r); err != nil {
			return err
		}
	}
	for _, c := range s.Constraints {
		if _, err := im.do(c.Pos, &flipt.CreateConstraintRequest{
			SegmentKey: s.Key, Type: c.Type, Property: c.Property, Operator: c.Operator, Value: c.Value, Description: c.Description,
			NamespaceKey: namespace,
		}); err != nil {
			return err
		}
	}
	if old == nil {
		im.answer.Segments++
		return nil
	}
	doc := im.draft.EditSegment(namespace, s.Key)
	adoptSegment(doc, old)
	im.count(&im.answer.Segments, len(diff.Documents(old, doc)) > 0)
	return nil
}

// clearSegment makes an existing segment what a new one would be.
func clearSegment(d *store.Draft, r *flipt.CreateSegmentRequest) {
	doc := d.EditSegment(r.NamespaceKey, r.Key)
	doc.Segment = &flipt.Segment{
		Key: r.Key, Name: r.Name, Description: r.Description, MatchType: r.MatchType, NamespaceKey: r.NamespaceKey,
		CreatedAt: d.Now(), UpdatedAt: d.Now(),
	}
}

func (im *importer) rules(namespace string, f features.Flag, variants map[string]string) error {
	for _, rule := range f.Rules {
		if err := im.segmentsOf(namespace, rule); err != nil {
			return err
		}
		id, err := im.do(rule.Pos, &flipt.CreateRuleRequest{
			FlagKey: f.Key, Rank: rule.Rank, NamespaceKey: namespace, SegmentKeys: rule.SegmentKeys, SegmentOperator: rule.Operator,
		})
		if err != nil {
			return err
		}
		for _, d := range rule.Distributions {
			variant, ok := variants[d.Variant]
			if !ok {
				if err := im.fail(im.file.Errorf(d.Pos, "finding variant: %s; flag: %s", d.Variant, f.Key)); err != nil {
					return err
				}
				continue
			}
			if _, err := im.do(d.Pos, &flipt.CreateDistributionRequest{
				FlagKey: f.Key, RuleId: id, VariantId: variant, Rollout: d.Rollout, NamespaceKey: namespace,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// segmentsOf refuses a rule with a segment that neither the file nor the namespace has, at the place of its name.
func (im *importer) segmentsOf(namespace string, rule features.Rule) error {
	if im.draft == nil {
		return nil
	}
	for i, key := range rule.SegmentKeys {
		if im.draft.Segment(namespace, key) == nil {
			return im.file.Wrap(rule.SegmentPos[i], segmentNotFound(namespace, key))
		}
	}
	return nil
}

func (im *importer) rollouts(namespace string, f features.Flag) error {
	for i, rollout := range f.Rollouts {
		r := &flipt.CreateRolloutRequest{NamespaceKey: namespace, FlagKey: f.Key, Rank: int32(i + 1), Description: rollout.Description}
		if s := rollout.Segment; s != nil {
			r.Rule = &flipt.CreateRolloutRequest_Segment{Segment: &flipt.RolloutSegment{
				SegmentKeys: s.Keys, SegmentOperator: s.Operator, Value: s.Value,
			}}
		}
		if t := rollout.Threshold; t != nil {
			r.Rule = &flipt.CreateRolloutRequest_Threshold{Threshold: &flipt.RolloutThreshold{Percentage: t.Percentage, Value: t.Value}}
		}
		if _, err := im.do(rollout.Pos, r); err != nil {
			return err
		}
	}
	return nil
}

// do checks the request, or carries it out and returns the id of what it made.
func (im *importer) do(pos features.Pos, request proto.Message) (string, error) {
	if im.draft == nil {
		if err := im.validator.check(request); err != nil {
			return "unknown", im.fail(im.file.Wrap(pos, plain(err)))
		}
		return "unknown", nil
	}
	id, err := carryOut(im.draft, request)
	if err != nil {
		return "", im.file.Wrap(pos, err)
	}
	return id, nil
}

// fail notes an error of a check; an import ends with its first.
func (im *importer) fail(err error) error {
	if im.draft != nil {
		return err
	}
	im.errs = append(im.errs, err)
	if len(im.errs) == maxImportErrors {
		return errEnough
	}
	return nil
}

// plain drops the code from the text of an error.
func plain(err error) error {
	if answer, _ := asConnect(err); answer != nil {
		return errors.New(answer.Message())
	}
	return err
}
