package systemd

import (
	"math"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/signals"
	"supervise/internal/unitfile"
)

// restarting carries over when the service is started again, and how soon.
func (u *unit) restarting(s *imports.Service, oneshot bool) {
	success := []any{0}
	if !oneshot { // see systemd.service(5), SuccessExitStatus=
		success = append(success, "HUP", "INT", "PIPE", "TERM")
	}
	success = append(success, u.ends(s, "SuccessExitStatus")...)
	restart, one := u.text("Restart")
	when := "on-failure"
	switch restart {
	case "", "no":
		when = "never"
	case "always":
		when = "always"
		if oneshot {
			when = "on-failure"
			differs(s, "restart", one, "a task that is always restarted never ends", "")
		}
	case "on-failure":
	case "on-success":
		when = "never"
		lost(s, "restart", one, "supervise restarts always, on failure, or never", `write when = "always" if failures are to be followed by a restart, too`)
	default:
		differs(s, "restart", one, "every failure is followed by a restart, not some of them", "list the ends that are to be none in success")
	}
	s.Set("restart.when", when)
	u.limit(s, when)
	if when == "never" {
		u.own.take("RestartSec", "RestartSteps", "RestartMaxDelaySec", "RestartPreventExitStatus")
		if len(success) > 1 {
			s.Set("restart.success", unique(success))
		}
		return
	}
	if prevent := u.ends(s, "RestartPreventExitStatus"); len(prevent) > 0 {
		one, _ := u.own.last("RestartPreventExitStatus")
		if when == "always" {
			lost(s, "restart", one, "what is always restarted is restarted after these, too", `write when = "on-failure" and list them in success`)
		} else {
			differs(s, "restart", one, "these ends count as success, which no restart follows", "")
			success = append(success, prevent...)
		}
	}
	if when == "on-failure" || len(success) > 5 {
		s.Set("restart.success", unique(success))
	}
	u.delays(s)
}

// limit carries over when systemd gives up.
func (u *unit) limit(s *imports.Service, when string) {
	burst, interval := defaultBurst, defaultInterval
	for _, from := range []*settings{&u.own, &u.unit} { // it stood in [Service] once
		for _, name := range []string{"StartLimitInterval", "StartLimitIntervalSec"} {
			if one, ok := from.last(name); ok {
				if d, _, err := unitfile.Time(one.Value); err == nil {
					interval = d
				} else {
					lost(s, "restart", one, err.Error(), "")
				}
			}
		}
		if one, ok := from.last("StartLimitBurst"); ok {
			if n, err := strconv.Atoi(one.Value); err == nil && n >= 0 && n <= 1_000_000 {
				burst = n
			} else {
				lost(s, "restart", one, "is no number from 0 to 1000000", "")
			}
		}
	}
	if when != "never" && interval > 0 && burst > 0 {
		s.Set("restart.limit", burst)
		s.Set("restart.within", interval)
	}
}

// delays carries over the pause before a restart. With steps systemd multiplies
// it each time by the same factor, until it is the longest.
func (u *unit) delays(s *imports.Service) {
	first, _ := u.length(s, defaultDelay, "RestartSec")
	longest, _ := u.length(s, 0, "RestartMaxDelaySec")
	steps := 0
	if one, ok := u.own.last("RestartSteps"); ok {
		steps, _ = strconv.Atoi(one.Value)
	}
	s.Set("restart.initial", first)
	if steps > 0 && longest > first && first > 0 {
		factor := math.Pow(float64(longest)/float64(first), 1/float64(steps))
		s.Set("restart.factor", max(1, math.Round(factor*1000)/1000))
		s.Set("restart.max", longest)
	} else {
		s.Set("restart.factor", 1.0)
		s.Set("restart.max", first)
	}
	s.Set("restart.jitter", 0)
}

// ends reads a list of exit codes and signals.
func (u *unit) ends(s *imports.Service, name string) []any {
	var out []any
	for _, one := range u.own.list(name) {
		for _, word := range strings.Fields(u.expand(one, one.Value)) {
			if n, err := strconv.Atoi(word); err == nil {
				if n < 0 || n > 255 {
					lost(s, "restart", one, word+" is no exit code", "")
				} else {
					out = append(out, n)
				}
			} else if n, ok := exitStatus(word); ok {
				out = append(out, n)
			} else if sig, err := signals.Parse(word); err == nil {
				out = append(out, sig.String())
			} else {
				lost(s, "restart", one, word+" is neither an exit code nor a signal", "write the number")
			}
		}
	}
	return out
}

func unique(list []any) []any {
	var out []any
	seen := map[any]bool{}
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// exitStatus gives the number of an exit status that has a name, see
// systemd.exec(5), "Process Exit Codes", and sysexits.h(3).
func exitStatus(name string) (int, bool) {
	for i, known := range [...]string{"SUCCESS", "FAILURE", "INVALIDARGUMENT", "NOTIMPLEMENTED", "NOPERMISSION", "NOTINSTALLED", "NOTCONFIGURED", "NOTRUNNING"} {
		if name == known {
			return i, true
		}
	}
	for i, known := range [...]string{"USAGE", "DATAERR", "NOINPUT", "NOUSER", "NOHOST", "UNAVAILABLE", "SOFTWARE", "OSERR", "OSFILE",
		"CANTCREAT", "IOERR", "TEMPFAIL", "PROTOCOL", "NOPERM", "CONFIG"} {
		if name == known {
			return 64 + i, true
		}
	}
	return 0, false
}

// stopping carries over how the service is stopped.
func (u *unit) stopping(s *imports.Service, oneshot bool) {
	timeout, _ := u.length(s, defaultTimeout, "TimeoutSec", "TimeoutStopSec")
	hookTimeout := timeout
	if hookTimeout <= 0 {
		hookTimeout = time.Hour
	}
	s.Set("stop.ladder", u.ladder(s, timeout))
	mode, one := u.text("KillMode")
	switch mode {
	case "", "control-group":
	case "process":
		s.Set("stop.scope", string(config.Process))
	case "mixed":
		s.Set("stop.scope", string(config.Process))
		differs(s, "stop", one, "the main process alone is signalled, with KILL too; what it leaves behind then stays",
			`scope = "tree" signals all from the first signal on`)
	case "none":
		s.Set("stop.scope", string(config.Process))
		lost(s, "stop", one, "a stop without a signal would be none, so the main process gets one", "")
	default:
		lost(s, "stop", one, "no such mode is known", "")
	}
	stop := u.commands(s, "stop", "ExecStop")
	post := u.commands(s, "stop", "ExecStopPost")
	remain, remains := u.yes("RemainAfterExit")
	switch {
	case oneshot && remains && len(stop) > 0:
		lost(s, "stop", stop[0].from, "a task that is done is not stopped", "run it yourself, or as stop.after of the service that needs this task")
	case oneshot:
		post = append(stop, post...)
	case len(stop) > 0:
		s.Set("stop.before", hook(stop, hookTimeout))
	}
	if remains && !oneshot {
		lost(s, "", remain, "a service whose process has ended does not run", "")
	}
	if len(post) > 0 {
		s.Set("stop.after", hook(post, hookTimeout))
	}
}

// ladder is what systemd sends, and how long it waits.
func (u *unit) ladder(s *imports.Service, timeout time.Duration) []imports.Inline {
	signal := func(name string, otherwise signals.Signal) signals.Signal {
		text, one := u.text(name)
		if text == "" {
			return otherwise
		}
		sig, err := signals.Parse(text)
		if err != nil {
			lost(s, "stop", one, err.Error(), "")
			return otherwise
		}
		return sig
	}
	rung := func(sig signals.Signal, wait time.Duration) imports.Inline {
		return imports.Inline{{Key: "signal", Value: sig}, {Key: "wait", Value: wait}}
	}
	first, last := signal("KillSignal", signals.TERM), signal("FinalKillSignal", signals.KILL)
	var ladder []imports.Inline
	_, hangup := u.yes("SendSIGHUP")
	if hangup {
		ladder = append(ladder, rung(first, 0))
		first = signals.HUP
	}
	kill, given := u.own.last("SendSIGKILL")
	if yes, ok := unitfile.Bool(kill.Value); given && ok && !yes {
		differs(s, "stop", kill, "what is still there then is reported, and the shutdown goes on", "")
		return append(ladder, rung(first, timeout))
	}
	if timeout == 0 {
		return append(ladder, rung(first, 0)) // the last rung waits without end
	}
	return append(ladder, rung(first, timeout), rung(last, min(timeout, maxKillWait)))
}

// maxKillWait is how long a process may take to go after KILL: it has nothing
// left to do itself.
const maxKillWait = 10 * time.Second
