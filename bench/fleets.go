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

// fleets measures supervisors of many services that only sleep.
func fleets(b *bench) (func(int), []*table) {
	var tables []*table
	for _, size := range b.sizes {
		t := newTable(fmt.Sprintf("Fleet of %d services that only sleep", size), b.peerNames(),
			metric{Name: allRun, Unit: "ms"}, metric{Name: allStopped, Unit: "ms"},
			metric{Name: fleetMemory, Unit: "MB", Decimals: 1},
			metric{Name: fleetCount, NoRatio: true},
			metric{Name: wakeUps, NoRatio: true}, metric{Name: idleCPU, Unit: "ms", Decimals: 1, NoRatio: true},
			metric{Name: afterDeath, Unit: "ms", Decimals: 1})
		t.note(fmt.Sprintf("PSS, processes, wake-ups and CPU of all supervising processes, without the services; wake-ups and CPU in %v of rest. death to exec: median of %d services killed one after the other, each after a long healthy run, with default restart settings.",
			b.amounts.idle, min(b.amounts.kills, size)))
		for _, p := range b.peers {
			if p.note != "" {
				t.note(p.name + ": " + p.note)
			}
		}
		tables = append(tables, t)
	}
	return func(turn int) {
		for i, size := range b.sizes {
			for _, p := range rotate(b.peers, turn) {
				if p.most > 0 && size > p.most {
					tables[i].note(fmt.Sprintf("%s: takes at most %d services", p.name, p.most))
					continue
				}
				b.progress(turn, "fleet of %d: %s", size, p.name)
				if err := b.measureFleet(tables[i], p, size); err != nil {
					tables[i].fail(p.name, err)
				}
			}
		}
	}, tables
}

func (b *bench) measureFleet(t *table, p peer, size int) error {
	f, err := b.launch(p, spec{size: size, service: b.tools.path("cpause")})
	if err != nil {
		return err
	}
	defer f.close()
	took, err := f.awaitAll()
	if err != nil {
		return err
	}
	t.add(p.name, allRun, milliseconds(took))

	time.Sleep(b.amounts.settle)
	supervising, services := f.sides()
	if len(services) != size {
		return fmt.Errorf("%d services run instead of %d", len(services), size)
	}
	m, err := memoryOf(supervising)
	if err != nil {
		return err
	}
	t.add(p.name, fleetMemory, m.pss/1024)
	t.add(p.name, fleetCount, float64(len(supervising)))

	before := activityOf(supervising)
	time.Sleep(b.amounts.idle)
	rest := activityOf(supervising).minus(before)
	t.add(p.name, wakeUps, float64(rest.switches))
	t.add(p.name, idleCPU, float64(rest.cpuNS)/1e6)

	var deaths []float64
	kills := min(b.amounts.kills, size)
	for i := range kills {
		took, _, err := f.kill(services[i*size/kills])
		if err != nil {
			return err
		}
		deaths = append(deaths, milliseconds(took))
	}
	t.add(p.name, afterDeath, median(deaths))

	time.Sleep(b.amounts.settle) // runit puts a stop off while a service has just started
	if took, err = f.stop(); err != nil {
		return err
	}
	t.add(p.name, allStopped, milliseconds(took))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
