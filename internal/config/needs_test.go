package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const needsFile = `
[services.db]
command = "true"
instances = 2
[services.cache]
command = "true"
[services.web]
command = "true"
needs = ["db@1", { service = "db", for = "started" }, { service = "cache", with = true }]
`

func TestNeedsWithConditions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "supervise.toml")
	if err := os.WriteFile(path, []byte(needsFile), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	web := c.Services[len(c.Services)-1]
	want := []Need{{"db@1", NeedReady, false}, {"db@2", NeedStarted, false}, {"cache", NeedReady, true}}
	if diff := cmp.Diff(want, web.Needs); diff != "" {
		t.Error(diff)
	}
	var text bytes.Buffer
	if err := c.Print(&text); err != nil {
		t.Fatal(err)
	}
	if want := `needs = ["db@1", { service = "db@2", for = "started", with = false }, { service = "cache", for = "ready", with = true }]`; !strings.Contains(text.String(), want) {
		t.Errorf("%s is not in\n%s", want, text.String())
	}
}

func TestWrongNeedsAreNamed(t *testing.T) {
	for needs, want := range map[string]string{
		`[{ servise = "db" }]`:               "did you mean service?",
		`[{ for = "ready" }]`:                "needs[0].service: is missing",
		`[{ service = "db", for = "redy" }]`: "did you mean ready?",
		`[{ service = "bd" }]`:               "did you mean db?",
		`[{ service = "db", with = "yes" }]`: "expected true or false",
		`[{ service = "web" }]`:              "cannot need itself",
		`{ service = "db" }`:                 "expected an array of services",
		`[7]`:                                "expected a string",
	} {
		path := filepath.Join(t.TempDir(), "supervise.toml")
		text := "[services.db]\ncommand = 'true'\n[services.web]\ncommand = 'true'\nneeds = " + needs + "\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "supervise.toml:5:") {
			t.Errorf("%s: %v, want %q", needs, err, want)
		}
	}
}
