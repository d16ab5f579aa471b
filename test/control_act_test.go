package test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"supervise/internal/api"
)

// What was stopped by hand can be started again, so supervise stays.
func TestSuperviseStaysWhenAllWasStoppedByHand(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: oneSleeper + "[services.db]\ncommand = 'sleep 1000'\n"})
	d.until("service.running", "web")
	d.until("service.running", "db")
	d.gets(200, "POST /v1/stop?name=*", nil)
	if s := d.service("web"); s.State != "stopped" || s.PID != 0 || !strings.HasPrefix(s.Why, "asked for by process ") {
		t.Errorf("%+v", s)
	}
	d.gets(200, "POST /v1/start?name=web", nil)
	d.gets(200, "POST /v1/stop?name=web", nil)
	var info api.Info
	if d.gets(200, "GET /v1/info", &info); info.States["stopped"] != 2 {
		t.Errorf("%+v", info)
	}
	d.gets(202, "POST /v1/shutdown", nil)
	d.ends(0)
}

// Without one that was stopped by hand it ends when nothing is left to run,
// socket or not.
func TestSuperviseEndsByItselfWhenNothingIsLeft(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: "[services.a]\ncommand = 'sleep 0.1'\nkind = 'task'\n[services.b]\ncommand = 'true'\nautostart = false\n"})
	d.ends(0)
	d = openDesk(t, upPlan{config: "[services.a]\ncommand = 'false'\nkind = 'task'\n"})
	d.ends(1)

	// One that was started by hand counts like any other.
	d = openDesk(t, upPlan{config: "[services.a]\ncommand = 'true'\nkind = 'task'\nautostart = false\n"})
	if s := d.service("a"); s.State != "stopped" {
		t.Errorf("%+v", s)
	}
	d.gets(202, "POST /v1/start?name=a&wait=0", nil)
	d.ends(0)
}

func TestStopWaitsForTheWholeTreeAndNamesWhoHoldsItUp(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: `
[services.web]
command = ["sh", "-c", "setsid sh -c 'trap \"\" TERM; echo child=$$; while :; do sleep 1000; done' & trap : USR1; echo main=$$; while :; do wait; done"]
stop = { ladder = [ { signal = "TERM", wait = "10m" }, { signal = "KILL", wait = "10s" } ] }
`})
	child, main := d.number("web", "child"), d.number("web", "main")
	s := d.service("web")
	sleeps := func() bool { // the child has a sleep, which is past its execve(2)
		return slices.ContainsFunc(s.Processes, func(p api.Process) bool { return p.Command == "sleep 1000" })
	}
	for end := time.Now().Add(upDeadline); !sleeps() && time.Now().Before(end); s = d.service("web") {
	}
	var pids []int
	for _, p := range s.Processes {
		pids = append(pids, p.PID)
		if p.Main != (p.PID == main) || p.State == "" || p.Threads < 1 || p.Command == "" || p.PID == child && !strings.HasPrefix(p.Command, `sh -c trap "" TERM; echo child`) {
			t.Errorf("%+v", p)
		}
	}
	if len(pids) < 3 || s.CPU == nil || s.Memory == nil || *s.Memory == 0 {
		t.Errorf("%+v", s)
	}
	var out api.Outcome
	d.gets(504, "POST /v1/stop?name=web&wait=100ms", &out)
	if r := out.Services[0]; out.OK || r.State != "stopping" || !strings.Contains(r.Why, "KILL in ") {
		t.Errorf("%+v", r)
	}
	d.until("process.exited", "web")
	if s = d.service("web"); !strings.Contains(s.Blocked, fmt.Sprintf("pid %d (sh) ignores TERM", child)) || s.Due == nil || s.PID != 0 {
		t.Errorf("%+v", s)
	}
	var sent api.Sent
	d.gets(200, fmt.Sprintf("POST /v1/signal?name=web&signal=KILL&pid=%d", child), &sent)
	if sent.Services[0].To != fmt.Sprintf("process %d", child) {
		t.Errorf("%+v", sent)
	}
	d.gets(409, fmt.Sprintf("POST /v1/signal?name=web&signal=KILL&pid=%d", d.pid()), &sent)
	if want := fmt.Sprintf("process %d is none of its processes", d.pid()); sent.Services[0].Err != want {
		t.Errorf("%+v", sent)
	}
	upGone(t, child)
	d.gets(200, "POST /v1/signal?name=web&signal=KILL&to=tree", nil) // the sleeps that are left
	d.gets(200, "GET /v1/wait?name=web&for=stopped", nil)
	d.stop()
}

// When the services are gone, and what belongs to none of them is being
// stopped, questions are still about the services, and nothing reaches another.
func TestAnswersWhileTheRestIsBeingStopped(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: `
[services.web]
command = ["sh", "-c", "setsid sh -c 'trap \"\" TERM; echo left=$$; exec sleep 1000' & sleep 1000"]
stop = { scope = "process" }
[supervisor]
cgroup = false
`})
	left := d.number("web", "left")
	upKillLater(t, left)
	d.gets(202, "POST /v1/shutdown", nil)
	d.until("service.stopping", "others")
	var all []api.Service
	if d.gets(200, "GET /v1/services?usage=1", &all); len(all) != 1 || all[0].Name != "web" || all[0].State != "stopped" {
		t.Errorf("%+v", all)
	}
	d.gets(409, "POST /v1/start?name=web", nil)
	d.gets(200, "POST /v1/stop?name=web", nil)
	d.gets(200, "GET /v1/wait?name=web&for=stopped", nil)
	d.gets(409, "POST /v1/signal?name=*&signal=KILL", nil)
	d.gets(409, "POST /v1/reload", nil)
	d.gets(503, "GET /v1/health", nil)
	if !upAlive(left) && len(d.all("stop.escalated", "others")) == 0 {
		t.Error("the signal reached another")
	}
	_ = syscall.Kill(left, syscall.SIGKILL)
	d.end()
}

func TestMetricsOfARun(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: "[services.web]\ncommand = 'sleep 1000'\nrestart = { when = 'always', initial = '1ms' }\n[services.web.signals]\nforward = ['USR1']\n"})
	d.until("service.running", "web")
	d.answersStill()
	d.signal(syscall.SIGUSR1)
	d.until("signal.sent", "web")
	d.until("process.exited", "web") // by KILL, before
	d.until("process.exited", "web")
	d.until("service.running", "web")
	d.find("service.running", "web", "third", func(e upEvent) bool {
		return len(d.all("process.exited", "web")) == 2 && e.Seq > d.all("process.exited", "web")[1].Seq
	})
	status, text := d.ask("GET /metrics")
	for _, want := range []string{
		`supervise_service_state{service="web",state="running"} 1`, `supervise_service_restarts_total{service="web"} 2`, `supervise_service_starts_total{service="web"} 3`,
		`supervise_service_exits_total{service="web",code="",signal="KILL"} 1`, `supervise_service_exits_total{service="web",code="",signal="USR1"} 1`,
		`supervise_signals_received_total{signal="USR1"} 1`, `supervise_service_signals_forwarded_total{service="web",signal="USR1"} 1`,
		`supervise_service_start_duration_seconds_count{service="web"} 3`, `supervise_service_memory_bytes{service="web"} `, `supervise_service_cpu_seconds_total{service="web"} `,
	} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("status %d, without %s", status, want)
		}
	}
	d.stop()
}
