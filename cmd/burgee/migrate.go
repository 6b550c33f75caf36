package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
	"github.com/burgeehq/burgee/store/fliptdb"
)

// migrate imports the database of a Flipt v1 as one revision, and reports what could not be taken as it is. The file is read
// before ours is opened, so that one that is refused leaves nothing behind.
func (t target) migrate(cmd *cobra.Command, from string, signed author, options *burgeev1.ImportRequest) error {
	if *t.address != "" {
		return errors.New("--flipt-db keeps ids and times, which no server takes over its API: name the database with --db instead of --address, and stop its server")
	}
	contents, err := fliptdb.Read(cmd.Context(), from)
	if err != nil {
		return err
	}
	by := store.Author{Name: *signed.name, Method: cmd.Name(), Comment: *signed.comment}
	if by.Comment == "" {
		by.Comment = fmt.Sprintf("import of %s, a database of Flipt v1 (schema %d)", from, contents.Schema)
	}
	return t.open(cmd, absenceFor(options), func(srv *server.Server) error {
		answer, err := srv.ImportDocuments(cmd.Context(), by, server.Documents{
			Namespaces: contents.Namespaces, Segments: contents.Segments, Flags: contents.Flags,
		}, options)
		if err != nil {
			return err
		}
		for _, problem := range contents.Problems {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s: %s\n", from, problem)
		}
		for _, warning := range answer.Warnings {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
		}
		return printImport(cmd.OutOrStdout(), options, answer)
	})
}
