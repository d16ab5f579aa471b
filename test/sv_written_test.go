package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/runit"
)

// svKeeper holds a service directory as a supervisor does, and writes what the
// scene wants.
type svKeeper struct {
	dir         string // of the service, or of its log
	ok, control int
}

// keep makes one, with that status.
func (w *svWorld) keep(service string, status []byte) *svKeeper {
	k := &svKeeper{dir: w.service(service)}
	svMust(os.MkdirAll(filepath.Join(k.dir, "supervise"), 0o755))
	for _, x := range []struct {
		name string
		fd   *int
		mode int
	}{{"ok", &k.ok, unix.O_RDONLY}, {"control", &k.control, unix.O_RDWR}} {
		path := filepath.Join(k.dir, "supervise", x.name)
		svMust(unix.Mkfifo(path, 0o600))
		fd, err := unix.Open(path, x.mode|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		svMust(err)
		*x.fd = fd
	}
	k.write(status)
	w.during = append(w.during, k.leave)
	return k
}

func (k *svKeeper) write(status []byte) {
	path := filepath.Join(k.dir, "supervise", "status")
	svMust(os.WriteFile(path+".new", status, 0o644))
	svMust(os.Rename(path+".new", path))
}

// leave lets go of the directory, as a supervisor that ends.
func (k *svKeeper) leave() {
	for _, fd := range []*int{&k.ok, &k.control} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// svStatus is a status in bytes: of a process that has run for years, which change alters.
func svStatus(change func(s *runit.Status)) []byte {
	s := runit.Status{State: runit.Run, Want: runit.WantUp, PID: 4321, Since: time.Unix(1_500_000_000, 5)}
	if change != nil {
		change(&s)
	}
	b := s.Bytes()
	return b[:]
}

func svDown(want runit.Want) []byte {
	return svStatus(func(s *runit.Status) { s.State, s.Want, s.PID = runit.Down, want, 0 })
}

// svSituations are what a supervisor may have written.
var svSituations = []struct {
	name   string
	status []byte
	all    bool // all words, else a few
}{
	{"up", svStatus(nil), true},
	{"down", svDown(runit.WantDown), true},
	{"down but wanted", svDown(runit.WantUp), false},
	{"paused", svStatus(func(s *runit.Status) { s.Paused = true }), false},
	{"got TERM", svStatus(func(s *runit.Status) { s.Termed = true }), true},
	{"wanted down, got TERM", svStatus(func(s *runit.Status) { s.Termed, s.Want = true, runit.WantDown }), false},
	{"everything at once", svStatus(func(s *runit.Status) { s.Termed, s.Want, s.Paused = true, runit.WantDown, true }), false},
	{"once", svStatus(func(s *runit.Status) { s.Want = runit.WantDown }), false},
	{"finish", svStatus(func(s *runit.Status) { s.State = runit.Finish }), false},
	{"finish without a process", svStatus(func(s *runit.Status) { s.State, s.PID = runit.Finish, 0 }), false},
	{"from the future", svStatus(func(s *runit.Status) { s.Since = time.Now().Add(24 * time.Hour) }), false},
	{"down in the future", svStatus(func(s *runit.Status) {
		s.State, s.PID, s.Want, s.Since = runit.Down, 0, runit.WantDown, time.Now().Add(24*time.Hour)
	}), false},
	{"without a time", append(make([]byte, 12), svDown(runit.WantDown)[12:]...), false},
	{"of 19 bytes", svStatus(nil)[:19], false},
	{"empty", nil, false},
	{"of 40 bytes", append(svStatus(nil), svStatus(nil)...), false},
}

// svWords are what sv may be told.
var svWords = []string{
	"status", "up", "down", "once", "pause", "cont", "hup", "alarm", "interrupt", "quit", "1", "2", "term", "kill", "exit",
	"start", "stop", "reload", "restart", "shutdown", "try-restart", "check",
	"force-stop", "force-reload", "force-restart", "force-shutdown", "X", "D", "T",
}

var svFewWords = []string{"status", "up", "down", "once", "pause", "cont", "term", "exit", "restart", "check", "force-stop"}

// Each word in each situation, with a supervisor that does nothing about it: what
// is said, and what is sent.
func TestSvSituations(t *testing.T) {
	var scenes []svScene
	for _, situation := range svSituations {
		words := svWords
		if !situation.all {
			words = svFewWords
		}
		for _, word := range words {
			scene := svScene{name: situation.name + ": " + word, line: "-w 0 " + word + " a", exact: true}
			keepAlone(&scene, situation.status)
			scenes = append(scenes, scene)
		}
	}
	playSvScenes(t, scenes)
}

// keepAlone gives a scene one service, a, and tells what it was sent.
func keepAlone(s *svScene, status []byte) {
	s.set = func(w *svWorld) { w.keep("a", status) }
	s.after = func(w *svWorld) string {
		fd, err := unix.Open(filepath.Join(w.service("a"), "supervise/control"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		svMust(err)
		defer unix.Close(fd)
		var b [64]byte
		n, _ := unix.Read(fd, b[:])
		return "sent: " + string(b[:max(0, n)]) + "\n"
	}
}

// What is there, or is not, beside the status.
func TestSvSurroundings(t *testing.T) {
	up, down := svStatus(nil), svDown(runit.WantDown)
	one := func(w *svWorld) { w.keep("a", up) }
	log := func(status []byte) func(w *svWorld) {
		return func(w *svWorld) { w.keep("a", up); w.keep("a/log", status) }
	}
	scenes := []svScene{
		{name: "no service: status", line: "status a"},
		{name: "no service: start", line: "start a"},
		{name: "no services directory: up", line: "up a", env: []string{"SVDIR=DIR/missing"}},
		{name: "SVDIR is a file", line: "up a", env: []string{"SVDIR=DIR/sv"}},
		{name: "SVDIR is empty", line: "up a", env: []string{"SVDIR="}},
		{name: "SVDIR is relative", line: "status a", env: []string{"SVDIR=services"}, set: one},
		{name: "service is a file: check", line: "check a", set: func(w *svWorld) { svMust(os.WriteFile(w.service("a"), nil, 0o644)) }},
		{name: "service is a loop of links", line: "status a", set: func(w *svWorld) { svMust(os.Symlink("a", w.service("a"))) }},
		{name: "a name that is too long", line: "status " + strings.Repeat("n", 300)},
		{name: "no name", line: "status EMPTY"},
		{name: "by a link", line: "stop -w 0 b", set: func(w *svWorld) { w.keep("a", down); svMust(os.Symlink("a", w.service("b"))) }},
		{name: "by a path: status", line: "status DIR/services/a ./services/a services/a services/a/ ../x", set: one},
		{name: "trailing slash: start", line: "start services/a/", set: one},
		{name: "a path: start", line: "start ./services/a/", set: one},
		{name: "SVWAIT", line: "stop a", set: one, env: []string{"SVWAIT=0"}},
		{name: "SVWAIT is no number", line: "stop a", set: one, env: []string{"SVWAIT=x1"}},
		{name: "-w wins over SVWAIT", line: "-w 0 stop a", set: one},
		{name: "-v does not wait for a status", line: "-v status a", set: one},
		{name: "no supervise/: status", line: "status a", set: func(w *svWorld) { svMust(os.Mkdir(w.service("a"), 0o755)) }},
		{name: "no supervise/: restart", line: "restart a", set: func(w *svWorld) { svMust(os.Mkdir(w.service("a"), 0o755)) }},
		{name: "supervise is a file", line: "start a", set: func(w *svWorld) { w.file("a", "supervise", "", 0o644) }},
		{name: "supervise is a link", line: "-w 0 stop a", set: func(w *svWorld) {
			w.keep("a", down)
			svMust(os.Rename(w.path("services/a/supervise"), w.path("elsewhere")))
			svMust(os.Symlink(w.path("elsewhere"), w.path("services/a/supervise")))
		}},
		{name: "no status: status", line: "status a", set: func(w *svWorld) { one(w); svMust(os.Remove(w.path("services/a/supervise/status"))) }},
		{name: "status is a directory", line: "status a", set: func(w *svWorld) {
			one(w)
			svMust(os.Remove(w.path("services/a/supervise/status")))
			svMust(os.Mkdir(w.path("services/a/supervise/status"), 0o755))
		}},
		{name: "no control: up", line: "down a", set: func(w *svWorld) { one(w); svMust(os.Remove(w.path("services/a/supervise/control"))) }},
		{name: "control is not read: down", line: "down a", set: svUnread},
		{name: "control is not read: exit", line: "exit a", set: svUnread},
		{name: "control is not read: force-shutdown", line: "-w 0 force-shutdown a", set: svUnread},
		{name: "nobody: status", line: "status a", set: svLeft},
		{name: "nobody: start", line: "start a", set: svLeft},
		{name: "nobody: exit", line: "exit a", set: svLeft},
		{name: "nobody: shutdown", line: "shutdown a", set: svLeft},
		{name: "nobody: check", line: "check a", set: svLeft},
		{name: "nobody: as /etc/init.d/a", line: "status", as: "a", set: svLeft},
		{name: "down file and up: status", line: "status a", set: func(w *svWorld) { one(w); w.file("a", "down", "", 0o644) }},
		{name: "down file and down: check", line: "check a", set: func(w *svWorld) { w.keep("a", down); w.file("a", "down", "", 0o644) }},
		{name: "down is a loop of links: status", line: "status a", set: func(w *svWorld) { one(w); svMust(os.Symlink("down", w.path("services/a/down"))) }},
		{name: "down is a loop of links: check", line: "check a", set: func(w *svWorld) { one(w); svMust(os.Symlink("down", w.path("services/a/down"))) }},
		{name: "down is a loop of links: as /etc/init.d/a", line: "status", as: "a", set: func(w *svWorld) { one(w); svMust(os.Symlink("down", w.path("services/a/down"))) }},
		{name: "no state: status", line: "status a", set: func(w *svWorld) { w.keep("a", append(svStatus(nil)[:19], 9)) }},
		{name: "no state: check", line: "check a", set: func(w *svWorld) { w.keep("a", append(svStatus(nil)[:19], 9)) }},
		{name: "denied: status", line: "status a", user: 65534, set: func(w *svWorld) { one(w); w.letNobodyIn() }},
		{name: "denied: restart", line: "restart a", user: 65534, set: func(w *svWorld) { one(w); w.letNobodyIn() }},
		{name: "denied: as /etc/init.d/a", line: "status", as: "a", user: 65534, set: func(w *svWorld) { one(w); w.letNobodyIn() }},
		{name: "denied to enter: status", line: "status a", user: 65534, set: func(w *svWorld) { one(w); svMust(os.Chmod(w.service("a"), 0o700)) }},
		{name: "denied to read the status", line: "status a", user: 65534, set: func(w *svWorld) {
			one(w)
			svMust(os.Chmod(w.path("services/a/supervise/ok"), 0o666))
			svMust(os.Chmod(w.path("services/a/supervise/status"), 0o600))
		}},
		{name: "denied to write to control", line: "down a", user: 65534, set: func(w *svWorld) {
			one(w)
			svMust(os.Chmod(w.path("services/a/supervise/ok"), 0o666))
		}},
		{name: "denied where it is started", line: "status a", user: 65534, set: func(w *svWorld) { one(w); svMust(os.Chmod(w.dir, 0o711)) }},
		{name: "changes cannot be watched: stop", line: "-w 1 stop a", user: 65534, set: func(w *svWorld) {
			one(w)
			for _, name := range []string{"ok", "control"} {
				svMust(os.Chmod(w.path("services/a/supervise", name), 0o666))
			}
			svMust(os.Chmod(w.path("services/a/supervise"), 0o711))
		}},

		{name: "log up: status", line: "status a", set: log(up)},
		{name: "log down: status", line: "status a", set: log(down)},
		{name: "log down: as /etc/init.d/a", line: "status", as: "a", set: log(down)},
		{name: "log up, service down: as /etc/init.d/a", line: "status", as: "a", set: func(w *svWorld) { w.keep("a", down); w.keep("a/log", up) }},
		{name: "log paused: status", line: "status a a", set: log(svStatus(func(s *runit.Status) { s.Paused = true }))},
		{name: "log with a down file: status", line: "status a", set: func(w *svWorld) { log(up)(w); w.file("a/log", "down", "", 0o644) }},
		{name: "log with a loop for down: status", line: "status a", set: func(w *svWorld) { log(up)(w); svMust(os.Symlink("down", w.path("services/a/log/down"))) }},
		{name: "log without supervise/: status", line: "status a", set: func(w *svWorld) { one(w); svMust(os.Mkdir(w.path("services/a/log"), 0o755)) }},
		{name: "log without supervise/: as /etc/init.d/a", line: "status", as: "a", set: func(w *svWorld) { one(w); svMust(os.Mkdir(w.path("services/a/log"), 0o755)) }},
		{name: "log of 19 bytes: status", line: "status a", set: log(up[:19])},
		{name: "log is a file: status", line: "status a", set: func(w *svWorld) { one(w); w.file("a", "log", "", 0o644) }},
		{name: "log is a loop of links: status", line: "status a", set: func(w *svWorld) { one(w); svMust(os.Symlink("log", w.path("services/a/log"))) }},
		{name: "log is not running: status", line: "status a", set: func(w *svWorld) { one(w); w.keep("a/log", up).leave() }},
		{name: "log is not running: as /etc/init.d/a", line: "status", as: "a", set: func(w *svWorld) { one(w); w.keep("a/log", up).leave() }},
		{name: "the log itself: status", line: "status a/log ./services/a/log", set: log(up)},

		{name: "check agrees, and counts: restart", line: "restart a",
			set:   svRestarted("echo x >>count"),
			after: func(w *svWorld) string { return w.read("a", "count") }},

		{name: "check fails: try-restart", line: "-w 0 try-restart a", set: svRestarted("exit 1")},
		{name: "check fails: force-reload", line: "-w 0 force-reload a", set: svRestarted("exit 100")},
		{name: "several: status", line: "status a b c", set: func(w *svWorld) { one(w); w.keep("b", down) }},
		{name: "several that fail: check", line: "check a b c d e", set: one},
		{name: "more failures than there are exit statuses", line: "status" + strings.Repeat(" b", 120)},
		{name: "usage", line: ""},
		{name: "usage: no service", line: "-v up"},
		{name: "usage: no such word", line: "reboot a"},
		{name: "usage: no such option", line: "-x up a"},
		{name: "usage: -w alone", line: "-w"},
		{name: "usage: as /etc/init.d/a", line: "", as: "a"},
		{name: "usage: no such word as /etc/init.d/a", line: "stat", as: "a"},
		{name: "usage: no such option as /etc/init.d/a", line: "-q", as: "a"},
		{name: "version", line: "-V"},
		{name: "two dashes", line: "--whatever status a", set: one},
	}
	for word, status := range map[string][]byte{"start": up, "stop": up, "status": down, "restart": up, "check": down, "up": up, "force-reload": up} {
		s := svScene{name: "as /etc/init.d/a: " + word, line: "-w 0 " + word, as: "a"}
		keepAlone(&s, status)
		scenes = append(scenes, s)
	}
	for i := range scenes {
		scenes[i].exact = true
	}
	playSvScenes(t, scenes)
}

// svRestarted keeps a service that always has been started after it was told so, and
// a script that says whether it is well.
func svRestarted(check string) func(w *svWorld) {
	return func(w *svWorld) {
		w.keep("a", svStatus(func(s *runit.Status) { s.Since = time.Now().Add(time.Hour) }))
		w.script("a", "check", check)
	}
}

// svUnread keeps a service that can be looked at and does not take orders.
func svUnread(w *svWorld) {
	k := w.keep("a", svStatus(nil))
	unix.Close(k.control)
	k.control = -1
}

// svLeft leaves behind a service whose supervisor is gone.
func svLeft(w *svWorld) { w.keep("a", svStatus(nil)).leave() }

// letNobodyIn makes supervise/ of a what runsv makes it.
func (w *svWorld) letNobodyIn() { svMust(os.Chmod(w.path("services/a/supervise"), 0o700)) }
