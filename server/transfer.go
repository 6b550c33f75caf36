package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/server/features"
	"github.com/burgeehq/burgee/store"
)

// featuresService serves burgee.v1.FeaturesService (import-export.md, with the differences that its proto states).
type featuresService struct {
	db        *database
	validator *validator
	importing chan struct{} // holds one token per import that runs: a large file takes much memory, so there is one at a time
}

func newFeatures(db *database, v *validator) *featuresService {
	return &featuresService{db: db, validator: v, importing: make(chan struct{}, 1)}
}

// Features returns the FeaturesService for use in the same process, with what the doors check checked.
func (s *Server) Features() burgeev1connect.FeaturesServiceHandler { return s.features }

// Import implements burgee.v1.FeaturesService.
func (f *featuresService) Import(ctx context.Context, r *burgeev1.ImportRequest) (*burgeev1.ImportResponse, error) {
	name, encoding, err := fileOf(r)
	if err != nil {
		return nil, err
	}
	select {
	case f.importing <- struct{}{}:
		defer func() { <-f.importing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	file, err := features.Decode(name, r.File.GetData(), encoding)
	if err != nil {
		return nil, err
	}
	if err := checkFile(f.validator, file); err != nil {
		return nil, err
	}
	answer, position, err := store.Update(ctx, f.db, caller(ctx), func(d *store.Draft) (*burgeev1.ImportResponse, error) {
		return importFile(d, file, r)
	})
	if errors.Is(err, errDryRun) {
		state, _ := f.db.View()
		position, err = state.Position(), nil
	}
	if err != nil {
		return nil, err
	}
	answer.Position = position.String()
	for _, w := range file.Warnings {
		answer.Warnings = append(answer.Warnings, fmt.Sprintf("%s:%d:%d: %s", file.Name, w.Pos.Line, w.Pos.Column, w.Text))
	}
	return answer, nil
}

// fileOf returns name and encoding of the file: the content type says that it is JSON, or else the name does.
func fileOf(r *burgeev1.ImportRequest) (string, features.Encoding, error) {
	if strings.Contains(strings.ToLower(r.File.GetContentType()), "json") {
		if r.Name == "" {
			return "features.json", features.JSON, nil
		}
		return r.Name, features.JSON, nil
	}
	if r.Name == "" {
		return "features.yml", features.YAML, nil
	}
	encoding, err := features.EncodingOf(r.Name)
	if err != nil {
		return "", 0, invalid("invalid field name: %v", err)
	}
	return r.Name, encoding, nil
}

// Export implements burgee.v1.FeaturesService.
func (f *featuresService) Export(ctx context.Context, r *burgeev1.ExportRequest) (*burgeev1.ExportResponse, error) {
	state, _, err := viewAt(ctx, f.db, r.Reference)
	if err != nil {
		return nil, err
	}
	keys := r.Namespaces
	if r.AllNamespaces {
		for doc := range state.Namespaces().All() {
			keys = append(keys, doc.Namespace.Key)
		}
	}
	if len(keys) == 0 && !r.AllNamespaces {
		keys = []string{defaultNamespace}
	}
	contents := make([]features.Contents, len(keys))
	for i, key := range keys {
		doc := state.Namespace(key)
		if doc == nil {
			return nil, namespaceNotFound(key)
		}
		contents[i] = features.Contents{Namespace: doc, Flags: collect[*storev1.Flag](state.Flags(key)), Segments: collect[*storev1.Segment](state.Segments(key))}
	}
	if r.SortByKey {
		features.SortByKey(contents)
	}
	encoding, contentType := features.YAML, "application/yaml"
	if r.Encoding == burgeev1.Encoding_ENCODING_JSON {
		encoding, contentType = features.JSON, "application/json"
	}
	text, err := features.Encode(encoding, contents)
	if err != nil {
		return nil, fmt.Errorf("encode features: %w", err)
	}
	return &burgeev1.ExportResponse{File: &httpbody.HttpBody{ContentType: contentType, Data: text}}, nil
}

func collect[D any](list store.List[D]) []D {
	all := make([]D, 0, list.Len())
	for doc := range list.All() {
		all = append(all, doc)
	}
	return all
}
