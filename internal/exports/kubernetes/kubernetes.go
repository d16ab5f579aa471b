// Package kubernetes exports services as a manifest for Kubernetes: a Deployment
// for each service, a Job for each task, a Service for what listens on TCP or UDP.
//
// Kubernetes starts everything at the same time and restarts what fails: needs are
// not carried over, and programs have to wait for each other themselves.
package kubernetes

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/exports/yaml"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Export writes kubernetes.yaml.
func Export(services []config.Service, o exports.Options) exports.Result {
	o.Name = label(o.Name)
	starting := exports.Starting(services)
	remarks := common(services)
	documents := []string{}
	for _, g := range exports.Groups(services, label) {
		w := &workload{Group: g, s: &g.Service, o: o, notes: exports.About(&g.Service), starts: starting[g.Service.Name]}
		var object yaml.Map
		if g.Kind == config.Task {
			object = w.job()
		} else {
			object = w.deployment()
		}
		service := w.service()
		documents = append(documents, exports.Comments(w.notes.Comments())+yaml.Write(object))
		if service != nil {
			documents = append(documents, yaml.Write(service))
		}
		remarks = append(remarks, w.notes.All...)
	}
	text := "# Made by: supervise export kubernetes\n" + strings.Join(documents, "---\n")
	return exports.Result{Files: []exports.File{{Name: "kubernetes.yaml", Data: text}}, Remarks: remarks}
}

func common(services []config.Service) []exports.Remark {
	all := []exports.Remark{{Key: "restart", Why: "Kubernetes has delays of its own, from 10s doubled up to five minutes, and begins anew after ten minutes", Kept: true}}
	for _, s := range services {
		if s.Kind != config.Task && s.Restart.When != policy.Always {
			all = append(all, exports.Remark{Key: "restart.when", Why: "a Deployment restarts whatever ends, however it ended"})
			break
		}
	}
	for _, s := range services {
		if len(s.Needs) > 0 || len(s.After) > 0 {
			return append(all, exports.Remark{Key: "needs, after", Why: "everything is started at the same time", Instead: "programs wait for what they need, or an initContainer does"})
		}
	}
	return all
}

// label makes a name of what may be none: RFC 1123 allows letters, digits and
// dashes, up to 63 of them.
func label(name string) string {
	name = regexp.MustCompile(`[^a-z0-9-]+`).ReplaceAllString(strings.ToLower(name), "-")
	name = strings.Trim(name, "-")
	if len(name) > 63 {
		name = strings.TrimRight(name[:63], "-")
	}
	if name == "" {
		return "service"
	}
	return name
}

type workload struct {
	exports.Group
	s      *config.Service
	o      exports.Options
	notes  *exports.Notes
	starts bool
}

func (w *workload) labels() yaml.Map {
	return yaml.Map{{Key: "app.kubernetes.io/name", Value: w.Name}, {Key: "app.kubernetes.io/part-of", Value: w.o.Name}}
}

func (w *workload) object(version, kind string, spec yaml.Map) yaml.Map {
	return yaml.Map{
		{Key: "apiVersion", Value: version},
		{Key: "kind", Value: kind},
		{Key: "metadata", Value: yaml.Map{{Key: "name", Value: w.Name}, {Key: "labels", Value: w.labels()}}},
		{Key: "spec", Value: spec},
	}
}

func (w *workload) deployment() yaml.Map {
	replicas := w.Replicas
	if !w.starts {
		replicas = 0
		w.notes.Differs("autostart", "it has no replica", "kubectl scale --replicas=1 deployment/"+w.Name)
	}
	if w.s.Restart.Limit > 0 {
		w.notes.Lost("restart.limit", "a Deployment never gives up", "")
	}
	return w.object("apps/v1", "Deployment", yaml.Map{
		{Key: "replicas", Value: replicas},
		{Key: "strategy", Value: yaml.Map{{Key: "type", Value: "Recreate"}}}, // never two of one
		{Key: "selector", Value: yaml.Map{{Key: "matchLabels", Value: w.labels()}}},
		{Key: "template", Value: yaml.Map{{Key: "metadata", Value: yaml.Map{{Key: "labels", Value: w.labels()}}}, {Key: "spec", Value: w.pod("")}}},
	})
}

func (w *workload) job() yaml.Map {
	tries, again := 0, "Never"
	if w.s.Restart.When != policy.Never {
		again = "OnFailure"
		if tries = 6; w.s.Restart.Limit > 0 { // 6 is Kubernetes' own
			tries = w.s.Restart.Limit - 1
		}
	}
	spec := yaml.Map{{Key: "backoffLimit", Value: tries}}
	if w.s.RunTimeout > 0 {
		spec.Set("activeDeadlineSeconds", seconds(w.s.RunTimeout))
	}
	if w.Replicas > 1 {
		spec = append(spec, yaml.Entry{Key: "completions", Value: w.Replicas}, yaml.Entry{Key: "parallelism", Value: w.Replicas})
	}
	if !w.starts {
		spec.Set("suspend", true)
		w.notes.Differs("autostart", "it is suspended", `kubectl patch job/`+w.Name+` -p '{"spec":{"suspend":false}}'`)
	}
	spec.Set("template", yaml.Map{{Key: "metadata", Value: yaml.Map{{Key: "labels", Value: w.labels()}}}, {Key: "spec", Value: w.pod(again)}})
	return w.object("batch/v1", "Job", spec)
}

// service writes what makes the ports reachable.
func (w *workload) service() yaml.Map {
	var ports []yaml.Map
	for _, p := range w.ports() {
		ports = append(ports, yaml.Map{{Key: "name", Value: p.name}, {Key: "port", Value: p.number}, {Key: "targetPort", Value: p.name}, {Key: "protocol", Value: p.protocol}})
	}
	if ports == nil {
		return nil
	}
	return w.object("v1", "Service", yaml.Map{{Key: "selector", Value: w.labels()}, {Key: "ports", Value: ports}})
}

type port struct {
	name     string
	number   int
	protocol string
}

// ports are those of the sockets. Their names are made of protocol and number, since
// Kubernetes allows 15 characters.
func (w *workload) ports() []port {
	var out []port
	for _, s := range w.s.Sockets {
		number, err := strconv.Atoi(s.Address[strings.LastIndexByte(s.Address, ':')+1:])
		if strings.HasPrefix(s.Network, "unix") || err != nil {
			continue
		}
		p := port{fmt.Sprintf("%s-%d", s.Network, number), number, strings.ToUpper(s.Network)}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// seconds is a length of time in whole seconds, at least one.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// pod writes the spec of a pod: restart is that of a Job.
func (w *workload) pod(restart string) yaml.Map {
	s := w.s
	var pod yaml.Map
	pod.Set("restartPolicy", restart)
	pod = append(pod, yaml.Entry{Key: "terminationGracePeriodSeconds", Value: w.grace()})
	var groups []string
	for _, g := range s.Groups {
		if _, err := strconv.Atoi(g); err == nil {
			groups = append(groups, g)
		} else {
			w.notes.Lost("groups", g+" is a name", "write its number")
		}
	}
	if len(groups) > 0 {
		pod.Set("securityContext", yaml.Map{{Key: "supplementalGroups", Value: numbers(groups)}})
	}
	pod.Set("containers", []yaml.Map{w.container()})
	return pod
}

func numbers(texts []string) []int {
	var out []int
	for _, t := range texts {
		n, _ := strconv.Atoi(t)
		out = append(out, n)
	}
	return out
}

// grace is how long a pod may take to end, its hook included.
func (w *workload) grace() int {
	ladder := w.s.Stop.Ladder
	grace := exports.Grace(w.s)
	if w.s.StopBefore != nil {
		grace += w.s.StopBefore.Timeout
	}
	if len(ladder) == 1 && ladder[0].Wait == 0 {
		w.notes.Lost("stop.ladder", "no stop waits without end", "a long terminationGracePeriodSeconds")
		grace = time.Hour
	}
	if sig := exports.StopSignal(w.s); sig != signals.TERM {
		w.notes.Lost("stop.ladder", "Kubernetes sends TERM, not "+sig.String(), "STOPSIGNAL SIG"+sig.String()+" in the image says otherwise")
	}
	for _, rung := range ladder[min(1, len(ladder)-1):max(1, len(ladder)-1)] {
		if rung != ladder[0] {
			w.notes.Lost("stop.ladder", rung.Signal.String()+" is left out: there is one signal, and then KILL", "")
		}
	}
	for _, from := range slices.Sorted(maps.Keys(w.s.Map)) {
		if from != ladder[0].Signal {
			w.notes.Lost("signals.map", from.String()+" is not translated", "supervise run --map, as the command's first words, does")
		}
	}
	return seconds(grace)
}
