package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/reaper"
	"supervise/internal/signals"
)

// hookKey names the hook of a service to the reaper.
type hookKey struct{ service int }

// runHook starts a hook: as the service itself would be started, but for its
// command and a few variables more.
func (l *Loop) runHook(service int, spec *config.Service, a RunHook) {
	t := l.treeOf(service, spec)
	if l.set.Machine(service).PID == 0 {
		t.Begin()
	}
	own := *spec
	own.Command = a.Hook.Command
	if a.Hook.Runit {
		if !isThere(spec.Dir, a) {
			remains := a.Moment == AfterStop && !t.Empty()
			l.set.Apply(service, HookMissing{Remains: remains, Luck: l.set.Luck()}, time.Now())
			l.cleanIfDue(service)
			return
		}
		if a.Moment == AfterStop {
			own.Command = append(slices.Clip(own.Command), finishArguments(a.Exit)...)
		}
	}
	own.Env = slices.Concat(spec.Env, hookEnvironment(a, l.set.Machine(service).PID))
	l.reaper.Start(hookKey{service}, func() (reaper.Image, error) { return l.image(&own, t, l.Stdio) })
}

// isThere says whether a script is to be run, by the rules of runsv.c: a finish if
// it can be opened, others if their owner may execute them.
func isThere(dir string, a RunHook) bool {
	path := filepath.Join(dir, a.Hook.Command[0])
	if a.Moment == AfterStop {
		return unix.Access(path, unix.R_OK) == nil
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o100 != 0
}

// finishArguments tells a finish how the run ended: the exit code, or -1, and the
// low byte of what waitpid(2) says (runsv(8)).
func finishArguments(x *policy.Exit) []string {
	const core = 0x80
	switch {
	case x == nil || x.NotRun != "":
		return []string{"111", "0"}
	case x.Signal != 0 && x.Core:
		return []string{"-1", strconv.Itoa(int(x.Signal) | core)}
	case x.Signal != 0:
		return []string{"-1", strconv.Itoa(int(x.Signal))}
	}
	return []string{strconv.Itoa(x.Code), "0"}
}

// hookEnvironment tells a hook what it runs for. The names of how a run ended
// are systemd's (systemd.exec(5), $EXIT_STATUS).
func hookEnvironment(a RunHook, pid int) []string {
	env := []string{"SUPERVISE_HOOK=" + string(a.Moment)}
	if pid != 0 {
		env = append(env, "MAINPID="+strconv.Itoa(pid))
	}
	if x := a.Exit; x != nil {
		result, code, status := "success", "exited", strconv.Itoa(x.Code)
		switch {
		case x.NotRun != "":
			result = "not-run"
		case x.Missed != "":
			result = "missed"
		case x.Signal != 0:
			result = "signal"
		case x.Code != 0:
			result = "exit-code"
		}
		if x.Signal != 0 {
			code, status = "killed", x.Signal.String()
		}
		env = append(env, "SERVICE_RESULT="+result, "EXIT_CODE="+code, "EXIT_STATUS="+status)
	}
	return env
}

func (k hookKey) started(l *Loop, s reaper.Started) {
	if s.Err != nil {
		l.set.Apply(k.service, HookNotForked{Err: s.Err.Error(), Remains: !l.trees[k.service].Empty(), Luck: l.set.Luck()}, time.Now())
		return
	}
	l.trees[k.service].Beside(s.PID)
	l.set.Apply(k.service, HookForked{PID: s.PID}, time.Now())
}

func (k hookKey) changed(l *Loop, c reaper.Change) {
	if c.Kind != reaper.Ended {
		return // a hook that is stopped has its time, like any other
	}
	t := l.trees[k.service]
	t.Beside(0)
	l.Host.Turn()
	l.set.Apply(k.service, HookExited{Exit: c.Exit, Remains: !t.Empty(), Luck: l.set.Luck()}, time.Now())
	l.cleanIfDue(k.service)
}

// killHook ends a hook whose time is over.
func (l *Loop) killHook(service int) {
	if err := l.trees[service].KillBeside(); err != nil {
		l.sent(service, event.Event{Signal: signals.KILL}, err)
	}
}

// cleanIfDue: of what is left of a tree without its main process we have to
// hear.
func (l *Loop) cleanIfDue(service int) {
	if l.set.Machine(service).Cleaning() {
		l.clean(service)
	}
}
