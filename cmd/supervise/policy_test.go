package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"supervise/internal/config"
	"supervise/internal/policy"
)

// runPolicy runs `supervise policy` with args and gives what it prints.
func runPolicy(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := newPolicyCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&out)
	cmd.SetArgs(append([]string{}, args...)) // nil would mean those of the test binary
	err := cmd.Execute()
	return out.String(), err
}

func TestPolicyOfTheDefault(t *testing.T) {
	want := `restarted on failure; delay 100ms × 2 each time up to 30s; jitter ±10%; no limit

restart     least   nominal      most   since the first failure
      1      90ms     100ms     110ms   90ms..110ms
      2     180ms     200ms     220ms   270ms..330ms
      3     360ms     400ms     440ms   630ms..770ms
      4     720ms     800ms     880ms   1.35s..1.65s
      5     1.44s      1.6s     1.76s   2.79s..3.41s
      6     2.88s      3.2s     3.52s   5.67s..6.93s
      7     5.76s      6.4s     7.04s   11.4s..14s
      8     11.5s     12.8s     14.1s   23s..28.1s
      9       23s     25.6s     28.2s   46s..56.2s
     10       27s       30s       30s   1m13s..1m26s
     11       27s       30s       30s   1m40s..1m56s

restart  delay, logarithmic scale; █ up to the least, ░ to the most
      1 ███████████████████░
      2 █████████████████████████░
      3 ██████████████████████████████░░
      4 ████████████████████████████████████░░
      5 ██████████████████████████████████████████░░
      6 ████████████████████████████████████████████████░░
      7 ██████████████████████████████████████████████████████░░
      8 ████████████████████████████████████████████████████████████░░
      9 ██████████████████████████████████████████████████████████████████░
     10 ███████████████████████████████████████████████████████████████████░
     11 ███████████████████████████████████████████████████████████████████░
        ┬───────────────────┬──────────────────┬───────────────────┬─────────
      10ms                100ms               1s                  10s

A program that fails at once is started 10 times in the first minute, then every 27s..30s.
It is never given up: no limit is set.
After a run of 10s or longer, delays begin anew, with 90ms..110ms.
`
	got, err := runPolicy()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPolicyShowsWhereTheLimitGivesUp(t *testing.T) {
	want := `restarted on failure; delay 1s × 2 each time up to 3s; at most 4 starts

restart     least   nominal      most   since the first failure
      1        1s        1s        1s   1s
      2        2s        2s        2s   3s
      3        3s        3s        3s   6s
      4                none: gives up   6s

restart  delay, linear scale
      1 ███████████████████████
      2 █████████████████████████████████████████████
      3 ████████████████████████████████████████████████████████████████████
      4 gives up
        ┬──────────────────────┬─────────────────────┬──────────────────────┬
       0s                     1s                    2s                     3s

A program that fails at once is started 4 times, then supervise gives up, 6s after the first failure (at most 4 starts).
After a run of 10s or longer, delays begin anew, with 1s.
The limit counts all starts, those after long runs too.
`
	got, err := runPolicy("--backoff", "1s..3s", "--jitter", "0", "--retries", "3")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What the sentences say of policies that differ in what matters.
func TestPolicyInWords(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--retries 0", "A program that ends is not started again."},
		{"--when never", "A program that ends is not started again."},
		{"--when always", "restarted always;"},
		{"--limit 1", "is started once, then supervise gives up, at the first failure (at most one start within 1m)."},
		{"--limit 5", "is started 5 times, then supervise gives up, 1.35s..1.65s after the first failure (at most 5 starts within 1m)."},
		{"--limit 9 --within 30s", "is started 10 times in the first minute, then every 27s..30s.\nIt is never given up: it stays within the limit (at most 9 starts within 30s)."},
		{"--limit 9 --within 0s", "The limit counts all starts"},
		{"--limit 90000 --delays 1s", "What the limit (at most 90000 starts within 1m) does after the first 5000 restarts is not computed."},
		{"--delays 5s --limit 2 --within 10s --jitter 0.2", "Jitter decides whether it is given up (at most 2 starts within 10s): with the shortest delays, in place of restart 2; with the longest, never."},
		{"--delays 5s --limit 2 --within 10s --jitter 0.2", "      2        4s        5s        6s   8s..12s, if not given up\n"},
		{"--delays 5s,5s,1s --limit 2 --within 10s --jitter 0.2", "is started 2 to 3 times, as jitter has it, then supervise gives up, 4s..12s after the first failure"},
		{"--delays 0s,1s,5s", "delays 0s, 1s, 5s;"},
		{"--delays 1s", "is started 55 to 67 times in the first minute, then every 900ms..1.1s."},
		{"--backoff 0s..0s", "is started again at once, as fast as the machine can: nothing holds it back."},
		{"--delays 1s,0s", "is started again at once from restart 2 on, as fast as the machine can: nothing holds it back."},
		{"--backoff 1s..1h --jitter 0", "is started 6 times in the first minute; from restart 13 on, every 1h."},
		{"--reset-after 0s", "Delays never begin anew"},
		{"--reset-after 1m", "After a run of 1m or longer, delays begin anew, with 90ms..110ms."},
	} {
		got, err := runPolicy(append(strings.Fields(c.args), "--no-plot")...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
		} else if !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.args, c.want, got)
		}
	}
}

func TestPolicyRefusesWhatMakesNoSense(t *testing.T) {
	for args, want := range map[string]string{
		"--backoff 5s":           `"5s" for "--backoff" flag: write MIN..MAX, as in 100ms..30s`,
		"--backoff 5..10":        `5 has no unit: write 5s`,
		"--backoff 1s..soon":     `"soon" is no time: write it as in 500ms, 10s or 1m30s`,
		"--backoff 9s..1s":       "9s is longer than 1s: write the shorter one first, MIN..MAX",
		"--backoff=-1s..1s":      "-1s is negative",
		"--factor 0.5":           "write a number from 1 up",
		"--factor NaN":           "write a number from 1 up",
		"--factor Inf":           "write a number from 1 up",
		"--jitter 10%":           "write a number from 0 (none) to 1",
		"--jitter NaN":           "write a number from 0 (none) to 1",
		"--retries -1":           "write a whole number from 0",
		"--limit many":           "write a whole number from 0",
		"--delays 1s,,2s":        "several are written 1s,1s,5s",
		"--when often":           "write always, on-failure or never",
		"--rows 1000000":         "write a whole number from 0 to 100000",
		"--within 5m":            "there is none: add --limit N",
		"--retries 1 --limit 2":  "--retries and --limit say the same in two ways",
		"--delays 1s --factor 3": "--delays and --factor say the same in two ways",
		"web db":                 "one service at a time, not of web and db",
		"--delay 1s":             "unknown flag: --delay",
	} {
		got, err := runPolicy(strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || got != "" {
			t.Errorf("%s: error %v, want %q; printed %q", args, err, want, got)
		}
		e := exit{status: exitUsage} // what execute makes of an error of cobra
		if errors.As(err, &e); e.status != exitUsage {
			t.Errorf("%s: exit status %d, want %d", args, e.status, exitUsage)
		}
	}
}

func TestPolicyAsJSON(t *testing.T) {
	got, err := runPolicy("--backoff", "1s..3s", "--jitter", "0.5", "--retries", "1", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var steps []map[string]any
	if err := json.Unmarshal([]byte(got), &steps); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	want := []map[string]any{
		{"restart": 1.0, "least_s": 0.5, "nominal_s": 1.0, "most_s": 1.5, "earliest_s": 0.5, "latest_s": 1.5, "gives_up": "no", "why": ""},
		{"restart": 2.0, "least_s": nil, "nominal_s": nil, "most_s": nil, "earliest_s": 0.5, "latest_s": 1.5, "gives_up": "surely", "why": "started 2 times, the limit is 2"},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
	help := newPolicyCommand().Long
	for key := range want[0] {
		if !strings.Contains(help, key) {
			t.Errorf("the help does not tell what %s is", key)
		}
	}
	if got, _ := runPolicy("--when", "never", "--json"); got != "[]\n" {
		t.Errorf("no restart: %q, want an empty array", got)
	}
	if got, _ := runPolicy("--json", "-n", "7000"); strings.Count(got, `"restart"`) != 7000 {
		t.Errorf("-n 7000 does not give 7000 objects")
	}
}

func TestFlagsChangeThePolicyOfAService(t *testing.T) {
	service := policy.Default()
	service.When = policy.Always
	service.Backoff.Delays = []time.Duration{time.Minute}
	service.Limit = 7
	for args, want := range map[string]func(*policy.Restart){
		"":                  func(*policy.Restart) {},
		"--jitter 0.5":      func(r *policy.Restart) { r.Backoff.Jitter = 0.5 },
		"--factor 3":        func(r *policy.Restart) { r.Backoff.Factor, r.Backoff.Delays = 3, nil },
		"--backoff 1s..5s":  func(r *policy.Restart) { r.Backoff.Initial, r.Backoff.Max, r.Backoff.Delays = 1e9, 5e9, nil },
		"--within 3m":       func(r *policy.Restart) { r.Within = 3 * time.Minute },
		"--retries 4":       func(r *policy.Restart) { r.Limit, r.Within = 5, 0 },
		"--when on-failure": func(r *policy.Restart) { r.When = policy.OnFailure },
		"--delays 2s --limit 0": func(r *policy.Restart) {
			r.Backoff.Delays, r.Limit = []time.Duration{2 * time.Second}, 0
		},
	} {
		o := &policyOptions{}
		cmd := newPolicyCommandWith(o)
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		expected := service
		want(&expected)
		got, err := o.change(service)
		if diff := cmp.Diff(expected, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", args, err, diff)
		}
	}
}

func TestPolicyFindsTheServiceByItsName(t *testing.T) {
	services := []config.Service{{Name: "db", Template: "db"}, {Name: "web@1", Template: "web"}, {Name: "web@2", Template: "web"}}
	for _, c := range []struct{ name, want, err string }{
		{"db", "db", ""},
		{"web@2", "web@2", ""},
		{"web", "web@1", ""},
		{"dbb", "", `app.toml has no service "dbb"; did you mean db?`},
		{"webb", "", `app.toml has no service "webb"; did you mean web?`},
		{"cache", "", `app.toml has no service "cache": it has db, web@1, web@2`},
	} {
		got, err := pickService(services, "app.toml", []string{c.name})
		if got.Name != c.want || c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err) {
			t.Errorf("%s: %q, error %v; want %q, %q", c.name, got.Name, err, c.want, c.err)
		}
	}
	if _, err := pickService(services, "app.toml", nil); err == nil || err.Error() != "which service of app.toml? It has db, web@1, web@2" {
		t.Errorf("no name: %v", err)
	}
}

func TestRunTakesItsPolicyFromTheBackoffFlags(t *testing.T) {
	never, five := policy.Default(), policy.Default()
	never.When = policy.Never
	five.Limit, five.Within = 6, 0
	five.Backoff = policy.Backoff{Initial: time.Second, Factor: 1.5, Max: time.Minute, Jitter: 0}
	for _, c := range []struct {
		args string
		want policy.Restart
		err  string
	}{
		{"", never, ""},
		{"--retries 5 --backoff 1s..1m --factor 1.5 --jitter 0", five, ""},
		{"--factor 3", policy.Default(), "--factor has no effect without a restart: add --retries N"},
	} {
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		f := addBackoffFlags(fs)
		if err := fs.Parse(strings.Fields(c.args)); err != nil {
			t.Fatalf("%s: %v", c.args, err)
		}
		got, err := f.Restart()
		if c.err != "" {
			if e := (exit{}); err == nil || err.Error() != c.err || !errors.As(err, &e) || e.status != exitUsage {
				t.Errorf("%s: %v, want %q with status 2", c.args, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", c.args, err, diff)
		}
	}
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f := addBackoffFlags(fs)
	_ = fs.Parse([]string{"--retries", "0"})
	if got, err := f.Restart(); got.When != policy.Never || err != nil {
		t.Errorf("--retries 0: restarts %s, error %v", got.When, err)
	}
}

func TestTheScreenIsAsWideAsTheTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if got := screenOf(&bytes.Buffer{}); got != (screen{columns: 80}) {
		t.Errorf("no terminal: %+v", got)
	}
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skip("no terminal to be had here:", err)
	}
	defer master.Close()
	defer terminal.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Cols: 50, Rows: 20}); err != nil {
		t.Fatal(err)
	}
	if got := screenOf(terminal); got != (screen{terminal: true, columns: 50, colour: true}) {
		t.Errorf("terminal: %+v", got)
	}
	t.Setenv("NO_COLOR", "1")
	if got := screenOf(terminal); got != (screen{terminal: true, columns: 50}) {
		t.Errorf("terminal with NO_COLOR: %+v", got)
	}
}

func TestThePlotFitsTheScreen(t *testing.T) {
	for _, args := range []string{"", "--backoff 1ns..2000000h --jitter 1", "--backoff 1s..1m --factor 1.1", "--delays 7h", "--delays 0s,1ns", "--backoff 1ms..3m --jitter 0.3"} {
		o := &policyOptions{}
		cmd := newPolicyCommandWith(o)
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		r, err := o.change(policy.Default())
		if err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{1, 40, 80, 200} {
			var b bytes.Buffer
			plotDelays(&b, foresee(r, horizon).rows(0), screen{columns: width})
			for line := range strings.Lines(b.String()) {
				if n := len([]rune(line)) - 1; n > max(width, 67) { // 67: the legend
					t.Errorf("%s on %d columns: %d in %q", args, width, n, line)
				}
			}
		}
	}
}

// The output that the documentation shows is what the program prints.
func TestThePolicyPageShowsRealOutput(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for i, block := range strings.Split(string(page), "```") {
		command, want, ok := strings.Cut(strings.TrimPrefix(block, "console\n"), "\n")
		command, isPolicy := strings.CutPrefix(command, "$ supervise policy")
		if i%2 == 0 || !ok || !isPolicy {
			continue
		}
		shown++
		got, err := runPolicy(strings.Fields(command)...)
		if err != nil {
			t.Errorf("supervise policy%s: %v", command, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("supervise policy%s:\n%s", command, diff)
		}
	}
	if shown < 3 {
		t.Errorf("docs/policy.md shows %d commands: is it still read as it is written?", shown)
	}
}
