package config

import (
	"maps"
	"reflect"
	"slices"
	"sync"
)

// effect says what it takes for another value of a key to take effect.
type effect bool

const (
	live     effect = false // supervise itself goes by it; the process need not know
	restarts effect = true  // it is of the process, or was arranged for it when it started
)

// compared is one key of a table, in the words of the configuration file, and
// whether it differs between two values of what the table describes.
type compared[T any] struct {
	key     string
	effect  effect
	differs func(old, new *T) bool
}

// comparedKeys are all keys of a service but its name: the one list of what a
// reload minds. Where a service is defined is no part of it, nor what the files
// hold that it names: the program and the environment files are read at each
// start. TestChangesKnowsEveryField holds it against [Service].
var comparedKeys = sync.OnceValue(func() []compared[Service] {
	return []compared[Service]{
		{"kind", restarts, value(func(s *Service) *Kind { return &s.Kind })},
		{"instances", live, either(value(func(s *Service) *string { return &s.Template }), value(func(s *Service) *int { return &s.Instance }))},

		{"command", restarts, list(func(s *Service) []string { return s.Command })},
		{"dir", restarts, value(func(s *Service) *string { return &s.Dir })},
		{"env", restarts, list(func(s *Service) []string { return s.Env })},
		{"env_file", restarts, list(func(s *Service) []string { return s.EnvFile })},
		{"env_clear", restarts, value(func(s *Service) *bool { return &s.EnvClear })},
		{"user", restarts, value(func(s *Service) *string { return &s.User })},
		{"group", restarts, value(func(s *Service) *string { return &s.Group })},
		{"groups", restarts, func(a, b *Service) bool { // none, and those of the user, are two things
			return (a.Groups == nil) != (b.Groups == nil) || !slices.Equal(a.Groups, b.Groups)
		}},
		{"umask", restarts, value(func(s *Service) *int { return &s.Umask })},
		{"nice", restarts, either(value(func(s *Service) *int { return &s.Nice }), value(func(s *Service) *bool { return &s.NiceSet }))},
		{"oom_score_adj", restarts, either(value(func(s *Service) *int { return &s.OOMScore }), value(func(s *Service) *bool { return &s.OOMSet }))},
		{"limits", restarts, list(func(s *Service) []Limit { return s.Limits })},
		{"no_new_privs", restarts, value(func(s *Service) *bool { return &s.NoNewPrivs })},
		{"pdeathsig", restarts, value(func(s *Service) *signal { return &s.Pdeathsig })},

		{"needs", live, list(func(s *Service) []Need { return s.Needs })},
		{"after", live, list(func(s *Service) []string { return s.After })},
		{"autostart", live, value(func(s *Service) *bool { return &s.Autostart })},
		{"critical", live, value(func(s *Service) *bool { return &s.Critical })},
		{"sockets", restarts, list(func(s *Service) []Socket { return s.Sockets })},
		{"idle_stop", live, value(func(s *Service) *duration { return &s.IdleStop })},
		{"watch", live, deeply(func(s *Service) any { return s.Watch })},
		// What it is told of the ways to say so, it is told at its start.
		{"ready", restarts, deeply(func(s *Service) any { return s.Ready })},
		{"watchdog", restarts, value(func(s *Service) *duration { return &s.Watchdog })},
		{"health", live, deeply(func(s *Service) any { return s.Health })},
		{"start.before", live, deeply(func(s *Service) any { return s.StartBefore })},
		{"start.after", live, deeply(func(s *Service) any { return s.StartAfter })},
		{"stop.before", live, deeply(func(s *Service) any { return s.StopBefore })},
		{"stop.after", live, deeply(func(s *Service) any { return s.StopAfter })},
		{"start.timeout", live, value(func(s *Service) *duration { return &s.StartTimeout })},
		{"timeout", live, value(func(s *Service) *duration { return &s.RunTimeout })},
		{"timeout_signal", live, value(func(s *Service) *signal { return &s.TimeoutSignal })},

		{"restart.when", live, func(a, b *Service) bool { return a.Restart.When != b.Restart.When }},
		{"restart.initial", live, inFormula(func(s *Service) *duration { return &s.Restart.Backoff.Initial })},
		{"restart.factor", live, inFormula(func(s *Service) *float64 { return &s.Restart.Backoff.Factor })},
		{"restart.max", live, inFormula(func(s *Service) *duration { return &s.Restart.Backoff.Max })},
		{"restart.delays", live, list(func(s *Service) []duration { return s.Restart.Backoff.Delays })},
		{"restart.jitter", live, value(func(s *Service) *float64 { return &s.Restart.Backoff.Jitter })},
		{"restart.reset_after", live, value(func(s *Service) *duration { return &s.Restart.ResetAfter })},
		{"restart.limit", live, value(func(s *Service) *int { return &s.Restart.Limit })},
		{"restart.pace", live, value(func(s *Service) *duration { return &s.Restart.Pace })},
		{"restart.within", live, value(func(s *Service) *duration { return &s.Restart.Within })},
		{"restart.success", live, either(
			list(func(s *Service) []int { return s.Restart.Success.Codes }),
			list(func(s *Service) []signal { return s.Restart.Success.Signals }))},

		{"stop.ladder", live, either(list(func(s *Service) []Rung { return s.Stop.Ladder }), list(func(s *Service) []Rung { return s.Stop.Shutdown }))},
		// A cgroup is made before a start or not at all.
		{"stop.scope", restarts, value(func(s *Service) *Scope { return &s.Stop.Scope })},

		{"signals.map", live, func(a, b *Service) bool { return !maps.Equal(a.Map, b.Map) }},
		{"signals.forward", live, list(func(s *Service) []signal { return s.Forward })},

		// The descriptors are the process's.
		{"pty", restarts, value(func(s *Service) *bool { return &s.PTY })},
		{"log.to", restarts, value(func(s *Service) *LogTarget { return &s.Log.To })},
		{"log.path", restarts, inFile(func(f *LogFile) *string { return &f.Path })},
		{"log.stderr", restarts, inFile(func(f *LogFile) *LogStderr { return &f.Stderr })},
		// What is written to the file is ours.
		{"log.max_size", live, inFile(func(f *LogFile) *int64 { return &f.MaxSize })},
		{"log.max_age", live, inFile(func(f *LogFile) *duration { return &f.MaxAge })},
		{"log.max_files", live, inFile(func(f *LogFile) *int { return &f.MaxFiles })},
		{"log.compress", live, inFile(func(f *LogFile) *bool { return &f.Compress })},
		{"log.timestamps", live, inFile(func(f *LogFile) *Timestamps { return &f.Timestamps })},
		{"log.full", live, inFile(func(f *LogFile) *LogFull { return &f.Full })},

		// Another directory, or one that got a log service.
		{"runit", restarts, deeply(func(s *Service) any { return s.Runit })},
	}
})

// comparedSupervisorKeys are all keys of [supervisor]. Here restarts says that
// supervise itself has to be started anew.
var comparedSupervisorKeys = sync.OnceValue(func() []compared[Supervisor] {
	return []compared[Supervisor]{
		{"cgroup", restarts, value(func(s *Supervisor) *bool { return &s.Cgroup })},
		{"allow_uids", live, list(func(s *Supervisor) []string { return s.AllowUIDs })},
		{"metrics", restarts, value(func(s *Supervisor) *string { return &s.Metrics })},
		{"runit_dir", restarts, value(func(s *Supervisor) *string { return &s.RunitDir })},
	}
})

// Changes names the keys in which two configurations of one service differ,
// and says whether the running process has to be another for them to take
// effect.
func Changes(old, new *Service) (keys []string, needsRestart bool) {
	all := comparedKeys()
	for i := range all {
		if k := &all[i]; k.differs(old, new) {
			keys = append(keys, k.key)
			needsRestart = needsRestart || k.effect == restarts
		}
	}
	return keys, needsRestart
}

// Deferred names the keys of [supervisor] whose new value takes effect only
// when supervise is started anew. started is what it was started with.
func Deferred(started, now *Supervisor) (keys []string) {
	for _, k := range comparedSupervisorKeys() {
		if k.effect == restarts && k.differs(started, now) {
			keys = append(keys, "supervisor."+k.key)
		}
	}
	return keys
}

func value[T any, V comparable](field func(*T) *V) func(a, b *T) bool {
	return func(a, b *T) bool { return *field(a) != *field(b) }
}

func list[T any, V comparable](field func(*T) []V) func(a, b *T) bool {
	return func(a, b *T) bool { return !slices.Equal(field(a), field(b)) }
}

// deeply compares what is behind pointers.
func deeply(field func(*Service) any) func(a, b *Service) bool {
	return func(a, b *Service) bool { return !reflect.DeepEqual(field(a), field(b)) }
}

func either[T any](one, other func(a, b *T) bool) func(a, b *T) bool {
	return func(a, b *T) bool { return one(a, b) || other(a, b) }
}

// inFormula is value for what a list of delays takes the place of.
func inFormula[V comparable](field func(*Service) *V) func(a, b *Service) bool {
	return func(a, b *Service) bool {
		formula := a.Restart.Backoff.Delays == nil && b.Restart.Backoff.Delays == nil
		return formula && *field(a) != *field(b)
	}
}

// inFile is value for what is said about a log file, where there is one before
// and after; else log.to says enough.
func inFile[V comparable](field func(*LogFile) *V) func(a, b *Service) bool {
	return func(a, b *Service) bool {
		return a.Log.To == b.Log.To && *field(&a.Log.File) != *field(&b.Log.File)
	}
}
