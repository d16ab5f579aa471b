package main

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Columns of the table: what cstray.c names its processes.
const (
	strayPlain   = "plain child"
	straySession = "setsid, double fork"
)

// strays counts what is left of services when their supervisor was told to stop
// and has ended. Nothing varies there, so one round is enough.
func strays(b *bench) (func(int), []*table) {
	size := b.amounts.eagerServing
	t := newTable("strays", fmt.Sprintf("Left after the stop of %d services, each with a child and a daemon", size), b.peerNames(),
		metric{Name: strayPlain, NoRatio: true}, metric{Name: straySession, NoRatio: true})
	t.note("A child of the service, in its process group; and one that was forked twice and has called setsid(2). Neither resists TERM. Counted when the supervisor has ended.")
	return func(turn int) {
		if turn > 0 {
			return
		}
		for _, p := range b.peers {
			b.progress(turn, "strays: %s", p.name)
			if err := b.measureStrays(t, p, size); err != nil {
				t.fail(p.name, err)
			}
		}
	}, []*table{t}
}

func (b *bench) measureStrays(t *table, p peer, size int) error {
	f, err := b.launch(p, spec{size: size, service: b.tools.path("cstray")})
	if err != nil {
		return err
	}
	defer f.close()
	if _, err := f.awaitAll(); err != nil {
		return err
	}
	time.Sleep(b.amounts.settle) // runit puts a stop off while a service has just started
	pid, err := f.supervisor()
	if err != nil {
		return err
	}
	f.reports.drop()
	if err := unix.Kill(pid, p.stop); err != nil {
		return fmt.Errorf("sending %s to the supervisor: %w", unix.SignalName(p.stop), err)
	}
	if _, err := f.reports.await(ended, 1, f.spec.patience()); err != nil {
		return f.complaint(fmt.Errorf("waiting for the supervisor's end: %w", err))
	}
	left := map[string]int{}
	for _, pid := range descendants(f.pid()) {
		left[strings.TrimSpace(readFile(fmt.Sprintf("/proc/%d/comm", pid)))]++
	}
	t.add(p.name, strayPlain, float64(left["plain"]))
	t.add(p.name, straySession, float64(left["session"]))
	return nil
}
