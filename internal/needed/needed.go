// Package needed is for tests that need something of the machine which not every
// machine has. Where it is missing they are skipped; with CI=true, where nothing
// may be skipped, they fail.
package needed

import (
	"os"
	"os/exec"
	"testing"
)

// That says what the test needs, and whether it is there.
func That(t testing.TB, ok bool, what string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("needs %s, and CI is set: this machine must have it", what)
	default:
		t.Skipf("needs %s", what)
	}
}

// Program finds a program that the test needs.
func Program(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	That(t, err == nil, name)
	return path
}
