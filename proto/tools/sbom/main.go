// Command sbom writes what each binary is made of, as CycloneDX JSON: the Go modules that are linked into it, the version of Go, the SQLite
// inside modernc.org/sqlite, which no list of modules shows, and the npm packages of the web application. It reads the binary itself, the
// module cache and a package-lock.json, and says the same for the same binary: no time, no random number.
//
//	sbom -version VERSION -sqlite DIR -npm FILE BINARY...
//
// writes BINARY.cdx.json beside each BINARY. DIR is the folder of the module modernc.org/sqlite.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	version := flag.String("version", "", "`VERSION` of burgee")
	sqlite := flag.String("sqlite", "", "`DIR` of the module modernc.org/sqlite")
	npm := flag.String("npm", "", "`FILE` package-lock.json of the web application")
	flag.Parse()
	if err := run(*version, *sqlite, *npm, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(version, sqlite, npm string, binaries []string) error {
	if len(binaries) == 0 {
		return errors.New("no binary is named")
	}
	embedded, err := sqliteComponent(sqlite)
	if err != nil {
		return err
	}
	packages, err := npmComponents(npm)
	if err != nil {
		return err
	}
	for _, binary := range binaries {
		bom, err := describe(binary, version)
		if err != nil {
			return fmt.Errorf("%s: %w", binary, err)
		}
		components := slices.Concat(*bom.Components, []cdx.Component{embedded}, packages)
		slices.SortFunc(components, func(a, b cdx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
		bom.Components = &components
		if err := write(binary+".cdx.json", bom); err != nil {
			return err
		}
	}
	return nil
}

// describe lists what the linker has noted in a binary.
func describe(binary, version string) (*cdx.BOM, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	program := goComponent(info.Main.Path, version)
	program.Type, program.Name = cdx.ComponentTypeApplication, filepath.Base(info.Main.Path)
	program.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}
	program.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
	var properties []cdx.Property
	for _, setting := range info.Settings {
		if strings.HasPrefix(setting.Key, "GO") || setting.Key == "CGO_ENABLED" {
			properties = append(properties, cdx.Property{Name: "burgee:build:" + setting.Key, Value: setting.Value})
		}
	}
	program.Properties = &properties

	components := []cdx.Component{goComponent("std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, module := range info.Deps {
		components = append(components, goComponent(origin(module)))
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &program}
	bom.Components = &components
	return bom, nil
}

// origin returns path and version of what a module was compiled from.
func origin(module *debug.Module) (path, version string) {
	if module.Replace != nil {
		module = module.Replace
	}
	return module.Path, module.Version
}

func goComponent(path, version string) cdx.Component {
	url := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return cdx.Component{Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: url, BOMRef: url}
}

var sqliteVersion = regexp.MustCompile(`(?m)^\s*(?:const )?SQLITE_VERSION\s*=\s*"([0-9.]+)"$`)

// sqliteComponent finds the version of SQLite in its translation to Go.
func sqliteComponent(module string) (cdx.Component, error) {
	files, err := filepath.Glob(filepath.Join(module, "lib", "*.go"))
	if err != nil {
		return cdx.Component{}, err
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return cdx.Component{}, err
		}
		for _, match := range sqliteVersion.FindAllSubmatch(text, -1) {
			found = append(found, string(match[1]))
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) != 1 {
		return cdx.Component{}, fmt.Errorf("-sqlite %s: found %d versions of SQLite there, want one", module, len(found))
	}
	url := "pkg:generic/sqlite@" + found[0]
	return cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: "sqlite", Version: found[0], PackageURL: url, BOMRef: url,
		CPE: "cpe:2.3:a:sqlite:sqlite:" + found[0] + ":*:*:*:*:*:*:*", Description: "SQLite, translated to Go in modernc.org/sqlite",
	}, nil
}

// npmComponents lists the packages that the web application is built from; those that only build or test it are left out.
func npmComponents(file string) ([]cdx.Component, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-npm: %w", err)
	}
	var lock struct {
		Packages map[string]struct {
			Name, Version string
			Dev, Link     bool
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("-npm %s: %w", file, err)
	}
	if len(lock.Packages) == 0 {
		return nil, fmt.Errorf("-npm %s: no packages there", file)
	}
	components := make(map[string]cdx.Component)
	for path, p := range lock.Packages {
		const folder = "node_modules/"
		at := strings.LastIndex(path, folder)
		if at < 0 || p.Dev || p.Link {
			continue
		}
		name := path[at+len(folder):]
		if p.Name != "" { // installed under another name
			name = p.Name
		}
		url := "pkg:npm/" + strings.ReplaceAll(name, "@", "%40") + "@" + strings.ReplaceAll(p.Version, "+", "%2B")
		components[url] = cdx.Component{Type: cdx.ComponentTypeLibrary, Name: name, Version: p.Version, PackageURL: url, BOMRef: url}
	}
	list := make([]cdx.Component, 0, len(components))
	for _, component := range components {
		list = append(list, component)
	}
	return list, nil
}

func write(name string, bom *cdx.BOM) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return cdx.NewBOMEncoder(file, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
}
