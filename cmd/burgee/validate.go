package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/server/features"
	"github.com/burgeehq/burgee/store"
)

// exitError ends the program with a status of its own after the command has said all there is to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate [FILE|DIRECTORY]...",
		Short: "Check features files by the rules of an import into an empty server",
		Long: "Check features files by the rules of an import into an empty server. A directory stands for the files below it that\n" +
			"are named features.yml, features.yaml or features.json, or end in .features.yml and so on; without a name, that is\n" +
			"the working directory. The exit status is 0 when all is well.",
	}
	flags := cmd.Flags()
	format := flags.StringP("format", "F", "text", "`FORMAT` of what is found: text or json")
	status := flags.Int("issue-exit-code", 1, "exit `STATUS` when a file is not valid")
	dir := flags.StringP("work-dir", "d", ".", "`DIRECTORY` that names are relative to")
	cmd.ValidArgsFunction = completeFeatures
	completeValues(cmd, "format", "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *format != "text" && *format != "json" {
			return fmt.Errorf("--format: %q is none of text, json", *format)
		}
		files, err := featuresFiles(*dir, args)
		if err != nil {
			return err
		}
		var issues []issue
		for _, file := range files {
			found, err := validateFile(cmd.Context(), *dir, file)
			if err != nil {
				return err
			}
			issues = append(issues, found...)
		}
		if len(issues) == 0 {
			return nil
		}
		if err := printIssues(cmd.OutOrStdout(), *format, issues); err != nil {
			return err
		}
		return exitError(*status)
	}
	return cmd
}

// featuresFiles returns the files that names stand for, relative to dir.
func featuresFiles(dir string, names []string) ([]string, error) {
	if len(names) == 0 {
		names = []string{"."}
	}
	var files []string
	for _, name := range names {
		start := name
		if !filepath.IsAbs(name) {
			start = filepath.Join(dir, name)
		}
		info, err := os.Stat(start)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(start, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !isFeaturesFile(entry.Name()) {
				return err
			}
			below, err := filepath.Rel(start, path)
			files = append(files, filepath.Join(name, below))
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s holds no features file (features.yml, features.yaml, features.json, *.features.yml …)", start)
		}
	}
	return files, nil
}

func isFeaturesFile(name string) bool {
	extension := filepath.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	return slices.Contains([]string{".yml", ".yaml", ".json"}, extension) && (stem == "features" || strings.HasSuffix(stem, ".features"))
}

// issue is something wrong with a features file, in the form of the original's JSON.
type issue struct {
	Message  string   `json:"message"`
	Location location `json:"location"`
}

type location struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// validateFile imports a file into an empty database and throws the database away.
func validateFile(ctx context.Context, dir, name string) (issues []issue, err error) {
	file := name
	if !filepath.IsAbs(name) {
		file = filepath.Join(dir, name)
	}
	request, err := readFeatures(file, nil)
	if err != nil {
		return nil, err
	}
	request.Name, request.DryRun = name, true
	temporary, err := os.MkdirTemp("", "burgee-validate-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	srv, err := server.Open(ctx, server.Settings{Store: store.Settings{Path: filepath.Join(temporary, "burgee.db")}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	_, refused := srv.Features().Import(ctx, request)
	for _, one := range flatten(refused) {
		issues = append(issues, issueOf(name, one))
	}
	return issues, nil
}

// flatten returns the errors that one error joins.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, flatten(one)...)
	}
	return all
}

func issueOf(name string, err error) issue {
	if placed := (*features.Error)(nil); errors.As(err, &placed) {
		return issue{placed.Err.Error(), location{placed.File, placed.Pos.Line, placed.Pos.Column}}
	}
	return issue{message(err), location{File: name}}
}

func printIssues(w io.Writer, format string, issues []issue) error {
	if format == "json" {
		return json.NewEncoder(w).Encode(issues)
	}
	var b strings.Builder
	b.WriteString("Validation failed!\n")
	for _, i := range issues {
		fmt.Fprintf(&b, "\n- Message  : %s\n  File     : %s\n", i.Message, i.Location.File)
		if i.Location.Line > 0 {
			fmt.Fprintf(&b, "  Line     : %d\n  Column   : %d\n", i.Location.Line, i.Location.Column)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
