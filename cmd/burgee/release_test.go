package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tests of this file hold what lies around the program in a release to the program and to `make dist`.

// read returns the text of a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instructions returns the arguments of each instruction of a Dockerfile in order, by its name.
func instructions(t *testing.T) (byName map[string][]string, order []string) {
	t.Helper()
	byName = make(map[string][]string)
	for line := range strings.Lines(read(t, "Dockerfile")) {
		name, arguments, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && !strings.HasPrefix(name, "#") {
			byName[name] = append(byName[name], arguments)
			order = append(order, name)
		}
	}
	return byName, order
}

// list reads the JSON form of an instruction.
func list(t *testing.T, arguments string) []string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(arguments[strings.Index(arguments, "["):]), &words); err != nil {
		t.Fatalf("%s: %v", arguments, err)
	}
	return words
}

func TestDockerfileCopiesWhatDistMakes(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`(?m)^PLATFORMS := (.*)$`).FindStringSubmatch(read(t, filepath.Join("..", "..", "Makefile")))
	if made == nil {
		t.Fatal("the Makefile names no platforms")
	}
	docker, _ := instructions(t)
	source := strings.Fields(docker["COPY"][0])[1]
	ignored := strings.Fields(read(t, "Dockerfile.dockerignore"))
	var want []string
	for platform := range strings.FieldsSeq(made[1]) {
		system, arch, _ := strings.Cut(platform, "/")
		if system != "linux" {
			continue
		}
		file := "dist/burgee-linux-" + arch
		want = append(want, "!"+file)
		if got := strings.ReplaceAll(source, "${TARGETARCH}", arch); got != file {
			t.Errorf("for %s the image copies %s, make dist makes %s", platform, got, file)
		}
	}
	if len(want) < 2 || !slices.Equal(ignored, append([]string{"*"}, want...)) {
		t.Errorf("the context of the image is %v, want %v and nothing else", ignored, want)
	}
	if from := docker["FROM"]; !slices.Equal(from, []string{"scratch"}) || len(docker["COPY"]) != 1 || len(docker["RUN"]) != 0 {
		t.Errorf("the image is made from %v by copying %v and running %v, want the program alone", from, docker["COPY"], docker["RUN"])
	}
}

// TestImage starts the program as the image does.
func TestImage(t *testing.T) {
	t.Parallel()
	docker, order := instructions(t)
	if user := docker["USER"]; !slices.Equal(user, []string{"65532:65532"}) {
		t.Errorf("user %v, want numbers, which need no /etc/passwd, and not root", user)
	}
	if slices.Index(order, "USER") > slices.Index(order, "WORKDIR") || !slices.Equal(docker["WORKDIR"], docker["VOLUME"]) {
		t.Errorf("the data directory %v is not made for the user: %v", docker["VOLUME"], order)
	}
	environment := make(map[string]string)
	serve := serveCommand().Flags()
	for _, entry := range docker["ENV"] {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
		if serve.Lookup(strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "BURGEE_"), "_", "-"))) == nil {
			t.Errorf("%s is no setting of the server", name)
		}
	}
	if file := environment["BURGEE_DB"]; filepath.Dir(file) != docker["VOLUME"][0] {
		t.Errorf("the database %s is not in the volume %s", file, docker["VOLUME"][0])
	}
	_, http, _ := strings.Cut(environment["BURGEE_HTTP"], ":")
	_, grpc, _ := strings.Cut(environment["BURGEE_GRPC"], ":")
	if docker["EXPOSE"][0] != http+" "+grpc {
		t.Errorf("ports %s are exposed, the server listens on %s and %s", docker["EXPOSE"][0], http, grpc)
	}
	start := append(list(t, docker["ENTRYPOINT"][0]), list(t, docker["CMD"][0])...)
	health := list(t, docker["HEALTHCHECK"][0])
	if start[0] != "/burgee" || health[0] != "/burgee" || !strings.HasSuffix(docker["COPY"][0], " /burgee") {
		t.Fatalf("the image starts %v, checks %v and has %v", start, health, docker["COPY"])
	}

	environment["BURGEE_DB"] = filepath.Join(t.TempDir(), "burgee.db")
	run := func(args ...string) (string, int) {
		t.Helper()
		cmd := newCommand(t.Context(), program(t), args...)
		cmd.Env = pairs(environment)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if said, status := run(start[1:]...); status != exitConfig || !strings.Contains(said, "--insecure-network") {
		t.Errorf("the image without further settings: status %d, %s", status, said)
	}
	environment["BURGEE_INSECURE_NETWORK"] = "true"
	environment["BURGEE_HTTP"], environment["BURGEE_GRPC"] = "0.0.0.0:0", "0.0.0.0:0" // as they are, on free ports
	p, err := launch(program(t), t.TempDir(), pairs(environment), start[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	line, err := p.awaitServing()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(line.HTTP, "]:")
	if port == "" {
		_, port, _ = strings.Cut(line.HTTP, ":")
	}
	environment["BURGEE_ADDRESS"] = "http://127.0.0.1:" + port
	if said, status := run(health[1:]...); status != 0 || !strings.Contains(said, "SERVING") {
		t.Errorf("health of the image: status %d, %s", status, said)
	}
	if _, err := p.end(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if said, status := run(health[1:]...); status != 1 {
		t.Errorf("health of the image when it is stopped: status %d, %s", status, said)
	}
}

// pairs is an environment as programs get it.
func pairs(environment map[string]string) []string {
	var list []string
	for name, value := range environment {
		list = append(list, name+"="+value)
	}
	return list
}

// TestUnit holds the unit of systemd to the flags and exit statuses of the program, and asks systemd, where there is one.
func TestUnit(t *testing.T) {
	t.Parallel()
	const file = "burgee.service"
	text := read(t, file)
	settings := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(name, "#") {
			settings[name] += value
		}
	}
	start := strings.Fields(settings["ExecStart"])
	cmd, rest, err := rootCommand().Find(start[1:])
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil || cmd.Name() != "serve" || cmd.Flags().NArg() > 0 {
		t.Errorf("%s runs %s with %v: %v", settings["ExecStart"], cmd.Name(), rest, err)
	}
	db, err := cmd.Flags().GetString("db")
	if err != nil || filepath.Dir(db) != filepath.Join("/var/lib", settings["StateDirectory"]) {
		t.Errorf("database %s, %v; the unit may write into the state directory %s", db, err, settings["StateDirectory"])
	}
	for name, want := range map[string]string{
		"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "MemoryDenyWriteExecute": "yes", "Restart": "on-failure",
		"RestartPreventExitStatus": strconv.Itoa(exitConfig), "UMask": "0077",
	} {
		if settings[name] != want {
			t.Errorf("%s=%s, want %s", name, settings[name], want)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // what systemd thinks of it is known where systemd is
	}
	// systemd wants the program to exist
	here := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(here, []byte(strings.ReplaceAll(text, start[0], program(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	// it looks at the units that this one wants too, and what is wrong with those is not ours
	said, err := exec.CommandContext(t.Context(), analyze, "verify", here).CombinedOutput()
	if strings.Contains(string(said), file) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
}
