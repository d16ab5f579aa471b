package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
	"supervise/internal/runit"
)

// The tests of sv_*_test.go play each scene twice, with the sv of Debian's runit
// and with ours, each in a fresh directory of services, and compare what can be
// seen: exit status, both streams, and what came of it. Behind the services is a
// real runsv, or one of the test's, which writes what it is told to.

// svIntended are the scenes that end differently, and why that is meant. Each
// stands in docs/sv.md too. A scene that is listed here and ends the same fails.
var svIntended = map[string]string{
	"log without supervise/: status":           svNoSuchLog,
	"log without supervise/: as /etc/init.d/a": svNoSuchLog,
	"log of 19 bytes: status":                  svNoSuchLog,
	"check sees: descriptors":                  "sv leaves the directory where it was started open in the script",
	"check killed: start":                      "a script that was killed has not exited with 0, which sv takes it for",
	"check hangs: start":                       "sv waits for the script for ever; a script gets as long again after the time is up, then it is killed",
	"check agrees, and counts: restart":        "sv runs the script twice in a row for restart; once will do",
	"check is a loop of links: check":          "a script that does not agree is asked again sooner, and so its complaint comes more often",
	"trailing slash: start":                    "sv takes the name as below the current directory to send, and as below SVDIR to wait",
	"no state: status":                         svNoState,
	"no state: check":                          svNoState,
	"changes cannot be watched: stop":          "that it has to look as often as sv, and why, is said on stderr",
}

const (
	svNoSuchLog = "sv warns, and then shows the service's own status for that of the log"
	svNoState   = "a byte 19 that is no state is a bad format; sv leaves the word out"
)

// svScene is one call of sv.
type svScene struct {
	name  string
	set   func(w *svWorld)        // prepares the services
	line  string                  // its arguments; DIR is the world's directory
	as    string                  // the name to call it by, sv unless given
	env   []string                // SVWAIT is a minute, so that no load makes a timeout
	user  uint32                  // who calls
	after func(w *svWorld) string // what has come of it
	exact bool                    // pids and ages are the same each time

	unordered bool // services are ready in any order
}

// svWorld is a directory with services, for one call.
type svWorld struct {
	dir    string
	during []func() // at the end
}

// svScenesAtOnce bounds how many scenes are played together. Most of their time they wait.
var svScenesAtOnce = make(chan struct{}, 32)

func playSvScenes(t *testing.T, scenes []svScene) {
	t.Parallel()
	dependOnSources(t)
	original, err := exec.LookPath("sv")
	needed.That(t, err == nil, "runit")
	var playing sync.WaitGroup
	names := map[string]bool{}
	for _, s := range scenes {
		if names[s.name] {
			t.Errorf("two scenes are called %q", s.name)
		}
		names[s.name] = true
		playing.Go(func() {
			svScenesAtOnce <- struct{}{}
			defer func() { <-svScenesAtOnce }()
			why, listed := svIntended[s.name]
			theirs, ours := "", ""
			var err1, err2 error
			for range mostTakes {
				theirs, err1 = s.play(original)
				ours, err2 = s.play(binary)
				if err1 == nil && err2 == nil && (theirs != ours) == listed {
					break
				}
			}
			switch {
			case err1 != nil || err2 != nil:
				t.Errorf("%s: with the original: %v; with ours: %v", s.name, err1, err2)
			case theirs != ours && !listed:
				t.Errorf("%s\nthe original:\n%s\nours:\n%s", s.name, theirs, ours)
			case theirs == ours && listed:
				t.Errorf("%s: no difference any more, although one was meant (%s):\n%s", s.name, why, ours)
			}
		})
	}
	playing.Wait()
}

// svBroken is panicked with when the scenery breaks.
type svBroken struct{ error }

func svMust(err error) {
	if err != nil {
		panic(svBroken{err})
	}
}

// play plays the scene with that sv, and gives all that was seen.
func (s svScene) play(sv string) (seen string, err error) {
	dir, err := os.MkdirTemp(stageDir, "sv")
	if err != nil {
		return "", err
	}
	w := &svWorld{dir: dir}
	defer func() {
		for _, end := range slices.Backward(w.during) {
			end()
		}
		os.RemoveAll(dir)
		if p := recover(); p != nil {
			b, ok := p.(svBroken)
			if !ok {
				panic(p)
			}
			err = b.error
		}
	}()
	svMust(os.Chmod(dir, 0o755))
	svMust(os.Mkdir(w.path("services"), 0o755))
	svMust(os.Symlink(sv, w.path("sv")))
	if s.set != nil {
		s.set(w)
	}
	name := "sv"
	if s.as != "" {
		name = s.as
		svMust(os.Symlink("sv", w.path(name)))
	}
	cmd := exec.Command(w.path(name))
	for _, word := range strings.Fields(s.line) {
		if word == "EMPTY" {
			word = ""
		}
		cmd.Args = append(cmd.Args, strings.ReplaceAll(word, "DIR", dir))
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SVDIR="+w.path("services"), "SVWAIT=60", "A=1")
	for _, e := range s.env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(e, "DIR", dir))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.user != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.user, Gid: s.user}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	svMust(start(cmd))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := ""
	select {
	case <-ended:
		status = fmt.Sprint(cmd.ProcessState.ExitCode())
	case <-time.After(s.patience(sv)):
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // and its script
		<-ended
		status = "does not end"
	}
	said := s.masked(w, stdout.String())
	if s.unordered {
		lines := strings.SplitAfter(said, "\n")
		slices.Sort(lines)
		said = strings.Join(lines, "")
	}
	seen = fmt.Sprintf("status %s\nstdout:\n%sstderr:\n%s", status, said, stderr.String())
	if s.after != nil {
		seen += "after:\n" + s.after(w)
	}
	return s.masked(w, seen), nil
}

// patience is how long sv may take. That the original hangs is not waited for as long.
func (s svScene) patience(sv string) time.Duration {
	if strings.HasPrefix(s.name, "check hangs") && sv != binary {
		return 2 * time.Second
	}
	return 6 * patience // all it needs is the processor, for a moment
}

var (
	svPIDs = regexp.MustCompile(`\(pid \d+\)`)
	svAges = regexp.MustCompile(`\b\d+s\b`)
	svOld  = regexp.MustCompile(`\b\d{4,}s\b`)
)

// masked takes out what cannot be the same.
func (s svScene) masked(w *svWorld, text string) string {
	text = strings.ReplaceAll(text, w.dir, "DIR")
	if s.exact {
		return svOld.ReplaceAllString(text, "OLDs")
	}
	return svAges.ReplaceAllString(svPIDs.ReplaceAllString(text, "(pid N)"), "Ns")
}

func (w *svWorld) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *svWorld) service(name string) string { return w.path("services", name) }

// file writes a file of a service.
func (w *svWorld) file(service, name, text string, mode os.FileMode) {
	path := filepath.Join(w.service(service), name)
	svMust(os.MkdirAll(filepath.Dir(path), 0o755))
	svMust(os.WriteFile(path, []byte(text), mode))
}

// script writes a script of a service.
func (w *svWorld) script(service, name, text string) {
	w.file(service, name, "#!/bin/sh\n"+text+"\n", 0o755)
}

// runsv starts a real runsv. It and all below it are a session, and end with the scene.
func (w *svWorld) runsv(service string) {
	cmd := exec.Command("runsv", w.service(service))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	svMust(start(cmd))
	ended := make(chan struct{})
	go func() {
		for { // a zombie keeps the group's number ours
			err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if err != unix.EINTR {
				break
			}
		}
		close(ended)
	}()
	w.during = append(w.during, func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		<-ended
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // what it started meanwhile
		_ = cmd.Wait()
	})
}

// send writes letters to a supervisor.
func (w *svWorld) send(service, letters string) {
	svMust(runit.SendControl(w.service(service), letters))
}

// until waits until a status is as it has to be, and has been for long enough that
// nothing can be taken for younger than the scene: sv counts in seconds.
func (w *svWorld) until(service string, is func(runit.Status) bool) {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		s, err := runit.ReadStatus(w.service(service))
		if err == nil && is(s) && s.Since.Unix() < time.Now().Unix() {
			return
		}
		if time.Now().After(end) {
			panic(svBroken{fmt.Errorf("%s does not come to the state that the scene needs: %+v %v", service, s, err)})
		}
	}
}

// exists waits for a file of a service.
func (w *svWorld) exists(service, name string) {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(w.service(service), name)); err == nil {
			return
		}
		if time.Now().After(end) {
			panic(svBroken{fmt.Errorf("%s has not made its file %s", service, name)})
		}
	}
}

// read is a file of a service.
func (w *svWorld) read(service, name string) string {
	b, err := os.ReadFile(filepath.Join(w.service(service), name))
	svMust(err)
	return string(b)
}

func running(s runit.Status) bool { return s.State == runit.Run }
func isDown(s runit.Status) bool  { return s.State == runit.Down && s.PID == 0 }
