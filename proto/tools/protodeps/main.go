// Command protodeps prints the protos that ours import, from the Go code they were generated into, so that they always match go.mod and are
// never committed: buf/validate below DIR/protovalidate, google/* below DIR/googleapis. It reads no network and changes nothing outside DIR.
//
//	go run ./protodeps DIR
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/desc"
	"github.com/jhump/protoreflect/desc/protoprint"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// modules maps the folder of a buf module to the files printed into it.
var modules = map[string][]protoreflect.FileDescriptor{
	"protovalidate": {validate.File_buf_validate_validate_proto},
	"googleapis": {
		annotations.File_google_api_annotations_proto,
		annotations.File_google_api_field_behavior_proto,
		annotations.File_google_api_http_proto,
		httpbody.File_google_api_httpbody_proto,
		status.File_google_rpc_status_proto,
	},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: protodeps DIR")
		os.Exit(2)
	}
	for module, files := range modules {
		if err := printModule(filepath.Join(os.Args[1], module), files); err != nil {
			fmt.Fprintln(os.Stderr, "protodeps:", err)
			os.Exit(1)
		}
	}
}

// printModule writes the files into a new dir, replacing what was there.
func printModule(dir string, files []protoreflect.FileDescriptor) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	printer := protoprint.Printer{Indent: strings.Repeat(" ", 2)}
	for _, file := range files {
		wrapped, err := desc.WrapFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path(), err)
		}
		if err := printer.PrintProtosToFileSystem([]*desc.FileDescriptor{wrapped}, dir); err != nil {
			return fmt.Errorf("%s: %w", file.Path(), err)
		}
	}
	return nil
}
