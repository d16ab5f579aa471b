package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var tomlBlock = regexp.MustCompile("(?ms)^```toml\n(.*?)^```$")

// TestDocumentedConfigurationsAreAccepted gives each configuration on these pages
// to `supervise check`. The programs in them need not be here, so there are some
// by their names that do nothing.
func TestDocumentedConfigurationsAreAccepted(t *testing.T) {
	var blocks [][]string
	for _, name := range []string{"readiness.md", "stacks.md", "dependencies.md"} {
		page, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, tomlBlock.FindAllStringSubmatch(string(page), -1)...)
	}
	if len(blocks) < 5 {
		t.Fatalf("%d configurations found", len(blocks))
	}
	for _, block := range blocks {
		dir := t.TempDir()
		t.Setenv("PATH", dir+":/usr/bin:/bin")
		for _, name := range []string{
			"postgres", "pg_isready", "redis-server", "redis-cli", "go",
			"server", "queue", "indexer", "legacy", "modern", "fd-aware", "worker", "shop", "migrate", "warm-up", "drain",
			"apache2ctl", "java",
		} {
			if err := writeProgram(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"go.mod": "", "supervise.toml": block[1]} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(binary, "check", "-c", filepath.Join(dir, "supervise.toml"))
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "warning") {
			t.Errorf("%v\n%s\n%s", err, out, block[1])
		}
	}
}
