package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"supervise/internal/api"
	"supervise/internal/visible"
)

// FuzzAnswers: whatever a supervise answers, what is shown of it is lines of text.
func FuzzAnswers(f *testing.F) {
	services, err := json.Marshal(someServices())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(services, []byte(`{"time":"2026-01-02T15:04:05Z","level":"warn","event":"service.failed","service":"web","message":"\u001b[2J"}`))
	f.Add([]byte(`[{"name":"\u001b","state":"\u0007","sockets":["\u009b"],"stored":["\u2028"],"command":["\u001b","a b"],"last_exit":{"text":"\u001b"},"processes":[{"name":"\u001b","command":"\u202e","state":"\n"}]}]`), []byte(`{"line":"\u001b[1A\u001b[31m"}`))
	f.Add([]byte(`[{"uptime_s":1e300,"restarts":-1,"pid":-5,"since":"0001-01-01T00:00:00Z"}]`), []byte(`{"raw":"G1tBnw==","part":true}`))
	f.Fuzz(func(t *testing.T, answer, event []byte) {
		isText := func(what, text string) {
			for line := range strings.Lines(text) {
				if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), visible.Hidden) {
					t.Errorf("%s shows %q", what, line)
				}
			}
		}
		var all []api.Service
		if json.Unmarshal(answer, &all) == nil && len(all) <= 100 {
			for _, look := range []screen{{columns: 80}, {terminal: true, columns: 41}} {
				isText("the table", table(all, look))
				for i := range all {
					isText("the detail", detail(&all[i], look))
					isText("progress", holdUp(&all[i]))
				}
			}
		}
		var boot api.Boot
		if json.Unmarshal(answer, &boot) == nil && len(boot.Services) <= 100 {
			isText("boot", bootText(&boot, screen{columns: 80}))
		}
		var e eventLine
		if json.Unmarshal(event, &e) == nil {
			isText("events", e.text(screen{columns: 80}))
		}
		_, _ = parseRecorded(event)
		var out, errs bytes.Buffer
		w := newLineWriter(&out)
		w.errors, w.visible, w.width, w.stamps = &errs, true, 8, true
		if w.line(event) == nil && w.end() == nil {
			for line := range strings.Lines(out.String()) {
				if line = strings.TrimSuffix(line, "\n"); visible.Line(line) != line && visible.Line(line) != line+"\x1b[0m" {
					t.Errorf("logs shows %q", line)
				}
			}
			isText("logs", errs.String())
		}
	})
}

// FuzzRunWords: of any words on the command line and in the environment comes a
// program that is to run, or an error.
func FuzzRunWords(f *testing.F) {
	f.Add("--map\x00TERM:QUIT\x00--\x00a", "stop-timeout", "30s")
	f.Add("--retries\x003\x00--backoff\x00100ms..30s\x00--jitter\x00.1\x00a\x00--b", "backoff", "1..")
	f.Add("--remap-exit=143:0,1:2\x00--pdeathsig\x000\x00x", "remap-exit", "a:b")
	f.Add("--timeout\x00-1s\x00x", "map", "HUP:0,\"")
	f.Fuzz(func(t *testing.T, line, name, value string) {
		var o runFlags
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		fs.SetOutput(&bytes.Buffer{})
		o.add(fs)
		if fs.Parse(strings.Split(line, "\x00")) != nil || fs.NArg() == 0 {
			return
		}
		if flag := fs.Lookup(name); flag != nil && value != "" && !flag.Changed && fs.Set(name, value) != nil {
			return
		}
		s, err := o.service(fs.Args())
		if err == nil && (len(s.Command) == 0 || len(s.Stop.Ladder) == 0 || s.RunTimeout < 0 || s.Restart.Backoff.Initial > s.Restart.Backoff.Max) {
			t.Errorf("%+v", s)
		}
		remap, err := parseRemap(o.remapExit)
		for from, to := range remap {
			if err != nil || from < 0 || from > 255 || to < 0 || to > 255 {
				t.Errorf("%v, %v", remap, err)
			}
		}
		_, _ = parseRunsvdir(strings.Split("runsvdir\x00"+line, "\x00"))
	})
}

// FuzzPolicyWords: what a policy's words mean is a delay that can be waited for, a
// number in its bounds, or an error.
func FuzzPolicyWords(f *testing.F) {
	for _, seed := range []string{"1s,1s,5s", "100ms..30s", "0.1", "on-failure", "100000", "-1", "NaN", "1e400", "9223372036854775807ns..", "5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var o policyOptions
		fs := pflag.NewFlagSet("policy", pflag.ContinueOnError)
		o.backoffFlags = addBackoffFlags(fs)
		if err := o.parseDelays(text); err == nil && (len(o.delays) == 0 || o.delays[0] < 0) {
			t.Errorf("delays %v", o.delays)
		}
		if err := o.parseRange(text); err == nil && (o.backoff.Initial < 0 || o.backoff.Initial > o.backoff.Max) {
			t.Errorf("range %v", o.backoff)
		}
		if err := o.parseFactor(text); err == nil && !(o.backoff.Factor >= 1) {
			t.Errorf("factor %v", o.backoff.Factor)
		}
		if err := o.parseJitter(text); err == nil && !(o.backoff.Jitter >= 0 && o.backoff.Jitter <= 1) {
			t.Errorf("jitter %v", o.backoff.Jitter)
		}
		if err := o.parseRows(text); err == nil && (o.rows < 0 || o.rows > mostRows) {
			t.Errorf("rows %d", o.rows)
		}
		_ = o.parseWhen(text)
		if d, err := parseDelay(text); err == nil && d < 0 || err != nil && d != 0 {
			t.Errorf("delay %v, %v", d, err)
		}
		var d time.Duration
		if err := intoTime(&d)(text); err == nil && d < 0 {
			t.Errorf("time %v", d)
		}
	})
}
