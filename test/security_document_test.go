package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	testNamed    = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
)

// testsThere are the tests and fuzz targets of the whole tree, each as "directory
// name".
func testsThere(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
			all = append(all, filepath.Dir(path)[len("../"):]+" "+m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatSecurityRestsOnIsThere(t *testing.T) {
	names := map[string]bool{}
	for _, one := range testsThere(t) {
		_, name, _ := strings.Cut(one, " ")
		names[name] = true
	}
	found := testNamed.FindAllStringSubmatch(readFile(t, "../docs/security.md"), -1)
	if len(found) < 20 {
		t.Fatalf("%d tests are named", len(found))
	}
	for _, m := range found {
		if !names[m[1]] {
			t.Errorf("docs/security.md names %s, which is not there", m[1])
		}
	}
}

// Each fuzz target stands in the table, and each line of it is one.
func TestEveryFuzzTargetIsDocumented(t *testing.T) {
	var targets []string
	for _, one := range testsThere(t) {
		if dir, name, _ := strings.Cut(one, " "); strings.HasPrefix(name, "Fuzz") {
			targets = append(targets, dir+" "+name)
		}
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\|[^|]*\\| `([^`]+)` `(Fuzz\\w+)` \\|").FindAllStringSubmatch(readFile(t, "../docs/fuzzing.md"), -1) {
		listed = append(listed, m[1]+" "+m[2])
	}
	slices.Sort(targets)
	slices.Sort(listed)
	if !slices.Equal(targets, listed) {
		t.Errorf("in the tree:\n%s\nin docs/fuzzing.md:\n%s", strings.Join(targets, "\n"), strings.Join(listed, "\n"))
	}
}
