package systemd

import (
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/signals"
	"supervise/internal/unitfile"
)

// What systemd does where a unit says nothing, see systemd-system.conf(5).
const (
	defaultTimeout  = 90 * time.Second
	defaultDelay    = 100 * time.Millisecond
	defaultBurst    = 5
	defaultInterval = 10 * time.Second
)

// makeService makes a service of a service unit.
func (u *unit) makeService(doc *imports.Document) {
	var exec []command
	s := doc.Add(strings.TrimSuffix(u.name, ".service"))
	u.service = s
	u.about(s)
	kind, from := u.text("Type")
	bus, hasBus := u.own.last("BusName")
	switch exec = u.commands(s, "", "ExecStart"); {
	case kind == "" && hasBus:
		kind, from = "dbus", bus
	case kind == "" && len(exec) == 0:
		kind = "oneshot"
	case kind == "":
		kind = "simple"
	}
	if len(exec) == 0 {
		doc.Services = doc.Services[:len(doc.Services)-1]
		doc.Join(&imports.Document{Remarks: s.Remarks()})
		doc.Lost(config.Position{File: u.file}, u.name, "it has no ExecStart, so there is nothing to run", "")
		u.service = nil
		return
	}
	oneshot := kind == "oneshot"
	u.command(s, exec, oneshot)
	u.surroundings(s)
	if oneshot {
		s.Set("kind", "task")
	} else {
		u.readiness(s, kind, from)
	}
	u.starting(s, oneshot)
	u.restarting(s, oneshot)
	u.stopping(s, oneshot)
	u.output(s)
	u.directories(doc, s)
}

// about takes what describes the unit over as comments.
func (u *unit) about(s *imports.Service) {
	if d, ok := u.unit.last("Description"); ok {
		s.About = append(s.About, u.expand(d, d.Value))
	}
	for _, d := range u.unit.list("Documentation") {
		s.About = append(s.About, d.Value)
	}
	u.unit.take("SourcePath")
}

// command carries ExecStart over. A oneshot unit may have several.
func (u *unit) command(s *imports.Service, exec []command, oneshot bool) {
	all := exec
	if oneshot {
		all = append(all, u.commands(s, "", "ExecStartPost")...)
	} else if len(all) > 1 {
		for _, extra := range all[:len(all)-1] {
			lost(s, "", extra.from, "a service has one command, and the last one holds", "")
		}
		all = all[len(all)-1:]
	}
	if !oneshot {
		if all[0].ignore {
			all[0].ignore = false
			lost(s, "restart", all[0].from, `the "-": every end that is no success is a failure here`, "list the exit codes that are none in restart.success")
		}
	}
	words := asWords(all)
	if words[0] == "sh" && len(words) == 3 && words[1] == "-c" && (len(all) > 1 || all[0].hasVariables() || all[0].ignore) {
		s.Set("command", words[2])
		s.Set("shell", true)
		return
	}
	s.Set("command", words)
}

// readiness says when the service counts as started.
func (u *unit) readiness(s *imports.Service, kind string, from unitfile.Setting) {
	u.own.take("NotifyAccess", "BusName", "GuessMainPID")
	pidFile, hasPIDFile := u.own.last("PIDFile")
	switch kind {
	case "simple", "exec":
	case "idle":
		differs(s, "", from, "it does not wait until other services have started", "write after = [...] for that")
	case "notify", "notify-reload":
		s.Set("ready.kind", "notify")
		if kind == "notify-reload" {
			differs(s, "", from, "no reload is waited for", "supervise signal HUP "+s.Name)
		}
	case "dbus":
		lost(s, "", from, "supervise does not watch the bus: the service counts as ready when it runs", `write ready = { kind = "exec", command = ["busctl", "status", "NAME"] }`)
	case "forking":
		lost(s, "", from, "a program that forks into the background has ended, as supervise sees it",
			"write the option that keeps it in the foreground, such as --foreground, -F, -n or \"daemon off\", into command")
		if hasPIDFile {
			lost(s, "", pidFile, "supervise knows the process that it has started, and reads no file", "")
		}
	default:
		lost(s, "", from, "no such type is known", "")
	}
}

// starting carries over what belongs to a start.
func (u *unit) starting(s *imports.Service, oneshot bool) {
	timeout, given := u.length(s, defaultTimeout, "TimeoutSec", "TimeoutStartSec")
	hookTimeout := timeout
	if hookTimeout <= 0 {
		hookTimeout = time.Hour // a hook without end cannot be written
	}
	switch {
	case oneshot && given && timeout > 0:
		s.Set("timeout", timeout)
	case !oneshot && (given || s.Has("ready.kind")):
		s.Set("start.timeout", timeout)
	}
	if all := u.commands(s, "start", "ExecStartPre"); len(all) > 0 {
		s.Set("start.before", hook(all, hookTimeout))
	}
	if oneshot {
		return
	}
	if all := u.commands(s, "start", "ExecStartPost"); len(all) > 0 {
		s.Set("start.after", hook(all, hookTimeout))
	}
	for _, one := range u.own.list("ExecReload") {
		if name := killOfMain(one.Value); name != "" {
			differs(s, "", one, "a reload is a signal here", "supervise signal "+name+" "+s.Name)
		} else {
			lost(s, "", one, "supervise has no reload of a service by a command", "run it yourself")
		}
	}
	if d, given := u.length(s, 0, "WatchdogSec"); given && d > 0 {
		s.Set("watchdog", d)
	}
	if d, given := u.length(s, 0, "RuntimeMaxSec"); given && d > 0 {
		s.Set("timeout", d)
	}
}

// hook gives commands as a hook.
func hook(all []command, timeout time.Duration) imports.Inline {
	return imports.Inline{{Key: "command", Value: asWords(all)}, {Key: "timeout", Value: max(timeout, time.Millisecond)}}
}

// killOfMain gives the signal that a command line such as "kill -HUP $MAINPID"
// sends; "" when it is none.
func killOfMain(value string) string {
	f := strings.Fields(strings.TrimLeft(value, "-@:+!"))
	if len(f) < 3 || f[0] != "kill" && !strings.HasSuffix(f[0], "/kill") || f[len(f)-1] != "$MAINPID" && f[len(f)-1] != "${MAINPID}" {
		return ""
	}
	name := strings.TrimPrefix(f[1], "-")
	if len(f) == 4 && (name == "s" || name == "-signal") {
		name = f[2]
	} else if len(f) != 3 {
		return ""
	}
	sig, err := signals.Parse(name)
	if err != nil {
		return ""
	}
	return sig.String()
}
