// Command licences writes the licence texts of everything that is linked into binaries as one file: those of each Go module and of Go itself.
// It reads the binaries and the module cache, and says the same for the same binaries. It judges no licence, and a module without one is an
// error.
//
//	licences -cache DIR -go DIR [-ui FILE] -o FILE BINARY...
//
// The folders are what `go env GOMODCACHE` and `go env GOROOT` print. The file of -ui has the licences of the web application, as its build
// writes them, and goes to the end.
package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

func main() {
	cache := flag.String("cache", "", "`DIR` of the module cache")
	goroot := flag.String("go", "", "`DIR` of the Go that built the binaries")
	ui := flag.String("ui", "", "`FILE` with the licences of the web application")
	output := flag.String("o", "", "`FILE` to write")
	flag.Parse()
	if err := run(*cache, *goroot, *ui, *output, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(cache, goroot, ui, output string, binaries []string) error {
	if len(binaries) == 0 {
		return errors.New("no binary is named")
	}
	folders, err := linked(cache, goroot, binaries)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(folders))
	for name := range folders {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	b.WriteString("Licences of what is linked into the programs beside this file:\n\n")
	for _, name := range names {
		fmt.Fprintf(&b, "- %s\n", name)
	}
	for _, name := range names {
		if err := add(&b, name, folders[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if ui != "" {
		text, err := os.ReadFile(ui)
		if err != nil {
			return fmt.Errorf("-ui: %w", err)
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", strings.Repeat("=", 80), bytes.TrimRight(text, "\n"))
	}
	return os.WriteFile(output, b.Bytes(), 0o644)
}

// linked returns the folder of each module that the linker has noted in one of the binaries, and that of Go, by name and version.
func linked(cache, goroot string, binaries []string) (map[string]string, error) {
	release, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		return nil, fmt.Errorf("-go: %w", err)
	}
	version, _, _ := strings.Cut(string(release), "\n")
	folders := map[string]string{"Go " + version: goroot}
	for _, binary := range binaries {
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", binary, err)
		}
		if info.GoVersion != version {
			return nil, fmt.Errorf("%s was built by %s, -go has %s", binary, info.GoVersion, version)
		}
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			if module.Version == "" {
				return nil, fmt.Errorf("%s: %s is not in the module cache, it was replaced by a folder", binary, module.Path)
			}
			folders[module.Path+" "+module.Version] = filepath.Join(cache, filepath.FromSlash(escape(module.Path)+"@"+escape(module.Version)))
		}
	}
	return folders, nil
}

// escape spells a name as the module cache does, where `!a` is A.
func escape(name string) string {
	var b strings.Builder
	for _, letter := range name {
		if unicode.IsUpper(letter) {
			b.WriteByte('!')
		}
		b.WriteRune(unicode.ToLower(letter))
	}
	return b.String()
}

var (
	legal   = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents|authors)([-._].*)?$`)
	licence = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)`)
)

// add writes the legal texts of a folder and those below it, each after its name. One in the folder itself must be a licence.
// What is linked into no program of ours is left out: what tests read, what the go command ignores, and the go command.
func add(b *bytes.Buffer, name, folder string) error {
	licensed := false
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if base == "testdata" || path == "src/cmd" || path != "." && strings.ContainsAny(base[:1], "._") {
				return fs.SkipDir
			}
			return nil
		}
		if !legal.MatchString(base) || strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(path)))
		if err != nil {
			return err
		}
		text = bytes.TrimRight(text, " \t\r\n")
		licensed = licensed || path == base && licence.MatchString(base) && len(text) > 0
		fmt.Fprintf(b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), name, path, text)
		return nil
	})
	if err == nil && !licensed {
		return fmt.Errorf("%s holds no licence", folder)
	}
	return err
}
