package signals

// Pending is the signals that have arrived and were not yet taken. It hands
// them out as sigwait(3) does to a program that blocks them all: CHLD and the
// faults that a process sent among them; the lowest number first; of a standard
// signal one, however often it came meanwhile; of a real-time signal each.
//
// It is for the programs that supervise stands in for, which are written that
// way. [Receiver] is for supervise itself. There is one or the other in a
// process.
type Pending struct {
	source
	arrived [lastNo + 1]int
	total   int
}

// arrive takes note of a signal.
func (p *Pending) arrive(s Signal) {
	if s < 1 || int(s) > lastNo || s < RTMIN && p.arrived[s] > 0 {
		return
	}
	p.arrived[s]++
	p.total++
}

// next takes the lowest that is there.
func (p *Pending) next() (Signal, bool) {
	if p.total == 0 {
		return 0, false
	}
	for s := range p.arrived {
		if p.arrived[s] > 0 {
			p.arrived[s]--
			p.total--
			return Signal(s), true
		}
	}
	return 0, false
}
