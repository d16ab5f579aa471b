package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"supervise/internal/needed"
)

// The tests of compat_*_test.go play each scene twice, with the tini and the
// dumb-init of Debian and with our links in their place, and compare all that
// can be seen: exit status, both streams, and what the child finds.

// intended are the scenes that end differently, and why that is meant. Each
// stands in docs/containers-compat.md too. A scene that is listed here and ends
// the same fails.
var intended = map[string]string{
	"TestCompatCommandLines/tini/sh -c exit\\ 4":       permutes,
	"TestCompatCommandLines/tini/echo -h":              permutes,
	"TestCompatCommandLines/tini/-v echo -v -- -v":     permutes,
	"TestCompatInit/tini/orphan obeys":                 "tini ends at once and the kernel kills the others; they get TERM first (tini#180)",
	"TestCompatInit/tini -w/orphan obeys":              "the same",
	"TestCompatInit/tini -g -v/orphan obeys":           "the same",
	"TestCompatInit/dumb-init/orphan obeys":            "the same: a daemon is in no group of the child (dumb-init#212)",
	"TestCompatInit/dumb-init -c/orphan obeys":         "the same",
	"TestCompatSubreaper/orphan lives on":              "tini leaves it running",
	"TestCompatSubreaper/orphan that resists lives on": "tini leaves it running",
}

const permutes = "options end at the first word that is none, as in tini-static of musl and with POSIXLY_CORRECT; glibc's getopt takes those of the program for tini's"

// wrap is tini and dumb-init, the originals or ours.
type wrap struct {
	*stage
	dir string // where they are
}

// linked makes our links, once.
var linked = sync.OnceValue(func() string {
	dir := filepath.Join(stageDir, "links")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return ""
	}
	for _, name := range []string{"tini", "dumb-init"} {
		if err := os.Symlink(binary, filepath.Join(dir, name)); err != nil {
			return ""
		}
	}
	return dir
})

// mostTakes is how often a scene is played with an original and with ours until it is
// as it should be: on a busy machine chance differs too, with the originals as
// well; a difference is one that stays.
const mostTakes = 3

// compare plays a scene with both, and compares what it gives.
func compare(t *testing.T, name string, play func(w wrap) string) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		dependOnSources(t)
		path, err := exec.LookPath("tini")
		needed.That(t, err == nil, "tini")
		_, err = exec.LookPath("dumb-init")
		needed.That(t, err == nil, "dumb-init")
		why := intended[strings.ReplaceAll(t.Name(), "_", " ")]
		original, ours := "", ""
		for take := 1; take <= mostTakes; take++ {
			original = play(wrap{newStage(t), filepath.Dir(path)})
			ours = play(wrap{newStage(t), linked()})
			if (original != ours) == (why != "") {
				break
			}
			t.Logf("take %d: only with the original:\n%s\nonly with ours:\n%s", take, without(original, ours), without(ours, original))
		}
		switch {
		case original != ours && why == "":
			t.Errorf("only with the original:\n%s\nonly with ours:\n%s", without(original, ours), without(ours, original))
		case original == ours && why != "":
			t.Errorf("no difference any more, although one was meant (%s):\n%s", why, ours)
		}
	})
}

// without gives the lines of a that b has not got.
func without(a, b string) string {
	count := map[string]int{}
	for line := range strings.Lines(b) {
		count[line]++
	}
	only := ""
	for line := range strings.Lines(a) {
		if count[line]--; count[line] < 0 {
			only += line
		}
	}
	if only == "" {
		return a // the order is different
	}
	return only
}

// command prepares tini or dumb-init, which finds both in its PATH.
func (w wrap) command(name string, args ...string) *exec.Cmd {
	cmd := w.stage.command(filepath.Join(w.dir, name), args...)
	cmd.Args[0] = name
	cmd.Env = append(cmd.Env, "PATH="+w.dir+":"+stageDir+":"+os.Getenv("PATH"))
	return cmd
}

// outcome waits for the end, and gives all that was seen.
func (w wrap) outcome(v *supervised) string {
	w.t.Helper()
	status := v.wait()
	return fmt.Sprintf("status %d\nstdout:\n%sstderr:\n%s", status, w.masked(v.text(v.stdout)), w.masked(v.text(v.stderr)))
}

var pids = regexp.MustCompile(`(tini \(|pid=|pid '|pid: '|PID )\d+`)

// everySecond is what tini traces each second for as long as its child runs: it
// looks whether there is one to reap, where we do not wake up.
var everySecond = regexp.MustCompile(`(?m)^\[TRACE tini \(N\)\] No child to reap\r?\n`)

// masked takes out what can't be the same: pids, places, and our version.
func (w wrap) masked(text string) string {
	text = pids.ReplaceAllString(text, "${1}N")
	text = everySecond.ReplaceAllString(text, "")
	text = regexp.MustCompile(`(tini version 0\.19\.0) - supervise [^\s)]+`).ReplaceAllString(text, "$1")
	text = regexp.MustCompile(`(pipe|socket):\[\d+\]`).ReplaceAllString(text, "$1")
	text = regexp.MustCompile(`/dev/pts/\d+`).ReplaceAllString(text, "/dev/pts/N")
	text = strings.ReplaceAll(text, w.stage.dir, "STAGE")
	text = regexp.MustCompile(`(?m)^(PATH|_)=.*`).ReplaceAllString(text, "$1")
	text = regexp.MustCompile(regexp.QuoteMeta(w.dir)+"/(tini|dumb-init)").ReplaceAllString(text, "$1")
	return parted(text)
}

var (
	saidByWrapper = regexp.MustCompile(`^\[((WARN |INFO |DEBUG|TRACE) tini|dumb-init\])`)
	saidByChild   = regexp.MustCompile(`^\[(DEBUG tini .*tcsetpgrp|dumb-init\] (setsid complete|Unable to (attach|setsid)|[^ ]*: ))`)
)

// parted puts what the child says before what the wrapper says: after the fork
// nothing orders the two.
func parted(text string) string {
	wrapper := ""
	child := ""
	for line := range strings.Lines(text) {
		if saidByWrapper.MatchString(line) && !saidByChild.MatchString(line) {
			wrapper += line
		} else {
			child += line
		}
	}
	return child + wrapper
}

func TestCompatCommandLines(t *testing.T) {
	t.Parallel()
	scenes := map[string][]string{
		"tini": {
			"", "--", "-h", "-l", "-hl", "-lh", "-x", "-vx", "-p", "-e", "-p FOO true", "-p TERM true", "-p 15 true", "-p SIGTERM true", "-pSIGKILL true",
			"-p SIGCHLD true", "-p SIGIO true", "-p SIGRTMIN true", "-p  true", "--foo", "--version", "--version x", "-v --version", "--help",
			"-e 256 true", "-e -1 true", "-e x true", "-e 1x true", "-e 0x1 true", "-e +1 false", "-e1 false", "-e 2 -e 1 false", "-e \\ 1 false", "-ve1 -vvv false", "-e  false",
			"true", "false", "-- true", "-- -- true", "- true", "-v true", "-vv true", "-vvv true", "-vvvv true", "-s true", "-svvv true", "-g true", "-w true", "-gws true",
			"-vvv -s STAGE/missing", "-vvvs STAGE", "missing", "STAGE/missing", "STAGE", "STAGE/data", "STAGE/script a", "STAGE/hashbang", "STAGE/data/x", "",
			"sh -c exit\\ 4", "echo -h", "-v echo -v -- -v", "-- echo -h", "-vvvv -- sh -c echo\\ out;echo\\ err>&2;exit\\ 3",
		},
		"dumb-init": {
			"", "--", "-h", "--help", "-V", "--version", "--hel", "--v", "--ver", "--vers", "--verb true", "--foo", "-x", "-vx", "-r", "--rewrite", "--help=3", "--=3 true",
			"-r 1:x true", "-r 0:1 true", "-r 32:1 true", "-r 1:32 true", "-r 1:31 true", "-r 1:-1 true", "-r 1 true", "-r : true", "-r 1:2:3 true", "-r 1:2x true", "-r \\ 1:\\ 2 true",
			"-r 1\\ :2 true", "--rewrite=15:0 -v true", "--rewrite 15:2 -v true", "-vr15:0 true", "-r TERM:INT true", "-v true", "--verbose true", "-vc true", "-c true", "--single-child -v true",
			"-v false", "-- true", "-v -- -v", "- true", "echo -h", "missing", "-v missing", "STAGE/missing", "-c STAGE/missing", "STAGE", "STAGE/data", "STAGE/script a", "STAGE/hashbang",
			"sh -c exit\\ 4", "-v sh -c kill\\ -TERM\\ $$", "-vc sh -c kill\\ -TERM\\ $$", "-v sh -c echo\\ out;echo\\ err>&2;exit\\ 3",
			"sh -c readlink\\ /proc/$PPID/cwd;pwd",
		},
	}
	for name, lines := range scenes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, line := range lines {
				compare(t, line, func(w wrap) string {
					w.file("data", "", 0o644)
					w.file("script", "echo script $0 $*\n", 0o755)
					w.file("hashbang", "#!/missing/interpreter\n", 0o755)
					return w.outcome(w.start(w.command(name, w.words(line)...)))
				})
			}
		})
	}
}

// words splits a line at its blanks; a blank may be escaped, and two in a row
// have an empty word between them.
func (w wrap) words(line string) (words []string) {
	if line == "" {
		return nil
	}
	for _, word := range strings.Split(strings.ReplaceAll(line, `\ `, "\x00"), " ") {
		word = strings.ReplaceAll(word, "\x00", " ")
		words = append(words, strings.ReplaceAll(word, "STAGE", w.stage.dir))
	}
	return words
}

func TestCompatEnvironment(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ env, name, line string }{
		{"TINI_VERBOSITY=3", "tini", "-- true"},
		{"TINI_VERBOSITY=4", "tini", "-- true"},
		{"TINI_VERBOSITY=0", "tini", "-v -- true"},
		{"TINI_VERBOSITY=", "tini", "-vvv -- true"},
		{"TINI_VERBOSITY=x", "tini", "-- true"},
		{"TINI_VERBOSITY=-1", "tini", "-- true"},
		{"TINI_VERBOSITY= 2x", "tini", "-- true"},
		{"TINI_SUBREAPER=", "tini", "-vvv -- true"},
		{"TINI_SUBREAPER=1", "tini", "-- true"},
		{"TINI_KILL_PROCESS_GROUP=", "tini", "-- true"},
		{"TINI_VERBOSITY=3", "tini", "-x"},
		{"DUMB_INIT_DEBUG=1", "dumb-init", "true"},
		{"DUMB_INIT_DEBUG=1", "dumb-init", "-v true"},
		{"DUMB_INIT_DEBUG=0", "dumb-init", "-v true"},
		{"DUMB_INIT_DEBUG=2", "dumb-init", "true"},
		{"DUMB_INIT_DEBUG=1", "dumb-init", ""},
		{"DUMB_INIT_SETSID=0", "dumb-init", "-v true"},
		{"DUMB_INIT_SETSID=1", "dumb-init", "-v true"},
		{"DUMB_INIT_SETSID=0", "dumb-init", "-v missing"},
	} {
		compare(t, x.env+" "+x.name+" "+x.line, func(w wrap) string {
			cmd := w.command(x.name, w.words(x.line)...)
			cmd.Env = append(cmd.Env, x.env)
			return w.outcome(w.start(cmd))
		})
	}
	compare(t, "no PATH", func(w wrap) string {
		cmd := w.command("tini", "--", "true")
		cmd.Env = []string{"A=1"}
		return w.outcome(w.start(cmd))
	})
	compare(t, "PATH with what can't be entered, files and nothing", func(w wrap) string {
		cmd := w.command("tini", "--", "data", "x")
		cmd.Env = []string{"PATH=" + w.file("file", "", 0o644) + "::/missing:" + w.stage.dir}
		w.file("data", "", 0o644)
		return w.outcome(w.start(cmd))
	})
	compare(t, "dumb-init PATH empty", func(w wrap) string {
		cmd := w.command("dumb-init", "script", "x")
		cmd.Env = []string{"PATH="}
		w.file("script", "echo script $0 $*\n", 0o755)
		return w.outcome(w.start(cmd))
	})
}

// The status of every program that ends by itself, and of every one that a
// signal ends.
func TestCompatExits(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"tini", "dumb-init"} {
		for _, x := range []struct{ name, script string }{
			{"codes", `for n in 0 1 2 32 64 126 127 128 129 200 254 255; do "$1" -- sh -c "exit $n"; echo $n: $?; done 2>/dev/null`},
			{"signals", `ulimit -c 0; for n in $(seq 18) $(seq 23 64); do "$1" -- sh -c "kill -$n \$\$; exit 77"; echo $n: $?; done 2>/dev/null`},
		} {
			if name == "tini" && x.name == "codes" {
				x.script += `; for n in 0 7 143 255; do "$1" -e 143 -e 7 -e 0 -- sh -c "exit $n"; echo remap $n: $?; done 2>/dev/null`
			}
			compare(t, name+" "+x.name, func(w wrap) string {
				sh := w.stage.command("/bin/bash", "-c", x.script, "sh", filepath.Join(w.dir, name))
				return w.outcome(w.start(sh))
			})
		}
	}
}
