package supervisor

import (
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/policy"
	"supervise/internal/reaper"
	"supervise/internal/rerun"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// notebook keeps events.
type notebook struct {
	mutex  sync.Mutex
	events []event.Event
}

func (*notebook) Wants(event.Name) bool { return true }

func (n *notebook) Emit(e event.Event) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.events = append(n.events, e)
}

func (n *notebook) has(name event.Name) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.ContainsFunc(n.events, func(e event.Event) bool { return e.Name == name })
}

// realWorld is a world without cgroups, for a test that is PID 1.
func realWorld(t *testing.T, r *signals.Receiver) (World, *notebook) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	host := tree.NewHost(nil)
	events := &notebook{}
	return World{
		Receiver: r, Launcher: launch.ForServices(signals.Dispositions{}), Host: host, Session: launch.OwnSession, Sink: events,
		Tree: func(s *config.Service) *tree.Tree {
			tr, _ := host.Tree(s.Name, s.Stop.Scope)
			return tr
		},
		Stdio: func(*config.Service, func()) (launch.Stdio, func(), error) {
			return launch.Stdio{In: null.Fd(), Out: null.Fd(), Err: null.Fd(), Terminal: -1}, func() {}, nil
		},
		Signals: Services{}, Adopts: true,
	}, events
}

func script(name, text string) config.Service {
	return config.Service{
		Name: name, Kind: config.Daemon, Autostart: true, Umask: -1, Command: []string{"/bin/sh", "-c", text},
		Restart: policy.Restart{When: policy.Never, Success: policy.Success{Codes: []int{0}}},
		Stop:    config.Stop{Scope: config.Tree, Ladder: []config.Rung{{Signal: signals.TERM, Wait: time.Minute}, {Signal: signals.KILL, Wait: time.Minute}}},
	}
}

// A process whose start was under way when the services were over, and which has ended
// before the owner hears of it, is reaped: nothing waits for it.
func TestAStartThatComesTooLateIsReaped(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	w, _ := realWorld(t, nil)
	spec := script("x", "exit 0")
	l := NewLoop(w, []config.Service{spec}, 1)
	defer l.Close()
	tr := w.Tree(&spec)
	l.reaper.Start(mainKey{0}, func() (reaper.Image, error) { return l.image(&spec, tr, w.Stdio) })
	late := (<-l.inbox).(started)
	if late.Err != nil {
		t.Fatal(late.Err)
	}
	if err := unix.Waitid(unix.P_PID, late.PID, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	l.reaper.Disown()
	l.trees, l.set = []*tree.Tree{l.Host.Everything(false)}, newRest(spec.Stop.Ladder, time.Now()) // as End does
	late.handle(l)
	if !l.reaper.Childless() {
		t.Error("it is a zombie")
	}
}

// stranger is a child that belongs to no service.
func stranger(t *testing.T) *os.Process {
	t.Helper()
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A program that can't be started, while there are other children: they are
// left alone without a ladder, and stopped with one.
func TestOthersAfterAProgramThatCouldNotStart(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	r, err := signals.Receive()
	if err != nil {
		t.Fatal(err)
	}
	other := stranger(t)
	w, events := realWorld(t, r)
	spec := script("x", "")
	spec.Command = []string{"/no/such"}
	l := NewLoop(w, []config.Service{spec}, 1)
	l.Run(nil)
	if l.Machine(0).Last.Status() != 127 {
		t.Errorf("it ended by %+v", l.Machine(0).Last)
	}
	if status := l.End(3, nil); status != 3 {
		t.Errorf("status %d", status)
	}
	if err := unix.Kill(other.Pid, 0); err != nil || events.has(event.OrphanReaped) {
		t.Error("the other child was not left alone:", err)
	}
	if status := l.End(3, spec.Stop.Ladder); status != 3 {
		t.Errorf("status %d", status)
	}
	if !events.has(event.OrphanReaped) || !l.reaper.Childless() {
		t.Error("the other child was not stopped")
	}
}

// What was seen of /proc before a main process ended shows it alive.
func TestMainProcessesThatEndInOneTurn(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	stranger(t) // so that there is a reason to look at /proc
	for _, together := range []bool{false, true} {
		w, _ := realWorld(t, nil)
		specs := []config.Service{script("a", ""), script("b", "")}
		l := NewLoop(w, specs, 1)
		l.set.Begin(nil, time.Now())
		l.set.Outputs()
		var mains []*os.Process
		for i := range specs {
			p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
			if err != nil {
				t.Fatal(err)
			}
			mains = append(mains, p)
			l.trees[i] = l.Tree(&specs[i])
			l.trees[i].Started(p.Pid)
			l.reaper.Register(reaper.Started{Key: mainKey{i}, PID: p.Pid})
			l.set.Apply(i, Forked{PID: p.Pid}, time.Now())
		}
		for i, p := range mains {
			_ = p.Kill()
			if err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
				t.Fatal(err)
			}
			if !together || i == len(mains)-1 {
				l.reap()
			}
		}
		for i := range specs {
			if m := l.set.Machine(i); m.State == Stopping || m.PID != 0 {
				t.Errorf("together %t: %s is %s: %s", together, specs[i].Name, m.State, m.Why)
			}
		}
		l.Close()
	}
}

// More services than any queue has room for start and stop together.
func TestThousandsOfStartsAtOnce(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	w, _ := realWorld(t, nil)
	const services = 3000
	specs := make([]config.Service, services)
	for i := range specs {
		specs[i] = script("x", "")
		specs[i].Command = []string{"/no/such"}
	}
	l := NewLoop(w, specs, 1)
	if status := l.Run(nil); status != 1 {
		t.Errorf("status %d", status)
	}
}

// A diamond of real processes, of which a task takes longer than all else.
func TestBootStepsOfRealProcesses(t *testing.T) {
	if !rerun.AsInit(t) {
		return
	}
	need := func(s config.Service, needs ...string) config.Service {
		for _, n := range needs {
			s.Needs = append(s.Needs, config.Need{Name: n, For: config.NeedReady})
		}
		return s
	}
	slow := need(script("migrate", "sleep 0.3"), "db")
	slow.Kind = config.Task
	web := need(script("web", "exit 0"), "migrate", "cache")
	web.Critical = true
	w, _ := realWorld(t, nil)
	receiver, err := signals.Receive()
	if err != nil {
		t.Fatal(err)
	}
	w.Receiver = receiver
	l := NewLoop(w, []config.Service{web, need(script("cache", "exec sleep 60"), "db"), slow, script("db", "exec sleep 60")}, 1)
	if status := l.Run(nil); status != 0 {
		t.Errorf("status %d", status)
	}
	var names []string
	for _, b := range l.Set().BootSteps() {
		if names = append(names, b.Name); b.Critical == (b.Name == "cache") {
			t.Errorf("%s is critical: %v", b.Name, b.Critical)
		}
		if b.Name == "migrate" && b.Boot.Ready.Sub(b.Forked) < 300*time.Millisecond {
			t.Errorf("migrate took %s", b.Boot.Ready.Sub(b.Forked))
		}
	}
	if want := []string{"db", "cache", "migrate", "web"}; !slices.Equal(names, want) {
		t.Errorf("in the order %q, want %q", names, want)
	}
}

// A hook that survives KILL is a child of ours: of its end we hear, and need not
// ask again and again, as nobody else is left who could be waited for.
func TestAHookIsNotAwaited(t *testing.T) {
	w, _ := realWorld(t, nil)
	spec := script("x", "")
	spec.Stop.Scope = config.Group
	l := NewLoop(w, []config.Service{spec}, 1)
	defer l.Close()
	l.trees[0] = l.Tree(&spec)
	l.trees[0].Beside(1 << 23)
	if l.clean(0); l.awaited[0] {
		t.Error("it is awaited")
	}
}

// A reload may have removed a service before somebody looks how far its stop has
// come.
func TestBlockedStopOfAServiceThatIsGone(t *testing.T) {
	w, _ := realWorld(t, nil)
	l := NewLoop(w, []config.Service{script("x", "")}, 1)
	defer l.Close()
	l.Reload(nil)
	rungLooked{l.set, 0, time.Time{}}.handle(l)
}

// A process that was the main one may outlive the tree of its service, which a reload
// has dropped.
func TestAReplacedMainProcessOutlivesItsTree(t *testing.T) {
	w, events := realWorld(t, nil)
	l := NewLoop(w, []config.Service{script("x", "")}, 1)
	defer l.Close()
	mainKey{0}.changed(l, reaper.Change{PID: 1 << 23, Kind: reaper.Ended})
	if !events.has(event.OrphanReaped) {
		t.Error("nobody is told of its end")
	}
}
