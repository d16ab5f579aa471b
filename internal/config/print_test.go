package config

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

var samePatterns = cmp.Comparer(func(a, b *regexp.Regexp) bool {
	return a == nil && b == nil || a != nil && b != nil && a.String() == b.String()
})

// anyText draws strings of all characters that a program can be given.
var anyText = rapid.StringOfN(rapid.RuneFrom([]rune("ab %\"'\\$#=[]{}\n\t\r\x01\x7fé€😀")), 0, 8, -1)

var anyLength = rapid.Custom(func(t *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "length") >> rapid.IntRange(0, 62).Draw(t, "shift"))
})

var anySignal = rapid.Custom(func(t *rapid.T) signals.Signal {
	return signals.Signal(rapid.IntRange(1, 64).Filter(func(n int) bool { return n != 9 && n != 19 }).Draw(t, "signal"))
})

// listOf draws a list that is nil when it is empty, as those of Load are.
func listOf[T any](g *rapid.Generator[T], t *rapid.T, label string) []T {
	list := rapid.SliceOfN(g, 0, 3).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	return list
}

func anyLog(t *rapid.T, name string) Log {
	l := Log{To: rapid.SampledFrom([]LogTarget{ToConsole, ToInherit, ToNone, ToFile}).Draw(t, "log")}
	if l.To != ToFile {
		return l
	}
	age := anyLength.Draw(t, "max_age")
	if age < minLogAge {
		age = 0
	}
	l.File = LogFile{
		Path:       filepath.Join("/no/such", name, rapid.StringMatching(`[a-z %é]{1,5}`).Draw(t, "path")),
		MaxSize:    rapid.OneOf(rapid.Int64Range(0, 1<<62), rapid.SampledFrom([]int64{1, 1000, 1 << 20, 10e6, 7 << 40, 1<<53 + 1})).Draw(t, "max_size"),
		MaxAge:     age,
		MaxFiles:   rapid.IntRange(0, 1_000_000).Draw(t, "max_files"),
		Compress:   rapid.Bool().Draw(t, "compress"),
		Timestamps: rapid.SampledFrom([]Timestamps{NoTimestamps, RFC3339, TAI64N}).Draw(t, "timestamps"),
		Stderr:     rapid.SampledFrom([]LogStderr{StderrMerge, StderrFile}).Draw(t, "stderr"),
		Full:       rapid.SampledFrom([]LogFull{FullBlock, FullDrop}).Draw(t, "full"),
	}
	return l
}

func anyService(t *rapid.T, name, template string, instance int) Service {
	s := Defaults(rapid.SampledFrom([]Kind{Daemon, Task}).Draw(t, "kind"))
	s.Name, s.Template, s.Instance = name, template, instance
	yes := func(label string) bool { return rapid.Bool().Draw(t, label) }

	s.Command = append([]string{"/bin/sh"}, rapid.SliceOfN(anyText, 0, 3).Draw(t, "arguments")...)
	s.Dir = filepath.Join("/", rapid.StringMatching(`[a-z %é]{1,5}`).Draw(t, "dir"))
	env := rapid.MapOfN(rapid.StringMatching(`[A-Za-z_é .-]{1,4}`), anyText, 0, 3).Draw(t, "env")
	s.Env = sortedEnv(env)
	if yes("env_file") {
		s.EnvFile = []string{"/no/such 100%.env", "-/nor this"}
	}
	s.EnvClear = yes("env_clear")
	account := rapid.StringMatching(`([a-z]{1,5}|[0-9]{1,4})?`)
	s.User, s.Group = account.Draw(t, "user"), account.Draw(t, "group")
	if yes("groups") {
		s.Groups = rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,3}`), 0, 2).Draw(t, "groups")
	}
	s.Umask = rapid.IntRange(-1, 0o777).Draw(t, "umask")
	if s.NiceSet = yes("nice"); s.NiceSet {
		s.Nice = rapid.IntRange(-20, 19).Draw(t, "nice")
	}
	if s.OOMSet = yes("oom"); s.OOMSet {
		s.OOMScore = rapid.IntRange(-1000, 1000).Draw(t, "oom")
	}
	limits := map[string]Limit{}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"nofile", "core", "as", "nproc"}), 0, 3).Draw(t, "limits") {
		l := Limit{Name: name, Resource: limitKinds()[name].resource, Hard: unix.RLIM_INFINITY}
		if yes("hard") {
			l.Hard = rapid.Uint64().Draw(t, "hard")
		}
		l.Soft = rapid.Uint64Range(0, l.Hard).Draw(t, "soft")
		limits[name] = l
	}
	s.Limits = sortedLimits(limits)
	s.NoNewPrivs = yes("no_new_privs")
	s.Pdeathsig = signals.Signal(rapid.IntRange(0, 64).Draw(t, "pdeathsig"))
	s.Autostart, s.Critical = yes("autostart"), yes("critical")
	s.StartTimeout, s.RunTimeout = anyLength.Draw(t, "start"), anyLength.Draw(t, "timeout")
	s.TimeoutSignal = anySignal.Draw(t, "timeout_signal")

	s.Restart.When = rapid.SampledFrom([]policy.When{policy.OnFailure, policy.Never}).Draw(t, "when")
	b := policy.Backoff{Jitter: rapid.Float64Range(0, 1).Draw(t, "jitter")}
	if b.Delays = listOf(anyLength, t, "delays"); b.Delays == nil {
		b.Initial, b.Factor = anyLength.Draw(t, "initial"), rapid.Float64Min(1).Draw(t, "factor")
		b.Max = max(b.Initial, anyLength.Draw(t, "max"))
	}
	s.Restart.Backoff = b
	s.Restart.ResetAfter, s.Restart.Within = anyLength.Draw(t, "reset"), anyLength.Draw(t, "within")
	s.Restart.Limit = rapid.IntRange(0, 100).Draw(t, "limit")
	s.Restart.Success = policy.Success{Codes: listOf(rapid.IntRange(0, 255), t, "codes"), Signals: listOf(anySignal, t, "ends")}

	s.Stop.Scope = rapid.SampledFrom([]Scope{Tree, Group, Process}).Draw(t, "scope")
	s.Stop.Ladder = nil
	for range rapid.IntRange(1, 3).Draw(t, "rungs") {
		s.Stop.Ladder = append(s.Stop.Ladder, Rung{Signal: anySignal.Draw(t, "rung"), Wait: anyLength.Draw(t, "wait")})
	}
	for _, from := range listOf(anySignal, t, "map") {
		if s.Map == nil {
			s.Map = signals.Translation{}
		}
		s.Map[from] = signals.Signal(rapid.IntRange(0, 64).Draw(t, "to"))
	}
	for _, sig := range listOf(anySignal, t, "forward") {
		if !slices.Contains(s.Forward, sig) {
			s.Forward = append(s.Forward, sig)
		}
	}
	if s.Kind == Daemon {
		s.Watchdog = anyLength.Draw(t, "watchdog")
		s.StartAfter = anyHook(t, "after start")
		if yes("ready") {
			p := anyProbe(t, defaultReady, ProbeNotify, ProbeFD, ProbeLog, ProbeTCP, ProbeHTTP, ProbeExec, ProbeFile)
			s.Ready = &p
		}
		if yes("health") {
			h := defaultHealth()
			h.Probe = anyProbe(t, func(ProbeKind) Probe { return defaultHealth().Probe }, ProbeTCP, ProbeHTTP, ProbeExec, ProbeFile)
			h.Delay = anyLength.Draw(t, "delay")
			h.Failures, h.Successes = rapid.IntRange(1, 9).Draw(t, "failures"), rapid.IntRange(1, 9).Draw(t, "successes")
			h.Action = rapid.SampledFrom([]HealthAction{HealthRestart, HealthReport, HealthSignal}).Draw(t, "action")
			if h.Action == HealthSignal {
				h.Signal = anySignal.Draw(t, "health signal")
			}
			s.Health = &h
		}
	}
	s.StartBefore, s.StopBefore, s.StopAfter = anyHook(t, "before start"), anyHook(t, "before stop"), anyHook(t, "after stop")
	if yes("watch") {
		w := defaultWatch()
		w.Paths = []string{"/src 100%", "/" + rapid.StringMatching(`[a-z %é]{1,5}`).Draw(t, "watched")}
		w.Ignore = append(w.Ignore, "a/*.log", "%n")
		w.Debounce = anyLength.Draw(t, "debounce")
		if yes("watch signal") {
			w.Action, w.Signal = WatchSignal, anySignal.Draw(t, "watch signal")
		}
		s.Watch = &w
	}
	anySockets(t, &s)
	if s.Ready != nil && s.Ready.Kind == ProbeFD {
		s.Ready.FD = max(s.Ready.FD, 3+len(s.Sockets)) // the numbers before are the sockets'
	}
	s.Log = anyLog(t, name)
	s.PTY = s.Log.To.Captured() && s.Log.File.Stderr != StderrFile && yes("pty")
	return s
}

func anyHook(t *rapid.T, label string) *Hook {
	if !rapid.Bool().Draw(t, label) {
		return nil
	}
	return &Hook{Command: anyCommand(t), Timeout: shortestTimeout + anyLength.Draw(t, label)/2}
}

func anyCommand(t *rapid.T) []string {
	return append([]string{"/bin/sh"}, rapid.SliceOfN(anyText, 0, 3).Draw(t, "arguments")...)
}

func anyProbe(t *rapid.T, otherwise func(ProbeKind) Probe, kinds ...ProbeKind) Probe {
	kind := rapid.SampledFrom(kinds).Draw(t, "probe")
	p := otherwise(kind)
	p.Kind = kind
	p.Address = rapid.SampledFrom([]string{"localhost:1", "[::1]:65535", ":80", "unix:///a b%"}).Draw(t, "address")
	p.URL = rapid.SampledFrom([]string{"http://a:80/", "http://[::1]:8080/x%20y?q=1", "unix:///s.sock:/a?b", "unix:///s:/"}).Draw(t, "url")
	p.Method = rapid.SampledFrom([]string{"GET", "HEAD"}).Draw(t, "method")
	p.Header = listOf(rapid.SampledFrom([]string{"A: b", "Host: x%", "X: é"}), t, "headers")
	slices.Sort(p.Header)
	p.Header = slices.Compact(p.Header)
	if rapid.Bool().Draw(t, "status") {
		from := rapid.IntRange(200, 599).Draw(t, "from")
		p.Status = []StatusRange{{204, 204}, {from, rapid.IntRange(from, 599).Draw(t, "to")}}
	}
	if p.Method == "GET" && rapid.Bool().Draw(t, "body") {
		p.Body = regexp.MustCompile(rapid.SampledFrom([]string{`^o"k\n$`, `100%`, ``}).Draw(t, "pattern"))
	}
	p.Pattern = regexp.MustCompile(`(?i)l[ií]st\s+"on"$`)
	p.Command, p.Path = anyCommand(t), "/run/%i 1"
	p.FD = rapid.IntRange(3, 1023).Draw(t, "fd")
	p.Interval, p.Timeout = shortestInterval+anyLength.Draw(t, "interval")/2, shortestTimeout+anyLength.Draw(t, "timeout")/2
	return p.complete(p)
}

// anySockets gives a service sockets that no other has.
func anySockets(t *rapid.T, s *Service) {
	connections := 0
	for i := range rapid.IntRange(0, 3).Draw(t, "sockets") {
		port := fmt.Sprintf(":%d", 1000+100*len(s.Name)+10*s.Instance+i)
		one := Socket{Backlog: 4096, Mode: 0o660, Name: rapid.StringMatching(`[!-9;-~]{1,5}`).Draw(t, "name")}
		one.Network = rapid.SampledFrom([]string{"tcp", "udp", "unix", "unixgram"}).Draw(t, "network")
		if strings.HasPrefix(one.Network, "unix") {
			one.Address = rapid.SampledFrom([]string{"/", "@"}).Draw(t, "where") + rapid.StringMatching(`[a-z %é]{1,5}`).Draw(t, "path") + port
		} else {
			one.Address = rapid.SampledFrom([]string{"0.0.0.0", "127.0.0.1", "[::]", "[::1]", "[fe80::1%lo]"}).Draw(t, "ip") + port
			one.ReusePort = rapid.Bool().Draw(t, "reuseport")
			one.V6Only = strings.HasPrefix(one.Address, "[::]") && rapid.Bool().Draw(t, "v6only")
		}
		if one.HasPath() {
			one.Mode = uint32(rapid.IntRange(0, 0o777).Draw(t, "mode"))
			one.User = rapid.StringMatching(`([a-z]{1,5}|[0-9]{1,4})?`).Draw(t, "owner")
		}
		if !one.Datagram() {
			connections++
			one.Backlog = rapid.IntRange(1, 5000).Draw(t, "backlog")
		}
		one.Lazy = s.Kind == Daemon && rapid.Bool().Draw(t, "lazy")
		s.Sockets = append(s.Sockets, one)
	}
	isLazy := slices.ContainsFunc(s.Sockets, func(s Socket) bool { return s.Lazy })
	if isLazy && connections == len(s.Sockets) {
		s.IdleStop = anyLength.Draw(t, "idle_stop")
	}
}

// TestPrintAndLoadAgain prints any services and loads what was printed.
func TestPrintAndLoadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "printed.toml")
	rapid.Check(t, func(t *rapid.T) {
		cfg := &Config{Supervisor: Supervisor{
			Cgroup:    rapid.Bool().Draw(t, "cgroup"),
			AllowUIDs: listOf(rapid.StringMatching(`[a-z]{1,5}|[0-9]{1,4}`), t, "allow_uids"),
			Metrics:   rapid.SampledFrom([]string{"", "127.0.0.1:9464", "[::1]:1"}).Draw(t, "metrics"),
		}}
		for i := range rapid.IntRange(1, 3).Draw(t, "instances") {
			cfg.Services = append(cfg.Services, anyService(t, fmt.Sprintf("a@%d", i+1), "a", i+1))
		}
		b := anyService(t, "b.c", "b.c", 0)
		b.Needs = []Need{{Name: "a@1", For: NeedReady}}
		cfg.Services = append(cfg.Services, b)

		var text bytes.Buffer
		if err := cfg.Print(&text); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Load(path)
		if err != nil {
			t.Fatalf("Load refuses what Print wrote: %v\n%s", err, text.Bytes())
		}
		if diff := cmp.Diff(cfg, again, samePatterns, cmpopts.IgnoreFields(Service{}, "Where"), cmpopts.IgnoreFields(Config{}, "Files", "Warnings")); diff != "" {
			t.Fatalf("Load made something else of it (-printed +loaded):\n%s\n%s", diff, text.Bytes())
		}
	})
}
