package supervisor

import "time"

// A run that lingers lasts until the last process of its tree has ended: of the
// end of its main process the machine hears only then. Until that a stop
// climbs its ladder, and a timeout runs, as if the main process lived.

// linger keeps the end of a main process back when others are left, and says
// whether it did. A stop that is under way has its ladder for them.
func (l *Loop) linger(service int, in Exited) bool {
	if !l.Lingers || !in.Remains || l.set.Machine(service).State == Stopping {
		return false
	}
	l.lingers[service] = in
	return true
}

// lingering says whether the main process has ended, and others have not.
func (l *Loop) lingering(service int) bool {
	_, yes := l.lingers[service]
	return yes
}

// emptied: nothing is left of a tree.
func (l *Loop) emptied(service int) {
	in, lingered := l.lingers[service]
	if !lingered {
		l.set.Apply(service, Emptied{}, time.Now())
		return
	}
	delete(l.lingers, service)
	in.Remains = false
	l.set.Apply(service, in, time.Now())
}
