package systemd

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/imports"
	"supervise/internal/policy"
	"supervise/internal/signals"
	"supervise/internal/unitfile"
)

// lifecycle writes how it starts, and when it starts again.
func (u *unit) lifecycle() {
	s := u.s
	set := func(name, value string) { u.set("Service", name, value) }
	u.hook("ExecStartPre", "start.before", s.StartBefore)
	u.ready()
	u.hook("ExecStartPost", "start.after", s.StartAfter)
	switch {
	case s.Kind == config.Task && s.RunTimeout > 0:
		set("TimeoutStartSec", unitfile.FormatTime(s.RunTimeout))
	case s.Kind == config.Task || s.StartTimeout == 0:
		set("TimeoutStartSec", "infinity")
	default:
		set("TimeoutStartSec", unitfile.FormatTime(s.StartTimeout))
	}
	if s.Kind != config.Task && s.RunTimeout > 0 {
		set("RuntimeMaxSec", unitfile.FormatTime(s.RunTimeout))
	}
	if s.RunTimeout > 0 && s.TimeoutSignal != exports.StopSignal(s) {
		u.notes.Lost("timeout_signal", "a run that takes too long is ended by the first signal of a stop", "")
	}
	if s.Watchdog > 0 {
		set("WatchdogSec", unitfile.FormatTime(s.Watchdog))
	}
	u.restart()
}

// ready writes a probe as a command that is done when the service is ready.
func (u *unit) ready() {
	p := u.s.Ready
	if p == nil || p.Kind == config.ProbeNotify {
		return
	}
	var look string
	switch p.Kind {
	case config.ProbeExec:
		words := make([]string, len(p.Command))
		for i, w := range exports.Program(u.s, p.Command) {
			words[i] = imports.ShellQuote(w)
		}
		look = strings.Join(words, " ")
	case config.ProbeFile:
		look = "test -e " + imports.ShellQuote(p.Path)
	case config.ProbeHTTP:
		look = "curl -fsS -o /dev/null --max-time " + seconds(p.Timeout)
		url := p.URL
		if rest, isUnix := strings.CutPrefix(url, "unix://"); isUnix {
			socket, target, _ := strings.Cut(rest, ":")
			look += " --unix-socket " + imports.ShellQuote(socket)
			url = "http://localhost" + target
		}
		for _, h := range p.Header {
			look += " -H " + imports.ShellQuote(h)
		}
		look += " " + imports.ShellQuote(url)
		u.notes.Differs("ready", "curl asks, and takes every status below 400", "")
	case config.ProbeTCP:
		host, port, ok := hostPort(p.Address)
		if !ok {
			u.notes.Lost("ready", "no command connects to "+p.Address, "")
			return
		}
		look = "bash -c " + imports.ShellQuote("exec 3<>/dev/tcp/"+host+"/"+port)
		u.notes.Differs("ready", "bash connects", "")
	default:
		u.notes.Lost("ready", fmt.Sprintf("systemd has no readiness by %s: it counts as ready when it runs", p.Kind), "Type=notify, if the program can (sd_notify(3))")
		return
	}
	loop := "until " + look + "; do sleep " + seconds(p.Interval) + "; done"
	u.set("Service", "ExecStartPost", unitfile.Command([]string{"/bin/sh", "-c", loop}))
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func hostPort(address string) (host, port string, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 || strings.HasPrefix(address, "unix:") {
		return "", "", false
	}
	return strings.Trim(address[:i], "[]"), address[i+1:], true
}

func (u *unit) hook(name, key string, h *config.Hook) {
	if h == nil {
		return
	}
	u.set("Service", name, unitfile.Command(exports.Program(u.s, h.Command)))
	limit := u.s.StartTimeout
	if strings.HasPrefix(key, "stop.") {
		limit = exports.Grace(u.s)
	}
	if h.Timeout > limit && limit > 0 {
		u.notes.Differs(key, fmt.Sprintf("it has %s, not %s", limit, h.Timeout), "")
	}
}

// restart writes when it is started again. systemd holds an end by HUP, INT,
// PIPE or TERM to be success; we hold so what restart.success lists.
func (u *unit) restart() {
	r := u.s.Restart
	set := func(name, value string) { u.set("Service", name, value) }
	switch r.When {
	case policy.Always:
		set("Restart", "always")
	case policy.OnFailure:
		set("Restart", "on-failure")
	default:
		set("Restart", "no")
	}
	var success, force []string
	for _, code := range r.Success.Codes {
		if code != 0 {
			success = append(success, strconv.Itoa(code))
		}
	}
	clean := []signals.Signal{signals.HUP, signals.INT, signals.PIPE, signals.TERM}
	for _, sig := range r.Success.Signals {
		if !slices.Contains(clean, sig) || u.s.Kind == config.Task {
			success = append(success, signalText(sig))
		}
	}
	for _, sig := range clean {
		if !slices.Contains(r.Success.Signals, sig) && u.s.Kind != config.Task {
			force = append(force, signalText(sig))
		}
	}
	if !slices.Contains(r.Success.Codes, 0) {
		force = append(force, "0")
	}
	if len(success) > 0 {
		set("SuccessExitStatus", strings.Join(success, " "))
	}
	if r.When == policy.Never {
		return
	}
	if r.When == policy.OnFailure && len(force) > 0 {
		set("RestartForceExitStatus", strings.Join(force, " "))
	}
	u.delays(r.Backoff)
}

func signalText(s signals.Signal) string { return "SIG" + s.String() }

func grows(s *config.Service) bool {
	b := s.Restart.Backoff
	return s.Restart.When != policy.Never && (len(b.Delays) > 1 || len(b.Delays) == 0 && b.Factor > 1 && b.Max > b.Initial && b.Initial > 0)
}

func (u *unit) delays(b policy.Backoff) {
	first, last, steps := b.Initial, b.Max, 0
	switch {
	case len(b.Delays) > 0:
		first, last, steps = b.Delays[0], b.Delays[len(b.Delays)-1], len(b.Delays)-1
		if steps > 0 {
			u.notes.Differs("restart.delays", "they grow from the first to the last by the same factor", "")
		}
	case b.Factor > 1 && b.Max > b.Initial && b.Initial > 0:
		steps = max(1, int(math.Round(math.Log(float64(b.Max)/float64(b.Initial))/math.Log(b.Factor))))
	}
	u.set("Service", "RestartSec", unitfile.FormatTime(first))
	if steps > 0 && last > first {
		u.set("Service", "RestartSteps", strconv.Itoa(steps))
		u.set("Service", "RestartMaxDelaySec", unitfile.FormatTime(last))
	}
}

// stop writes how it is stopped: systemd knows two signals, and HUP between them.
func (u *unit) stop() {
	s := u.s
	set := func(name, value string) { u.set("Service", name, value) }
	if s.Kind == config.Task && s.StopBefore != nil {
		u.notes.Lost("stop.before", "ExecStop= of a task that is done would be run when it is stopped", "")
	} else {
		u.hook("ExecStop", "stop.before", s.StopBefore)
	}
	u.hook("ExecStopPost", "stop.after", s.StopAfter)
	if s.Stop.Scope == config.Process {
		set("KillMode", "process")
	}
	if s.Stop.Scope == config.Group {
		u.notes.Differs("stop.scope", "all processes of the service get the signals, not its group alone", "")
	}
	ladder := s.Stop.Ladder
	set("KillSignal", signalText(exports.StopSignal(s)))
	if len(ladder) > 2 && ladder[0].Wait == 0 && ladder[1].Signal == signals.HUP {
		set("SendSIGHUP", "yes")
		ladder = ladder[1:]
	}
	last := ladder[len(ladder)-1]
	switch {
	case len(ladder) == 1 && last.Wait == 0:
		set("TimeoutStopSec", "infinity")
		return
	case len(ladder) == 1:
		set("TimeoutStopSec", unitfile.FormatTime(last.Wait))
		set("SendSIGKILL", "no")
		return
	}
	for _, rung := range ladder[1 : len(ladder)-1] {
		u.notes.Lost("stop.ladder", rung.Signal.String()+" is left out: systemd sends one signal, and a last one", "")
	}
	set("TimeoutStopSec", unitfile.FormatTime(exports.Grace(s)))
	if last.Signal != signals.KILL {
		set("FinalKillSignal", signalText(last.Signal))
	}
}

// sockets writes a unit for each socket, since its name and options are its own.
func (u *unit) sockets() []exports.File {
	var files []exports.File
	for i, s := range u.s.Sockets {
		name := strings.TrimSuffix(u.name(), ".service")
		if i > 0 {
			name += fmt.Sprintf("-%d", i+1)
		}
		file := name + ".socket"
		u.set("Service", "Sockets", file)
		one := newUnit(u.s, u.o)
		one.set("Unit", "Description", raw(s.String()+" for "+u.s.Name))
		one.set("Unit", "PartOf", u.o.Name+".target")
		set := func(name, value string) { one.set("Socket", name, value) }
		listen := "ListenStream"
		if s.Datagram() {
			listen = "ListenDatagram"
		}
		set(listen, raw(s.Address))
		set("Service", u.name())
		set("FileDescriptorName", raw(s.Name))
		if s.HasPath() {
			set("SocketMode", fmt.Sprintf("%04o", s.Mode))
		}
		if s.User != "" {
			set("SocketUser", raw(s.User))
		}
		if s.Group != "" {
			set("SocketGroup", raw(s.Group))
		}
		if !s.Datagram() {
			set("Backlog", strconv.Itoa(s.Backlog))
		}
		if s.ReusePort {
			set("ReusePort", "yes")
		}
		if strings.HasPrefix(s.Address, "[::]:") {
			set("BindIPv6Only", map[bool]string{true: "ipv6-only", false: "both"}[s.V6Only])
		}
		if u.starts || s.Lazy {
			one.wanted()
		}
		files = append(files, exports.File{Name: file, Data: one.text()})
	}
	return files
}
