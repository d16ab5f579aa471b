package test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runitScene is what services are made of, and what is done with them. The
// services lie in the folder sv of the scene's own directory.
//
// Files are named below that directory. One is executable, and a script of sh
// unless it says otherwise; "-" before its text makes it a file that is not
// executable, "->" a symbolic link. A name with a slash at its end is a
// directory, FIFO a named pipe.
//
// Steps are separated by semicolons. After each one everything is seen, once it
// is at rest; not after one that begins with "!".
//
//	sv ARG...           Debian's sv
//	as NAME ARG...      the same, called by the name of an init script
//	raw SERVICE LETTERS written into supervise/control
//	kill SERVICE SIGNAL sent to the service's process
//	do COMMAND          a command of sh
//	age SERVICE         wait until it runs for more than a second, and since an earlier one
//	stat SERVICE TEXT   wait until supervise/stat is that text
//	lines SERVICE N     wait for N lines of its journal, and tell them; nothing is said of those that follow until the next step
//	comes DIRECTORY     wait until the service there runs
//	gone DIRECTORY      wait until it is not supervised any more
//	runsvdir SIGNAL     sent to it
//	ended               wait for its end
//	again               start it once more
type runitScene struct {
	name  string
	files map[string]string
	steps string
	args  []string // of runsvdir, in place of the folder
	// Within five seconds, some time, runsvdir starts a runsv again that has ended.
	// Only where that is the point it is let: see hold.
	restarts bool
}

// runitSide is who plays: the programs of runit, or ours.
type runitSide struct {
	dir    string // where its runsvdir is
	settle bool   // it can be seen when all is at rest: see atRest
}

// runitPlay is one scene, played by one side.
type runitPlay struct {
	runitSide
	scene    runitScene
	place    string   // the scene's own directory
	meant    []string // what the other side recorded, step by step; nil when there is none
	record   []string
	view     runitView
	rest     *restScanner
	known    map[int]bool // its processes, as far as they are known
	cmd      *exec.Cmd
	ended    chan struct{}
	differed bool
}

// At most this long something that is meant to come is waited for; once it did
// not come, the scene is lost, and the rest of it not waited for so long.
const (
	runitPatience = 30 * time.Second
	runitHaste    = 300 * time.Millisecond

	// Looking costs, and very many look at once.
	lookAgain  = 20 * time.Millisecond
	lookSeldom = 160 * time.Millisecond
)

// playRunit plays a scene from its start to its end, and gives the record.
func playRunit(side runitSide, scene runitScene, meant []string, rest *restScanner) (record []string) {
	place, err := os.MkdirTemp("", "scene-")
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(place)
	p := &runitPlay{runitSide: side, scene: scene, place: place, meant: meant, rest: rest, known: map[int]bool{}}
	p.view = runitView{place: place, halves: map[string]runitStatus{}, read: map[string]int{}}
	if err := p.build(); err != nil {
		return []string{"cannot build the scene: " + err.Error()}
	}
	if err := p.start(); err != nil {
		return []string{"cannot start: " + err.Error()}
	}
	defer func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		for _, pid := range rest.of(place) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}()
	steps := strings.Split(scene.steps, ";")
	if scene.steps == "" {
		steps = nil
	}
	if len(steps) == 0 || !strings.HasPrefix(strings.TrimSpace(steps[0]), "!") {
		p.see("start", "")
		p.hold(syscall.SIGSTOP)
	}
	for _, s := range steps {
		p.step(strings.TrimSpace(s))
	}
	p.end()
	return p.record
}

// hold stops runit's runsvdir, and continues it. Services are runsv's, and do not
// notice.
func (p *runitPlay) hold(sig os.Signal) {
	if p.settle && !p.scene.restarts {
		_ = p.cmd.Process.Signal(sig)
	}
}

// runitMark is the variable by which all processes of a scene are known.
const runitMark = "RUNIT_SCENE"

// build writes the files of the scene.
func (p *runitPlay) build() error {
	if err := os.Mkdir(p.path("sv"), 0o755); err != nil {
		return err
	}
	if err := unix.Mkfifo(p.path("hold"), 0o600); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.scene.files)) {
		if err := p.write(name, p.scene.files[name]); err != nil {
			return err
		}
	}
	// In the second in which its folder was changed runsvdir waits for the next.
	past := time.Now().Add(-time.Hour)
	return os.Chtimes(p.path("sv"), past, past)
}

func (p *runitPlay) write(name, text string) error {
	path := p.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch target, link := strings.CutPrefix(text, "->"); {
	case strings.HasSuffix(name, "/"):
		return os.MkdirAll(path, 0o755)
	case link:
		return os.Symlink(target, path)
	case text == "FIFO":
		return unix.Mkfifo(path, 0o600)
	case strings.HasPrefix(text, "-"):
		return os.WriteFile(path, []byte(text[1:]), 0o644)
	case !strings.HasPrefix(text, "#!"):
		text = "#!/bin/sh\n" + text
	}
	return os.WriteFile(path, []byte(text+"\n"), 0o755)
}

func (p *runitPlay) path(name string) string { return filepath.Join(p.place, name) }

// start starts runsvdir. Other than with exec.Command its path is found in the
// environment of the scene, as runsv has to be.
func (p *runitPlay) start() error {
	args := p.scene.args
	if args == nil {
		args = []string{"sv"}
	}
	p.cmd = p.command(filepath.Join(p.dir, "runsvdir"), args...)
	p.cmd.Args[0] = "runsvdir"
	// What it says is not compared: runit and we have different words.
	said, err := os.OpenFile(p.path("stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer said.Close()
	p.cmd.Stdout, p.cmd.Stderr = said, said
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.known[p.cmd.Process.Pid] = true
	p.ended = make(chan struct{})
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// command prepares a program of the scene.
func (p *runitPlay) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = p.place
	cmd.Env = []string{"PATH=" + p.dir + ":/usr/bin:/bin", "SVDIR=" + p.path("sv"), "HOLD=" + p.path("hold"), runitMark + "=" + p.place, "TOLD=" + p.path("told"), "LC_ALL=C"}
	return cmd
}

// await waits for what no event tells.
func (p *runitPlay) await(what string, holds func() bool) string {
	end := time.Now().Add(p.patience())
	for pause := lookAgain; !holds(); pause = min(2*pause, lookSeldom) {
		if time.Now().After(end) {
			return "it never came: " + what + "\n"
		}
		time.Sleep(pause)
	}
	return ""
}

func (p *runitPlay) patience() time.Duration {
	if p.differed {
		return runitHaste
	}
	return runitPatience
}

// note records a step that is not looked at.
func (p *runitPlay) note(step, said string) {
	p.record = append(p.record, "> "+step+"\n"+said)
	if k := len(p.record) - 1; p.meant != nil && (k >= len(p.meant) || p.record[k] != p.meant[k]) {
		p.differed = true
	}
}

// see records a step, and all that can be seen when it is at rest. When that is
// can be told from outside for runit's programs; ours is given the time to come
// to the same, and a difference is one that stays.
func (p *runitPlay) see(step, said string) {
	if p.settle {
		said += p.await("rest", p.atRest)
		p.note(step, said+p.view.take())
		return
	}
	meant := ""
	if k := len(p.record); k < len(p.meant) {
		meant = p.meant[k]
	}
	before, seen := p.view.clone(), ""
	_ = p.await("the same", func() bool {
		p.view = before.clone()
		if p.view.stubborn {
			p.view.only = stubbornOf(meant)
		}
		seen = said + p.view.take()
		return meant == "> "+step+"\n"+seen
	})
	p.note(step, seen)
}

// end stops everything as HUP does. Who is stubborn is waited for by its runsv for
// ever, and gets KILL from us; with us it would get that in the end.
func (p *runitPlay) end() {
	p.view.begin = time.Now()
	select {
	case <-p.ended:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGHUP)
		p.hold(syscall.SIGCONT)
	}
	for range 4 {
		p.view.stubborn = true
		p.see("the end of the stubborn", "")
		p.view.stubborn = false
		names := stubbornOf(p.record[len(p.record)-1])
		if len(names) == 0 {
			break
		}
		for _, name := range names {
			if pid := p.view.halves[p.path(name)].pid; pid > 0 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		p.view.begin = time.Now()
	}
	said, left := p.status(), ""
	_ = p.await("the same", func() bool { left = p.left(); return p.settle || left == "" })
	p.see("at last", said+left)
}

// left tells which processes of the scene there still are.
func (p *runitPlay) left() (text string) {
	var names []string
	for _, pid := range p.rest.of(p.place) {
		names = append(names, string(bytes.TrimSpace(readAll(fmt.Sprintf("/proc/%d/comm", pid)))))
	}
	if slices.Sort(names); len(names) > 0 {
		text = "left: " + strings.Join(names, " ") + "\n"
	}
	return text
}

func readAll(path string) []byte {
	b, _ := os.ReadFile(path)
	return b
}
