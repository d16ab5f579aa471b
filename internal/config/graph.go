package config

import (
	"maps"
	"slices"
	"time"
)

// Order gives the names of services in waves: those of one wave can be started
// at the same time, once all waves before it are up. Needs and After both
// count; names of services that are not in the list do not. The services must
// be free of circles, as those of a Config are.
func Order(services []Service) [][]string {
	wave := map[string]int{}
	byName := index(services)
	var find func(s Service) int
	find = func(s Service) int {
		if n, ok := wave[s.Name]; ok {
			return n
		}
		wave[s.Name] = 0 // so that even a circle ends
		n := 0
		for _, name := range waitsFor(s) {
			if other, ok := byName[name]; ok {
				n = max(n, find(other)+1)
			}
		}
		wave[s.Name] = n
		return n
	}
	var waves [][]string
	for _, s := range services {
		n := find(s)
		for len(waves) <= n {
			waves = append(waves, nil)
		}
		waves[n] = append(waves[n], s.Name)
	}
	return waves
}

// Needed gives the named services and all that these need, in the order of
// services. Without names: those that start by themselves, and what these need.
func Needed(services []Service, names []string) []Service {
	if len(names) == 0 {
		for _, s := range services {
			if s.Autostart {
				names = append(names, s.Name)
			}
		}
	}
	byName := index(services)
	in := map[string]bool{}
	for todo := slices.Clone(names); len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s, ok := byName[name]; ok && !in[name] {
			in[name] = true
			todo = append(todo, s.Needed()...)
		}
	}
	var out []Service
	for _, s := range services {
		if in[s.Name] {
			out = append(out, s)
		}
	}
	return out
}

// Match gives the names of the services that somebody means by name: the one
// that is called so, or all instances of it. nil when there is none.
func Match(services []Service, name string) []string {
	var out []string
	for _, s := range services {
		if s.Name == name || s.Template == name {
			out = append(out, s.Name)
		}
	}
	return out
}

// StopTime is how long a shutdown may take.
type StopTime struct {
	Longest   time.Duration // but for those in Unbounded
	Path      []string      // the services that wait for each other to make it so long, first stopped first
	Unbounded []string      // services whose last rung waits without end
}

// WorstCaseStop gives the longest time that a shutdown of services can take:
// when each of them outlives every rung of its ladder but the last. Those that
// order nothing stop at the same time; a service is stopped after all that
// need it or come after it.
func WorstCaseStop(services []Service) StopTime {
	before := map[string][]string{} // of each service: those that stop before it
	for _, s := range services {
		for _, name := range waitsFor(s) {
			before[name] = append(before[name], s.Name)
		}
	}
	byName := index(services)
	type end struct {
		at   time.Duration
		from string // the one that it had to wait for longest
	}
	ends := map[string]end{}
	var find func(s Service) time.Duration
	find = func(s Service) time.Duration {
		if e, ok := ends[s.Name]; ok {
			return e.at
		}
		ends[s.Name] = end{} // so that even a circle ends
		var e end
		for _, name := range before[s.Name] {
			if at := find(byName[name]); at > e.at {
				e = end{at: at, from: name}
			}
		}
		e.at += s.LongestStop()
		ends[s.Name] = e
		return e.at
	}
	var worst StopTime
	last := ""
	for _, s := range services {
		if at := find(s); at > worst.Longest {
			worst.Longest, last = at, s.Name
		}
		if s.Stop.Unbounded() {
			worst.Unbounded = append(worst.Unbounded, s.Name)
		}
	}
	for name := last; name != ""; name = ends[name].from {
		worst.Path = append(worst.Path, name)
	}
	slices.Reverse(worst.Path)
	return worst
}

// KillTime is how long a process may take to die of KILL before nobody waits
// for it any more. What takes longer is stuck in the kernel.
const KillTime = 5 * time.Second

// LongestStop is the longest time that a stop of the service can take: its
// hooks, its ladder, and a signal that a missed deadline puts before that.
func (s *Service) LongestStop() time.Duration {
	ladder := s.Stop.InShutdown()
	sum := s.Stop.Longest()
	if s.Watchdog > 0 || s.RunTimeout > 0 && s.TimeoutSignal != ladder[0].Signal {
		sum += ladder[0].Wait
	}
	if h := s.StopBefore; h != nil {
		sum += h.Timeout + KillTime
	}
	if h := s.StopAfter; h != nil { // what it leaves is killed
		sum += h.Longest() + KillTime
		if !h.Runit { // else what is left is reckoned with below
			sum += ladder[len(ladder)-1].Wait
		}
	}
	if s.Stop.Scope == Main { // what is left gets the ladder too
		sum += s.Stop.Longest()
	}
	if s.Runit != nil && s.Runit.Writer != "" {
		sum += LastWait // for it to read the rest
	}
	return sum
}

// LastWait is how long is waited in a shutdown of supervise for what else is
// waited for without end, as runsv does: a finish, a log service that reads to the
// end of its input.
const LastWait = 10 * time.Second

// Longest is how long the hook can take in a shutdown, before it is killed.
func (h *Hook) Longest() time.Duration {
	if h.Timeout == 0 {
		return LastWait
	}
	return h.Timeout
}

// InShutdown is the ladder for a shutdown of supervise.
func (s Stop) InShutdown() []Rung {
	if s.Shutdown != nil {
		return s.Shutdown
	}
	return s.Ladder
}

// Longest is the sum of the waits of the ladder for a shutdown.
func (s Stop) Longest() time.Duration {
	var sum time.Duration
	for _, rung := range s.InShutdown() {
		sum += rung.Wait
	}
	return sum
}

// Unbounded says whether the last rung waits without end.
func (s Stop) Unbounded() bool {
	ladder := s.InShutdown()
	return len(ladder) > 0 && ladder[len(ladder)-1].Wait == 0
}

func waitsFor(s Service) []string { return slices.Concat(s.Needed(), s.After) }

// Needed gives the names of the services that s needs.
func (s *Service) Needed() []string {
	var names []string
	for _, n := range s.Needs {
		names = append(names, n.Name)
	}
	return names
}

func index(services []Service) map[string]Service {
	byName := make(map[string]Service, len(services))
	for _, s := range services {
		byName[s.Name] = s
	}
	return byName
}

// findCycles finds circles in a graph, each as a -> b -> a, from its smallest
// name on. Of circles that share a name it gives one: with that one cut, the
// next check shows the other.
func findCycles(graph map[string][]string) [][]string {
	const (
		unseen = iota
		onPath
		done
	)
	state := map[string]int{}
	shown := map[string]bool{}
	var cycles [][]string
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = onPath
		path = append(path, name)
		for _, to := range graph[name] {
			switch state[to] {
			case unseen:
				visit(to)
			case onPath:
				cycle := slices.Clone(path[slices.Index(path, to):])
				if !slices.ContainsFunc(cycle, func(n string) bool { return shown[n] }) {
					cycles = append(cycles, fromSmallest(cycle))
				}
				for _, n := range cycle {
					shown[n] = true
				}
			}
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, name := range slices.Sorted(maps.Keys(graph)) {
		if state[name] == unseen {
			visit(name)
		}
	}
	return cycles
}

// fromSmallest turns a circle so that its smallest name comes first, and ends
// it with that name again.
func fromSmallest(cycle []string) []string {
	i := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[i:], cycle[:i], cycle[i:i+1])
}
