package test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/logs"
	"supervise/internal/policy"
	"supervise/internal/procfs"
	"supervise/internal/signals"
	"supervise/internal/supervisor"
	"supervise/internal/tree"
)

const (
	stormServices = 50
	stormCommands = 3000
	stormTime     = 6 * time.Second // whichever comes first
)

// TestStorm gives the owner loop random commands, and its processes random
// ends, and expects that nothing at all is left after the shutdown. It happens
// in a PID namespace of its own, where the test binary is PID 1.
func TestStorm(t *testing.T) {
	t.Parallel()
	upRoot(t)
	for _, way := range []string{"cgroup", "proc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			if way == "cgroup" {
				upNeeds(t, "a cgroup v2", upCgroup())
			}
			seed := time.Now().UnixNano()
			if s := os.Getenv("STORM_SEED"); s != "" {
				var err error
				if seed, err = strconv.ParseInt(s, 10, 64); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("STORM_SEED=%d", seed)
			cmd := upInside{NewPIDs: true}.command([]string{"/proc/self/exe", stormName, way, fmt.Sprint(seed)})
			cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
			cmd.Dir = t.TempDir()
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := upFork(cmd.Start); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(3*upDeadline, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
			err := cmd.Wait()
			t.Log(out.String())
			if _, failed := err.(*exec.ExitError); failed || err != nil {
				t.Fatalf("the storm left something: %v", err)
			}
		})
	}
}

const stormName = "up-storm"

func init() {
	if len(os.Args) != 4 || os.Args[1] != stormName {
		return
	}
	launch.Setup()
	seed, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err == nil {
		err = storm(os.Args[2] == "cgroup", uint64(seed))
	}
	if err != nil {
		fmt.Println("storm:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// storm is what PID 1 does.
func storm(withCgroups bool, seed uint64) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("this is process %d: never outside a PID namespace", os.Getpid())
	}
	receiver, err := signals.Receive()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_ = procfs.Name(1)
	before, descriptors := goleak.IgnoreCurrent(), openDescriptors()

	var groups *cgroup.Root
	if withCgroups {
		if groups, err = cgroup.Open(); err != nil {
			return err
		}
	}
	host := tree.NewHost(groups)
	log := logs.New(io.Discard, logs.JSON{}, func(event.Name) bool { return true })
	watch := &stormWatch{log: log, living: map[string]int{}, told: map[event.Name]int{}}
	specs := stormSpecs()
	loop := supervisor.NewLoop(supervisor.World{
		Receiver: receiver,
		Launcher: launch.ForServices(receiver.Inherited()),
		Host:     host,
		Session:  launch.OwnSession,
		Sink:     watch,
		Tree: func(s *config.Service) *tree.Tree {
			t, _ := host.Tree(s.Name, s.Stop.Scope)
			return t
		},
		Stdio: func(s *config.Service, _ func()) (launch.Stdio, func(), error) {
			w, err := log.Pipe(s.Name, nil)
			return launch.Stdio{In: null.Fd(), Out: uintptr(w), Err: uintptr(w), Terminal: -1}, func() { unix.Close(w) }, err
		},
		Signals: supervisor.Services{},
		Adopts:  true,
	}, specs, seed)

	late := time.AfterFunc(2*upDeadline, func() {
		fmt.Println("it hangs:", watch.told)
		all, _ := procfs.All()
		fmt.Println(all)
		loop.Ask(nil, func(l *supervisor.Loop) {
			for i := range l.Set().Len() {
				if m := l.Set().Machine(i); !m.State.Settled() {
					fmt.Println(specs[i].Name, m.State, m.PID, m.Why, "due in", time.Until(m.Due))
				}
			}
		})
		_ = pprof.Lookup("goroutine").WriteTo(os.Stdout, 2)
		os.Exit(1)
	})
	defer late.Stop()
	stormy := make(chan error, 1)
	go func() { stormy <- blow(loop, specs, rand.New(rand.NewPCG(seed, 1))) }()
	status := loop.Run(nil)
	err = <-stormy
	status = loop.End(status, []config.Rung{{Signal: signals.TERM, Wait: time.Second}, {Signal: signals.KILL, Wait: 20 * time.Second}})
	loop.Close()
	closeErr := host.Close()
	log.Close()
	fmt.Printf("status %d; %v\n", status, watch.told)

	switch {
	case err != nil:
		return err
	case watch.wrong != "":
		return fmt.Errorf("%s", watch.wrong)
	case status != 0:
		return fmt.Errorf("status %d", status)
	case closeErr != nil:
		return fmt.Errorf("cgroups are left: %w", closeErr)
	}
	all, err := procfs.All()
	if err != nil || len(all) != 1 {
		return fmt.Errorf("processes are left: %+v, %v", all, err)
	}
	// Both read the process's signals as long as it lives.
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("supervise/internal/signals.(*Receiver).Each"),
		goleak.IgnoreAnyFunction("supervise/internal/signals.(*Receiver).EachChild")); err != nil {
		return err
	}
	if now := openDescriptors(); now != descriptors {
		return fmt.Errorf("descriptors before:\n%s\nand now:\n%s", descriptors, now)
	}
	return nil
}

func openDescriptors() string {
	entries, _ := os.ReadDir("/proc/self/fd")
	var list []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // not the one that ReadDir used
			list = append(list, e.Name()+" "+to)
		}
	}
	return strings.Join(list, "\n")
}

// stormWatch looks at the events for what must never be.
type stormWatch struct {
	log    *logs.Log
	mu     sync.Mutex
	living map[string]int // main process by service
	told   map[event.Name]int
	wrong  string
}

func (w *stormWatch) Wants(event.Name) bool { return true }

func (w *stormWatch) Emit(e event.Event) {
	w.mu.Lock()
	w.told[e.Name]++
	switch e.Name {
	case event.ServiceStarted:
		if old := w.living[e.Service]; old != 0 {
			w.wrong = fmt.Sprintf("%s was started as %d while %d lived", e.Service, e.PID, old)
		}
		w.living[e.Service] = e.PID
	case event.ProcessExited:
		delete(w.living, e.Service)
	case event.ServiceStarting, event.ServiceStopped, event.ServiceDone:
		if old := w.living[e.Service]; old != 0 {
			w.wrong = fmt.Sprintf("%s: %s while %d lives", e.Service, e.Name, old)
		}
	case event.StopAbandoned:
		w.wrong = e.Service + ": " + e.Text()
	}
	w.mu.Unlock()
	w.log.Emit(e)
}

// stormSpecs are services of all characters, some of which need others.
func stormSpecs() []config.Service {
	bodies := []string{
		"exec sleep 1000",
		"trap '' TERM; sleep 1000; exit",
		"sleep 0.02; exit 1",
		"(setsid sleep 1000 &); exec sleep 1000",
		"(setsid sh -c 'trap \"\" TERM; sleep 1000; exit' &); sleep 0.05; kill -SEGV $$",
		"echo line; sleep 0.01; exit 0",
		"while sleep 0.05; do echo line; done",
	}
	var specs []config.Service
	for i := range stormServices {
		s := config.Defaults(config.Daemon)
		s.Name = fmt.Sprintf("s%02d", i)
		s.Template, s.Dir = s.Name, "/"
		s.Command = []string{"sh", "-c", bodies[i%len(bodies)]}
		s.Stop.Ladder = []config.Rung{{Signal: signals.TERM, Wait: 100 * time.Millisecond}, {Signal: signals.KILL, Wait: 20 * time.Second}}
		s.Restart.Backoff = policy.Backoff{Initial: 5 * time.Millisecond, Factor: 2, Max: 500 * time.Millisecond, Jitter: 0.5}
		if i%3 == 0 {
			s.Restart.When = policy.Always
		}
		if i%11 == 10 {
			s.Stop.Scope = config.Group
		}
		if i%5 == 4 {
			s.Needs = []config.Need{{Name: specs[i-1].Name, For: config.NeedReady}}
		}
		if i%7 == 6 {
			s.After = []string{specs[i-3].Name}
		}
		if i%10 == 9 {
			s.Umask = 0o27 // takes the set-up step
		}
		specs = append(specs, s)
	}
	return specs
}

// blow is the storm; in the end it asks for the shutdown.
func blow(loop *supervisor.Loop, specs []config.Service, r *rand.Rand) error {
	ask := func(do func(*supervisor.Set)) error {
		late := make(chan struct{})
		defer time.AfterFunc(upDeadline, func() { close(late) }).Stop()
		if !loop.Ask(late, func(l *supervisor.Loop) { do(l.Set()) }) {
			return errors.New("no answer to a command")
		}
		return nil
	}
	start := func(set *supervisor.Set, i int) { set.Start(i, "the storm", time.Now()) }
	verbs := []func(*supervisor.Set, int){
		start, start,
		func(set *supervisor.Set, i int) { set.Stop(i, "the storm", time.Now()) },
		func(set *supervisor.Set, i int) { set.Restart(i, "the storm", time.Now()) },
	}
	blows := []unix.Signal{unix.SIGKILL, unix.SIGKILL, unix.SIGTERM, unix.SIGSTOP, unix.SIGCONT, unix.SIGSEGV}
	end := time.Now().Add(stormTime)
	n := 0
	for ; n < stormCommands && time.Now().Before(end); n++ {
		verb, service := verbs[r.IntN(len(verbs))], r.IntN(len(specs))
		if err := ask(func(set *supervisor.Set) { verb(set, service) }); err != nil {
			return err
		}
		if n%4 != 0 {
			continue
		}
		if all, _ := procfs.All(); len(all) > 1 {
			// Not one that is still on its way to its program: stopped there, it
			// stops who has forked it as well (vfork(2)).
			if p := all[r.IntN(len(all))]; p.PID != 1 && slices.Contains([]string{"sh", "sleep", "setsid"}, p.Name) {
				_ = unix.Kill(p.PID, blows[r.IntN(len(blows))]) // in our own PID namespace
			}
		}
	}
	fmt.Println(n, "commands")
	return ask(func(set *supervisor.Set) { set.Shutdown("the storm is over", 0, time.Now()) })
}
