package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/rs/zerolog"

	"github.com/burgeehq/burgee/store"
)

// TestRights holds the table of rights to the descriptors of what is served, both ways.
func TestRights(t *testing.T) {
	t.Parallel()
	settings := Settings{Store: store.Settings{Path: filepath.Join(t.TempDir(), "burgee.db")}, Log: zerolog.Nop(), UI: http.NotFoundHandler()}
	s, err := Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	served := make(map[string]bool)
	for _, service := range s.services(settings, nil) {
		name := strings.Trim(service.Path, "/")
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			t.Fatal(err)
		}
		methods := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			procedure := service.Path + string(methods.Get(i).Name())
			served[procedure] = true
			if rights[procedure] == 0 {
				t.Errorf("%s has no row in the table of rights, so nobody may call it", procedure)
			}
		}
	}
	for procedure := range rights {
		if !served[procedure] {
			t.Errorf("%s has a right but is not served", procedure)
		}
	}
	if len(served) < 50 {
		t.Errorf("only %d procedures are served", len(served))
	}
}
