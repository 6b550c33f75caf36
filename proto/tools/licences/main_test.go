package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tree writes files, which may be none, and returns their folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// program builds ../sbom, which links one module, and returns it with the name that the module cache gives that.
func program(t *testing.T) (binary, version, cached string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "sbom")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../sbom").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) != 1 || info.Deps[0].Path != "github.com/CycloneDX/cyclonedx-go" {
		t.Fatalf("sbom links %v, want cyclonedx-go alone", info.Deps)
	}
	return binary, info.Deps[0].Version, "github.com/!cyclone!d!x/cyclonedx-go@" + info.Deps[0].Version + "/"
}

func TestRun(t *testing.T) {
	t.Parallel()
	binary, version, module := program(t)
	cache := tree(t, map[string]string{
		module + "LICENSE": "May be used.\n\n", module + "NOTICE.txt": "  By somebody.", module + "inner/COPYING": "Inner.\r\n",
		module + "license.go": "no", module + "inner/licenses.md": "no", module + "testdata/LICENSE": "no", module + "_x/LICENSE": "no",
		module + ".x/LICENSE": "no", "other@v1.0.0/LICENSE": "no",
	})
	goroot := tree(t, map[string]string{
		"VERSION": runtime.Version() + "\ntime 2026\n", "LICENSE": "Of Go.\n", "PATENTS": "None.\n", "src/vendor/a/LICENSE": "Of a.\n", "src/cmd/vendor/b/LICENSE": "no",
	})
	line, release := strings.Repeat("=", 80), "Go "+runtime.Version()
	linked := "github.com/CycloneDX/cyclonedx-go " + version
	want := "Licences of what is linked into the programs beside this file:\n\n- " + release + "\n- " + linked + "\n"
	for _, part := range []string{
		release + ": LICENSE\n\nOf Go.", release + ": PATENTS\n\nNone.", release + ": src/vendor/a/LICENSE\n\nOf a.",
		linked + ": LICENSE\n\nMay be used.", linked + ": NOTICE.txt\n\n  By somebody.", linked + ": inner/COPYING\n\nInner.",
	} {
		want += fmt.Sprintf("\n%s\n%s\n", line, part)
	}
	output := filepath.Join(t.TempDir(), "LICENCES.txt")
	for _, binaries := range [][]string{{binary}, {binary, binary}} {
		if err := run(cache, goroot, "", output, binaries); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%d binaries: got\n%s\nwant\n%s", len(binaries), got, want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	binary, _, module := program(t)
	good := map[string]string{module + "LICENSE": "May be used."}
	release := map[string]string{"VERSION": runtime.Version() + "\n", "LICENSE": "Of Go."}
	text := filepath.Join(tree(t, map[string]string{"text": "no binary"}), "text")
	for name, c := range map[string]struct {
		cache, goroot map[string]string
		binaries      []string
		want          string
	}{
		"no binary is named":      {good, release, nil, "no binary is named"},
		"no binary":               {good, release, []string{binary, text}, text + ": "},
		"not in the cache":        {nil, release, []string{binary}, "cyclonedx-go"},
		"no licence":              {map[string]string{module + "README.md": "x"}, release, []string{binary}, "holds no licence"},
		"a notice is no licence":  {map[string]string{module + "NOTICE": "x"}, release, []string{binary}, "holds no licence"},
		"an empty licence":        {map[string]string{module + "LICENSE": " \n"}, release, []string{binary}, "holds no licence"},
		"a licence of a part":     {map[string]string{module + "inner/LICENSE": "x"}, release, []string{binary}, "holds no licence"},
		"no Go":                   {good, nil, []string{binary}, "-go: open "},
		"no licence of Go":        {good, map[string]string{"VERSION": runtime.Version()}, []string{binary}, "holds no licence"},
		"the licence of other Go": {good, map[string]string{"VERSION": "go1.0\n", "LICENSE": "x"}, []string{binary}, "-go has go1.0"},
	} {
		output := filepath.Join(t.TempDir(), "LICENCES.txt")
		if err := run(tree(t, c.cache), tree(t, c.goroot), "", output, c.binaries); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if _, err := os.Stat(output); err == nil {
			t.Errorf("%s: a file was written", name)
		}
	}
}
