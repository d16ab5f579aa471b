package main

import (
	"fmt"
	"time"
)

// eagerRestarts measures restarts of a program that keeps dying, under the
// settings with which each peer restarts soonest.
func eagerRestarts(b *bench) (func(int), []*table) {
	size := b.amounts.eagerServing
	t := newTable(fmt.Sprintf("Death to exec at its most eager, one of %d services dies again and again", size),
		b.peerNames(), metric{Name: "median", Unit: "ms", Decimals: 2}, metric{Name: "longest", Unit: "ms", Decimals: 2})
	t.note(fmt.Sprintf("%d deaths in each round, each by SIGKILL 20 ms after the start before; a first one, after a longer run, is not counted.", b.amounts.kills))
	for _, p := range b.peers {
		if p.eager != "" {
			t.note(p.name + ": " + p.eager)
		}
	}
	return func(turn int) {
		for _, p := range rotate(b.peers, turn) {
			b.progress(turn, "death: %s", p.name)
			took, err := b.measureEager(p, size)
			if err != nil {
				t.fail(p.name, err)
				continue
			}
			t.add(p.name, "median", median(took))
			t.add(p.name, "longest", quantile(took, 1))
		}
	}, []*table{t}
}

func (b *bench) measureEager(p peer, size int) (took []float64, err error) {
	f, err := b.launch(p, spec{size: size, service: b.tools.path("cpause"), eager: true})
	if err != nil {
		return nil, err
	}
	defer f.close()
	if _, err := f.awaitAll(); err != nil {
		return nil, err
	}
	time.Sleep(b.amounts.settle)
	_, services := f.sides()
	if len(services) == 0 {
		return nil, fmt.Errorf("no service runs")
	}
	victim := services[0]
	for i := range b.amounts.kills + 1 {
		d, next, err := f.kill(victim)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			took = append(took, milliseconds(d))
		}
		time.Sleep(20 * time.Millisecond) // supervisors note the start before the end
		if victim, err = f.byNumber(int(next.pid)); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// byNumber finds the service that its own namespace knows by that number.
func (f *fleet) byNumber(inner int) (int, error) {
	_, services := f.sides()
	for _, pid := range services {
		if innermostPid(readFile(fmt.Sprintf("/proc/%d/status", pid))) == inner {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("the replacement, process %d, has vanished", inner)
}
