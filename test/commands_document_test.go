package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands of docs/commands.md are run one after the other. Their output is
// that of the page, as far as it does not depend on the moment: in each line,
// the words before the first number or process.
func TestTheCommandsOfTheDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```(toml|console)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	var u *upSession
	commands := 0
	for _, b := range blocks {
		if b[1] == "toml" {
			u = upSpoken(t, b[2])
			continue
		}
		for _, step := range strings.Split("\n"+b[2], "\n$ ")[1:] {
			line, want, _ := strings.Cut(strings.TrimSuffix(step, "\n"), "\n")
			if strings.HasPrefix(line, "supervise up") {
				continue // done with the configuration
			}
			out := u.asShown(line)
			if got, want := steady(out), steady(want); got != want {
				t.Errorf("$ %s\n%s\nbut the page has\n%s\nas a whole: %s", line, got, want, out)
			}
			commands++
		}
	}
	if commands < 15 {
		t.Errorf("%d commands were found in the page", commands)
	}
	u.clientDoes("shutdown")
}

// asShown runs a line of a shell that a page shows, and gives all that it prints.
func (u *upSession) asShown(line string) string {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), upDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = u.dir
	cmd.Env = append(u.client().Env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if e := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &e) || e.ExitCode() > 2) {
		u.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// steady is what of an output does not depend on the moment.
func steady(text string) string {
	number := regexp.MustCompile(`[0-9(].*`)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "waiting for ") { // the machine is busy
			continue
		}
		// The columns of a table are as wide as what stands in them.
		b.WriteString(strings.Join(strings.Fields(number.ReplaceAllString(line, "")), " ") + "\n")
	}
	return b.String()
}
