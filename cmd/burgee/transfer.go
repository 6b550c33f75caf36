package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/api/httpbody"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/server/features"
	"github.com/burgeehq/burgee/store"
)

// target says which configuration a command works on: that of a server, or a database that no server holds.
type target struct {
	address, ca, db *string
}

func targetFlags(cmd *cobra.Command) target {
	t := target{db: databaseFlag(cmd.Flags())}
	t.address = cmd.Flags().String("address", "", "`URL` of a running server, http(s)://host:port or grpc://host:port, instead of a database")
	t.ca = caFlag(cmd.Flags())
	exclusive(cmd, "address", "db")
	return t
}

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import {FILE | --flipt-db FILE}",
		Short: "Add the flags and segments of a features file, all of them or nothing",
		Long: "Add the namespaces, flags and segments of a features file in one revision, or nothing when anything in it is wrong.\nThe file is YAML (.yml, .yaml) or JSON (.json); - reads YAML from standard input.\n" +
			"With --flipt-db it is the SQLite database of a Flipt v1, which may run meanwhile: ids and times are kept, and what\ncannot be taken as it is becomes a warning.",
	}
	t := targetFlags(cmd)
	var options burgeev1.ImportRequest
	flags := cmd.Flags()
	fliptDB := flags.String("flipt-db", "", "SQLite database `FILE` of a Flipt v1, instead of a features file")
	flags.BoolVar(&options.DryRun, "dry-run", false, "change nothing, print what would change")
	flags.BoolVar(&options.SkipExisting, "skip-existing", false, "leave flags and segments that exist as they are")
	flags.BoolVar(&options.Overwrite, "overwrite", false, "make flags, segments and namespaces that exist what the file says")
	flags.BoolVar(&options.Drop, "drop", false, "delete everything that exists first, in the same revision")
	exclusive(cmd, "skip-existing", "overwrite", "drop")
	by := authorFlags(cmd)
	cmd.ValidArgsFunction = completeOneFeatures
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *fliptDB != "" {
			if len(args) > 0 {
				return fmt.Errorf("--flipt-db takes the place of the features file %s: name one of them", args[0])
			}
			return t.migrate(cmd, *fliptDB, by, &options)
		}
		if err := cobra.ExactArgs(1)(cmd, args); err != nil {
			return err
		}
		request, err := readFeatures(args[0], cmd.InOrStdin())
		if err != nil {
			return err
		}
		by.sign(cmd, t)
		request.DryRun, request.SkipExisting, request.Overwrite, request.Drop = options.DryRun, options.SkipExisting, options.Overwrite, options.Drop
		return t.use(cmd, absenceFor(request), func(ctx context.Context, client burgeev1connect.FeaturesServiceClient) error {
			answer, err := client.Import(ctx, request)
			if err != nil {
				return err
			}
			for _, warning := range answer.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
			}
			return printImport(cmd.OutOrStdout(), request, answer)
		})
	}
	return cmd
}

// printImport says what an import has done, or what a dry run would do.
func printImport(w io.Writer, r *burgeev1.ImportRequest, answer *burgeev1.ImportResponse) error {
	if r.DryRun {
		return printDifferences(w, answer.Differences, "nothing would change")
	}
	unchanged := ""
	if r.SkipExisting || r.Overwrite {
		unchanged = fmt.Sprintf(", left %d as they were", answer.Unchanged)
	}
	_, err := fmt.Fprintf(w, "imported %d flags and %d segments, created %d namespaces%s, revision %s\n",
		answer.Flags, answer.Segments, answer.Namespaces, unchanged, answer.Position)
	return err
}

// readFeatures reads a features file, or standard input for `-`.
func readFeatures(name string, stdin io.Reader) (*burgeev1.ImportRequest, error) {
	if name == "-" {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return &burgeev1.ImportRequest{Name: "stdin", File: &httpbody.HttpBody{ContentType: "application/yaml", Data: text}}, nil
	}
	encoding, err := features.EncodingOf(name)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	contentType := "application/yaml"
	if encoding == features.JSON {
		contentType = "application/json"
	}
	return &burgeev1.ImportRequest{Name: name, File: &httpbody.HttpBody{ContentType: contentType, Data: text}}, nil
}

func exportCommand() *cobra.Command {
	request := new(burgeev1.ExportRequest)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write namespaces as a features file",
		Long:  "Write namespaces as a features file: YAML, or JSON when the name of the output ends in .json.",
		Args:  cobra.NoArgs,
	}
	t := targetFlags(cmd)
	output := cmd.Flags().StringP("output", "o", "", "`FILE` to write, - for standard output, which is also the default")
	cmd.Flags().StringSliceVar(&request.Namespaces, "namespaces", nil, "`KEYS` of the namespaces, separated by commas (default: default)")
	cmd.Flags().BoolVar(&request.AllNamespaces, "all-namespaces", false, "write all namespaces")
	cmd.Flags().BoolVar(&request.SortByKey, "sort-by-key", false, "sort namespaces, flags, variants and segments by key")
	cmd.Flags().StringVar(&request.Reference, "reference", "", "`REFERENCE` of the state to write: rev:N, or at: with a time (default: the present one)")
	exclusive(cmd, "namespaces", "all-namespaces")
	withoutVariable(cmd.Flags(), "reference")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		encoding, err := features.EncodingOf(*output)
		if err != nil {
			return err
		}
		if encoding == features.JSON {
			request.Encoding = burgeev1.Encoding_ENCODING_JSON
		}
		return t.use(cmd, refused, func(ctx context.Context, client burgeev1connect.FeaturesServiceClient) error {
			answer, err := client.Export(ctx, request)
			if err != nil {
				return err
			}
			return writeOutput(*output, cmd.OutOrStdout(), answer.File.GetData())
		})
	}
	return cmd
}

// writeOutput writes the whole file or nothing under its name, which may be a link. It keeps the mode of a file that is
// there, and writes to what is no file on a disk (a pipe, a device) as it comes.
func writeOutput(name string, stdout io.Writer, text []byte) (err error) {
	if name == "" || name == "-" {
		_, err := stdout.Write(text)
		return err
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	present, missing := os.Stat(name)
	if missing == nil && !present.Mode().IsRegular() {
		return os.WriteFile(name, text, 0)
	}
	beside := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
	temporary, err := os.OpenFile(beside, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(text)
	if missing == nil {
		err = errors.Join(err, temporary.Chmod(present.Mode().Perm()))
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}

// absence says what becomes of a database that does not exist.
type absence int

const (
	refused absence = iota // it is an error
	made                   // it is made
	assumed                // it is taken for an empty one, and not made
)

// absenceFor returns what an import does without a database.
func absenceFor(r *burgeev1.ImportRequest) absence {
	if r.DryRun {
		return assumed
	}
	return made
}

// use calls do with a client of the target.
func (t target) use(cmd *cobra.Command, absent absence, do func(context.Context, burgeev1connect.FeaturesServiceClient) error) error {
	ctx := cmd.Context()
	return t.reach(cmd, absent,
		func(to connection) error {
			return do(ctx, burgeev1connect.NewFeaturesServiceClient(to.http, to.url, to.options...))
		},
		func(srv *server.Server) error { return do(ctx, srv.Features()) })
}

// reach calls remote with the way to the target's server, or local with its database.
func (t target) reach(cmd *cobra.Command, absent absence, remote func(connection) error, local func(*server.Server) error) error {
	if *t.address != "" {
		to, err := dial(*t.address, *t.ca)
		if err != nil {
			return err
		}
		return remote(to)
	}
	err := t.open(cmd, absent, local)
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%w, or if it is a server, name that with --address http://127.0.0.1:8080", err)
	}
	return err
}

// open calls do with the database. An empty one that is assumed lies in a directory for temporary files until do returns.
func (t target) open(cmd *cobra.Command, absent absence, do func(*server.Server) error) (err error) {
	file, err := databasePath(*t.db)
	if err != nil {
		return err
	}
	_, missing := os.Stat(file)
	switch {
	case absent == refused && missing != nil:
		return fmt.Errorf("there is no database to read: %w", missing)
	case absent == assumed && errors.Is(missing, fs.ErrNotExist):
		temporary, failed := os.MkdirTemp("", "burgee-dry-run-")
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
		fmt.Fprintf(cmd.ErrOrStderr(), "%s does not exist: compared with an empty database\n", file)
		file = filepath.Join(temporary, "burgee.db")
	}
	srv, err := server.Open(cmd.Context(), server.Settings{Store: store.Settings{Path: file}, Version: version})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	return do(srv)
}
