package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

const stageName = "stage"

// stage is PID 1 of the namespaces: it starts supervise, and does the harm.
type stage struct {
	order
	*client
	*children
	*report
	plan        *plan
	rand        *rand.Rand
	work        string // where supervise runs
	pid         int    // of supervise
	ended       <-chan syscall.WaitStatus
	told        sync.WaitGroup // ends when all that supervise says was read
	descriptors unix.Rlimit    // of supervise at its start

	unsure bool // a reload was not answered
	lifts  []lift
	acts   int // so far
	began  time.Time

	mu     sync.Mutex
	ledger *ledger
	lost   string              // what the last supervise.lost said
	story  map[string][]string // the last events of each service
}

// lift ends a harm that lasts.
type lift struct {
	after int // so many acts in all
	what  string
	do    func() error
}

func playStage(text string) {
	s := &stage{children: newChildren(), report: &report{Acts: map[string]int{}, Spent: map[string]time.Duration{}}, ledger: newLedger(), story: map[string][]string{}}
	err := json.Unmarshal([]byte(text), &s.order)
	if err == nil {
		err = s.play()
	}
	if err != nil {
		s.wrong("%v", err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(s.report)
	os.Exit(0) // and with PID 1 goes whatever is left
}

func (s *stage) play() (err error) {
	if os.Getpid() != 1 {
		return fmt.Errorf("this is process %d: never outside a PID namespace", os.Getpid())
	}
	s.began = time.Now()
	s.plan, s.rand = newPlan(s.order.Services), rand.New(rand.NewPCG(s.order.Seed, 1))
	s.report.Services, s.report.Seed = s.order.Services, s.order.Seed
	defer func() { s.report.Took = time.Since(s.began) }()
	if err := s.furnish(); err != nil {
		return err
	}
	if s.Clock == 0 {
		s.Missing = append(s.Missing, "other clocks: the kernel makes no time namespace")
	}
	if s.Group.PIDs == "" {
		s.Missing = append(s.Missing, "a limit of processes: no cgroup can be made with the pids controller")
	}
	if s.Group.Memory == "" {
		s.Missing = append(s.Missing, "a limit of memory: no cgroup can be made with the memory controller")
	}
	if err := s.up(); err != nil {
		return err
	}
	if err := s.rest("at the beginning"); err != nil {
		return err
	}
	n := parts(s.order.Time)
	for i := range n {
		if err := s.harm(order{Time: s.order.Time / time.Duration(n), Actions: s.order.Actions / n}); err != nil {
			return err
		}
		if err := s.rest(fmt.Sprintf("after part %d of %d", i+1, n)); err != nil {
			return err
		}
	}
	s.Wrong = append(s.Wrong, grown(s.Rests)...)
	s.Starts, s.Restarts = s.metric("supervise_service_starts_total"), s.metric("supervise_service_restarts_total")
	s.report.Orphans = s.metric("supervise_orphans_reaped_total")
	if err := s.down(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, dir := range []string{"log", "disk"} {
		if err := s.ledger.readLogs(filepath.Join(s.work, dir)); err != nil {
			return err
		}
	}
	if s.Lines, err = s.ledger.settle(filepath.Join(s.work, "journal")); err != nil {
		return err
	}
	if l := s.Lines; l.Lost+l.Twice+l.Disordered > 0 {
		s.wrong("lines: %s", strings.Join(l.Examples, "; "))
	}
	s.mu.Unlock()
	err = s.killedHard()
	s.mu.Lock()
	return err
}

// furnish makes the files: on file systems in memory, of which one is small.
func (s *stage) furnish() error {
	s.work = filepath.Join(s.Dir, "work")
	if err := os.Mkdir(s.work, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("chaos", s.work, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	for _, dir := range []string{"journal", "log", "disk"} {
		if err := os.Mkdir(filepath.Join(s.work, dir), 0o777); err != nil {
			return err
		}
	}
	if err := unix.Mount("chaos", filepath.Join(s.work, "disk"), "tmpfs", 0, fmt.Sprintf("mode=0755,size=%d", diskSize)); err != nil {
		return fmt.Errorf("mounting a small tmpfs: %w", err)
	}
	for _, name := range []string{serviceName, probeName} {
		if err := os.Symlink(filepath.Join(s.Dir, name), filepath.Join(s.work, name)); err != nil {
			return err
		}
	}
	return s.writeConfiguration(s.plan.text())
}

func (s *stage) writeConfiguration(text string) error {
	path := filepath.Join(s.work, "supervise.toml")
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// up starts supervise, in the cgroups if there are any.
func (s *stage) up() error {
	stderr, err := os.OpenFile(filepath.Join(s.work, "stderr"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer stderr.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	enter := ""
	for _, dir := range s.Group.dirs() {
		enter += fmt.Sprintf("echo 0 > %s/cgroup.procs || exit 99; ", dir)
	}
	socket := filepath.Join(s.Dir, "s")
	env := append(os.Environ(), journalVariable+"="+filepath.Join(s.work, "journal"))
	p, ended, err := s.start([]string{"/bin/sh", "-c", enter + `exec "$0" "$@"`, s.Supervise, "up", "--socket", socket, "--log-format", "json"}, s.work, env, w, stderr)
	w.Close()
	if err != nil {
		return err
	}
	s.pid, s.ended, s.client = p.Pid, ended, newClient(socket)
	s.told.Go(func() { defer r.Close(); s.hear(r) })
	if err := s.eventually("supervise answers", func() error { _, err := s.states(); return err }); err != nil {
		return err
	}
	return unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, nil, &s.descriptors)
}

// hear takes what supervise tells.
func (s *stage) hear(r *os.File) {
	for in := bufio.NewReaderSize(r, 64<<10); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var e struct{ Time, Event, Service, Message string }
		if json.Unmarshal(line, &e) != nil {
			s.told1(func() { s.wrong("it says %q", line) })
			continue
		}
		s.told1(func() {
			if e.Event != "service.output" {
				last := s.story[e.Service]
				s.story[e.Service] = append(last[max(0, len(last)-20):], e.Time+" "+e.Message)
			}
			switch e.Event {
			case "service.output":
				s.ledger.line(e.Message)
			case "stop.abandoned", "log.dropped", "log.uncompressed", "signal.failed":
				s.wrong("%s: %s: %s", e.Service, e.Event, e.Message)
			case "supervise.lost":
				s.lost = e.Message
			}
		})
	}
}

func (s *stage) told1(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// eventually waits for what has to come.
func (s *stage) eventually(what string, try func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case status := <-s.ended:
			return fmt.Errorf("supervise has ended (%v) before %s\n%s", status, what, s.stderr())
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("it never came that %s: %w\n%s", what, err, s.stderr())
		}
	}
}

func (s *stage) stderr() string {
	b, _ := os.ReadFile(filepath.Join(s.work, "stderr"))
	return string(b[max(0, len(b)-4000):])
}

// rest ends all harm, asks for all services, waits until all is as it should be, with no
// more of anything than at the first rest, and takes its measures.
func (s *stage) rest(when string) error {
	for _, l := range s.lifts {
		if err := l.do(); err != nil {
			return fmt.Errorf("ending %s: %w", l.what, err)
		}
	}
	s.lifts = nil
	// First what was asked for, then all.
	if err := s.eventually("all services are in the state that was asked for, "+when, s.compare); err != nil {
		return err
	}
	for _, v := range s.plan.services {
		v.there = true
		v.wanted = v != s.plan.hog
		v.unsure = v.wanted
	}
	s.unsure = true
	if err := s.writeConfiguration(s.plan.text()); err != nil {
		return err
	}
	if err := s.eventually("all services run, "+when, s.compare); err != nil {
		return err
	}
	var strays map[int]uint64
	if err := s.eventually("no stray is left, "+when, func() (err error) { strays, err = s.strays(strays); return err }); err != nil {
		return err
	}
	m, err := s.counts(when)
	if err != nil {
		return err
	}
	memory, err := s.settled(when)
	if err != nil {
		return err
	}
	m.AnonKB, m.ResidentKB = memory.AnonKB, memory.ResidentKB
	m.At, m.Acts = time.Since(s.began), s.acts
	s.Rests = append(s.Rests, m)
	return nil
}

// counts counts what supervise has open. Services come and go meanwhile: at the
// beginning it is the most of some looks, later it is what comes down to that.
func (s *stage) counts(when string) (m measures, err error) {
	if len(s.Rests) == 0 {
		for range 20 {
			now, err := measure(s.pid)
			if err != nil {
				return m, err
			}
			m.Descriptors, m.Threads = max(m.Descriptors, now.Descriptors), max(m.Threads, now.Threads)
			time.Sleep(10 * time.Millisecond)
		}
		return m, nil
	}
	before := s.Rests[0]
	err = s.eventually("descriptors and zombies are as before, "+when, func() (err error) {
		if m, err = measure(s.pid); err != nil {
			return err
		}
		if m.Descriptors > before.Descriptors || m.Zombies > 0 {
			return fmt.Errorf("%+v, before: %+v, %v", m, before, descriptorTargets(s.pid))
		}
		return nil
	})
	return m, err
}

// settled gives the memory of supervise when it has collected its garbage and given back
// what is free. It does that when nothing has happened for a second after a reload, so
// what ends and starts all the time is stopped for a while.
func (s *stage) settled(when string) (m measures, err error) {
	names := url.Values{"wait": {"0"}}
	for _, v := range s.plan.services {
		if v.kind == "crash" {
			names.Add("name", v.name)
			v.wanted = false
		}
	}
	if err := s.does("stop", names); err != nil {
		return m, err
	}
	if err := s.eventually("nothing happens any more, "+when, s.compare); err != nil {
		return m, err
	}
	if err := s.does("reload", nil); err != nil {
		return m, err
	}
	// That it is done shows by its own file, which is given back last. Who looked too
	// late to see it takes what there is.
	most := 0
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if m, err = measure(s.pid); err != nil {
			return m, err
		}
		file := m.ResidentKB - m.AnonKB
		if most = max(most, file); file < most*4/5 {
			break
		}
	}
	for _, v := range s.plan.services {
		v.wanted = v != s.plan.hog
	}
	return m, s.does("start", names)
}

// does asks for something that has to be begun. What is started may have failed by the
// time of the answer.
func (s *stage) does(verb string, query url.Values) error {
	status, err := s.ask("POST", "/v1/"+verb, query, nil)
	if err == nil && status >= 300 && status != 409 {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// compare holds the states against the model, after it has asked once more for what
// was not answered.
func (s *stage) compare() error {
	s.continueAll()
	if s.unsure {
		status, err := s.ask("POST", "/v1/reload", nil, nil)
		if err != nil || status >= 300 {
			return fmt.Errorf("reload: %d, %v", status, err)
		}
		s.unsure = false
	}
	for _, v := range s.plan.services {
		if !v.unsure {
			continue
		}
		verb := "/v1/stop"
		if v.wanted {
			verb = "/v1/start"
		}
		if v.there {
			if status, err := s.ask("POST", verb, url.Values{"name": {v.name}, "wait": {"0"}}, nil); err != nil || status >= 300 && status != 409 {
				return fmt.Errorf("%s %s: %d, %v", verb, v.name, status, err)
			}
		}
		v.unsure = false
	}
	states, err := s.states()
	if err != nil {
		return err
	}
	var wrong []string
	for _, v := range s.plan.services {
		if now := states[v.name]; !v.right(now.State, now.PID) {
			wrong = append(wrong, fmt.Sprintf("%s (%s, wanted %v, there %v) is %q, pid %d: %s", v.name, v.kind, v.wanted, v.there, now.State, now.PID, now.Why)+s.about(v.name))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong[:min(len(wrong), 5)], "\n"))
	}
	s.Compared += len(s.plan.services)
	return nil
}

// about is what helps to understand what is wrong with a service.
func (s *stage) about(name string) string {
	var one state
	_, _ = s.ask("GET", "/v1/services/"+name, nil, &one)
	text := ""
	for _, p := range one.Processes {
		now, err := procfs.Stat(p.PID)
		text += fmt.Sprintf("\n    process %d (%s, %c), child of %d, %v", p.PID, now.Name, now.State, now.PPID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return text + "\n    " + strings.Join(s.story[name], "\n    ")
}

// continueAll continues what was stopped.
func (s *stage) continueAll() {
	all, _ := procfs.All()
	for _, p := range all {
		if p.Stopped() {
			_ = unix.Kill(p.PID, unix.SIGCONT) // a pid of our own namespace
		}
	}
}

// strays finds processes that belong to no service, and did not at the look before.
func (s *stage) strays(before map[int]uint64) (now map[int]uint64, err error) {
	owned := map[int]bool{1: true, s.pid: true}
	for _, v := range s.plan.services {
		var one state
		if _, err := s.ask("GET", "/v1/services/"+v.name, nil, &one); err != nil {
			return nil, err
		}
		for _, p := range one.Processes {
			owned[p.PID] = true
		}
	}
	all, err := procfs.All()
	if err != nil {
		return nil, err
	}
	now = map[int]uint64{}
	var old []string
	for _, p := range all {
		if owned[p.PID] || p.Gone() && p.PPID != s.pid {
			continue
		}
		now[p.PID] = p.Start
		if start, known := before[p.PID]; known && start == p.Start {
			old = append(old, fmt.Sprintf("%d (%s, %c)", p.PID, p.Name, p.State))
		}
	}
	if len(old) > 0 || before == nil && len(now) > 0 {
		return now, fmt.Errorf("processes of no service: %v %v", old, now)
	}
	return now, nil
}

// down has supervise end, and looks for what it has left.
func (s *stage) down() error {
	note, _ := os.ReadFile(s.socket + ".lock")
	if err := unix.Kill(s.pid, unix.SIGTERM); err != nil {
		return err
	}
	if err := s.ends(0); err != nil {
		return err
	}
	for _, path := range []string{s.socket, s.socket + ".lock", cgroupIn(string(note))} {
		if _, err := os.Lstat(path); path != "" && err == nil {
			s.wrong("%s is left", path)
		}
	}
	text := s.stderr()
	for _, bad := range []string{"internal error", "panic", "fatal error", "runtime:"} {
		if strings.Contains(text, bad) {
			s.wrong("on standard error: %s", text)
		}
	}
	if left := s.others(); len(left) > 0 {
		s.wrong("processes are left: %+v", left)
	}
	return nil
}

// cgroupIn finds the path in a note.
func cgroupIn(note string) string {
	if parts := strings.Split(note, `"`); len(parts) > 1 {
		return parts[1]
	}
	return ""
}

func (s *stage) ends(status int) error {
	select {
	case got := <-s.ended:
		if status >= 0 && (!got.Exited() || got.ExitStatus() != status) {
			s.wrong("supervise ends with %v, not %d\n%s", got, status, s.stderr())
		}
	case <-time.After(patience):
		return fmt.Errorf("supervise does not end\n%s", s.stderr())
	}
	s.told.Wait()
	return nil
}

// others are the processes but ourselves.
func (s *stage) others() []procfs.Process {
	all, _ := procfs.All()
	return slices.DeleteFunc(all, func(p procfs.Process) bool { return p.PID == 1 || p.Gone() })
}

// killedHard kills supervise, and starts another.
func (s *stage) killedHard() error {
	if err := s.up(); err != nil {
		return err
	}
	if err := s.eventually("all services run once more", s.compare); err != nil {
		return err
	}
	main := map[int]bool{s.pid: true}
	states, err := s.states()
	if err != nil {
		return err
	}
	for _, v := range states {
		main[v.PID] = true
	}
	if err := unix.Kill(s.pid, unix.SIGKILL); err != nil {
		return err
	}
	if err := s.ends(-1); err != nil {
		return err
	}
	left := slices.DeleteFunc(s.others(), func(p procfs.Process) bool { return main[p.PID] })
	if err := s.up(); err != nil {
		return err
	}
	if err := s.eventually("all services run after a kill", s.compare); err != nil {
		return err
	}
	for _, p := range left {
		if now, err := procfs.Stat(p.PID); err == nil && now.Start == p.Start && !now.Gone() {
			s.wrong("a killed supervise has left %d (%s), and the next one has not ended it", p.PID, p.Name)
		}
	}
	s.Left = len(left)
	s.told1(func() {
		if s.lost == "" {
			s.wrong("nobody tells that supervise was killed")
		}
	})
	return s.down()
}
