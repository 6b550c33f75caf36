package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// tree writes files and returns their folder.
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

const lock = `{"packages": {
	"": {"name": "webui"},
	"node_modules/vue": {"version": "3.5.1"},
	"node_modules/@vue/shared": {"version": "3.5.1"},
	"node_modules/a/node_modules/@b/c": {"version": "1.0.0+x"},
	"node_modules/short": {"name": "@long/name", "version": "2.0.0"},
	"node_modules/buf": {"version": "1.0.0", "dev": true},
	"node_modules/linked": {"link": true}
}}`

// TestRun describes this test's own binary.
func TestRun(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := tree(t, map[string]string{
		"sqlite/lib/sqlite.go": "package lib\n\nconst SQLITE_VERSION = \"3.53.4\"\nconst SQLITE_VERSION_NUMBER = 3053004\n",
		"package-lock.json":    lock,
	})
	binary := filepath.Join(dir, "burgee")
	if err := os.WriteFile(binary, text, 0o700); err != nil {
		t.Fatal(err)
	}
	var written [2][]byte
	for i := range written {
		if err := run("v1.2.3", filepath.Join(dir, "sqlite"), filepath.Join(dir, "package-lock.json"), []string{binary}); err != nil {
			t.Fatal(err)
		}
		if written[i], err = os.ReadFile(binary + ".cdx.json"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(written[0], written[1]) {
		t.Errorf("two runs differ:\n%s\n%s", written[0], written[1])
	}
	bom := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(bytes.NewReader(written[0]), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cdx.SpecVersion1_6 || bom.SerialNumber != "" || bom.Metadata.Timestamp != "" {
		t.Errorf("version %v, serial number %q, time %q: want 1.6 and nothing that changes", bom.SpecVersion, bom.SerialNumber, bom.Metadata.Timestamp)
	}
	sum := sha256.Sum256(text)
	program := bom.Metadata.Component
	if program.Version != "v1.2.3" || program.Type != cdx.ComponentTypeApplication || (*program.Hashes)[0].Value != hex.EncodeToString(sum[:]) {
		t.Errorf("program %+v", program)
	}
	found, linked := make(map[string]bool), false
	for i, component := range *bom.Components {
		if found[component.PackageURL] {
			t.Errorf("%s is there twice", component.PackageURL)
		}
		found[component.PackageURL] = true
		if component.Name == "github.com/CycloneDX/cyclonedx-go" && strings.HasPrefix(component.Version, "v") {
			linked = true
		}
		if i > 0 && (*bom.Components)[i-1].BOMRef > component.BOMRef {
			t.Errorf("%s is not in order", component.PackageURL)
		}
	}
	if !linked {
		t.Error("a module that is linked in is not there")
	}
	for url, want := range map[string]bool{
		"pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"): true, "pkg:generic/sqlite@3.53.4": true,
		"pkg:npm/vue@3.5.1": true, "pkg:npm/%40vue/shared@3.5.1": true,
		"pkg:npm/%40b/c@1.0.0%2Bx": true, "pkg:npm/%40long/name@2.0.0": true, "pkg:npm/buf@1.0.0": false, "pkg:npm/linked@": false,
	} {
		if found[url] != want {
			t.Errorf("%s is there: %v, want %v", url, found[url], want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"one/lib/a.go": "const SQLITE_VERSION = \"3.53.4\"\n",
		"two/lib/a.go": "const SQLITE_VERSION = \"3.53.4\"\n", "two/lib/b.go": "const SQLITE_VERSION = \"3.50.0\"\n",
		"lock.json": lock, "empty.json": "{}", "text": "no binary",
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		sqlite, npm, binary string
		want                string
	}{
		{in("none"), in("lock.json"), in("text"), "found 0 versions of SQLite"},
		{in("two"), in("lock.json"), in("text"), "found 2 versions of SQLite"},
		{in("one"), in("none.json"), in("text"), "-npm: open "},
		{in("one"), in("empty.json"), in("text"), "no packages there"},
		{in("one"), in("lock.json"), in("text"), "text: "},
		{in("one"), in("lock.json"), in("none"), "none: "},
	} {
		if err := run("v1", c.sqlite, c.npm, []string{c.binary}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("run(%+v): %v", c, err)
		}
	}
	if err := run("v1", in("one"), in("lock.json"), nil); err == nil {
		t.Error("run without a binary is no error")
	}
}
