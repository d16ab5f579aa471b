package notify

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

func TestTrusted(t *testing.T) {
	const us, main, hook, other = 10, 100, 150, 200
	web := Service{Main: main, UID: 33, Hooks: []int{hook}, Cgroup: "/supervise-10/s.web", Mark: "/10.1.web"}
	bare := Service{Main: main, UID: 33, Mark: "/10.1.web"} // no cgroups here
	seen := func(s Sender) Sender { s.Seen = true; return s }
	for name, c := range map[string]struct {
		s   Sender
		by  Access
		of  Service
		ok  bool
		why string
	}{
		"the main process":              {Sender{PID: main, UID: 33}, AccessAll, web, true, "main process"},
		"the main process, as another":  {Sender{PID: main, UID: 1000}, AccessMain, web, true, "main process"},
		"nobody may":                    {Sender{PID: main, UID: 33}, AccessNone, web, false, "nobody"},
		"no pid":                        {Sender{PID: 0, UID: 0}, AccessAll, web, false, "PID namespace"},
		"a stopped service, gone":       {Sender{PID: 7, UID: 33}, AccessAll, Service{UID: 33}, false, "does not run"},
		"a stopped service":             {Sender{PID: 0, UID: 0}, AccessAll, Service{UID: 33}, false, "does not run"},
		"a child, main alone may":       {seen(Sender{PID: 101, UID: 33, Ancestors: []int{main, us}}), AccessMain, web, false, "only the main process"},
		"a hook":                        {Sender{PID: hook, UID: 33}, AccessExec, web, true, "a hook"},
		"a hook, main alone may":        {Sender{PID: hook, UID: 33}, AccessMain, web, false, "only the main process"},
		"a child, hooks may":            {seen(Sender{PID: 101, UID: 33, Ancestors: []int{main, us}}), AccessExec, web, false, "hooks"},
		"a child of a hook":             {seen(Sender{PID: 151, UID: 0, Ancestors: []int{hook, us}}), AccessAll, web, true, "descendant"},
		"in the cgroup":                 {seen(Sender{PID: 101, UID: 1000, Cgroup: "/supervise-10/s.web", Ancestors: []int{us}}), AccessAll, web, true, "cgroup"},
		"below the cgroup":              {seen(Sender{PID: 101, UID: 1000, Cgroup: "/supervise-10/s.web/worker"}), AccessAll, web, true, "cgroup"},
		"in one with a like name":       {seen(Sender{PID: 101, UID: 33, Cgroup: "/supervise-10/s.web2", Ancestors: []int{other, us}}), AccessAll, web, false, "not a process of this service"},
		"all are in the root":           {seen(Sender{PID: 101, UID: 33, Cgroup: "/"}), AccessAll, Service{Main: main, Cgroup: "/"}, false, "not a process"},
		"a grandchild":                  {seen(Sender{PID: 102, UID: 1000, Ancestors: []int{101, main, us}}), AccessAll, bare, true, "descendant"},
		"orphan of the session":         {seen(Sender{PID: 102, UID: 1000, Session: main, Ancestors: []int{us}}), AccessAll, bare, true, "session"},
		"orphan with the mark":          {seen(Sender{PID: 102, UID: 33, Session: 102, Mark: "/10.1.web", Ancestors: []int{us}}), AccessAll, bare, true, "mark"},
		"root with the mark":            {seen(Sender{PID: 102, UID: 0, Mark: "/10.1.web"}), AccessAll, bare, true, "mark"},
		"a supervise inside":            {seen(Sender{PID: 102, UID: 33, Mark: "/10.1.web/5.2.inner"}), AccessAll, bare, true, "mark"},
		"the mark, but another user":    {seen(Sender{PID: 102, UID: 1000, Mark: "/10.1.web"}), AccessAll, bare, false, "another user"},
		"another service's mark":        {seen(Sender{PID: 102, UID: 33, Mark: "/10.1.web2"}), AccessAll, bare, false, "not a process"},
		"another service's process":     {seen(Sender{PID: other, UID: 33, Session: other, Mark: "/10.1.db", Ancestors: []int{us}}), AccessAll, bare, false, "not a process"},
		"another service's child, root": {seen(Sender{PID: 201, UID: 0, Session: other, Ancestors: []int{other, us}}), AccessAll, bare, false, "not a process"},
		"a stranger":                    {seen(Sender{PID: 300, UID: 1000, Session: 300, Ancestors: []int{1}}), AccessAll, web, false, "not a process"},
		"a service without a mark":      {seen(Sender{PID: 300, UID: 0}), AccessAll, Service{Main: main}, false, "not a process"},
		"no main process, group 0":      {seen(Sender{PID: 300, UID: 0}), AccessAll, Service{Hooks: []int{hook}}, false, "not a process"},
		"gone":                          {Sender{PID: 101, UID: 33}, AccessAll, web, true, "gone"},
		"gone, root":                    {Sender{PID: 101, UID: 0}, AccessAll, web, true, "gone"},
		"gone, another user":            {Sender{PID: 101, UID: 1000}, AccessAll, web, false, "another user"},
		"ended, adopted":                {seen(Sender{PID: 101, UID: 33, Session: 101, Ended: true, Ancestors: []int{us}}), AccessAll, bare, true, "ended"},
		"ended, another's child":        {seen(Sender{PID: 101, UID: 33, Session: 101, Ended: true, Ancestors: []int{other, us}}), AccessAll, bare, false, "not a process"},
		"ended, another user":           {seen(Sender{PID: 101, UID: 1000, Ended: true, Ancestors: []int{us}}), AccessAll, bare, false, "not a process"},
	} {
		t.Run(name, func(t *testing.T) {
			ok, why := Trusted(c.s, c.by, c.of)
			if ok != c.ok || !strings.Contains(why, c.why) {
				t.Errorf("Trusted(%+v, %s) = %v, %q; want %v, %q", c.s, c.by, ok, why, c.ok, c.why)
			}
		})
	}
}

func TestLookSeesTheSender(t *testing.T) {
	c := startClient(t, "-setsid", "-stay")
	s := Sender{PID: c.Process.Pid, UID: 7}
	s.look(os.Getpid(), -1, make([]byte, maxEnviron))
	self, _ := procfs.Stat(os.Getpid())
	if !s.Seen || s.Ended || s.UID != 7 || s.Session != s.PID || s.Group != s.PID || len(s.Ancestors) != 1 || s.Ancestors[0] != os.Getpid() {
		t.Errorf("saw %+v", s)
	}
	if s.Name != self.Name || s.Cgroup != procfs.Cgroup(os.Getpid()) || s.Mark != "/1.2.test" {
		t.Errorf("saw %+v", s)
	}
}

func TestLookMeetsTheDead(t *testing.T) {
	c := startClient(t, "-setsid")
	// Ended, and not waited for.
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, c.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(c.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	s := Sender{PID: c.Process.Pid}
	s.look(os.Getpid(), pidfd, make([]byte, maxEnviron))
	if !s.Seen || !s.Ended || s.Mark != "" || len(s.Ancestors) != 1 {
		t.Errorf("saw %+v of a process that was not waited for", s)
	}

	_ = c.Wait()
	for _, fd := range []int{pidfd, -1} {
		s = Sender{PID: c.Process.Pid, UID: 3}
		s.look(os.Getpid(), fd, make([]byte, maxEnviron))
		if s.Seen || s.Name != "" || s.UID != 3 {
			t.Errorf("saw %+v of a process that is gone", s)
		}
	}
}

// A pid that belongs to another process by now must not lend it its look.
func TestLookKnowsAReusedPid(t *testing.T) {
	gone := startClient(t)
	pidfd, err := unix.PidfdOpen(gone.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	_ = gone.Wait()
	s := Sender{PID: os.Getpid()} // as if we had its number now
	s.look(os.Getpid(), pidfd, make([]byte, maxEnviron))
	if s.Seen {
		t.Errorf("took another process for the sender: %+v", s)
	}
}

func TestLookLeavesAHugeEnvironmentAlone(t *testing.T) {
	c := clientCommand(t, "-stay")
	for _, name := range []string{"A", "B", "C"} {
		c.Env = append(c.Env, name+"="+strings.Repeat("x", 100<<10))
	}
	begin(t, c)
	s := Sender{PID: c.Process.Pid}
	s.look(os.Getpid(), -1, make([]byte, maxEnviron))
	if !s.Seen || s.Mark != "" {
		t.Errorf("saw %+v", s)
	}
}

// patience bounds every wait of these tests; none that passes comes near it.
const patience = 90 * time.Second
