package control

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/http1"
	"supervise/internal/logs"
	"supervise/internal/metrics"
	"supervise/internal/policy"
	"supervise/internal/procfs"
	"supervise/internal/supervisor"
	"supervise/internal/tree"
)

// about is what is asked of the owner about one service; the rest is found out
// outside of it.
type about struct {
	supervisor.Status
	claim  tree.Claim // on its processes
	claims bool       // it is wanted: with usage, or when the service is being stopped
	living []procfs.Process
}

func look(l *supervisor.Loop, index int, usage bool, now time.Time) about {
	a := about{Status: l.Set().Status(index, now)}
	if usage || a.State == supervisor.Stopping {
		a.claim, a.claims = l.Claim(index)
	}
	return a
}

// lookBatch bounds how many services the owner is asked about at once, so that
// what it is there for gets its turn.
const lookBatch = 64

// lookAll tells of services; without names, of all.
func (s *Server) lookAll(w *http1.Writer, names []string, usage bool) ([]api.Service, bool) {
	var indexes []int
	var err error
	if !s.ask(w, func(l *supervisor.Loop) { indexes, err = pick(l.Set(), names) }) {
		return nil, false
	}
	if err != nil {
		w.Problem(404, "%v", err)
		return nil, false
	}
	seen := make([]about, 0, len(indexes))
	var survey *tree.Survey
	for batch := range slices.Chunk(indexes, lookBatch) {
		if !s.ask(w, func(l *supervisor.Loop) {
			now := time.Now()
			for _, i := range batch {
				if l.Set().Spec(i) == nil {
					continue // removed in between
				}
				a := look(l, i, usage, now)
				if seen = append(seen, a); a.claims && survey == nil {
					survey = l.Survey()
				}
			}
		}) {
			return nil, false
		}
	}
	all := make([]api.Service, 0, len(seen))
	for i := range seen {
		seen[i].find(survey)
		all = append(all, seen[i].service(usage))
	}
	return all, true
}

// find looks for the processes.
func (a *about) find(survey *tree.Survey) {
	if a.claims {
		a.living = survey.Living(a.claim)
	}
}

func (s *Server) services(w *http1.Writer, r *http1.Request) {
	usage, err := truth(r, "usage")
	if err != nil {
		w.Problem(400, "%v", err)
		return
	}
	if all, ok := s.lookAll(w, r.Query["name"], usage); ok {
		w.JSON(200, all)
	}
}

// service tells of one, with its processes.
func (s *Server) service(w *http1.Writer, r *http1.Request) {
	name := r.Query.Get("name")
	var seen about
	var survey *tree.Survey
	var stored []string
	var err error
	if !s.ask(w, func(l *supervisor.Loop) {
		if i := l.Set().Index(name); i >= 0 {
			seen, survey, stored = look(l, i, true, time.Now()), l.Survey(), l.Stored(i)
		} else {
			err = unknown(l.Set(), name)
		}
	}) {
		return
	}
	if err != nil {
		w.Problem(404, "%v", err)
		return
	}
	seen.find(survey)
	answer := seen.service(true)
	answer.Stored, answer.Connections = stored, s.connections(seen.Spec)
	for _, p := range seen.living {
		answer.Processes = append(answer.Processes, process(p, seen.PID))
	}
	w.JSON(200, answer)
}

// connections counts those to the sockets of a service; nil: it has none that
// take any, or they cannot be counted.
func (s *Server) connections(spec *config.Service) *int {
	if s.Loop.Sockets == nil || !slices.ContainsFunc(spec.Sockets, func(s config.Socket) bool { return !s.Datagram() }) {
		return nil
	}
	n, err := s.Loop.Sockets.Connections(spec.Name)
	if err != nil {
		return nil
	}
	return &n
}

// service says it in the words of the API.
func (a *about) service(usage bool) api.Service {
	spec := a.Spec
	s := api.Service{
		Name: spec.Name, Kind: string(spec.Kind), State: string(a.State), Since: a.Since, Why: a.Why, Next: a.Next,
		Step: a.Step, PID: a.PID, Ready: a.Ready, Health: healthOf(&a.Status), Lazy: spec.Lazy(), Armed: a.Armed, Says: a.Says, About: a.About,
		Restarts: a.Restarts(), Needs: spec.Needed(), Command: spec.Command, Autostart: spec.Autostart, Log: logTarget(spec),
	}
	if spec.Ready != nil {
		s.ReadyBy = string(spec.Ready.Kind)
	}
	for _, socket := range spec.Sockets {
		s.Sockets = append(s.Sockets, socket.String())
	}
	if !a.Due.IsZero() {
		due := a.Due
		s.Due = &due
	}
	if !a.Started.IsZero() {
		started := a.Started
		s.Started = &started
	}
	if a.PID != 0 {
		s.Uptime = time.Since(a.Started).Seconds()
	}
	if a.HasRun {
		s.LastExit = exitOf(a.Last, a.Ended, a.LastUp)
	}
	if a.State == supervisor.Stopping {
		s.Blocked = tree.Blockers(a.living, a.Rung)
	}
	if usage {
		cpu, memory := usageOf(a.living, a.claim.Dir())
		s.CPU, s.Memory = &cpu, &memory
	}
	return s
}

// healthOf says what the looks at a service that runs have found.
func healthOf(st *supervisor.Status) string {
	switch {
	case st.State != supervisor.Running || st.Spec.Health == nil:
		return ""
	case st.Sick != "":
		return unwell + strings.TrimPrefix(st.Sick, "unhealthy: ")
	}
	return "well"
}

const unwell = "unwell: "

func exitOf(e policy.Exit, at time.Time, up time.Duration) *api.Exit {
	x := &api.Exit{At: at, Text: e.String(), Up: up.Seconds()}
	if e.Signal != 0 {
		x.Signal = e.Signal.String()
	} else {
		code := e.Code
		x.Code = &code
	}
	return x
}

func logTarget(spec *config.Service) string {
	if spec.Log.To == config.ToFile {
		return spec.Log.File.Path
	}
	return string(spec.Log.To)
}

func (s *Server) info(w *http1.Writer, _ *http1.Request) {
	if info, ok := s.supervise(w); ok {
		w.JSON(200, info)
	}
}

// supervise tells of supervise itself.
func (s *Server) supervise(w *http1.Writer) (info api.Info, ok bool) {
	ok = s.ask(w, func(l *supervisor.Loop) { info = s.infoOf(l) })
	return info, ok
}

// infoOf is called by the owner.
func (s *Server) infoOf(l *supervisor.Loop) api.Info {
	info, set := s.Info, l.Set()
	info.Uptime = time.Since(info.Since).Seconds()
	info.Stopping, info.Orphans, info.Seq = set.ShuttingDown(), l.Orphans(), l.Seq()
	info.States = map[string]int{}
	for i := range set.Len() {
		if set.Spec(i) != nil {
			info.States[string(set.Machine(i).State)]++
		}
	}
	return info
}

func (s *Server) metrics(w *http1.Writer, _ *http1.Request) {
	info, ok := s.supervise(w)
	if !ok {
		return
	}
	all, ok := s.lookAll(w, nil, true)
	if !ok {
		return
	}
	_ = s.Metrics(w.Stream(200, metrics.ContentType), info, all) // who does not take it has gone
}

// health is about what should be well: a service that was stopped, or has ended
// as it should, is; so is one that its first connection starts.
func (s *Server) health(w *http1.Writer, r *http1.Request) {
	names := r.Query["name"]
	all, ok := s.lookAll(w, names, false)
	if !ok {
		return
	}
	h := api.Health{OK: true, Services: []api.Result{}}
	var sick []string
	for _, v := range all {
		state := supervisor.State(v.State)
		sound := v.Ready && !strings.HasPrefix(v.Health, unwell)
		well := sound || state == supervisor.Done ||
			len(names) == 0 && (state == supervisor.Stopped || state == supervisor.Stopping)
		why := v.Why
		switch {
		case v.Ready && !sound:
			why = v.Health
		case state == supervisor.Starting && v.Step != "":
			why = v.Step
		}
		if !well {
			h.OK = false
			sick = append(sick, fmt.Sprintf("%s is %s%s", v.Name, v.State, brackets(why)))
		}
		if !well || len(names) > 0 {
			h.Services = append(h.Services, api.Result{Name: v.Name, OK: well, State: v.State, PID: v.PID, Why: why})
		}
	}
	info, ok := s.supervise(w)
	if !ok {
		return
	}
	status := 200
	switch {
	case info.Stopping:
		h.OK, h.Why, status = false, "supervise is shutting down", 503
	case !h.OK:
		h.Why, status = strings.Join(sick, "; "), 503
	case len(all) == 1:
		h.Why = all[0].Name + " is " + all[0].State
		if all[0].Armed {
			h.Why += brackets(all[0].Why)
		}
	default:
		h.Why = fmt.Sprintf("all %d services are well", len(all))
	}
	w.JSON(status, h)
}

func brackets(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// count reads a parameter that is a number from 0 on; missing is -1.
func count(r *http1.Request, name string) (int, error) {
	v := r.Query.Get(name)
	if v == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s=%s is no number from 0 on", name, v)
	}
	return n, nil
}

// events gives what has happened, and with follow what happens.
func (s *Server) events(w *http1.Writer, r *http1.Request) {
	follow, err := truth(r, "follow")
	n, errN := count(r, "n")
	since, errSince := count(r, "since")
	for _, e := range []error{err, errN, errSince} {
		if e != nil {
			w.Problem(400, "%v", e)
			return
		}
	}
	wanted := func(e *event.Event) bool {
		return matchesAny(r.Query["event"], string(e.Name)) && matchesAny(r.Query["name"], e.Service)
	}
	seq, newest := uint64(max(since, 0)), s.Events.Newest()
	var missed uint64
	if since >= 0 {
		_, missed = s.Events.Since(seq, 0)
	}
	if n >= 0 {
		seq = s.lastOf(n, seq, newest, wanted)
	}
	out := w.Stream(200, "application/x-ndjson")
	for begun := false; ; begun = true {
		list, lost := s.Events.Since(seq, eventBatch)
		if begun {
			missed = lost
		}
		if !follow {
			list = slices.DeleteFunc(list, func(e event.Event) bool { return e.Seq > newest })
		}
		if len(list) == 0 {
			if !follow || s.Events.Wait(r.Context(), seq) != nil {
				return
			}
			continue
		}
		seq = list[len(list)-1].Seq
		var text []byte
		if missed > 0 {
			text = logs.JSON{}.Event(text, &event.Event{Time: time.Now(), Name: event.EventsMissed,
				Why: fmt.Sprintf("%d events are not kept any more", missed)})
		}
		for i := range list {
			if wanted(&list[i]) {
				text = logs.JSON{}.Event(text, &list[i])
			}
		}
		if len(text) == 0 {
			continue
		}
		if _, err := out.Write(text); err != nil {
			return
		}
	}
}

// eventBatch is how many events are taken from the history at once, and so what a
// client that does not read costs: some 40 KB, where the whole history is 1 MB.
const eventBatch = 64

// lastOf gives the number of an event behind which there are n that are wanted, later
// than seq and up to newest, or all that there are.
func (s *Server) lastOf(n int, seq, newest uint64, wanted func(*event.Event) bool) uint64 {
	if n == 0 {
		return max(seq, newest)
	}
	var numbers []uint64
	for at := seq; at < newest; {
		list, _ := s.Events.Since(at, eventBatch)
		for i := range list {
			if at = list[i].Seq; at <= newest && wanted(&list[i]) {
				numbers = append(numbers, at)
			}
		}
	}
	if len(numbers) > n {
		return numbers[len(numbers)-n] - 1
	}
	return seq
}

// matchesAny says whether one of the patterns matches; none at all matches
// everything. web means web@1 as well.
func matchesAny(patterns []string, word string) bool {
	if len(patterns) == 0 {
		return true
	}
	template, _, _ := strings.Cut(word, "@")
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, word)
		return ok || p == template
	})
}

// logs gives what services wrote.
func (s *Server) logs(w *http1.Writer, r *http1.Request) {
	follow, err := truth(r, "follow")
	n, errN := count(r, "n")
	since, errSince := moment(r.Query.Get("since"), time.Now())
	for _, e := range []error{err, errN, errSince} {
		if e != nil {
			w.Problem(400, "%v", e)
			return
		}
	}
	var specs []*config.Service
	if !s.ask(w, func(l *supervisor.Loop) {
		var indexes []int
		indexes, err = pick(l.Set(), r.Query["name"])
		for _, i := range indexes {
			// Who named none, or a pattern, means those whose output there is.
			if spec := l.Set().Spec(i); spec.Log.To.Captured() || matchesName(r.Query["name"], spec) {
				specs = append(specs, spec)
			}
		}
	}) {
		return
	}
	if err != nil {
		w.Problem(404, "%v", err)
		return
	}
	ctx := r.Context()
	stream := &lineStream{w: w}
	if follow {
		// What is wrong with the question is to be said before the answer begins,
		// and that begins at once, so that the client knows that it is heard.
		if err := s.Output.Lines(ctx, specs, 0, since, false, stream.line); err != nil {
			w.Problem(409, "%v", err)
			return
		}
		stream.begin()
	}
	err = s.Output.Lines(ctx, specs, n, since, follow, stream.line)
	switch {
	case err == nil || ctx.Err() != nil:
		stream.begin()
	case !stream.begun:
		w.Problem(409, "%v", err)
	}
}

// matchesName says whether one of the names is that of the service, and no
// pattern.
func matchesName(names []string, spec *config.Service) bool {
	return slices.Contains(names, spec.Name) || slices.Contains(names, spec.Template)
}

// lineStream writes lines as JSON, each as soon as it is there.
type lineStream struct {
	w     *http1.Writer
	out   interface{ Write([]byte) (int, error) }
	begun bool
}

func (s *lineStream) begin() {
	if !s.begun {
		s.begun, s.out = true, s.w.Stream(200, "application/x-ndjson")
	}
}

func (s *lineStream) line(l api.Line) error {
	s.begin()
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = s.out.Write(append(text, '\n'))
	return err
}

// moment reads a time, or a duration before now. "" is the zero time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("since=%s is neither a time (2006-01-02T15:04:05Z) nor a duration (10m)", text)
	}
	return t, nil
}
