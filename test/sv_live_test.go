package test

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/runit"
)

// What a service of these scenes runs: it ends on TERM, and on nothing else that sv
// sends, or not even on that.
const (
	svObeys   = `trap '' HUP INT QUIT USR1 USR2 ALRM; exec sleep 1000`
	svResists = `trap '' HUP INT QUIT USR1 USR2 ALRM TERM; >resists; exec sleep 1000`
)

// svUp has a runsv with a service a that is up.
func svUp(w *svWorld) {
	w.script("a", "run", svObeys)
	w.runsv("a")
	w.until("a", running)
}

func svStubborn(w *svWorld) {
	w.script("a", "run", svResists)
	w.runsv("a")
	w.exists("a", "resists")
	w.until("a", running)
}

func svNotUp(w *svWorld) {
	w.script("a", "run", svObeys)
	w.file("a", "down", "", 0o644)
	w.runsv("a")
	w.until("a", isDown)
}

// svWith sends letters to a service that is in one state, and waits for another.
func svWith(set func(*svWorld), letters string, is func(runit.Status) bool) func(*svWorld) {
	return func(w *svWorld) {
		set(w)
		w.send("a", letters)
		w.until("a", is)
	}
}

// svFinishing has a service whose finish does not end by itself.
func svFinishing(w *svWorld) {
	w.script("a", "run", "exit 7")
	w.script("a", "finish", "exec sleep 1000")
	w.runsv("a")
	w.until("a", func(s runit.Status) bool { return s.State == runit.Finish && s.PID != 0 })
}

// svLogged has a service with a log, which ends at the end of what it reads.
func svLogged(w *svWorld) {
	w.script("a/log", "run", "exec cat >/dev/null")
	svUp(w)
	w.until("a/log", running)
}

// svChecked has a service that is up, and a script that says whether it is well.
func svChecked(script string) func(*svWorld) {
	return func(w *svWorld) {
		w.script("a", "check", script)
		svUp(w)
	}
}

// comesDown is for after: the service goes down in the end.
func comesDown(w *svWorld) string {
	w.until("a", isDown)
	return "down\n"
}

// With a real runsv: what its services are and become.
func TestSvLive(t *testing.T) {
	paused := func(s runit.Status) bool { return s.Paused }
	wantedDown := func(s runit.Status) bool { return s.Want != runit.WantUp && s.Termed }
	scenes := []svScene{
		{name: "finish runs: status", line: "status a", set: svFinishing},
		{name: "finish runs: stop", line: "-w 2 stop a", set: svFinishing},
		{name: "finish runs: start", line: "-w 2 start a", set: svFinishing},
		{name: "finish runs: check", line: "check a", set: svFinishing},
		{name: "finish runs: restart", line: "-w 2 restart a", set: svFinishing},
		{name: "finish runs: force-stop", line: "-w 2 force-stop a", set: svFinishing},
		{name: "finish is quick: stop", line: "stop a", set: func(w *svWorld) { w.script("a", "finish", "exit 0"); svUp(w) }},
		{name: "finish is quick: restart", line: "restart a", set: func(w *svWorld) { w.script("a", "finish", "exit 0"); svUp(w) }},

		{name: "stubborn: stop", line: "-w 2 stop a", set: svStubborn},
		{name: "stubborn: restart", line: "-w 2 restart a", set: svStubborn},
		{name: "stubborn: try-restart", line: "-w 2 try-restart a", set: svStubborn},
		{name: "stubborn: shutdown", line: "-w 2 shutdown a", set: svStubborn},
		{name: "stubborn: force-stop", line: "-w 2 force-stop a", set: svStubborn, after: comesDown},
		{name: "stubborn: force-restart", line: "-w 2 force-restart a", set: svStubborn},
		{name: "stubborn: force-shutdown", line: "-w 2 force-shutdown a", set: svStubborn},
		{name: "stubborn, wanted down: status", line: "status a", set: svWith(svStubborn, "d", wantedDown)},
		{name: "stubborn, wanted down: stop", line: "-w 2 stop a", set: svWith(svStubborn, "d", wantedDown)},
		{name: "stubborn, wanted down: kill", line: "-v kill a", set: svWith(svStubborn, "d", wantedDown), after: comesDown},

		{name: "once: status", line: "status a", set: svWith(svNotUp, "o", running)},
		{name: "once: once", line: "-v once a", set: svWith(svNotUp, "o", running)},
		{name: "once: stop", line: "stop a", set: svWith(svNotUp, "o", running)},
		{name: "once: restart", line: "restart a", set: svWith(svNotUp, "o", running)},
		{name: "once: term", line: "-v term a", set: svWith(svNotUp, "o", running)},

		{name: "logged: status", line: "status a", set: svLogged},
		{name: "logged: stop", line: "stop a", set: svLogged},
		{name: "logged: shutdown", line: "shutdown a", set: svLogged},
		{name: "logged: as /etc/init.d/a", line: "restart", as: "a", set: svLogged},
		{name: "logged: pause of the log", line: "-v pause a/log", set: svLogged},
		{name: "logged: stop of the log", line: "stop a/log", set: svLogged},
		{name: "logged: exit of the log does nothing", line: "-v -w 1 exit a/log", set: svLogged},
		{name: "logged, log paused: status", line: "status a", set: func(w *svWorld) { svLogged(w); w.send("a/log", "p"); w.until("a/log", paused) }},
		{name: "logged, log down: status", line: "status a", set: func(w *svWorld) {
			w.file("a/log", "down", "", 0o644)
			w.script("a/log", "run", "exec cat >/dev/null")
			svUp(w)
			w.until("a/log", isDown)
		}},

		{name: "check agrees: start", line: "start a", set: svChecked("exit 0")},
		{name: "check agrees: restart", line: "restart a", set: svChecked("exit 0")},
		{name: "check agrees: check", line: "check a", set: svChecked("exit 0")},
		{name: "check fails: check", line: "-w 1 check a", set: svChecked("exit 1")},
		{name: "check fails: start", line: "-w 1 start a", set: svChecked("exit 1")},
		{name: "check fails: stop", line: "stop a", set: svChecked("exit 1")},
		{name: "check fails: reload", line: "reload a", set: svChecked("exit 1")},
		{name: "check killed: start", line: "-w 0 start a", set: svChecked("kill -KILL $$")},
		{name: "check hangs: start", line: "-w 0 start a", set: svChecked("exec sleep 1000")},
		{name: "check takes long: start", line: "-w 6 start a", set: svChecked("exec sleep 0.9")},
		{name: "check agrees in the end: restart", line: "restart a", set: svChecked("[ -e asked ] || { >asked; exit 1; }")},
		{name: "check cannot be executed: check", line: "check a", set: func(w *svWorld) { w.file("a", "check", "exit 1", 0o644); svUp(w) }},
		{name: "check is no script: check", line: "check a", set: func(w *svWorld) { w.file("a", "check", "exit 1\n", 0o755); svUp(w) }},
		{name: "check is for another interpreter: start", line: "start a", set: func(w *svWorld) { w.file("a", "check", "#!/missing/sh\n", 0o755); svUp(w) }},
		{name: "check is a loop of links: check", line: "-w 0 check a", set: func(w *svWorld) { svUp(w); svMust(os.Symlink("check", w.path("services/a/check"))) }},
		{name: "check says something: check", line: "check a", set: svChecked("echo out; echo err >&2")},
		{name: "check sees: where, how and with what", line: "check a",
			set:   svChecked(`exec 5>seen; for f in 0 1 2; do [ -e /proc/$$/fd/$f ] && echo $f is open >&5; done; echo "$0 $#" $(pwd) $PWD >&5; env | grep -v ^_= | sort >&5`),
			after: func(w *svWorld) string { return w.read("a", "seen") }},
		{name: "check sees: descriptors", line: "check a", set: svChecked(`exec 5>seen; ls -l /proc/$$/fd | sed -n 's/.* 3 -> //p' >&5`),
			after: func(w *svWorld) string { return w.read("a", "seen") }},

		{name: "several at once: restart", line: "restart a b c", unordered: true, set: func(w *svWorld) {
			for _, name := range []string{"b", "c"} {
				w.script(name, "run", svObeys)
				w.runsv(name)
			}
			svUp(w)
			w.until("b", running)
			w.until("c", running)
		}},
		{name: "several, of which one resists: stop", line: "-w 3 stop a b missing", unordered: true, set: func(w *svWorld) {
			w.script("b", "run", svObeys)
			w.runsv("b")
			svStubborn(w)
			w.until("b", running)
		}},
	}
	for _, state := range []struct {
		name  string
		set   func(*svWorld)
		words string
	}{
		{"runs", svUp, "status,up,start,down,stop,once,pause,cont,hup,alarm,interrupt,quit,1,2,term,kill,exit,shutdown,restart,reload,try-restart,check,force-stop,force-reload,force-restart,force-shutdown"},
		{"is down", svNotUp, "status,up,start,down,stop,once,pause,term,exit,restart,reload,try-restart,check,force-restart"},
		{"is paused", svWith(svUp, "p", paused), "status,pause,cont,stop,restart,kill,shutdown,check"},
	} {
		for word := range strings.SplitSeq(state.words, ",") {
			s := svScene{name: state.name + ": " + word, line: "-v " + word + " a", set: state.set}
			if strings.Contains(word, "exit") || strings.Contains(word, "shutdown") {
				s.after = func(w *svWorld) string {
					fd, err := runit.OpenOK(w.service("a"))
					if err == nil {
						unix.Close(fd)
					}
					return "its supervisor: " + errorText(err) + "\n"
				}
			}
			scenes = append(scenes, s)
		}
	}
	for i := range scenes {
		scenes[i].line = strings.TrimSpace(scenes[i].line)
	}
	playSvScenes(t, scenes)
}

func errorText(err error) string {
	if err == nil {
		return "runs"
	}
	return err.Error()
}

// What happens while sv waits. The supervisor of these scenes does nothing by itself; what
// happens comes when sv has sent its letters.
func TestSvMeanwhile(t *testing.T) {
	again := svStatus(func(s *runit.Status) { s.PID, s.Since = 4322, time.Now().Add(time.Hour) }) // after any order
	down := svDown(runit.WantDown)
	remove := func(path string) func(w *svWorld, k *svKeeper) {
		return func(w *svWorld, _ *svKeeper) { // at once
			svMust(os.Rename(w.path("services", path), w.path("services", ".gone")))
		}
	}
	writes := func(statuses ...[]byte) func(w *svWorld, k *svKeeper) {
		return func(_ *svWorld, k *svKeeper) {
			for _, s := range statuses {
				time.Sleep(30 * time.Millisecond) // a service takes its time
				k.write(s)
			}
		}
	}
	termed := svStatus(func(s *runit.Status) { s.Termed = true })
	var scenes []svScene
	for _, x := range []struct {
		name, line string
		then       func(w *svWorld, k *svKeeper)
	}{
		{"it comes down", "stop a", writes(termed, down)},
		{"it comes again", "restart a", writes(termed, svDown(runit.WantUp), again)},
		{"it comes again, try-restart", "try-restart a", writes(termed, svDown(runit.WantUp), again)},
		{"it was to be down", "-v term a", writes(down)},
		{"it is paused", "-v pause a", writes(svStatus(func(s *runit.Status) { s.Paused = true }))},
		{"finish runs before it is down", "force-stop a", writes(svStatus(func(s *runit.Status) { s.State, s.Want = runit.Finish, runit.WantDown }), down)},
		{"the supervisor goes", "stop a", func(_ *svWorld, k *svKeeper) { k.leave() }},
		{"the supervisor goes, as was asked", "shutdown a", func(_ *svWorld, k *svKeeper) { k.write(down); k.leave() }},
		{"the supervisor goes, -v exit", "-v exit a", func(_ *svWorld, k *svKeeper) { k.leave() }},
		{"the status breaks", "stop a", writes(down[:7])},
		{"the status goes", "stop a", func(w *svWorld, k *svKeeper) { remove("a/supervise/status")(w, k); k.leave() }},
		{"the service goes", "-w 1 stop a", remove("a")},
		{"supervise/ goes", "-w 1 stop a", remove("a/supervise")},
		{"another supervisor comes", "-w 1 stop a", func(_ *svWorld, k *svKeeper) {
			fd, err := unix.Open(k.dir+"/supervise/ok", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			svMust(err)
			unix.Close(k.ok)
			k.ok = fd
			time.Sleep(30 * time.Millisecond)
			k.write(down)
		}},
	} {
		scenes = append(scenes, svScene{name: "meanwhile: " + x.name, line: x.line, exact: true, set: func(w *svWorld) {
			k := w.keep("a", svStatus(nil))
			done := make(chan error, 1)
			go func() {
				defer func() {
					if p := recover(); p != nil {
						done <- p.(svBroken).error
					}
					close(done)
				}()
				k.hear(patience)
				x.then(w, k)
			}()
			w.during = append(w.during, func() { <-done })
		}})
	}
	playSvScenes(t, scenes)
}

// hear waits until it is sent something.
func (k *svKeeper) hear(within time.Duration) {
	polled := []unix.PollFd{{Fd: int32(k.control), Events: unix.POLLIN}}
	for end := time.Now().Add(within); ; {
		n, err := unix.Poll(polled, int(max(0, time.Until(end).Milliseconds())))
		if err == unix.EINTR {
			continue
		}
		svMust(err)
		if n == 0 {
			panic(svBroken{unix.ETIMEDOUT})
		}
		return
	}
}
