package main

// mutant is a mistake in one place.
type mutant struct {
	file     string // below internal
	what     string // it does
	old, new string
}

var mutants = []mutant{
	{"supervisor/start.go", "starts though processes of the last run survived KILL",
		"if t.stuck || t.hook.on() {", "if t.hook.on() {"},
	{"supervisor/start.go", "halves the delay before a restart",
		"t.Due = t.Ended.Add(v.Delay)", "t.Due = t.Ended.Add(v.Delay / 2)"},
	{"supervisor/stop.go", "gives a rung twice its time",
		"t.Due = t.now.Add(r.Wait)", "t.Due = t.now.Add(2 * r.Wait)"},
	{"supervisor/set.go", "starts a service during the shutdown",
		"\tif !set.shut {\n\t\tset.start(", "\tif true {\n\t\tset.start("},
	{"supervisor/order.go", "starts a service when only one of its needs is missing",
		"if blockers := s.blockers(); len(blockers) == 0 {", "if blockers := s.blockers(); len(blockers) < 2 {"},
	{"supervisor/order.go", "does not hold a service for those that need it",
		`case set.shut || d.toStop != "" || d.State == Stopping:`, `case d.State == Waiting:`},
	{"supervisor/loop.go", "takes a tree to be empty when its main process ends",
		"Remains: !t.Empty(), Untouched: !t.Reaches()", "Remains: false, Untouched: !t.Reaches()"},
	{"supervisor/loop.go", "sets the timer to twice the time",
		"l.timer.Reset(time.Until(at))", "l.timer.Reset(2 * time.Until(at))"},
	{"supervisor/loop.go", "leaves the timer running when nothing is due",
		"\tl.timer.Stop()\n\tif at, ok := l.set.NextDue(); ok {", "\tif at, ok := l.set.NextDue(); ok {"},
	{"supervisor/loop.go", "loses a client when several wait",
		"return w.Check(l.services)", "return w.Check(l.services) || len(l.watches) > 2"},
	{"supervisor/given.go", "keeps the streams of a start that failed",
		"\t\trelease()\n\t\treturn image, err", "\t\treturn image, err"},
	{"supervisor/hooks.go", "does not kill a hook whose time is over",
		"if err := l.trees[service].KillBeside(); err != nil {", "if err := error(nil); err != nil {"},
	{"supervisor/set.go", "does not note the deadlines that are set",
		"if !s.Due.IsZero() && !s.Due.Equal(due) {", "if !s.Due.IsZero() && due.IsZero() {"},
	{"tree/scope.go", "does not know an orphan by its mark",
		"return hasMark(environ(t.host.system, p), t.Mark())", "return false"},
	{"tree/tree.go", "signals a pid that is another process's by now",
		"\theld, there := system.Hold(p)\n\tif !there {", "\tp.Start++\n\theld, there := system.Hold(p)\n\tif !there {"},
	{"reaper/reaper.go", "reaps a child before it knows whose it is",
		"if r.starting == 0 {", "if true {"},

	// What the simulation found when it was new.
	{"supervisor/loop.go", "asks again and again whether a hook that survives KILL has ended",
		"l.awaited[service] || t.Side() != 0 {", "l.awaited[service] {"},
	{"supervisor/program.go", "forgets a TERM that comes between the end of a run and the next",
		"if !l.set.ShuttingDown() {\n\t\tl.set.Shutdown(", "if false {\n\t\tl.set.Shutdown("},
	{"supervisor/program.go", "leaves what lives besides a program that survives KILL",
		"case m.PID != 0: // it survives", "case false: // it survives"},
	{"supervisor/reload.go", "watches the old files of a service that a reload changes in backoff",
		"\t\tset.lookAnew(s, was)\n", "\t\t_ = was\n"},
	{"supervisor/stop.go", "runs a hook that a reload took away",
		"return t.unclean && t.spec.StopAfter != nil", "return t.unclean"},
}
