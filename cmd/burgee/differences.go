package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
)

// printDifferences writes what has changed as people read it: a line per document, and one per member that changed in it;
// where nothing has, what none says.
func printDifferences(w io.Writer, differences []*burgeev1.DocumentDifference, none string) error {
	if len(differences) == 0 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	var b bytes.Buffer
	for _, d := range differences {
		fmt.Fprintf(&b, "%s %s %s\n", actionSigns[d.Action], d.Kind, documentName(d.NamespaceKey, d.Kind, d.Key))
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "    %s: %s\n", f.Path, change(f.Old, f.New))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func documentName(namespace, kind, key string) string {
	if kind == "namespace" {
		return key
	}
	return namespace + "/" + key
}

// actionSigns stand before the documents of a difference.
var actionSigns = map[burgeev1.DocumentAction]string{
	burgeev1.DocumentAction_DOCUMENT_ACTION_CREATED: "+",
	burgeev1.DocumentAction_DOCUMENT_ACTION_UPDATED: "~",
	burgeev1.DocumentAction_DOCUMENT_ACTION_DELETED: "-",
}

func change(before, after *structpb.Value) string {
	switch {
	case before == nil:
		return "added " + jsonText(after)
	case after == nil:
		return "removed " + jsonText(before)
	default:
		return jsonText(before) + " -> " + jsonText(after)
	}
}

// jsonText writes a value as compact JSON.
func jsonText(value *structpb.Value) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value.AsInterface()); err != nil {
		return fmt.Sprint(value.AsInterface()) // a number that JSON does not have
	}
	return strings.TrimSuffix(b.String(), "\n")
}
