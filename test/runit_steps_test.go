package test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// step does one step.
func (p *runitPlay) step(line string) {
	line, unseen := strings.CutPrefix(line, "!")
	line = strings.TrimSpace(line)
	verb, rest, _ := strings.Cut(line, " ")
	p.view.begin = time.Now()
	said := p.act(verb, rest)
	if unseen {
		p.note(line, said)
	} else {
		p.see(line, said)
	}
}

// act does what a step says, and gives what there is to tell of it.
func (p *runitPlay) act(verb, rest string) (said string) {
	words := strings.Fields(rest)
	switch verb {
	case "sv":
		return p.outcome(p.command("/usr/bin/sv", words...))
	case "as":
		cmd := p.command("/usr/bin/sv", words[1:]...)
		cmd.Args[0] = p.path("init.d/" + words[0])
		return p.outcome(cmd)
	case "do":
		return p.outcome(p.command("/bin/sh", "-c", rest))
	case "raw":
		control := p.path("sv/" + words[0] + "/supervise/control")
		f, err := os.OpenFile(control, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Sprintln(errors.Unwrap(err))
		}
		defer f.Close()
		if _, err := f.WriteString(words[1]); err != nil {
			return fmt.Sprintln(errors.Unwrap(err))
		}
	case "kill":
		sig, err := signals.Parse(words[1])
		if err != nil {
			return fmt.Sprintln(err)
		}
		if pid := readRunitStatus(p.path("sv/" + words[0])).pid; pid > 0 {
			_ = unix.Kill(pid, unix.Signal(sig))
			return ""
		}
		return "it has no process\n"
	case "age":
		since := readRunitStatus(p.path("sv/" + words[0])).since
		time.Sleep(time.Until(time.Unix(since.Unix()+1, 0).Add(time.Duration(since.Nanosecond()) + time.Millisecond)))
	case "gone":
		return p.await("nobody supervises it", func() bool { return !supervisedByRunit(p.path(rest)) })
	case "comes":
		return p.await("it is up", func() bool {
			return supervisedByRunit(p.path(rest)) && readRunitStatus(p.path(rest)).state == 1 && len(readAll(p.path(rest+"/journal"))) > 0
		})
	case "stat":
		_, want, _ := strings.Cut(rest, " ")
		return p.await("its stat is "+want, func() bool { return readRunitStatus(p.path("sv/"+words[0])).stat == want })
	case "lines":
		var n int
		fmt.Sscan(words[1], &n)
		path := p.path("sv/" + words[0] + "/journal")
		said := p.await("there are so many lines", func() bool { return bytes.Count(readAll(path), []byte("\n")) >= n })
		p.view.skip = true
		lines := bytes.SplitAfterN(readAll(path), []byte("\n"), n+1)
		return said + string(bytes.Join(lines[:min(n, len(lines))], nil))
	case "runsvdir":
		sig, err := signals.Parse(words[0])
		if err != nil {
			return fmt.Sprintln(err)
		}
		_ = p.cmd.Process.Signal(syscall.Signal(sig))
	case "ended":
		return p.status()
	case "again":
		if err := p.start(); err != nil {
			return fmt.Sprintln(err)
		}
	default:
		return "no such step\n"
	}
	return ""
}

var runitMasks = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`\bpid \d+`), "pid N"},
	{regexp.MustCompile(`\b\d+s\b`), "Ns"},
	// sv looks at once after it wrote the letter that ends this.
	{regexp.MustCompile(`(ok: .*), want (up|down)`), "$1"},
}

// outcome runs a command to its end.
func (p *runitPlay) outcome(cmd *exec.Cmd) string {
	// Into files: nothing has to be read in time, and who keeps them open does not keep us.
	stdout, err1 := os.Create(p.path("stdout of a step"))
	stderr, err2 := os.Create(p.path("stderr of a step"))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Sprintln(err)
	}
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		return fmt.Sprintln(err)
	}
	timer := time.AfterFunc(2*runitPatience, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	timer.Stop()
	said := ""
	for _, o := range []struct{ name, path string }{{"", stdout.Name()}, {"stderr: ", stderr.Name()}} {
		lines := strings.SplitAfter(string(readAll(o.path)), "\n")
		if filepath.Base(cmd.Path) == "sv" {
			slices.Sort(lines) // of several services, which comes first is chance
		}
		for _, line := range lines {
			if line != "" {
				said += o.name + strings.TrimSuffix(line, "\n") + "\n"
			}
		}
	}
	for _, m := range runitMasks {
		said = m.what.ReplaceAllString(said, m.by)
	}
	said = strings.ReplaceAll(said, p.place, "SCENE")
	return said + fmt.Sprintf("exit %d\n", cmd.ProcessState.ExitCode())
}

// status waits for the end of runsvdir and tells its status.
func (p *runitPlay) status() string {
	select {
	case <-p.ended:
	case <-time.After(p.patience()):
		return "runsvdir does not end\n"
	}
	return "runsvdir: " + p.cmd.ProcessState.String() + "\n"
}
