package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"supervise/internal/needed"
)

// The commands of docs/signals.md print what the page says, but for numbers of
// processes. UPDATE_DOCS=1 writes what they print into the page.
func TestTheCommandsAboutSignals(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	needed.That(t, os.Geteuid() == 0, "root, for unshare")
	needed.Program(t, "python3")
	needed.Program(t, "ps")
	const path = "../docs/signals.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := regexp.MustCompile("(?ms)^```python\n# (\\S+)\n(.*?)^```$")
	for _, p := range program.FindAllStringSubmatch(string(page), -1) {
		if err := os.WriteFile(filepath.Join(dir, p[1]), []byte(p[2]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	commands := 0
	block := regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	is := block.ReplaceAllStringFunc(string(page), func(text string) string {
		body := block.FindStringSubmatch(text)[1]
		var b strings.Builder
		for _, step := range strings.Split("\n"+body, "\n$ ")[1:] {
			line, want, _ := strings.Cut(step, "\n")
			want = strings.TrimSuffix(want, "\n")
			got := strings.TrimSuffix(asTyped(t, dir, line), "\n")
			commands++
			if withoutNumbers(got) != withoutNumbers(want) {
				t.Errorf("$ %s\n%s\nbut the page has\n%s", line, got, want)
			} else {
				got = want
			}
			fmt.Fprintf(&b, "$ %s\n", line)
			if got != "" {
				fmt.Fprintln(&b, got)
			}
		}
		return "```console\n" + b.String() + "```"
	})
	if commands < 20 {
		t.Errorf("%d commands were found", commands)
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(path, []byte(is), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// asTyped runs a line of bash and gives all that it prints, to the end of what it
// has started.
func asTyped(t testing.TB, dir, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "timeout", "-k", "5", "60", "bash", "-c", "ulimit -c 0\n"+line)
	cmd.Dir = dir
	cmd.WaitDelay = patience // who is left may hold its output open
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":/usr/bin:/bin", "SUPERVISE_SOCKET=/nowhere")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// withoutNumbers makes all numbers of processes the same, and so the breaks of
// lines that depend on how long they are.
func withoutNumbers(text string) string {
	text = regexp.MustCompile(`\b[0-9]+ \(`).ReplaceAllString(text, "N (")
	text = regexp.MustCompile(`((?:from|in thread) +)[0-9]+`).ReplaceAllString(text, "${1}N")
	return strings.Join(strings.Fields(text), " ")
}
