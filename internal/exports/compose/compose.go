// Package compose exports services as a compose file, for docker compose and
// its like: https://github.com/compose-spec/compose-spec.
//
// Each service becomes a container of its own, from an image that has to be
// named. Instances that differ in nothing but their number become replicas.
package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/exports/yaml"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Export writes compose.yaml.
func Export(services []config.Service, o exports.Options) exports.Result {
	e := export{o: o, all: services, groups: exports.Groups(services, func(n string) string { return n }), starting: exports.Starting(services)}
	var list yaml.Map
	remarks := common(services)
	for _, g := range e.groups {
		notes := exports.About(&g.Service)
		m := e.service(g, notes)
		list = append(list, yaml.Entry{Key: g.Name, Value: m, Comments: notes.Comments()})
		remarks = append(remarks, notes.All...)
	}
	text := "# Made by: supervise export compose\n" + yaml.Write(yaml.Map{{Key: "name", Value: o.Name}, {Key: "services", Value: list}})
	return exports.Result{Files: []exports.File{{Name: "compose.yaml", Data: text}}, Remarks: remarks}
}

func common(services []config.Service) []exports.Remark {
	all := []exports.Remark{{Key: "the environment", Why: "a container gets no variables of whoever starts it", Instead: "environment names those that are to be passed on", Kept: true}}
	for _, s := range services {
		if s.Restart.When != policy.Never {
			all = append(all, exports.Remark{Key: "restart", Why: "the engine has delays of its own, from 100ms doubled up to a minute, and no window for a limit", Kept: true})
			break
		}
	}
	return all
}

type export struct {
	o        exports.Options
	all      []config.Service
	groups   []exports.Group
	starting map[string]bool
}

func (e *export) service(g exports.Group, n *exports.Notes) yaml.Map {
	s := &g.Service
	var m yaml.Map
	image := e.o.Images(s.Template)
	if image == "" {
		image = exports.NoImage
		n.Lost("image", "none was named", "--image "+s.Template+"=IMAGE")
	}
	m.Set("image", escape(image))
	m = append(m, yaml.Entry{Key: "entrypoint", Value: []string{}}) // or that of the image would get the command as its arguments
	m.Set("command", escapeAll(s.Command))
	if s.Dir != e.o.Dir {
		m.Set("working_dir", escape(s.Dir))
	}
	m.Set("environment", environment(s))
	m.Set("env_file", envFiles(s))
	e.account(s, &m, n)
	e.limits(s, &m, n)
	m.Set("depends_on", e.dependsOn(s, n))
	m.Set("healthcheck", healthcheck(s, n))
	e.stop(s, &m, n)
	m.Set("restart", restart(s, n))
	m.Set("ports", ports(s, n))
	if g.Replicas > 1 {
		m.Set("deploy", yaml.Map{{Key: "replicas", Value: g.Replicas}})
	}
	e.hooks(s, &m, n)
	if s.PTY {
		m.Set("tty", true)
	}
	if !e.starting[s.Name] {
		m.Set("profiles", []string{"manual"})
		n.Differs("autostart", "it is of the profile manual", "docker compose up "+g.Name)
	}
	if s.Log.To == config.ToNone {
		m.Set("logging", yaml.Map{{Key: "driver", Value: "none"}})
	} else if s.Log.To == config.ToFile {
		n.Lost("log", "the engine keeps what is written", "logging says how much of it")
	}
	untold(s, n)
	return m
}

// escape keeps compose from replacing variables.
func escape(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func escapeAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = escape(w)
	}
	return out
}

func environment(s *config.Service) yaml.Map {
	var m yaml.Map
	for _, v := range s.Env {
		name, value, _ := strings.Cut(v, "=")
		m = append(m, yaml.Entry{Key: name, Value: escape(value)})
	}
	return m
}

func envFiles(s *config.Service) []yaml.Map {
	var out []yaml.Map
	for _, file := range s.EnvFile {
		file, optional := strings.CutPrefix(file, "-")
		out = append(out, yaml.Map{{Key: "path", Value: escape(file)}, {Key: "required", Value: !optional}})
	}
	return out
}

func (e *export) account(s *config.Service, m *yaml.Map, n *exports.Notes) {
	user := s.User
	if s.Group != "" {
		if user == "" {
			user = "0"
		}
		user += ":" + s.Group
	}
	m.Set("user", escape(user))
	m.Set("group_add", escapeAll(s.Groups))
	if s.NoNewPrivs {
		m.Set("security_opt", []string{"no-new-privileges:true"})
	}
	if s.OOMSet {
		m.Set("oom_score_adj", s.OOMScore)
	}
	if s.NiceSet {
		n.Lost("nice", "containers have no niceness", "cpu_shares weighs them")
	}
	if s.Umask >= 0 {
		n.Lost("umask", "containers have no umask", fmt.Sprintf("sh -c 'umask %03o; exec ...' sets it", s.Umask))
	}
}

func (e *export) limits(s *config.Service, m *yaml.Map, n *exports.Notes) {
	var limits yaml.Map
	for _, l := range s.Limits {
		if l.Name == "as" {
			n.Lost("limits.as", "compose does not know it", "mem_limit limits all of a container")
			continue
		}
		limits.Set(l.Name, yaml.Map{{Key: "soft", Value: limit(l.Soft)}, {Key: "hard", Value: limit(l.Hard)}})
	}
	m.Set("ulimits", limits)
}

func limit(v uint64) int {
	if v == unix.RLIM_INFINITY {
		return -1
	}
	return int(v)
}

// dependsOn writes what has to be there before.
func (e *export) dependsOn(s *config.Service, n *exports.Notes) yaml.Map {
	var m yaml.Map
	add := func(name string, entry yaml.Map) {
		if group := exports.GroupOf(e.groups, e.all, name); !slices.ContainsFunc(m, func(o yaml.Entry) bool { return o.Key == group }) {
			m.Set(group, entry)
		}
	}
	for _, need := range s.Needs {
		condition := "service_started"
		other := e.find(need.Name)
		switch {
		case other.Kind == config.Task && need.For != config.NeedStarted, need.For == config.NeedDone:
			condition = "service_completed_successfully"
		case need.For == config.NeedReady && checks(other):
			condition = "service_healthy"
		case need.For == config.NeedReady && other.Ready != nil:
			n.Lost("needs", need.Name+" is waited for until it has started, not until it is ready", "give it a ready probe of kind exec, http or tcp")
		}
		entry := yaml.Map{{Key: "condition", Value: condition}}
		if need.With {
			entry = append(entry, yaml.Entry{Key: "restart", Value: true})
		}
		add(need.Name, entry)
	}
	for _, name := range s.After {
		if e.starting[name] {
			add(name, yaml.Map{{Key: "condition", Value: "service_started"}, {Key: "required", Value: false}})
		}
	}
	return m
}

func (e *export) find(name string) *config.Service {
	for i := range e.all {
		if e.all[i].Name == name {
			return &e.all[i]
		}
	}
	return &config.Service{}
}

// stop writes the first signal and the time until KILL.
func (e *export) stop(s *config.Service, m *yaml.Map, n *exports.Notes) {
	if sig := exports.StopSignal(s); sig != signals.TERM {
		m.Set("stop_signal", signalText(sig))
	}
	ladder := s.Stop.Ladder
	grace := exports.Grace(s)
	if s.StopBefore != nil {
		grace += s.StopBefore.Timeout
	}
	if len(ladder) == 1 && grace == 0 {
		n.Lost("stop.ladder", "no engine waits without end", "a long stop_grace_period")
		grace = time.Hour
	}
	m.Set("stop_grace_period", grace.String())
	if last := ladder[len(ladder)-1]; last.Signal != signals.KILL {
		n.Lost("stop.ladder", "the last signal is always KILL", "")
	}
	for _, rung := range ladder[1:max(1, len(ladder)-1)] {
		n.Lost("stop.ladder", rung.Signal.String()+" is left out: there is one signal, and then KILL", "")
	}
	for _, from := range slices.Sorted(maps.Keys(s.Map)) {
		if from != ladder[0].Signal {
			n.Lost("signals.map", from.String()+" is not translated", "supervise run --map, as the entrypoint, does")
		}
	}
}

func signalText(s signals.Signal) string { return "SIG" + s.String() }

func restart(s *config.Service, n *exports.Notes) string {
	switch {
	case s.Restart.When == policy.Always && s.Restart.Limit > 0:
		n.Lost("restart.limit", "what is always restarted is so for ever", "")
		fallthrough
	case s.Restart.When == policy.Always:
		return "always"
	case s.Restart.When == policy.OnFailure && s.Restart.Limit > 0:
		n.Differs("restart.limit", "it counts restarts in a row, whenever they are", "")
		return "on-failure:" + strconv.Itoa(s.Restart.Limit)
	case s.Restart.When == policy.OnFailure:
		return "on-failure"
	}
	return "no"
}

func ports(s *config.Service, n *exports.Notes) []string {
	var out []string
	for _, socket := range s.Sockets {
		if strings.HasPrefix(socket.Network, "unix") {
			n.Lost("sockets", socket.String()+": containers share no socket files", "a volume does")
			continue
		}
		i := strings.LastIndexByte(socket.Address, ':')
		host, port := socket.Address[:i], socket.Address[i+1:]
		published := port + ":" + port
		if host != "0.0.0.0" && host != "[::]" {
			published = host + ":" + published
		}
		if socket.Network == "udp" {
			published += "/udp"
		}
		out = append(out, published)
		n.Differs("sockets", socket.String()+" is published, but not passed to the program, which has to listen on the port itself", "")
	}
	return out
}

// hooks writes those that compose has: after a start and before a stop.
func (e *export) hooks(s *config.Service, m *yaml.Map, n *exports.Notes) {
	if s.StartAfter != nil {
		m.Set("post_start", []yaml.Map{{{Key: "command", Value: escapeAll(s.StartAfter.Command)}}})
	}
	if s.StopBefore != nil {
		m.Set("pre_stop", []yaml.Map{{{Key: "command", Value: escapeAll(s.StopBefore.Command)}}})
	}
	if s.StartBefore != nil {
		n.Lost("start.before", "nothing is run in a container before its program", "a script as the command, or a service of its own that this one depends on")
	}
	if s.StopAfter != nil {
		n.Lost("stop.after", "nothing is run in a container after its program", "")
	}
}

func untold(s *config.Service, n *exports.Notes) {
	if s.Watchdog > 0 {
		n.Lost("watchdog", "no engine listens to it", "a healthcheck")
	}
	if s.Watch != nil {
		n.Lost("watch", "files are not watched", "develop.watch and docker compose watch do")
	}
	if s.RunTimeout > 0 {
		n.Lost("timeout", "a run has no longest time", "timeout(1) as the command's first word")
	}
	if s.Critical {
		n.Lost("critical", "the end of one service does not end the others", "docker compose up --abort-on-container-exit")
	}
	if len(s.Forward) > 0 {
		n.Lost("signals.forward", "signals go to one container each", "docker compose kill -s SIGNAL")
	}
	if s.IdleStop > 0 || s.Lazy() {
		n.Lost("sockets.lazy", "no client starts a container", "")
	}
}
