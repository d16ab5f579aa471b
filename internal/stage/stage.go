// Package stage plays the scenes of the course on signals with real processes:
// it starts `supervise run` in front of a program, sends the signals that a
// [lab.Play] asks for, and gathers what the program writes and what supervise
// records in its trace.
//
// It uses supervise as everybody can, through its command line. A supervise of
// its own for each run has the signals and the children of nobody else, and the
// learner can do the same by hand.
package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"supervise/internal/event"
	"supervise/internal/lab"
)

// Stage is where plays are played.
type Stage struct {
	Supervise string   // the binary
	Dir       string   // the working directory of the program
	Environ   []string // its environment
	Watch     func(lab.Sight)
}

// Patience is how long a step is waited for. What it waits for takes
// milliseconds; this is for machines with far too much to do, on which a right
// program is not to fail. A start takes longer than all that follows it.
const (
	patience      = 20 * time.Second
	startPatience = 40 * time.Second
	soon          = 5 * time.Second // where who waits in vain keeps a processor busy meanwhile
)

// Command is the command line that a play runs, without the trace, and without
// what every play has.
func Command(flags, command []string) []string {
	return append(append(append([]string{"supervise", "run"}, flags...), "--"), command...)
}

// scene is one run.
type scene struct {
	stage   Stage
	going   context.Context // until it is broken off
	began   time.Duration   // CLOCK_MONOTONIC
	process *os.Process
	ended   chan struct{} // closed when supervise has been waited for
	quiet   chan struct{} // closed when all that was written is read, too
	status  int
	mark    int // the sights up to here were awaited

	mutex  sync.Mutex
	sights []lab.Sight
	more   chan struct{} // closed when there is another sight
}

// Play runs command under supervise with the flags, and does the steps. The
// error is for what is no fault of the program's. When ctx ends, so does the run, and
// the error says why.
func (st Stage) Play(ctx context.Context, flags, command []string, steps []lab.Step) (*lab.Report, error) {
	// The death signal of supervise is bound to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	s := &scene{stage: st, going: ctx, began: event.Monotonic(), ended: make(chan struct{}), quiet: make(chan struct{}), more: make(chan struct{})}
	if err := s.start(flags, command); err != nil {
		return nil, err
	}
	report := &lab.Report{Supervise: s.process.Pid, Stuck: -1}
	for i, step := range steps {
		if ctx.Err() != nil || !s.do(step) {
			report.Stuck = i
			break
		}
	}
	seen := s.seen()
	s.finish()
	<-s.quiet
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if report.Stuck < 0 {
		seen = s.seen()
	} // else what the program did when it was ended for that is none of its doing
	report.Sights, report.Status = seen, s.status
	return report, nil
}

// lastWords is how long the output of a run that has ended is read, if
// somebody outside its tree holds it open.
const lastWords = 2 * time.Second

// start starts supervise, and reads what is written.
func (s *scene) start(flags, command []string) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	var readers, writers [3]*os.File // output, errors, trace
	for i := range readers {
		if readers[i], writers[i], err = os.Pipe(); err != nil {
			return err // two descriptors may stay open until the course ends, soon
		}
		defer writers[i].Close()
	}
	argv := Command(append([]string{"--trace", "/dev/fd/3", "--subreaper"}, flags...), command)
	s.process, err = os.StartProcess(s.stage.Supervise, argv, &os.ProcAttr{
		Dir: s.stage.Dir, Env: s.stage.Environ, Files: append([]*os.File{null}, writers[:]...),
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	})
	if err != nil {
		return fmt.Errorf("starting supervise run: %w", err)
	}
	var reading sync.WaitGroup
	for i, read := range []func(io.Reader){s.readOutput, s.readErrors, s.readTrace} {
		reading.Go(func() {
			read(readers[i])
			readers[i].Close()
		})
	}
	go func() {
		if state, err := s.process.Wait(); err == nil {
			if s.status = state.ExitCode(); s.status < 0 {
				s.status = 128 + int(state.Sys().(syscall.WaitStatus).Signal())
			}
		}
		close(s.ended)
		for _, r := range readers {
			_ = r.SetReadDeadline(time.Now().Add(lastWords))
		}
		reading.Wait()
		close(s.quiet)
	}()
	return nil
}

// finish ends a run that has not ended: as a service manager would, then by
// the last step of the ladder, then the hard way.
func (s *scene) finish() {
	for _, way := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, time.Second}, {syscall.SIGINT, patience}, {syscall.SIGKILL, patience}} {
		select {
		case <-s.ended:
			return
		default:
		}
		_ = s.process.Signal(way.signal)
		select {
		case <-s.ended:
		case <-time.After(way.wait):
		}
	}
}

// end waits for the end, as long as supervise goes on telling something: each
// restart is a start.
func (s *scene) end() bool {
	for {
		events := s.events()
		if s.endsWithin(startPatience) {
			return true
		}
		if s.going.Err() != nil || s.events() == events {
			return false
		}
	}
}

// events counts what supervise has told.
func (s *scene) events() (n int) {
	for _, x := range s.seen() {
		if x.Event != nil {
			n++
		}
	}
	return n
}

// endsWithin waits for the end of a run that goes on.
func (s *scene) endsWithin(d time.Duration) bool {
	select {
	case <-s.ended:
		return true
	case <-s.going.Done():
		return false
	case <-time.After(d):
		return false
	}
}

func (s *scene) readOutput(r io.Reader) { s.readLines(r, false) }
func (s *scene) readErrors(r io.Reader) { s.readLines(r, true) }

// maxLine is where a line is cut: nobody reads more.
const maxLine = 4096

func (s *scene) readLines(r io.Reader, errs bool) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		b, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		line := string(b)
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if errs && strings.HasPrefix(line, "supervise: ") && s.events() > 0 {
			continue // the trace tells it too
		}
		s.see(lab.Sight{Line: &line, Err: errs})
	}
}

func (s *scene) readTrace(r io.Reader) {
	events := json.NewDecoder(r)
	for {
		e := &lab.Event{}
		if err := events.Decode(e); err != nil {
			return
		}
		at := time.Duration(e.Mono) - s.began
		s.see(lab.Sight{At: max(at, 0), Event: e})
	}
}

// seen gives the sights until now.
func (s *scene) seen() []lab.Sight {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.sights)
}

// see adds a sight.
func (s *scene) see(x lab.Sight) {
	if x.Event == nil {
		x.At = event.Monotonic() - s.began
	}
	s.mutex.Lock()
	s.sights = append(s.sights, x)
	close(s.more)
	s.more = make(chan struct{})
	s.mutex.Unlock()
	if s.stage.Watch != nil {
		s.stage.Watch(x)
	}
}

// await waits until check says yes to one of the sights after the mark, which
// then stands behind it.
func (s *scene) await(d time.Duration, check func(lab.Sight) bool) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	ended := false
	for {
		s.mutex.Lock()
		more := s.more
		for i := s.mark; i < len(s.sights); i++ {
			if check(s.sights[i]) {
				s.mark = i + 1
				s.mutex.Unlock()
				return true
			}
		}
		s.mutex.Unlock()
		if ended {
			return false
		}
		select {
		case <-more:
		case <-timer.C:
			return false
		case <-s.going.Done():
			return false
		case <-s.quiet:
			ended = true // look once more
		}
	}
}

// program is the pid of the program; 0: it does not run.
func (s *scene) program() (pid int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, x := range s.sights {
		switch {
		case x.Event == nil:
		case x.Event.Name == event.ServiceStarted:
			pid = x.Event.PID
		case x.Event.Name == event.ProcessExited && x.Event.PID == pid:
			pid = 0
		}
	}
	return pid
}
