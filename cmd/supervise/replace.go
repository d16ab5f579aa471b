package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/capture"
	"supervise/internal/carry"
	"supervise/internal/control"
	"supervise/internal/event"
	"supervise/internal/handover"
	"supervise/internal/http1"
	"supervise/internal/notify"
	"supervise/internal/reaper"
	"supervise/internal/supervisor"
	"supervise/internal/visible"
)

// What follows has another binary take the place of this one, under all that runs. What
// the other does then is in takeover.go.

const (
	// rehearsalTime is how long the new binary may take to say that it can go on.
	rehearsalTime = 20 * time.Second
	// calmTime is how long is waited for a moment in which the state can be carried.
	calmTime = 20 * time.Second
	// calmPause is the time between two looks whether it has come.
	calmPause = 5 * time.Millisecond
	// answersTime is how long those who have connected may take to ask, and to take their
	// answers: longer than a server gives them for a request.
	answersTime = 10 * time.Second
	// outputTime is how long our own output may take nothing.
	outputTime = 10 * time.Second
)

// replace serves POST /v1/reexec. It answers only when all is as it was.
func (f *upFlags) replace(p *parts, w *http1.Writer, r *http1.Request, binary string) {
	status, err := f.tryReplace(p, w, r.Peer, binary)
	if err == nil {
		return
	}
	p.loop.Ask(p.office.ended, func(l *supervisor.Loop) {
		l.Report(event.Event{Name: event.SuperviseStays, Why: visible.Text(err.Error())})
	})
	w.Problem(status, "%v; nothing has changed", err)
}

func (f *upFlags) tryReplace(p *parts, w *http1.Writer, peer http1.Peer, binary string) (status int, err error) {
	if binary == "" {
		binary = p.binary
	}
	if err := executable(binary); err != nil {
		return 422, err
	}
	if f.shown {
		return 409, errors.New("called as runsvdir with a log, supervise keeps the last of standard error in its own command line, and cannot hand that over")
	}
	old, err := os.Open("/proc/self/exe")
	if err != nil {
		return 409, fmt.Errorf("without /proc the way back to this binary would be lost: %w", err)
	}
	defer old.Close()
	var offer *handover.Offer
	if err := f.frozen(p, func(c *carried) (err error) {
		offer, err = handover.Write(c, int(old.Fd()), version)
		return err
	}); err != nil {
		return 409, err
	}
	is, err := rehearse(p.loop, p.office.ended, binary, offer.File())
	offer.Close()
	if err != nil {
		return 422, fmt.Errorf("%s cannot take over: %w", binary, err)
	}
	p.loop.Ask(p.office.ended, func(l *supervisor.Loop) {
		l.Report(event.Event{Name: event.SuperviseReplacing, PID: os.Getpid(),
			Why: visible.Text(fmt.Sprintf("by %s (supervise %s in place of %s), asked for by %s", binary, is, version, peer))})
	})
	return 409, f.become(p, w, binary, old)
}

// executable says why a file cannot be executed, as far as that can be seen.
func executable(path string) error {
	if path == "" {
		return errors.New("by which path this supervise was started is not known; name the new binary with --binary")
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %s", path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", path)
	case unix.Access(path, unix.X_OK) != nil:
		return fmt.Errorf("%s is not executable; chmod +x makes it so", path)
	}
	return nil
}

// rehearse runs another binary, which reads a state and says whether it could go on with
// it. It gives its version.
func rehearse(loop *supervisor.Loop, ended <-chan struct{}, binary string, state *os.File) (is string, err error) {
	r, out, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	var helper *supervisor.Helper
	loop.Ask(ended, func(l *supervisor.Loop) {
		helper = l.Help(func() (reaper.Image, error) {
			// Whatever the file is called: as runsvdir it would take the word for a directory.
			return reaper.Image{Path: binary, Argv: []string{"supervise", rehearsal}, Close: func() { out.Close() }, ProcAttr: syscall.ProcAttr{
				Env: os.Environ(), Files: []uintptr{state.Fd(), out.Fd(), out.Fd()},
				Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
			}}, nil
		})
	})
	if helper == nil {
		return "", errors.New("supervise has just ended")
	}
	if s := <-helper.Began; s.Err != nil {
		return "", s.Err
	}
	said := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(r, 64<<10))
		said <- string(b)
	}()
	var end reaper.Change
	select {
	case end = <-helper.Ended:
	case <-time.After(rehearsalTime):
		loop.Ask(ended, func(l *supervisor.Loop) { l.KillHelper(helper) })
		<-helper.Ended
		return "", fmt.Errorf("it has not said within %s whether it can", rehearsalTime)
	}
	_ = r.SetReadDeadline(time.Now().Add(time.Second)) // somebody else may have the pipe
	text := <-said
	is, ok := handover.Understood(text)
	switch {
	case ok && end.Exit.Status() == 0:
		return is, nil
	case strings.TrimSpace(text) == "":
		return "", fmt.Errorf("it %s and said nothing; is it a supervise?", end.Exit)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "", fmt.Errorf("it %s and said: %.300s", end.Exit, strings.TrimPrefix(lines[len(lines)-1], "supervise: "))
}

// frozen calls do with the whole state, while nothing changes it. It waits for a moment
// in which that is possible. All goes on when do has returned.
func (f *upFlags) frozen(p *parts, do func(*carried) error) error {
	defer p.loop.Ask(p.office.ended, (*supervisor.Loop).Resume)
	for deadline := time.Now().Add(calmTime); ; time.Sleep(calmPause) {
		busy, err := f.freeze(p, do)
		if busy == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s, still after %s; try again", busy, calmTime)
		}
	}
}

// freeze tries it once; busy says why it was not possible.
//
// What may be in somebody's hands, between where it came from and the owner, has to
// arrive first. So those who bring something are stopped one by one, at a point where
// they have nothing in hand, and then the owner, whose queue is empty by then, or it is
// tried again.
func (f *upFlags) freeze(p *parts, do func(*carried) error) (busy string, err error) {
	var heard *notify.Receiver
	if !p.loop.Ask(p.office.ended, func(l *supervisor.Loop) { l.Quieten(); heard = l.Hearing() }) {
		return "", errors.New("supervise has just ended")
	}
	ctx, cancel := context.WithTimeout(context.Background(), capture.PauseLimit)
	defer cancel()
	resume, err := p.output.files.Pause(ctx)
	if err != nil {
		return "", err
	}
	defer resume()
	if !p.log.Pause(outputTime) {
		return "", fmt.Errorf("our own output takes nothing (a paused terminal, a pipe that nobody reads)")
	}
	defer p.log.Resume()
	if p.trace != nil {
		if !p.trace.log.Pause(outputTime) {
			return "", fmt.Errorf("the trace cannot be written")
		}
		defer p.trace.log.Resume()
	}
	if heard != nil {
		heard.Pause()
		defer heard.Resume()
	}
	if err := p.receiver.Hold(); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.receiver.Release()) }()
	p.loop.Ask(p.office.ended, func(l *supervisor.Loop) {
		switch busy = l.Busy(); {
		case l.Ending():
			busy, err = "", errors.New("supervise is shutting down")
		case busy == "" && l.Hearing() != heard:
			busy = "a service begins to speak to us"
		case busy == "":
			err = do(f.carry(p, l))
		}
	})
	return busy, err
}

// become hands over to another binary. It returns only when that fails, and then all goes
// on.
func (f *upFlags) become(p *parts, w *http1.Writer, binary string, old *os.File) (err error) {
	began := time.Now()
	var socket *control.Carried
	if p.doors.socket != nil {
		if socket, err = p.doors.socket.Carry(); err != nil {
			return err
		}
	}
	metrics := carry.FD(-1)
	if l, ok := p.doors.metrics.(syscall.Conn); ok {
		if metrics, err = carry.Duplicate(l); err != nil {
			return fmt.Errorf("keeping the address of the metrics: %w", err)
		}
	}
	asker, err := w.Keep()
	if err != nil {
		return err
	}
	defer unix.Close(int(asker))
	// Who connects from now on waits, and is answered by the one or the other.
	p.office.http.Pause(w, answersTime)
	p.office.pages.Pause(w, answersTime)
	err = f.frozen(p, func(c *carried) error {
		c.Binary, c.Control, c.Metrics, c.Asker, c.Paused = binary, socket, metrics, asker, began
		offer, err := handover.Write(c, int(old.Fd()), version)
		if err != nil {
			return err
		}
		defer offer.Close()
		env := os.Environ()
		if s := p.above.asked.Socket; s != nil {
			env = append(env, s.Environ()...)
		}
		return offer.Exec(env, func(env []string, before func() error) error {
			return p.loop.Become(binary, os.Args, env, before)
		})
	})
	return errors.Join(err, p.reopen(socket, metrics))
}

// reopen goes on to answer at the doors that were kept.
func (p *parts) reopen(socket *control.Carried, metrics carry.FD) (err error) {
	if p.doors, err = restoreDoors(socket, metrics); err != nil {
		return err
	}
	p.office.doors = p.doors
	p.office.serve()
	return nil
}

// restoreDoors makes doors of descriptors.
func restoreDoors(socket *control.Carried, metrics carry.FD) (d doors, err error) {
	if socket != nil {
		if d.socket, err = control.Restore(socket); err != nil {
			return d, err
		}
	}
	if metrics >= 0 {
		file := os.NewFile(uintptr(metrics), "metrics")
		defer file.Close()
		if d.metrics, err = net.FileListener(file); err != nil {
			return d, fmt.Errorf("going on with the address of the metrics: %w", err)
		}
	}
	return d, nil
}
