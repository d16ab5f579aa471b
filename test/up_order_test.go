package test

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// upMeet is a shell function `meet NAME N`: it returns when N processes have
// called it with that name, so that they all must run at the same time. It
// gives up after a while.
const upMeet = `meet() { echo $$ >> "meet.$1"; i=0
while [ "$(wc -l < "meet.$1")" -lt "$2" ]; do
i=$((i + 1)); [ $i -lt 600 ] || { echo "nobody came to $1"; exit 1; }; sleep 0.05
done; }
`

func TestUpStartsTasksInTheOrderOfTheirNeeds(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.web]
command = "cat order"
needs = ["migrate"]
[services.migrate]
command = "sleep 0.2; until [ -e order ]; do sleep 0.02; done; echo migrated >> order"
shell = true
kind = "task"
needs = ["db"]
[services.db]
command = "echo db >> order; exec sleep 60"
shell = true
[services.late]
command = "true"
after = ["migrate"]
`)
	u.line("web", "db")
	u.line("web", "migrated")
	waiting := u.until("service.waiting", "web")
	if waiting.Why != "needs migrate" {
		t.Errorf("web waits: %s", waiting.Why)
	}
	done := u.until("service.done", "migrate").Seq
	for _, later := range []string{"web", "late"} {
		if started := u.until("service.starting", later).Seq; started < done {
			t.Errorf("%s started before migrate was done", later)
		}
	}
	u.stop()
}

func TestUpStartsAndStopsInParallelWhatNothingOrders(t *testing.T) {
	t.Parallel()
	var config strings.Builder
	for i := range 5 {
		fmt.Fprintf(&config, "[services.s%d]\nshell = true\ncommand = '''\n%strap 'meet stop 5; exit 0' TERM\nmeet start 5\n%s'''\n"+
			"stop.ladder = [{ signal = 'TERM', wait = '25s' }, { signal = 'KILL', wait = '5s' }]\n", i, upMeet, upPause)
	}
	u := upConfig(t, config.String())
	for i := range 5 {
		u.line(fmt.Sprintf("s%d", i), "ready")
	}
	u.stop()
	u.none("stop.escalated", "*")
	for _, e := range u.all("process.exited", "*") {
		if e.Exit.Code != 0 || e.Exit.Signal != "" {
			t.Errorf("%s: %s", e.Service, e.Message)
		}
	}
}

func TestUpStopsAChainInReverse(t *testing.T) {
	t.Parallel()
	const n = 100
	var config strings.Builder
	for i := range n {
		fmt.Fprintf(&config, "[services.s%02d]\ncommand = 'sleep 60'\n", i)
		if i > 0 {
			fmt.Fprintf(&config, "needs = ['s%02d']\n", i-1)
		}
	}
	u := upConfig(t, config.String())
	u.until("service.running", fmt.Sprintf("s%02d", n-1))
	u.stop()
	started, stopping, stopped := u.all("service.started", "*"), u.all("service.stopping", "*"), u.all("service.stopped", "*")
	if len(started) != n || len(stopping) != n || len(stopped) != n {
		t.Fatalf("%d started, %d stopping, %d stopped", len(started), len(stopping), len(stopped))
	}
	for i := range n {
		if want := fmt.Sprintf("s%02d", i); started[i].Service != want {
			t.Fatalf("start %d is that of %s", i, started[i].Service)
		}
		want := fmt.Sprintf("s%02d", n-1-i)
		if stopping[i].Service != want || stopped[i].Service != want {
			t.Fatalf("stop %d is that of %s, then %s", i, stopping[i].Service, stopped[i].Service)
		}
		if i > 0 && stopping[i].Seq < stopped[i-1].Seq {
			t.Fatalf("%s is stopped before %s is gone", want, stopped[i-1].Service)
		}
	}
}

func TestUpStopsWhatIsNeededLast(t *testing.T) {
	t.Parallel()
	// db is needed through a task that has long ended.
	u := upConfig(t, `
[services.db]
command = "sleep 60"
[services.migrate]
command = "true"
kind = "task"
needs = ["db"]
[services.web]
command = "trap 'sleep 0.3; echo bye; exit' TERM; `+upPause+`"
shell = true
needs = ["migrate"]
[services.free]
command = "sleep 60"
`)
	u.line("web", "ready")
	u.until("service.running", "free")
	u.stop()
	web := u.until("service.stopped", "web").Seq
	if db := u.until("service.stopping", "db").Seq; db < web {
		t.Error("db is stopped while web still works")
	}
	if free := u.until("service.stopping", "free").Seq; free > web {
		t.Error("free waits for web, though nothing orders them")
	}
}

func TestUpTellsWhatAServiceWaitsForThatCannotCome(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.migrate]
command = "sh -c 'exit 3'"
kind = "task"
[services.web]
command = "true"
needs = ["migrate"]
[services.proxy]
command = "true"
needs = ["web"]
[services.other]
command = "sleep 0.5"
`)
	failed := u.until("service.failed", "migrate")
	if !strings.Contains(failed.Message, "exited 3") {
		t.Errorf("migrate %s", failed.Message)
	}
	for {
		if w := u.until("service.waiting", "web"); strings.Contains(w.Why, "failed") {
			if !strings.Contains(w.Why, "needs migrate, which is failed (exited 3)") {
				t.Errorf("web waits: %s", w.Why)
			}
			break
		}
	}
	u.until("service.done", "other") // goes on undisturbed
	u.ends(1)
	u.none("service.starting", "web")
	u.none("service.starting", "proxy")
}

func TestUpAfterOrdersWithoutNeeding(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.first]
command = "sh -c 'sleep 0.2; exit 1'"
kind = "task"
[services.second]
command = "true"
after = ["first", "absent"]
[services.absent]
command = "true"
autostart = false
`)
	u.ends(1) // for first
	if u.until("service.starting", "second").Seq < u.until("service.failed", "first").Seq {
		t.Error("second did not wait for the end of first")
	}
}

func TestUpStopsAServiceThatStillWaits(t *testing.T) {
	t.Parallel()
	u := upConfig(t, `
[services.task]
command = "sleep 60"
kind = "task"
[services.web]
command = "true"
needs = ["task"]
`)
	u.until("service.waiting", "web")
	u.until("service.running", "task")
	u.stop()
	u.until("service.stopped", "web")
	u.none("service.starting", "web")
}

func TestUpEndsWhenNothingIsLeftToRun(t *testing.T) {
	t.Parallel()
	u := upConfig(t, "[services.a]\ncommand = 'true'\n[services.b]\ncommand = 'sleep 0.1'\nkind = 'task'\n")
	u.until("service.done", "a")
	u.until("service.done", "b")
	u.ends(0)
}

func TestUpStopsWhatItStartsJustNow(t *testing.T) {
	t.Parallel()
	// The start is held up where supervise reads the environment file.
	u := upStart(t, upPlan{
		config: `
[services.slow]
command = "sh -c 'echo started; exec sleep 60'"
env_file = "fifo"
[services.other]
command = "sleep 60"
[services.next]
command = "true"
needs = ["slow"]
`,
		prepare: func(cmd *exec.Cmd) { makeFIFO(t, cmd.Dir, "fifo") },
	})
	u.until("service.starting", "slow")
	u.signal(syscall.SIGTERM)
	u.until("shutdown.begun", "")
	openGate(t, u.dir, "fifo")
	u.ends(0)
	stopped := u.until("service.stopped", "slow")
	if started := u.all("service.started", "slow"); len(started) != 1 || started[0].Seq > stopped.Seq {
		t.Error("the start under way was not seen to its end")
	}
	u.none("service.starting", "next")
	u.none("service.running", "slow")

}
