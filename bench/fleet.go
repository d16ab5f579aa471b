package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a fleet may take to start, or to stop: several times
// what the slowest peer needs.
func (s spec) patience() time.Duration {
	return time.Minute + time.Duration(s.size)*20*time.Millisecond
}

// fleet is a running supervisor with its services.
type fleet struct {
	*session
	peer    peer
	spec    spec
	dir     string
	reports *reports
	began   time.Duration // when the supervisor was about to be started
}

// launch writes a peer's configuration into a fresh directory and starts it.
func (b *bench) launch(p peer, s spec) (f *fleet, err error) {
	dir, err := os.MkdirTemp(b.scratch, "fleet-")
	if err != nil {
		return nil, fmt.Errorf("a directory for the configuration: %w", err)
	}
	f = &fleet{peer: p, spec: s, dir: dir}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	command, err := p.configure(filepath.Join(dir, "services"), s)
	if err != nil {
		return nil, fmt.Errorf("writing the configuration of %s: %w", p.name, err)
	}
	if f.reports, err = openReports(dir); err != nil {
		return nil, err
	}
	env := []string{reportVar + "=" + f.reports.path}
	limit := 2*s.patience() + time.Minute // the minute is for what happens in between
	f.session, err = b.enter(limit, env, append([]string{b.tools.path("stage"), "-i"}, command...)...)
	if err != nil {
		return nil, err
	}
	first, err := f.reports.await(begin, 1, 10*time.Second)
	if err != nil {
		return nil, f.complaint(fmt.Errorf("entering the namespace: %w", err))
	}
	f.began = first.at
	return f, nil
}

// awaitAll gives the time from the supervisor's start until its last service runs.
func (f *fleet) awaitAll() (time.Duration, error) {
	last, err := f.reports.await(started, f.spec.size, f.spec.patience())
	if err != nil {
		return 0, f.complaint(fmt.Errorf("waiting for all services to run: %w", err))
	}
	return last.at - f.began, nil
}

// supervisor is the process that is told to stop: what the stage has started.
func (f *fleet) supervisor() (int, error) {
	for _, pid := range descendants(f.pid()) {
		if stat := readFile(fmt.Sprintf("/proc/%d/stat", pid)); stat != "" {
			if parent, _ := parseParent(stat); parent == f.pid() && executable(pid) != f.spec.service {
				return pid, nil
			}
		}
	}
	return 0, f.complaint(errors.New("the supervisor has ended by itself"))
}

// sides tells the services from the processes that supervise them.
func (f *fleet) sides() (supervising, services []int) {
	for _, pid := range descendants(f.pid()) {
		if executable(pid) == f.spec.service {
			services = append(services, pid)
		} else {
			supervising = append(supervising, pid)
		}
	}
	slices.Sort(services)
	return supervising, services
}

// kill ends a service and gives the time until its replacement runs.
func (f *fleet) kill(pid int) (time.Duration, report, error) {
	f.reports.drop()
	at := monotonic()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return 0, report{}, fmt.Errorf("killing a service: %w", err)
	}
	next, err := f.reports.await(started, 1, 20*time.Second)
	if err != nil {
		return 0, next, f.complaint(fmt.Errorf("waiting for the replacement of a killed service: %w", err))
	}
	return next.at - at, next, nil
}

// stop tells the supervisor to stop and gives the time until nothing is left.
func (f *fleet) stop() (time.Duration, error) {
	pid, err := f.supervisor()
	if err != nil {
		return 0, err
	}
	f.reports.drop()
	at := monotonic()
	if err := unix.Kill(pid, f.peer.stop); err != nil {
		return 0, fmt.Errorf("sending %s to the supervisor: %w", unix.SignalName(f.peer.stop), err)
	}
	end, err := f.reports.await(noneLeft, 1, f.spec.patience())
	if err != nil {
		_, services := f.sides()
		return 0, f.complaint(fmt.Errorf("not all gone %v after the stop, %d services left", f.spec.patience(), len(services)))
	}
	return end.at - at, f.wait()
}

// close ends everything and removes every file of the fleet.
func (f *fleet) close() {
	if f.session != nil {
		f.session.close()
	}
	if f.reports != nil {
		f.reports.close()
	}
	os.RemoveAll(f.dir)
}
