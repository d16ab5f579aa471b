package spawn

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestCandidatesAreThoseOfExecvp(t *testing.T) {
	for _, x := range []struct {
		file, path string
		want       []string
	}{
		{"", "/bin", nil},
		{"/a/b", "/bin", []string{"/a/b"}},
		{"a/b", "/bin", []string{"a/b"}},
		{"a", "/bin:/x/", []string{"/bin/a", "/x/a"}},
		{"a", ":/bin:", []string{"a", "/bin/a", "a"}},
	} {
		if got := candidates(x.file, x.path); !slices.Equal(got, x.want) {
			t.Errorf("%q in %q: %q, want %q", x.file, x.path, got, x.want)
		}
	}
}

func run(t *testing.T, c Child) (Report, syscall.WaitStatus) {
	t.Helper()
	begun := 0
	pid, r, err := Start(c, func(int, Report) { begun++ })
	if err != nil {
		t.Fatal(err)
	}
	var w syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &w, 0, nil); err != nil {
		t.Fatal(err)
	}
	if begun != 1 {
		t.Errorf("begun was called %d times", begun)
	}
	return r, w
}

func TestChildRunsOrSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("exit $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	status := Status{Place: 1, NotFound: 127, Denied: 126, Other: 9}
	for _, x := range []struct {
		argv   []string
		exec   syscall.Errno
		status int
	}{
		{[]string{"/bin/sh", "-c", "exit 3"}, 0, 3},
		{[]string{script, "5"}, 0, 5},
		{[]string{filepath.Join(dir, "missing")}, syscall.ENOENT, 127},
		{[]string{data}, syscall.EACCES, 126},
		{[]string{filepath.Join(data, "x")}, syscall.ENOTDIR, 9},
		{[]string{""}, syscall.ENOENT, 127},
	} {
		r, w := run(t, Child{Argv: x.argv, Env: os.Environ(), Status: status, Place: Session})
		if r.Exec != x.exec || w.ExitStatus() != x.status {
			t.Errorf("%q: %v and status %d, want %v and %d", x.argv, r.Exec, w.ExitStatus(), x.exec, x.status)
		}
	}
}

// The mask and the dispositions are those that were asked for, whatever ours are.
func TestChildFindsTheSignalsAsAsked(t *testing.T) {
	for _, line := range []string{"SigIgn:.0000000000000801$", "SigBlk:.0000000000004000$"} {
		_, w := run(t, Child{
			Argv: []string{"grep", "-q", line, "/proc/self/status"}, Env: os.Environ(),
			Ignored: 1<<11 | 1, Blocked: 1 << 14, Place: Group,
		})
		if w.ExitStatus() != 0 {
			t.Errorf("it does not find %s", line)
		}
	}
}
