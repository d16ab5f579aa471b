// Package systemd exports services as systemd units: one for each instance of
// each service, one for each socket, and a target that wants all that start by
// themselves, once they are enabled.
//
// Units are called after the whole, "app-web.service", so that they stand in
// nobody's way.
package systemd

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/unitfile"
)

// Export writes the units.
func Export(services []config.Service, o exports.Options) exports.Result {
	var r exports.Result
	starting := exports.Starting(services)
	for i := range services {
		u := newUnit(&services[i], o)
		u.starts = starting[u.s.Name]
		u.unitSection()
		u.service()
		u.lifecycle()
		u.stop()
		u.output()
		u.untold()
		sockets := u.sockets()
		if u.starts && !u.s.Lazy() {
			u.wanted()
		}
		r.Files = append(r.Files, exports.File{Name: u.name(), Data: u.text()})
		r.Files = append(r.Files, sockets...)
		r.Remarks = append(r.Remarks, u.notes.All...)
	}
	r.Files = append(r.Files, exports.File{Name: o.Name + ".target", Data: targetText(o.Name)})
	r.Remarks = append(r.Remarks, common(services)...)
	return r
}

func targetText(name string) string {
	return "# Made by: supervise export systemd\n[Unit]\nDescription=All services of " + name + "\n\n[Install]\nWantedBy=multi-user.target\n"
}

// common are the remarks on what concerns all services alike.
func common(services []config.Service) []exports.Remark {
	all := []exports.Remark{{Key: "the environment", Why: "a unit gets no variables of whoever starts supervise", Instead: "PassEnvironment= names those that are to be passed on", Kept: true}}
	for _, s := range services {
		if s.Restart.When != "never" && s.Restart.Backoff.Jitter > 0 {
			all = append(all, exports.Remark{Key: "restart.jitter", Why: "delays have no random part there"})
			break
		}
	}
	for _, s := range services {
		if grows(&s) {
			all = append(all, exports.Remark{Key: "restart.factor", Why: "delays grow from systemd 254 on, older ones ignore RestartSteps=; they do not begin anew after a long run", Kept: true})
			break
		}
	}
	return all
}

// unit is one unit that is written.
type unit struct {
	s     *config.Service
	o     exports.Options
	notes *exports.Notes
	parts []part

	starts bool // by itself, or because it is needed
}

// part is a section with its lines.
type part struct {
	name  string
	lines []string
}

func newUnit(s *config.Service, o exports.Options) *unit {
	return &unit{s: s, o: o, notes: exports.About(s)}
}

func (u *unit) name() string { return u.unitOf(u.s.Name) }

func (u *unit) unitOf(service string) string { return u.o.Name + "-" + service + ".service" }

// set adds a line. Values are written as they are; see [unitfile.Quote].
func (u *unit) set(section, name, value string) {
	for i := range u.parts {
		if u.parts[i].name == section {
			u.parts[i].lines = append(u.parts[i].lines, name+"="+value)
			return
		}
	}
	u.parts = append(u.parts, part{section, []string{name + "=" + value}})
}

func (u *unit) text() string {
	var b strings.Builder
	b.WriteString("# Made by: supervise export systemd\n")
	b.WriteString(exports.Comments(u.notes.Comments()))
	for i, p := range u.parts {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "[%s]\n%s\n", p.name, strings.Join(p.lines, "\n"))
	}
	return b.String()
}

// wanted has the target start it.
func (u *unit) wanted() { u.set("Install", "WantedBy", u.o.Name+".target") }

// raw writes a value that is not split into words.
func raw(text string) string { return strings.ReplaceAll(text, "%", "%%") }

func (u *unit) unitSection() {
	u.set("Unit", "Description", raw(u.s.Name+" of "+u.o.Name))
	u.set("Unit", "PartOf", u.o.Name+".target")
	for _, n := range u.s.Needs {
		other := u.unitOf(n.Name)
		if n.With {
			u.set("Unit", "BindsTo", other)
		} else {
			u.set("Unit", "Requires", other)
		}
		u.set("Unit", "After", other)
		switch n.For {
		case config.NeedStarted:
			u.notes.Differs("needs", "it waits until "+n.Name+" has started as its Type= has it", "")
		case config.NeedDone:
			u.notes.Lost("needs", "nothing waits for the end of "+n.Name, `kind = "task" makes it a oneshot unit, which is waited for`)
		}
	}
	for _, name := range u.s.After {
		u.set("Unit", "After", u.unitOf(name))
	}
	if r := u.s.Restart; r.When != "never" {
		switch {
		case r.Limit == 0:
			u.set("Unit", "StartLimitIntervalSec", "0")
		case r.Within == 0:
			u.set("Unit", "StartLimitIntervalSec", "infinity")
			u.set("Unit", "StartLimitBurst", fmt.Sprint(r.Limit))
		default:
			u.set("Unit", "StartLimitIntervalSec", unitfile.FormatTime(r.Within))
			u.set("Unit", "StartLimitBurst", fmt.Sprint(r.Limit))
		}
	}
}

// service writes what is run, and in what surroundings.
func (u *unit) service() {
	s := u.s
	u.set("Service", "Type", u.kind())
	if u.kind() == "notify" || s.Watchdog > 0 {
		u.set("Service", "NotifyAccess", "all") // whoever of the service speaks is heard
	}
	if s.Kind == config.Task {
		u.set("Service", "RemainAfterExit", "yes")
	}
	u.set("Service", "ExecStart", unitfile.Command(exports.Program(s, s.Command)))
	if s.Dir != "" {
		u.set("Service", "WorkingDirectory", raw(s.Dir))
	}
	for _, file := range s.EnvFile {
		u.set("Service", "EnvironmentFile", raw(file))
	}
	for _, v := range s.Env {
		u.set("Service", "Environment", unitfile.Quote(v))
	}
	if len(s.EnvFile) > 0 && len(s.Env) > 0 {
		u.notes.Differs("env", "there the files of env_file go before it", "take the variables out of the files that env is to set")
	}
	if s.User != "" {
		u.set("Service", "User", raw(s.User))
	}
	if s.Group != "" {
		u.set("Service", "Group", raw(s.Group))
	}
	if len(s.Groups) > 0 {
		u.set("Service", "SupplementaryGroups", raw(strings.Join(s.Groups, " ")))
	}
	if s.Umask >= 0 {
		u.set("Service", "UMask", fmt.Sprintf("%04o", s.Umask))
	}
	if s.NiceSet {
		u.set("Service", "Nice", fmt.Sprint(s.Nice))
	}
	if s.OOMSet {
		u.set("Service", "OOMScoreAdjust", fmt.Sprint(s.OOMScore))
	}
	for _, l := range s.Limits {
		soft, hard, _ := strings.Cut(strings.ReplaceAll(l.String(), "unlimited", "infinity"), ":")
		if soft != hard {
			soft += ":" + hard
		}
		u.set("Service", "Limit"+strings.ToUpper(l.Name), soft)
	}
	if s.NoNewPrivs {
		u.set("Service", "NoNewPrivileges", "yes")
	}
}

func (u *unit) kind() string {
	switch {
	case u.s.Kind == config.Task:
		return "oneshot"
	case u.s.Ready != nil && u.s.Ready.Kind == config.ProbeNotify:
		return "notify"
	}
	return "exec" // as simple, but an exec that fails is a failed start
}

// output writes where output goes. The journal is where it goes by itself.
func (u *unit) output() {
	switch log := u.s.Log; log.To {
	case config.ToNone:
		u.set("Service", "StandardOutput", "null")
	case config.ToFile:
		u.set("Service", "StandardOutput", "append:"+raw(log.File.Path))
		if log.File.Stderr == config.StderrFile {
			u.set("Service", "StandardError", "append:"+raw(log.File.ErrPath()))
		}
		u.notes.Lost("log", "systemd rotates no files, and puts no times into them", "logrotate does, with copytruncate; or leave StandardOutput= out for the journal")
		if dir := filepath.Dir(log.File.Path); strings.HasPrefix(dir, "/var/log/") {
			u.set("Service", "LogsDirectory", unitfile.Quote(strings.TrimPrefix(dir, "/var/log/")))
		} else {
			u.notes.Differs("log.path", "systemd does not make the directory "+dir, "make it before")
		}
	}
}

// untold tells of what systemd has no word for.
func (u *unit) untold() {
	s := u.s
	if s.Health != nil {
		u.notes.Lost("health", "systemd asks no service how it is", "WatchdogSec= restarts one that does not say so itself (sd_notify(3)); a timer can ask the others")
	}
	if s.Watch != nil {
		u.notes.Lost("watch", "a service is not restarted when files change", "a path unit can start another that restarts it")
	}
	if s.PTY {
		u.notes.Lost("pty", "a service has no terminal of its own", "")
	}
	if len(s.Forward) > 0 {
		u.notes.Lost("signals.forward", "systemd forwards none", "systemctl kill --kill-whom=main --signal=... "+u.name())
	}
	for _, from := range slices.Sorted(maps.Keys(s.Map)) {
		if from != s.Stop.Ladder[0].Signal {
			u.notes.Lost("signals.map", from.String()+" is not translated", "")
		}
	}
	if s.Critical {
		u.notes.Lost("critical", "the end of one service does not end the others", "FailureAction=exit does, in a container")
	}
	if s.IdleStop > 0 {
		u.notes.Lost("idle_stop", "a service that nobody uses is not stopped", "systemd-socket-proxyd --exit-idle-time= before it does")
	}
}
