package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"supervise/internal/event"
	"supervise/internal/record"
	"supervise/internal/visible"
)

// Build makes the timeline of a trace.
func Build(t *record.Trace) *Timeline {
	b := builder{
		Timeline: &Timeline{Title: visible.Text(strings.Join(t.Header.Command, " ")), Cut: t.Cut, Start: t.Header.Start},
		base:     t.Header.Mono,
		lanes:    map[laneKey]int{}, bars: map[int]int{}, mains: map[int]int{}, states: map[int]State{}, held: map[int]int{}, arrows: map[sentTo]int{},
	}
	if b.base == 0 && len(t.Events) > 0 {
		b.base, b.Start = t.Events[0].Mono, t.Events[0].Time
	}
	b.superviser = b.lane(laneKey{kind: Supervise}, Lane{Kind: Supervise, Name: "supervise", PID: t.Header.PID})
	var last uint64
	for i := range t.Events {
		e := &t.Events[i]
		if e.Seq == 0 { // output, or a remark on what is missing: they have no place in the order
			continue
		}
		if last != 0 && e.Seq > last+1 {
			b.Missing += e.Seq - last - 1
		}
		last = e.Seq
		b.now = max(e.Mono-b.base, 0)
		b.Length = max(b.Length, b.now)
		b.Events = append(b.Events, Entry{Seq: e.Seq, At: b.now, Event: e.Name, Service: visible.Text(e.Service), Signal: signalName(e), Text: visible.Text(e.Text())})
		b.add(e)
	}
	b.finish()
	b.Summary = summary(b.Timeline)
	return b.Timeline
}

func signalName(e *event.Event) string {
	if e.Signal == 0 {
		return ""
	}
	return e.Signal.String()
}

// builder is a timeline that grows.
type builder struct {
	*Timeline
	base       time.Duration
	now        time.Duration
	superviser int
	senders    int
	lanes      map[laneKey]int
	bars       map[int]int    // lane -> its bar that lasts
	mains      map[int]int    // pid of a living main process -> lane
	states     map[int]State  // of the services' lanes
	held       map[int]int    // lane -> the bar of a process that is held
	arrows     map[sentTo]int // where outcomes belong
}

type laneKey struct {
	kind    Kind
	service string
	name    string
	pid     int
}

type sentTo struct {
	seq uint64
	pid int
}

func (b *builder) lane(key laneKey, l Lane) int {
	if at, ok := b.lanes[key]; ok {
		return at
	}
	b.lanes[key] = len(b.Lanes)
	l.Name, l.Service = visible.Text(l.Name), visible.Text(l.Service)
	b.Lanes = append(b.Lanes, l)
	return len(b.Lanes) - 1
}

func (b *builder) service(e *event.Event) int {
	if e.Service == "" {
		return b.superviser
	}
	return b.lane(laneKey{kind: Service, service: e.Service}, Lane{Kind: Service, Name: e.Service, Service: e.Service})
}

// mostProcesses bounds the lanes for processes beside the main one, for each
// service. The others share one.
const mostProcesses = 8

// process is the lane of a process of a service.
func (b *builder) process(e *event.Event, pid int, name string) int {
	if at, ok := b.mains[pid]; ok {
		return at
	}
	if at, ok := b.lanes[laneKey{kind: Process, service: e.Service, pid: pid}]; ok {
		return at
	}
	n := 0
	for _, l := range b.Lanes {
		if l.Kind == Process && l.Service == visible.Text(e.Service) {
			n++
		}
	}
	if n >= mostProcesses {
		return b.lane(laneKey{kind: Process, service: e.Service}, Lane{Kind: Process, Name: "others", Service: e.Service})
	}
	at := b.lane(laneKey{kind: Process, service: e.Service, pid: pid}, Lane{Kind: Process, Name: name, PID: pid, Service: e.Service})
	b.begin(at, Seen, pid, "")
	return at
}

// sender is the lane of whoever sent a signal to supervise.
func (b *builder) sender(e *event.Event) int {
	r := e.From
	if r == nil || !r.Origin.FromProcess() || r.PID == 0 {
		name := e.FromText()
		return b.lane(laneKey{kind: Sender, name: name}, Lane{Kind: Sender, Name: strings.TrimPrefix(name, "the ")})
	}
	if at, ok := b.mains[r.PID]; ok {
		return at
	}
	name := e.Sender
	if name == "" {
		name = "gone"
	}
	key := laneKey{kind: Sender, name: name, pid: r.PID}
	if _, known := b.lanes[key]; !known {
		if b.senders++; b.senders > mostSenders {
			return b.lane(laneKey{kind: Sender, pid: -1}, Lane{Kind: Sender, Name: "others"})
		}
	}
	return b.lane(key, Lane{Kind: Sender, Name: name, PID: r.PID, UID: r.UID})
}

// mostSenders bounds the lanes of senders: a script that calls kill(1) each
// minute is another process each time. The others share one.
const mostSenders = 16

// begin ends the bar of a lane and begins another.
func (b *builder) begin(lane int, s State, pid int, text string) {
	b.end(lane)
	b.bars[lane] = len(b.Bars)
	b.Bars = append(b.Bars, Bar{Lane: lane, State: s, From: b.now, PID: pid, Text: visible.Text(text), Open: true})
}

func (b *builder) end(lane int) {
	if at, ok := b.bars[lane]; ok {
		b.Bars[at].To, b.Bars[at].Open = b.now, false
		delete(b.bars, lane)
	}
}

func (b *builder) release(lane int) {
	if at, ok := b.held[lane]; ok {
		b.Bars[at].To, b.Bars[at].Open = b.now, false
		delete(b.held, lane)
	}
}

func (b *builder) mark(lane int, e *event.Event) {
	b.Marks = append(b.Marks, Mark{Lane: lane, Seq: e.Seq, At: b.now, Event: e.Name, Text: visible.Text(e.Text()), Bad: e.Name.Severe()})
}

// add takes in one event.
func (b *builder) add(e *event.Event) {
	switch e.Name {
	case event.SuperviseStarted:
		b.Lanes[b.superviser].PID = e.PID
		b.begin(b.superviser, Running, e.PID, "")
	case event.SuperviseEnded:
		b.mark(b.superviser, e)
		b.end(b.superviser)
		b.Ended = true
	case event.SignalReceived:
		a := Arrow{Seq: e.Seq, From: b.sender(e), To: b.superviser, At: b.now, Signal: signalName(e)}
		if e.From != nil {
			a.Came = e.From.Came()
			if a.Came == "sigqueue" {
				a.Value = &e.From.Value
			}
		}
		b.Arrows = append(b.Arrows, a)
	case event.SignalSent, event.SignalFailed:
		b.sent(e)
	case event.SignalOutcome:
		b.outcome(e)
	case event.OrphanReaped:
		b.orphan(e)
	default:
		b.serviceEvent(b.service(e), e)
	}
}

func (b *builder) serviceEvent(lane int, e *event.Event) {
	switch e.Name {
	case event.ServiceWaiting:
		b.begin(lane, Waiting, 0, e.Why)
	case event.ServiceStarting:
		b.states[lane] = Starting
		b.begin(lane, Starting, 0, e.Why)
		return // what follows is the start itself
	case event.ServiceStarted:
		b.mains[e.PID] = lane
		b.begin(lane, Starting, e.PID, "")
	case event.ServiceRunning:
		b.states[lane] = Running
		b.begin(lane, Running, e.PID, "")
	case event.ServiceStopping:
		b.states[lane] = Stopping
		b.begin(lane, Stopping, e.PID, e.Why)
	case event.BackoffScheduled:
		b.begin(lane, Backoff, 0, e.Why)
	case event.MainChanged:
		b.forget(lane)
		b.mains[e.PID] = lane
		b.begin(lane, cmp.Or(b.states[lane], Running), e.PID, "")
	case event.ProcessStopped:
		b.held[lane] = len(b.Bars)
		b.Bars = append(b.Bars, Bar{Lane: lane, State: Held, From: b.now, PID: e.PID, Open: true})
	case event.ProcessContinued:
		b.release(lane)
	case event.ProcessExited:
		if b.mains[e.PID] == lane && e.PID != 0 {
			b.forget(lane)
			b.release(lane)
			b.end(lane)
		}
	case event.ServiceStopped, event.ServiceDone, event.ServiceFailed:
		b.end(lane)
	}
	b.mark(lane, e)
}

// forget: a lane has no main process now.
func (b *builder) forget(lane int) {
	for pid, of := range b.mains {
		if of == lane {
			delete(b.mains, pid)
		}
	}
}

// sent draws a signal to each process that it was sent to; where these are not
// known, to the main process.
func (b *builder) sent(e *event.Event) {
	a := Arrow{Seq: e.Seq, Of: e.Of, From: b.superviser, At: b.now, Signal: signalName(e)}
	if e.Was != 0 {
		a.Was = e.Was.String()
	}
	if e.Name == event.SignalFailed {
		a.Failed = visible.Text(e.Why)
	}
	if len(e.Targets) == 0 {
		a.To, a.PID = b.service(e), e.PID
		b.Arrows = append(b.Arrows, a)
		return
	}
	for _, t := range e.Targets {
		a.To, a.PID, a.Disposition = b.process(e, t.PID, t.Name), t.PID, t.Disposition
		b.arrows[sentTo{e.Seq, t.PID}] = len(b.Arrows)
		b.Arrows = append(b.Arrows, a)
	}
}

func (b *builder) outcome(e *event.Event) {
	at, ok := b.arrows[sentTo{e.Of, e.PID}]
	if !ok { // sent before the trace began
		return
	}
	a := &b.Arrows[at]
	a.Became, a.After = e.Became, e.After
	if e.Exit != nil {
		a.How = visible.Text(e.Exit.String())
	}
	if e.Became == event.Ended && b.Lanes[a.To].Kind == Process && b.Lanes[a.To].PID == e.PID {
		b.end(a.To)
	}
}

func (b *builder) orphan(e *event.Event) {
	for key, lane := range b.lanes {
		if key.kind == Process && key.pid == e.PID {
			if _, lives := b.bars[lane]; lives {
				b.mark(lane, e)
				b.end(lane)
				return
			}
		}
	}
	b.mark(b.superviser, e)
}

// finish ends what lasts with the trace, and puts the lanes into order.
func (b *builder) finish() {
	for i := range b.Bars {
		if b.Bars[i].Open {
			b.Bars[i].To = b.Length
		}
	}
	order := make([]int, len(b.Lanes))
	for i := range order {
		order[i] = i
	}
	firstOf := map[string]int{}
	for i, l := range b.Lanes {
		if _, ok := firstOf[l.Service]; !ok {
			firstOf[l.Service] = i
		}
	}
	rank := map[Kind]int{Sender: 0, Supervise: 1, Service: 2, Process: 3}
	slices.SortStableFunc(order, func(i, j int) int {
		x, y := b.Lanes[i], b.Lanes[j]
		if rank[x.Kind] < rank[Service] || rank[y.Kind] < rank[Service] {
			return cmp.Compare(rank[x.Kind], rank[y.Kind])
		}
		return cmp.Or(cmp.Compare(firstOf[x.Service], firstOf[y.Service]), cmp.Compare(rank[x.Kind], rank[y.Kind]))
	})
	lanes, to := make([]Lane, len(order)), make([]int, len(order))
	for now, was := range order {
		lanes[now], to[was] = b.Lanes[was], now
	}
	b.Lanes = lanes
	for i := range b.Bars {
		b.Bars[i].Lane = to[b.Bars[i].Lane]
	}
	for i := range b.Marks {
		b.Marks[i].Lane = to[b.Marks[i].Lane]
	}
	for i := range b.Arrows {
		a := &b.Arrows[i]
		a.From, a.To = to[a.From], to[a.To]
	}
}

// Label names a lane with what tells it from others.
func (l Lane) Label() string {
	if l.PID == 0 || l.Kind == Supervise {
		return l.Name
	}
	return fmt.Sprintf("%s %d", l.Name, l.PID)
}
