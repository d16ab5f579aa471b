package main

import (
	"fmt"
	"time"
)

const (
	deathMedian = "median"
	deathP99    = "p99"
	deathCount  = "deaths"
)

// eagerRestarts measures restarts of a program that keeps dying, under the
// settings with which each peer restarts soonest.
func eagerRestarts(b *bench) (func(int), []*table) {
	size := b.amounts.eagerServing
	t := newTable("death", fmt.Sprintf("Death to exec at its most eager, one of %d services dies again and again", size),
		b.peerNames(), metric{Name: deathMedian, Unit: "ms", Decimals: 2}, metric{Name: deathP99, Unit: "ms", Decimals: 2},
		metric{Name: deathCount, NoRatio: true})
	t.note(fmt.Sprintf("Up to %d deaths in each round, or as many as go into %v, each by SIGKILL 20 ms after the start before; a first one, after a longer run, is not counted.",
		b.amounts.deaths, b.amounts.dying))
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
			t.add(p.name, deathMedian, median(took))
			t.add(p.name, deathP99, quantile(took, 0.99))
			t.add(p.name, deathCount, float64(len(took)))
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
	err = spend(2, b.amounts.deaths+1, b.amounts.dying, func(i int) error {
		d, next, err := f.kill(victim)
		if err != nil {
			return err
		}
		if i > 0 {
			took = append(took, milliseconds(d))
		}
		time.Sleep(20 * time.Millisecond) // supervisors note the start before the end
		victim, err = f.byNumber(int(next.pid))
		return err
	})
	return took, err
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
