package kubernetes

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/exports/yaml"
)

func (w *workload) container() yaml.Map {
	s := w.s
	var m yaml.Map
	m.Set("name", w.Name)
	image := w.o.Images(s.Template)
	if image == "" {
		image = exports.NoImage
		w.notes.Lost("image", "none was named", "--image "+s.Template+"=IMAGE")
	}
	m.Set("image", image)
	m.Set("command", escapeAll(s.Command))
	if s.Dir != w.o.Dir {
		m.Set("workingDir", s.Dir)
	}
	var env []yaml.Map
	for _, v := range s.Env {
		name, value, _ := strings.Cut(v, "=")
		env = append(env, yaml.Map{{Key: "name", Value: name}, {Key: "value", Value: escape(value)}})
	}
	m.Set("env", env)
	for _, file := range s.EnvFile {
		w.notes.Lost("env_file", "a pod reads no files of this machine", "kubectl create configmap NAME --from-env-file="+strings.TrimPrefix(file, "-")+", and envFrom")
	}
	var ports []yaml.Map
	for _, p := range w.ports() {
		ports = append(ports, yaml.Map{{Key: "name", Value: p.name}, {Key: "containerPort", Value: p.number}, {Key: "protocol", Value: p.protocol}})
	}
	m.Set("ports", ports)
	w.probes(&m)
	w.hooks(&m)
	m.Set("securityContext", w.security())
	if s.PTY {
		m.Set("tty", true)
	}
	w.untold()
	return m
}

// escape keeps Kubernetes from replacing $(NAME).
func escape(text string) string { return strings.ReplaceAll(text, "$(", "$$(") }

func escapeAll(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = escape(word)
	}
	return out
}

// security writes users and groups, which have to be numbers.
func (w *workload) security() yaml.Map {
	var m yaml.Map
	for _, a := range []struct{ key, name, field string }{{"user", w.s.User, "runAsUser"}, {"group", w.s.Group, "runAsGroup"}} {
		if n, err := strconv.Atoi(a.name); err == nil {
			m = append(m, yaml.Entry{Key: a.field, Value: n})
		} else if a.name != "" {
			w.notes.Lost(a.key, a.name+" is a name, and the image may number it otherwise", "write its number, or USER in the image")
		}
	}
	if w.s.NoNewPrivs {
		m = append(m, yaml.Entry{Key: "allowPrivilegeEscalation", Value: false})
	}
	return m
}

// probes writes readiness, and health as liveness. Until a service has been
// ready once, nobody asks how it is: that is the startup probe.
func (w *workload) probes(m *yaml.Map) {
	s := w.s
	if s.Ready != nil && !s.Ready.Kind.Looks() {
		w.notes.Lost("ready", fmt.Sprintf("readiness by %s is not heard of", s.Ready.Kind), "a probe of kind exec, http or tcp is")
	}
	if s.Ready != nil && s.Ready.Kind.Looks() {
		if s.StartTimeout > 0 {
			probe := w.probe("ready", s.Ready, s.Ready.Interval)
			times := int(math.Ceil(float64(s.StartTimeout) / float64(time.Duration(seconds(s.Ready.Interval))*time.Second)))
			m.Set("startupProbe", append(probe, yaml.Entry{Key: "failureThreshold", Value: max(1, times)}))
		}
		m.Set("readinessProbe", w.probe("ready", s.Ready, 10*time.Second))
	}
	if h := s.Health; h != nil {
		probe := w.probe("health", &h.Probe, h.Probe.Interval)
		probe = append(probe, yaml.Entry{Key: "failureThreshold", Value: h.Failures})
		if h.Action == config.HealthRestart {
			m.Set("livenessProbe", probe)
		} else {
			w.notes.Lost("health.action", "what is not alive is restarted, and nothing else is done", "")
		}
	}
}

// probe writes a probe. It asks the pod's own address, but for exec.
func (w *workload) probe(key string, p *config.Probe, interval time.Duration) yaml.Map {
	var m yaml.Map
	elsewhere := func() {
		w.differsOnce(key, "the pod's address is asked, so the program has to listen there and not on 127.0.0.1 alone", "")
	}
	switch p.Kind {
	case config.ProbeHTTP:
		u, err := url.Parse(p.URL)
		if err != nil || u.Scheme != "http" {
			m = execProbe(exports.Curl(p))
			w.differsOnce(key, "curl asks, which has to be in the image", "")
			break
		}
		port, _ := strconv.Atoi(u.Port())
		get := yaml.Map{{Key: "path", Value: u.RequestURI()}, {Key: "port", Value: port}}
		var headers []yaml.Map
		for _, h := range p.Header {
			name, value, _ := strings.Cut(h, ": ")
			headers = append(headers, yaml.Map{{Key: "name", Value: name}, {Key: "value", Value: value}})
		}
		get.Set("httpHeaders", headers)
		m.Set("httpGet", get)
		elsewhere()
		if p.Body != nil || !slices.Equal(p.Status, []config.StatusRange{{From: 200, To: 399}}) || p.Method == "HEAD" {
			w.differsOnce(key, "GET is sent, and every answer with a status below 400 is fine", "")
		}
	case config.ProbeTCP:
		port, err := strconv.Atoi(p.Address[strings.LastIndexByte(p.Address, ':')+1:])
		if err != nil {
			m = execProbe([]string{"nc", "-zU", strings.TrimPrefix(p.Address, "unix://")})
			w.differsOnce(key, "nc connects, which has to be in the image", "")
			break
		}
		m.Set("tcpSocket", yaml.Map{{Key: "port", Value: port}})
		elsewhere()
	case config.ProbeFile:
		m = execProbe([]string{"test", "-e", p.Path})
	default:
		m = execProbe(p.Command)
	}
	m = append(m, yaml.Entry{Key: "periodSeconds", Value: seconds(interval)}, yaml.Entry{Key: "timeoutSeconds", Value: seconds(p.Timeout)})
	return m
}

func execProbe(command []string) yaml.Map {
	return yaml.Map{{Key: "exec", Value: yaml.Map{{Key: "command", Value: command}}}}
}

// differsOnce adds a remark, once for all probes.
func (w *workload) differsOnce(key, why, instead string) {
	if !slices.ContainsFunc(w.notes.All, func(r exports.Remark) bool { return r.Why == why }) {
		w.notes.Differs(key, why, instead)
	}
}

func (w *workload) hooks(m *yaml.Map) {
	s := w.s
	var life yaml.Map
	if s.StartAfter != nil {
		life.Set("postStart", execProbe(s.StartAfter.Command))
	}
	if s.StopBefore != nil {
		life.Set("preStop", execProbe(s.StopBefore.Command))
	}
	m.Set("lifecycle", life)
	if s.StartBefore != nil {
		w.notes.Lost("start.before", "nothing is run in a container before its program", "an initContainer is run before all of them")
	}
	if s.StopAfter != nil {
		w.notes.Lost("stop.after", "nothing is run in a container after its program", "")
	}
}

func (w *workload) untold() {
	s, n := w.s, w.notes
	for _, socket := range s.Sockets {
		if strings.HasPrefix(socket.Network, "unix") {
			n.Lost("sockets", socket.String()+": pods share no socket files", "")
		} else {
			n.Differs("sockets", socket.String()+" is a port of the pod, but not passed to the program, which has to listen on it itself", "")
		}
	}
	if s.Lazy() {
		n.Lost("sockets.lazy", "no client starts a pod", "")
	}
	for _, l := range s.Limits {
		n.Lost("limits."+l.Name, "pods have no such limits", "resources limits memory and processors")
	}
	if s.Umask >= 0 {
		n.Lost("umask", "pods have no umask", fmt.Sprintf("sh -c 'umask %03o; exec ...' sets it", s.Umask))
	}
	if s.NiceSet {
		n.Lost("nice", "pods have no niceness", "resources.requests.cpu weighs them")
	}
	if s.OOMSet {
		n.Lost("oom_score_adj", "Kubernetes sets it itself", "")
	}
	if s.Log.To == config.ToFile {
		n.Lost("log", "what is written stays in the pod's log", "")
	}
	if s.Watchdog > 0 {
		n.Lost("watchdog", "nobody listens to it", "health becomes a livenessProbe")
	}
	if s.Watch != nil {
		n.Lost("watch", "files are not watched", "")
	}
	if s.RunTimeout > 0 && s.Kind != config.Task {
		n.Lost("timeout", "a run has no longest time", "")
	}
	if s.Critical {
		n.Lost("critical", "the end of one service does not end the others", "")
	}
	if len(s.Forward) > 0 {
		n.Lost("signals.forward", "signals go to no pod", "kubectl exec ... kill")
	}
}
