package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// act is one kind of harm, or of what users do.
type act struct {
	name  string
	share int // of all acts
	do    func(*stage) error
}

// acts are all kinds. What lasts is ended some acts later.
var acts = []act{
	{"KILL", 10, signalling(unix.SIGKILL)},
	{"TERM", 6, signalling(unix.SIGTERM)},
	{"STOP", 8, signalling(unix.SIGSTOP)},
	{"CONT", 6, signalling(unix.SIGCONT)},
	{"SEGV", 2, signalling(unix.SIGSEGV)},
	{"start", 10, func(s *stage) error { return s.command("start", s.plan.started) }},
	{"stop", 8, func(s *stage) error { return s.command("stop", s.plan.stopped) }},
	{"restart", 8, func(s *stage) error { return s.command("restart", s.plan.started) }},
	{"reload, valid", 6, (*stage).reload},
	{"reload, broken", 4, (*stage).reloadBroken},
	{"HUP to supervise", 2, (*stage).hangUp},
	{"supervise frozen", 1, (*stage).freeze},
	{"logs rotated", 2, (*stage).rotate},
	{"disk full", 1, (*stage).fillDisk},
	{"no more processes", 1, (*stage).starve},
	{"out of memory", 1, (*stage).exhaust},
	{"no more descriptors", 1, (*stage).closeIn},
	{"hostile client", 4, (*stage).attack},
	{"client killed", 2, (*stage).killClient},
}

// errNot says that an act found nothing to do.
var errNot = errors.New("nothing to do")

// harm does so many acts, or as many as there is time for.
func (s *stage) harm(o order) error {
	var wheel []act
	for _, a := range acts {
		for range a.share {
			wheel = append(wheel, a)
		}
	}
	// What is not answered soon, because supervise has no descriptor for us perhaps,
	// is not waited for: the next act may be what ends that.
	s.http.Timeout = time.Second
	defer func() { s.http.Timeout = patience }()
	end := time.Now().Add(o.Time)
	for first := s.acts; time.Now().Before(end) && (o.Actions == 0 || s.acts < first+o.Actions); s.acts++ {
		s.lifts = slices.DeleteFunc(s.lifts, func(l lift) bool {
			if l.after > s.acts {
				return false
			}
			if err := l.do(); err != nil {
				s.wrong("ending %s: %v", l.what, err)
			}
			return true
		})
		a := wheel[s.rand.IntN(len(wheel))]
		began := time.Now()
		err := a.do(s)
		s.Spent[a.name] += time.Since(began)
		switch {
		case err == nil:
			s.Acts[a.name]++
		case !errors.Is(err, errNot):
			s.wrong("%s: %v", a.name, err)
		}
		select {
		case status := <-s.ended:
			return fmt.Errorf("supervise has ended (%v) after %s\n%s", status, a.name, s.stderr())
		case <-time.After(time.Duration(s.rand.IntN(10)) * time.Millisecond):
		}
	}
	return nil
}

// lasts does a harm that is ended some acts later. Twice at once makes no sense.
func (s *stage) lasts(what string, acts int, begin func() (end func() error, err error)) error {
	if slices.ContainsFunc(s.lifts, func(l lift) bool { return l.what == what }) {
		return errNot
	}
	end, err := begin()
	if end != nil {
		s.lifts = append(s.lifts, lift{s.acts + acts/2 + s.rand.IntN(acts), what, end})
	}
	return err
}

// signalling sends a signal to a process of a service, or a probe.
func signalling(sig unix.Signal) func(*stage) error {
	return func(s *stage) error {
		all, err := procfs.All()
		if err != nil {
			return err
		}
		s.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, p := range all {
			fd, err := unix.PidfdOpen(p.PID, 0)
			if err != nil {
				continue
			}
			// Not to one that is still on its way to its program: stopped there, it
			// stops who has forked it as well (vfork(2)). By name, once we hold it.
			name := procfs.Name(p.PID)
			if name == serviceName || name == probeName {
				err = unix.PidfdSendSignal(fd, sig, nil, 0)
				unix.Close(fd)
				if err == nil {
					return nil
				}
				continue
			}
			unix.Close(fd)
		}
		return errNot
	}
}

// some is a service that is in the configuration.
func (s *stage) some() *service {
	for {
		if v := s.plan.services[s.rand.IntN(len(s.plan.services)-1)]; v.there {
			return v
		}
	}
}

// command asks for something, and has the model follow.
func (s *stage) command(verb string, follow func(*service)) error {
	v := s.some()
	status, err := s.ask("POST", "/v1/"+verb, url.Values{"name": {v.name}, "wait": {"0"}}, nil)
	switch {
	case err != nil:
		s.Unanswered++
		v.unsure = true
	case status >= 300 && s.unsure: // whether it is there is not known
		v.unsure = true
		return nil
	case status >= 300 && status != 409: // it was begun, and has failed already
		return fmt.Errorf("%s %s: %d", verb, v.name, status)
	}
	follow(v)
	return nil
}

func (s *stage) reload() error {
	follow := s.plan.change(s.rand)
	if err := s.writeConfiguration(s.plan.text()); err != nil {
		return err
	}
	status, err := s.ask("POST", "/v1/reload", nil, nil)
	switch {
	case err != nil:
		s.Unanswered++
		s.unsure = true
		for _, v := range s.plan.services { // what comes of it depends on when it is read
			v.unsure = v.unsure || v != s.plan.hog
		}
	case status >= 300 && s.limited(): // it cannot be read now
		s.unsure = true
		for _, v := range s.plan.services {
			v.unsure = v.unsure || v != s.plan.hog
		}
	case status >= 300:
		return fmt.Errorf("status %d", status)
	default:
		s.unsure = false
	}
	follow()
	return nil
}

// limited says whether supervise lacks something at this moment.
func (s *stage) limited() bool { return len(s.lifts) > 0 }

// reloadBroken expects that nothing changes.
func (s *stage) reloadBroken() error {
	if err := s.writeConfiguration(s.plan.broken(s.rand)); err != nil {
		return err
	}
	status, err := s.ask("POST", "/v1/reload", nil, nil)
	if e := s.writeConfiguration(s.plan.text()); e != nil {
		return e
	}
	switch {
	case err != nil:
		s.Unanswered++
	case status < 400:
		return fmt.Errorf("status %d", status)
	}
	return nil
}

// hangUp has it read the configuration that it has.
func (s *stage) hangUp() error {
	if s.unsure {
		return errNot
	}
	return unix.Kill(s.pid, unix.SIGHUP)
}

// freeze stops supervise for a moment, as if the machine slept.
func (s *stage) freeze() error {
	if err := unix.Kill(s.pid, unix.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(time.Duration(s.rand.IntN(300)) * time.Millisecond)
	return unix.Kill(s.pid, unix.SIGCONT)
}

func (s *stage) rotate() error {
	if _, err := s.ask("POST", "/v1/rotate", url.Values{"name": {"*"}}, nil); err != nil {
		s.Unanswered++
	}
	return nil
}

// diskSize is that of the small file system.
const diskSize = 64 << 20

func (s *stage) fillDisk() error {
	ballast := filepath.Join(s.work, "disk", "ballast")
	return s.lasts("disk full", 30, func() (end func() error, err error) {
		f, err := os.OpenFile(ballast, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		for block := make([]byte, 4096); err == nil; {
			_, err = f.Write(block)
		}
		if errors.Is(err, unix.ENOSPC) {
			err = nil
		}
		return func() error { return os.Remove(ballast) }, err
	})
}

func (s *stage) starve() error {
	if s.Group.PIDs == "" {
		return errNot
	}
	return s.lasts("no more processes", 10, func() (end func() error, err error) {
		return func() error { return s.Group.limitPIDs(-1) }, s.Group.limitPIDs(s.rand.IntN(4))
	})
}

// exhaust has a service take more memory than there is.
func (s *stage) exhaust() error {
	if s.Group.Memory == "" {
		return errNot
	}
	return s.lasts("out of memory", 40, func() (end func() error, err error) {
		if err := s.Group.limitMemory(); err != nil {
			return nil, err
		}
		if _, err := s.ask("POST", "/v1/start", url.Values{"name": {s.plan.hog.name}, "wait": {"0"}}, nil); err != nil {
			s.Unanswered++
		}
		return s.Group.freeMemory, nil
	})
}

func (s *stage) closeIn() error {
	return s.lasts("no more descriptors", 10, func() (end func() error, err error) {
		return func() error { return s.limitDescriptors(-1) }, s.limitDescriptors(s.rand.IntN(4))
	})
}

func (s *stage) attack() error {
	n := s.rand.IntN(hostilities)
	return s.lasts(fmt.Sprint("attack ", n), 10, func() (end func() error, err error) {
		end = s.hostile(n)
		return end, nil
	})
}

// killClient starts a client that waits, and kills it.
func (s *stage) killClient() error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	argv := [][]string{{"status"}, {"events", "--follow"}, {"logs", "--follow"}, {"wait", "s000", "--for", "done"}}[s.rand.IntN(4)]
	p, ended, err := s.start(append([]string{s.Supervise}, append(argv, "--socket", s.socket)...), s.work, os.Environ(), null, null)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(s.rand.IntN(50)) * time.Millisecond)
	_ = p.Kill()
	<-ended
	return nil
}
