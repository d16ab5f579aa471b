package main

import (
	"fmt"
	"time"
)

// Columns of the tables about fleets.
const (
	allRun      = "all run"
	allStopped  = "all stopped"
	fleetMemory = "PSS"
	fleetCount  = "processes"
	wakeUps     = "wake-ups"
	idleCPU     = "CPU"
	afterDeath  = "death to exec"
)

// Columns of the tables about what a fleet is asked.
const (
	statusOfAll = "status of all"
	reloadSame  = "reload, nothing new"
	oneMore     = "one service more"
)

// large is the size from which on a fleet is measured in the first round only.
const large = 2000

func fleetKey(size int) string { return fmt.Sprintf("fleet %d", size) }

// fleets measures supervisors of many services that only sleep.
func fleets(b *bench) (func(int), []*table) {
	var looks, asks []*table
	machine := lookForRoom()
	for _, size := range b.sizes {
		t := newTable(fleetKey(size), fmt.Sprintf("Fleet of %s services that only sleep", thousands(size)), b.peerNames(),
			metric{Name: allRun, Unit: "ms"}, metric{Name: allStopped, Unit: "ms"},
			metric{Name: fleetMemory, Unit: "MB", Decimals: 1},
			metric{Name: fleetCount, NoRatio: true},
			metric{Name: wakeUps, NoRatio: true}, metric{Name: idleCPU, Unit: "ms", Decimals: 1, NoRatio: true},
			metric{Name: afterDeath, Unit: "ms", Decimals: 1})
		t.note(fmt.Sprintf("PSS, processes, wake-ups and CPU of all supervising processes, without the services; wake-ups and CPU in %v of rest, in the first round. death to exec: median of up to %d services killed one after the other, each after a long healthy run, with default restart settings.",
			b.amounts.idle, min(b.amounts.kills, size)))
		a := newTable(fmt.Sprintf("ask %d", size), fmt.Sprintf("Asking a fleet of %s", thousands(size)), b.askedNames(),
			metric{Name: statusOfAll, Unit: "ms", Decimals: 1}, metric{Name: reloadSame, Unit: "ms", Decimals: 1},
			metric{Name: oneMore, Unit: "ms", Decimals: 1})
		a.note("From the start of the client until its end; of one service more, from before its configuration is written until it runs.")
		for _, p := range b.peers {
			if p.note != "" {
				t.note(p.name + ": " + p.note)
			}
			if p.asked.note != "" {
				a.note(p.name + ": " + p.asked.note)
			}
		}
		looks, asks = append(looks, t), append(asks, a)
	}
	return func(turn int) {
		for i, size := range b.sizes {
			if size >= large && turn > 0 {
				looks[i].note("In the first round only.")
				continue
			}
			for _, p := range rotate(b.peers, turn) {
				if why := p.refuses(size, machine); why != "" {
					looks[i].note(p.name + ": left out: " + why)
					continue
				}
				b.progress(turn, "fleet of %s: %s", thousands(size), p.name)
				if err := b.measureFleet(looks[i], asks[i], p, size, turn); err != nil {
					looks[i].fail(p.name, err)
				}
			}
		}
	}, append(looks, asks...)
}

// refuses says why a fleet of that size can't be had; "" when it can.
func (p peer) refuses(size int, machine room) string {
	if p.most > 0 && size > p.most {
		return fmt.Sprintf("takes at most %s services", thousands(p.most))
	}
	return machine.lacks(size, p.each)
}

func (b *bench) measureFleet(look, ask *table, p peer, size, turn int) error {
	f, err := b.launch(p, spec{size: size, service: b.tools.path("cpause")})
	if err != nil {
		return err
	}
	defer f.close()
	took, err := f.awaitAll()
	if err != nil {
		return err
	}
	look.add(p.name, allRun, milliseconds(took))

	time.Sleep(b.amounts.settle)
	supervising, services := f.sides()
	if len(services) != size {
		return fmt.Errorf("%d services run instead of %d", len(services), size)
	}
	m, err := memoryOf(supervising)
	if err != nil {
		return err
	}
	look.add(p.name, fleetMemory, m.pss/1024)
	look.add(p.name, fleetCount, float64(len(supervising)))

	if turn == 0 {
		before := activityOf(supervising)
		time.Sleep(b.amounts.idle)
		rest := activityOf(supervising).minus(before)
		look.add(p.name, wakeUps, float64(rest.switches))
		look.add(p.name, idleCPU, float64(rest.cpuNS)/1e6)
	}

	var deaths []float64
	kills := min(b.amounts.kills, size)
	err = spend(1, kills, b.amounts.dying/2, func(i int) error {
		took, _, err := f.kill(services[i*size/kills])
		deaths = append(deaths, milliseconds(took))
		return err
	})
	if err != nil {
		return err
	}
	look.add(p.name, afterDeath, median(deaths))

	if err := b.ask(ask, f); err != nil {
		ask.fail(p.name, err)
	}
	time.Sleep(b.amounts.settle) // runit puts a stop off while a service has just started
	if took, err = f.stop(); err != nil {
		return err
	}
	look.add(p.name, allStopped, milliseconds(took))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
