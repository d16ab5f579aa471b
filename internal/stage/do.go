package stage

import (
	"bufio"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"supervise/internal/event"
	"supervise/internal/lab"
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// do does a step; false: what it waits for did not come.
func (s *scene) do(step lab.Step) bool {
	switch step := step.(type) {
	case lab.Await:
		return s.awaitLine(step.Line, patience)
	case lab.Soon:
		return s.awaitLine(step.Line, soon)
	case lab.Seen:
		return s.apart(func() bool { return s.awaitLine(step.Line, patience) })
	case lab.Kill:
		return s.kill(step)
	case lab.Pause:
		return !s.endsWithin(time.Duration(step))
	case lab.End:
		return s.end()
	}
	return false
}

func (s *scene) awaitLine(pattern string, wait time.Duration) bool {
	match := regexp.MustCompile(pattern)
	if s.mark == 0 {
		wait = startPatience
	}
	return s.await(wait, func(x lab.Sight) bool { return x.Line != nil && match.MatchString(*x.Line) })
}

// kill sends a signal by a shell, and waits until supervise has received it: as
// long as the shell lives, its name can be found out.
func (s *scene) kill(k lab.Kill) bool {
	pid, ok := s.target(k)
	if !ok {
		return false
	}
	d := lab.Deed{Command: k.Shell(pid), Past: k.To != "", Kill: k}
	shell, hold, done, err := s.shell(d.Command)
	if err != nil {
		return false
	}
	defer shell.Wait() //nolint:errcheck // it only has to be reaped
	defer hold.Close()
	defer done.Close()
	d.PID = shell.Pid
	s.see(lab.Sight{Deed: &d})
	hold.Write([]byte("\n")) //nolint:errcheck // the shell is there, or the next read says so
	if _, err := bufio.NewReader(done).ReadString('\n'); err != nil {
		return false
	}
	if d.Past {
		return true
	}
	times := 1 // of standard signals, one is enough: more of them may become one
	if k.Signal >= signals.RTMIN {
		times = max(k.Times, 1)
	}
	return s.heardFrom(d.PID, times)
}

// heardFrom waits until supervise has received signals from a process.
func (s *scene) heardFrom(pid, times int) bool {
	from := func(x lab.Sight) bool {
		e := x.Event
		return e != nil && e.Name == event.SignalReceived && e.From != nil && e.From.PID == pid
	}
	return s.apart(func() bool {
		for ; times > 0; times-- {
			if !s.await(patience, from) {
				return false
			}
		}
		return true
	})
}

// apart waits among all sights, and leaves the mark where it is.
func (s *scene) apart(wait func() bool) bool {
	mark := s.mark
	defer func() { s.mark = mark }()
	s.mark = 0
	return wait()
}

// shell starts a shell that waits for a line, runs command, says so with a line
// on done, and lives until hold is closed.
func (s *scene) shell(command string) (shell *os.Process, hold, done *os.File, err error) {
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer in.Close()
	done, out, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer out.Close()
	shell, err = os.StartProcess("/bin/sh", []string{"sh", "-c", "read _; " + command + "; echo; read _"}, &os.ProcAttr{
		Dir: "/", Env: s.stage.Environ, Files: []*os.File{in, out, nil},
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	return shell, hold, done, err
}

// target is the process that a signal is for. What the program says of pids is
// believed only of processes below our supervise.
func (s *scene) target(k lab.Kill) (pid int, ok bool) {
	switch k.To {
	case "":
		return s.process.Pid, true
	case lab.Program:
		pid = s.program()
		return pid, pid != 0
	}
	match := regexp.MustCompile(k.To)
	s.mutex.Lock()
	for _, x := range s.sights {
		if x.Line == nil {
			continue
		}
		if found := match.FindStringSubmatch(*x.Line); found != nil {
			pid, _ = strconv.Atoi(found[1])
		}
	}
	s.mutex.Unlock()
	return pid, s.below(pid)
}

// below says whether a process descends from our supervise.
func (s *scene) below(pid int) bool {
	for pid > 1 {
		p, err := procfs.Stat(pid)
		if err != nil {
			return false
		}
		if pid = p.PPID; pid == s.process.Pid {
			return true
		}
	}
	return false
}
