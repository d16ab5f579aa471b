package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// colour is what a service may write on a terminal beside text, and what ends it.
var colour = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// A service that writes to a terminal can neither write into lines of others nor
// change the terminal.
func TestHostileOutputStaysInItsLine(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	config := s.file("supervise.toml", `
[services.evil]
command = ["printf", '%%b', 'before\n\033]0;owned\007title\n50%%\r12:00:00 supervise * bank: running, pid 1\n\033[1A\033[2Kgone\n\033[32mgreen\nc1 \302\2332J\nafter\n']
restart.when = "never"
[services.bank]
command = ["sleep", "1000"]
`, 0o644)
	x, _ := s.terminal(s.command(binary, "up", "-c", config, "--socket", "none"))
	x.shows(`evil +\|\S* before`)
	shown := x.shows(`((?s:.*))evil +\|\S* after`)
	for _, want := range []string{"^[]0;owned^Gtitle", "50%^M12:00:00 supervise * bank: running, pid 1", "^[[1A^[[2Kgone", "\x1b[32mgreen\x1b[0m", "c1 <9b>2J"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not show %q", want)
		}
	}
	if rest := colour.ReplaceAllString(shown, ""); strings.ContainsAny(strings.ReplaceAll(rest, "\r\n", "\n"), "\x1b\a\r") {
		t.Errorf("the terminal gets %q", rest)
	}
}

// What is wrong with a configuration that somebody else wrote is told in lines of
// text.
func TestHostileConfigurationIsToldAsText(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if err := os.Mkdir(s.path("services"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.file("services/a\x1b[2J.toml", "command = 'sh'", 0o644)
	s.file("services/b.toml", "command = \"/no/\\u001b]0;owned\\u0007\\nb.toml: all is well\"\n\"\\u001b[1A\" = 1\ndir = \"/\\u202e\"\n", 0o644)
	s.file("Procfile", "web\x1b[2J: x\n", 0o644)
	for _, args := range [][]string{
		{"check", "-c", "services"}, {"up", "-c", "services", "--socket", "none"}, {"policy", "-c", "services", "b"}, {"export", "systemd", "-c", "services"},
		{"check", "-c", "Procfile"}, {"check", "-c", "no\x1b[2J"},
	} {
		v := s.supervise(args...)
		v.exits(2)
		text := v.text(v.stderr) + v.text(v.stdout)
		if strings.ContainsAny(text, "\x1b\a\r\u202e") || strings.Contains(text, "\nb.toml: all is well") {
			t.Errorf("%q says %q", args, text)
		}
	}
}

// Root writes a trace to nothing that somebody else has put in its place.
func TestTraceIsWrittenToNoLinkOfOthers(t *testing.T) {
	t.Parallel()
	upRoot(t)
	s := newStage(t)
	matters := s.file("matters", "it does", 0o644)
	link := s.path("trace")
	if err := os.Symlink(matters, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(link, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	s.file("supervise.toml", "[services.a]\ncommand = 'true'\nrestart.when = 'never'\n", 0o644)
	trace := s.path("whole")
	s.supervise("run", "--trace", trace, "--", "true").exits(0)
	for _, args := range [][]string{
		{"run", "--trace", link, "--", "true"}, {"up", "--socket", "none", "--trace", link}, {"trace", "--html", link, "--show", trace},
	} {
		v := s.supervise(args...)
		v.exits(2)
		if text := v.text(v.stderr); !strings.Contains(text, link+": it is a symbolic link of the user 12345") {
			t.Errorf("%q says %q", args, text)
		}
	}
	if got := readFile(t, matters); got != "it does" {
		t.Errorf("the file that matters has %q", got)
	}
	// A page that others could read before is as private as a new one.
	page := s.file("page.html", "old", 0o644)
	s.supervise("trace", "--html", page, "--show", trace).exits(0)
	if mode := modeOf(t, page); mode != 0o600 {
		t.Errorf("the page has mode %v", mode)
	}
}

// Nor does it follow a link in the place of a file of runit's.
func TestRunitFilesAreNoLinksOfOthers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	matters := s.file("matters", "it does", 0o644)
	for _, name := range []string{"down", "supervise/lock", "supervise/status.new", "supervise/pid.new", "supervise/stat.new"} {
		dir := filepath.Join(s.path("sv"), "a")
		if err := os.MkdirAll(filepath.Join(dir, "supervise"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(matters, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		s.file("supervise.toml", "[supervisor]\nrunit_dir = 'sv'\n[services.a]\ncommand = 'true'\nautostart = false\n[services.b]\ncommand = 'true'\nrestart.when = 'never'\n", 0o644)
		s.supervise("up", "--socket", "none").wait()
		if got := readFile(t, matters); got != "it does" {
			t.Errorf("with a link as %s, the file that matters has %q", name, got)
		}
		if err := os.RemoveAll(s.path("sv")); err != nil {
			t.Fatal(err)
		}
	}
}
