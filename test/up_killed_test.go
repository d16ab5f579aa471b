package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"supervise/internal/procfs"
)

// A supervise that is killed leaves what the parent-death signal does not reach.

// upEscapees is a service whose descendants leave its session: away dies of TERM,
// deaf does not.
const upEscapees = `
[services.web]
shell = true
sockets = [{ listen = "unix://%s" }]
stop.ladder = [{ signal = "TERM", wait = "%s" }, { signal = "KILL", wait = "60s" }]
command = '''
mkfifo away deaf
(setsid sh -c 'echo away=$$ > away; exec sleep 1000' &); cat away
(setsid sh -c 'trap "echo > termed" TERM; echo deaf=$$ > deaf; while :; do sleep 1000; done' 2>/dev/null &); cat deaf
rm away deaf
exec sleep 1000'''
`

// again starts supervise once more where an earlier one was.
func (u *upSession) again(plan upPlan) *upSession {
	plan.prepare = func(cmd *exec.Cmd) { cmd.Dir = u.dir }
	return upStart(u.t, plan)
}

// upKilled starts the escapees and kills their supervise; they live.
func upKilled(t testing.TB, plan upPlan) (u *upSession, left []int) {
	t.Helper()
	u = upStart(t, plan)
	left = []int{u.number("web", "away"), u.number("web", "deaf")}
	main := u.until("service.running", "web").PID
	u.signal(syscall.SIGKILL)
	u.end()
	upGone(t, main)
	for _, pid := range left {
		if !upAlive(pid) {
			t.Fatalf("process %d has ended with supervise: there is nothing to find", pid)
		}
	}
	return u, left
}

// upSocketDir is for sockets, whose paths have to be short.
func upSocketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "up")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestUpEndsWhatAKilledOneHasLeft(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		// Another with the same services lives, and must not notice.
		other := upConfig(t, head+fmt.Sprintf(upEscapees, upSocketDir(t)+"/s", "60s"))
		bystanders := []int{other.number("web", "away"), other.number("web", "deaf"), other.until("service.running", "web").PID}

		u, left := upKilled(t, upPlan{config: head + fmt.Sprintf(upEscapees, upSocketDir(t)+"/s", "100ms")})
		// What was left has the socket of the service, and gives it up.
		again := u.again(upPlan{})
		lost := again.until("supervise.lost", "")
		for _, want := range []string{
			fmt.Sprintf("the supervise of pid %d ended without a shutdown", u.pid()),
			fmt.Sprintf("%d (sleep, of web) by TERM", left[0]),
			fmt.Sprintf("%d (sh, of web) by KILL", left[1]),
		} {
			if !strings.Contains(lost.Why, want) {
				t.Errorf("it tells %q, not %q", lost.Why, want)
			}
		}
		for _, pid := range left {
			if upAlive(pid) {
				t.Errorf("process %d is still there", pid)
			}
		}
		if again.until("supervise.started", "").Seq < lost.Seq {
			t.Error("it began before that")
		}
		again.until("service.running", "web")
		for _, pid := range bystanders {
			if !upAlive(pid) {
				t.Errorf("process %d of another supervise was ended", pid)
			}
		}
		again.stop()
		if !strings.Contains(again.stderr.String(), "what it has left is stopped first") {
			t.Errorf("it says %q", again.stderr.String())
		}

		// After a shutdown there is nothing to tell.
		after := u.again(upPlan{})
		after.until("service.running", "web")
		after.none("supervise.lost", "")
		after.signal(syscall.SIGTERM)
		after.ends(0)
		other.signal(syscall.SIGINT)
		other.until("signal.received", "")
		other.hurry()
		other.ends(0)
	})
}

func TestUpFindsByItsCgroupWhatHasNoMark(t *testing.T) {
	t.Parallel()
	upNeeds(t, "a cgroup v2", upCgroup())
	u := upConfig(t, "[services.a]\nshell = true\ncommand = '''"+upEscape+"\nclean clean\nexec sleep 1000'''\n")
	left := u.number("a", "clean")
	upKillLater(t, left)
	u.until("service.running", "a")
	u.signal(syscall.SIGKILL)
	u.end()
	again := u.again(upPlan{})
	if lost := again.until("supervise.lost", ""); !strings.Contains(lost.Why, fmt.Sprintf("%d (sleep) by TERM", left)) {
		t.Errorf("it tells %q", lost.Why)
	}
	upGone(t, left)
	again.until("service.running", "a")
	again.stop()
}

func TestATERMWhileWhatWasLeftIsStopped(t *testing.T) {
	t.Parallel()
	u, left := upKilled(t, upPlan{config: fmt.Sprintf(upEscapees, upSocketDir(t)+"/s", "1000s")})
	again := u.again(upPlan{})
	eventually(t, "what was left got TERM", func() bool {
		_, err := os.Stat(filepath.Join(u.dir, "termed"))
		return err == nil
	})
	again.signal(syscall.SIGTERM)
	again.ends(0)
	for _, pid := range left {
		upGone(t, pid)
	}
	again.none("service.started", "web")
}

// Without a control socket there is no note, and so no proof.
func TestUpNamesWhatItIsNotSureOf(t *testing.T) {
	t.Parallel()
	config := strings.ReplaceAll(fmt.Sprintf(upEscapees, upSocketDir(t)+"/s", "100ms"), "services.web", "services.doubtful")
	config = strings.ReplaceAll(config, "sockets =", "# sockets =")
	flags := []string{"--socket", "none", "--verbose", "--log-format", "json"}
	u := upStart(t, upPlan{config: config, flags: flags})
	left := []int{u.number("doubtful", "away"), u.number("doubtful", "deaf")}
	u.until("service.running", "doubtful")
	u.signal(syscall.SIGKILL)
	u.end()
	again := u.again(upPlan{flags: flags})
	spared := again.until("remains.spared", "")
	again.until("service.running", "doubtful")
	again.signal(syscall.SIGTERM)
	again.end()
	for _, pid := range left {
		if !strings.Contains(spared.Why, fmt.Sprintf("%d (", pid)) || !strings.Contains(spared.Why, fmt.Sprint(u.pid())) {
			t.Errorf("it tells %q, not of %d", spared.Why, pid)
		}
		if !upAlive(pid) {
			t.Errorf("process %d was ended without a proof", pid)
		}
	}
}

// What is noted tells a supervise from a later process with its pid.
func TestANoteIsOfOneProcessAndNoOther(t *testing.T) {
	t.Parallel()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.TrimSpace(string(boot)) + " " + space
	// Somebody who lives, and what seems to be a service of his.
	self, err := procfs.Stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	living := fmt.Sprintf("/%d.%d.", self.PID, self.Start)
	earlier := fmt.Sprintf("/%d.%d.", self.PID, self.Start-1)
	for name, c := range map[string]struct{ note, event, why string }{
		"of one that lives":          {fmt.Sprintf("%s 0 \"\" %q\n", here, living), "remains.spared", "lives"},
		"of an earlier with its pid": {fmt.Sprintf("%s 0 \"\" %q\n", here, earlier), "supervise.lost", "no process of it is left"},
		"of another boot":            {fmt.Sprintf("0-0 %s 0 \"\" %q\n", space, living), "", ""},
		"of another namespace":       {fmt.Sprintf("%s pid:[1] 0 \"\" %q\n", strings.Fields(here)[0], living), "", ""},
		"torn":                       {fmt.Sprintf("%s 0 \"\" \"/12", here), "", ""},
		"nonsense":                   {strings.Repeat("x\x00\n", 1000), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := upSocketDir(t)
			cmd := exec.Command("sleep", "1000")
			cmd.Env = append(os.Environ(), "SUPERVISE_TREE="+living+"a")
			if err := start(cmd); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			if err := os.WriteFile(dir+"/s.lock", []byte(c.note), 0o600); err != nil {
				t.Fatal(err)
			}
			u := upStart(t, upPlan{config: "[services.a]\ncommand = 'sleep 1000'\n",
				flags: []string{"--socket", dir + "/s", "--verbose", "--log-format", "json"}})
			u.until("service.running", "a")
			if c.event != "" && !strings.Contains(u.until(c.event, "").Why, c.why) {
				t.Errorf("not %q:\n%s", c.why, u.told())
			}
			for _, name := range []string{"remains.spared", "supervise.lost"} {
				if name != c.event {
					u.none(name, "")
				}
			}
			u.stop()
			if !upAlive(cmd.Process.Pid) {
				t.Error("a process of somebody else was ended")
			}
		})
	}
}
