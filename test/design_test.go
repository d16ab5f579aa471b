package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sourceFile is a file as docs/design.md names it: below internal, or from the top.
var sourceFile = regexp.MustCompile("`((?:[a-z0-9_]+/)+[a-z0-9_]+\\.(?:go|s|md|txt|toml))`")

// TestTheDesignNamesFilesThatAreThere: the page leads through the code, and the
// code moves.
func TestTheDesignNamesFilesThatAreThere(t *testing.T) {
	page, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	named := sourceFile.FindAllStringSubmatch(string(page), -1)
	if len(named) < 30 {
		t.Fatalf("only %d files are named", len(named))
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	for _, n := range named {
		if !exists("../"+n[1]) && !exists("../internal/"+n[1]) {
			t.Errorf("docs/design.md names %s, which is not there", n[1])
		}
	}
	picture, _, _ := strings.Cut(string(page), "Three rules")
	dirs, err := filepath.Glob("../internal/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if name := filepath.Base(dir); !regexp.MustCompile(`\b` + name + `\b`).MatchString(picture) {
			t.Errorf("the picture of the packages has no %s", name)
		}
	}
}
