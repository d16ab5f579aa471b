package upward

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"supervise/internal/event"
	"supervise/internal/supervisor"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("ü", maxStatus)
	for got, want := range map[string]string{
		Status(false, "all well"):                  "STATUS=all well",
		Status(true, "all well"):                   "READY=1\nSTATUS=all well",
		Status(false, "a\nREADY=1\tb\x00\x7f"):     "STATUS=a READY=1 b  ",
		Status(false, "\xff\xfe"):                  "STATUS=?",
		Status(false, long):                        "STATUS=" + long[:maxStatus-4] + "…",
		Reloading(1_234_567_890 * time.Nanosecond): "RELOADING=1\nMONOTONIC_USEC=1234567",
		Stopping(0):                "STOPPING=1",
		Stopping(22 * time.Second): "STOPPING=1\nEXTEND_TIMEOUT_USEC=22000000",
		Stopping(-time.Second):     "STOPPING=1",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzStatusIsOneAssignment(f *testing.F) {
	f.Add("a\nREADY=1")
	f.Add(strings.Repeat("\xe2\x82", 300))
	f.Fuzz(func(t *testing.T, text string) {
		got := Status(false, text)
		if !utf8.ValidString(got) || len(got) > maxStatus+len("STATUS=") || strings.ContainsAny(got, "\n\r\x00") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func of(name string, state supervisor.State) Service {
	return Service{Name: name, State: state, Why: "exited 1"}
}

func again(s Service) Service {
	s.Again = true
	return s
}

func job(name string, state supervisor.State) Service {
	s := of(name, state)
	s.Task = true
	return s
}

func TestFleet(t *testing.T) {
	flaky := of("flaky", supervisor.Backoff)
	flaky.Due = time.Date(2026, 1, 2, 3, 4, 5, 6, time.Local)
	for _, c := range []struct {
		fleet    Fleet
		stopping string
		pending  int
		status   string
	}{
		{nil, "", 0, "0 of 0 running"},
		{Fleet{of("a", supervisor.Running), of("b", supervisor.Stopped)}, "", 0, "1 of 1 running"},
		{Fleet{of("a", supervisor.Running), of("b", supervisor.Starting)}, "", 1, "1 of 2 running; b: starting"},
		{Fleet{of("a", supervisor.Running), again(of("b", supervisor.Starting)), again(job("t", supervisor.Running))}, "", 0, "1 of 2 running, 0 of 1 tasks done; b: starting"},
		{Fleet{of("a", supervisor.Stopping), of("b", supervisor.Waiting)}, "", 1, "0 of 2 running; a: stopping; b: waiting"},
		{Fleet{of("a", supervisor.Running), flaky, of("b", supervisor.Waiting)}, "", 0, "1 of 3 running; flaky: backoff, next start at 03:04:05; b: waiting"},
		{Fleet{of("a", supervisor.Done), of("b", supervisor.Failed)}, "", 0, "0 of 1 running; b: failed (exited 1)"},
		{Fleet{job("t", supervisor.Running), of("b", supervisor.Waiting)}, "", 1, "0 of 1 running, 0 of 1 tasks done; b: waiting"},
		{Fleet{job("t", supervisor.Done), job("u", supervisor.Failed), job("v", supervisor.Stopped)}, "", 0, "0 of 0 running, 1 of 2 tasks done; u: failed (exited 1)"},
		{Fleet{of("d", supervisor.Waiting), of("c", supervisor.Waiting), of("e", supervisor.Failed), of("b", supervisor.Waiting), of("a", supervisor.Waiting)}, "", 0,
			"0 of 5 running; e: failed (exited 1); a: waiting; b: waiting; 2 more"},
		{Fleet{of("a", supervisor.Running), of("b", supervisor.Stopping), of("c", supervisor.Stopped)}, "TERM received", 1, "shutting down (TERM received), 2 left; b: stopping"},
	} {
		if got := c.fleet.Pending(); got != c.pending {
			t.Errorf("%v: %d pending, want %d", c.fleet, got, c.pending)
		}
		if got := c.fleet.Status(c.stopping); got != c.status {
			t.Errorf("%v: got %q, want %q", c.fleet, got, c.status)
		}
	}
}

// parent listens as systemd does.
type parent struct {
	t    *testing.T
	fd   int
	path string
}

func newParent(t *testing.T) *parent {
	t.Helper()
	dir, err := os.MkdirTemp("", "up")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &parent{t, fd, filepath.Join(dir, "notify")}
	t.Cleanup(func() { unix.Close(fd); os.RemoveAll(dir) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: p.path}), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)); err != nil {
		t.Fatal(err)
	}
	return p
}

// heard gives what has come so far.
func (p *parent) heard() (all []string) {
	p.t.Helper()
	text, oob := make([]byte, 4096), make([]byte, 256)
	for {
		n, oobn, _, _, err := unix.Recvmsg(p.fd, text, oob, 0)
		if err != nil {
			return all
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			p.t.Fatalf("%v, %v", messages, err)
		}
		if cred, err := unix.ParseUnixCredentials(&messages[0]); err != nil || int(cred.Pid) != os.Getpid() {
			p.t.Errorf("sent by %+v, %v", cred, err)
		}
		all = append(all, string(text[:n]))
	}
}

func (p *parent) hears(want ...string) {
	p.t.Helper()
	if got := p.heard(); !slices.Equal(got, want) {
		p.t.Fatalf("heard %q, want %q", got, want)
	}
}

// reporting is a reporter with a fleet that the test decides, whose owner looks
// when it is asked to.
type reporting struct {
	*Reporter
	fleet Fleet
	due   []time.Time // the looks that were asked for
	looks int
}

func newReporting(p *parent) *reporting {
	socket, err := open(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	r := &reporting{}
	r.Reporter = NewReporter(socket, Plan{
		Fleet:       func() Fleet { return r.fleet },
		Soon:        func(d time.Duration) { r.due = append(r.due, time.Now().Add(d)) },
		LongestStop: func() time.Duration { return 3 * time.Second },
	})
	return r
}

func (r *reporting) emit(n event.Name) {
	r.Emit(event.Event{Name: n, Why: "reason", Mono: 5 * time.Second})
}

// pass lets time pass, and the looks that come due in it happen.
func (r *reporting) pass(d time.Duration) {
	end := time.Now().Add(d)
	for len(r.due) > 0 && !r.due[0].After(end) {
		time.Sleep(time.Until(r.due[0]))
		r.due = r.due[1:]
		r.looks++
		r.Look()
	}
	time.Sleep(time.Until(end))
}

func TestReporter(t *testing.T) {
	p := newParent(t)
	synctest.Test(t, func(t *testing.T) {
		r := newReporting(p)
		defer r.to.Close()
		r.fleet = Fleet{of("a", supervisor.Starting)}
		r.emit(event.SuperviseStarted)
		r.pass(0)
		p.hears("STATUS=0 of 1 running; a: starting")
		r.fleet = Fleet{of("a", supervisor.Running)}
		r.emit(event.ServiceRunning)
		r.pass(untilReady)
		p.hears("READY=1\nSTATUS=1 of 1 running")
		// Many changes, one status; without a change, none.
		for range 100 {
			r.emit(event.ServiceRunning)
		}
		r.fleet = Fleet{of("a", supervisor.Backoff)}
		before := r.looks
		r.pass(betweenStatus)
		if r.looks != before+1 {
			t.Errorf("%d looks", r.looks-before)
		}
		p.hears("STATUS=0 of 1 running; a: backoff, next start at 00:00:00")
		r.emit(event.ServiceRunning)
		r.pass(betweenStatus)
		p.hears()
		// A reload: ready again when what it restarts has come up.
		r.emit(event.ConfigReloading)
		r.pass(untilReady)
		p.hears("RELOADING=1\nMONOTONIC_USEC=5000000")
		r.fleet = Fleet{of("a", supervisor.Stopping)}
		r.emit(event.ConfigReloaded)
		r.pass(untilReady)
		p.hears("STATUS=0 of 1 running; a: stopping")
		r.fleet = Fleet{of("a", supervisor.Running)}
		r.emit(event.ServiceRunning)
		r.pass(untilReady)
		p.hears("READY=1\nSTATUS=1 of 1 running")
		// One that is refused: ready at once, and what is wrong.
		r.emit(event.ConfigReloading)
		r.emit(event.ConfigRejected)
		r.pass(betweenStatus)
		p.hears("RELOADING=1\nMONOTONIC_USEC=5000000", "READY=1\nSTATUS=1 of 1 running; reload refused: reason")
		r.Beat()
		p.hears("WATCHDOG=1")
		r.emit(event.ShutdownBegun)
		r.pass(betweenStatus)
		p.hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=3000000", "STATUS=shutting down (reason), 1 left; reload refused: reason")
		r.emit(event.ConfigReloading)
		r.emit(event.ConfigReloaded)
		r.pass(betweenStatus)
		p.hears("STATUS=shutting down (reason), 1 left")
		if n, _ := r.to.Failures(); n != 0 {
			t.Errorf("%d failures", n)
		}
		looks := r.looks
		r.pass(time.Hour)
		if r.looks != looks {
			t.Errorf("%d looks in an hour in which nothing happened", r.looks-looks)
		}
	})
}

// Who does not read is not waited for; READY=1 is said when there is room.
func TestFullSocketHoldsNobodyUp(t *testing.T) {
	p := newParent(t)
	synctest.Test(t, func(t *testing.T) {
		r := newReporting(p)
		defer r.to.Close()
		sent := 0
		for r.to.Send(Watchdog) == nil {
			if sent++; sent > 100_000 {
				t.Fatal("the socket is never full")
			}
		}
		r.fleet = Fleet{of("a", supervisor.Running)}
		r.emit(event.ServiceRunning)
		r.pass(3 * time.Second)
		if n, err := r.to.Failures(); n < 4 || !errors.Is(err, unix.EAGAIN) {
			t.Errorf("%d failures, the last %v", n, err)
		}
		if got := p.heard(); len(got) != sent || slices.ContainsFunc(got, func(s string) bool { return s != Watchdog }) {
			t.Errorf("heard %q", got)
		}
		r.pass(time.Second)
		p.hears("READY=1\nSTATUS=1 of 1 running")
		r.emit(event.ServiceRunning)
		r.pass(time.Minute)
		p.hears()
	})
}

func TestNobodyListensAnyMore(t *testing.T) {
	p := newParent(t)
	if err := os.Remove(p.path); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newReporting(p)
		defer r.to.Close()
		r.fleet = Fleet{of("a", supervisor.Running)}
		r.emit(event.ServiceRunning)
		r.pass(time.Hour)
		if n, err := r.to.Failures(); n != maxRetries+1 || !errors.Is(err, unix.ENOENT) {
			t.Errorf("%d failures, the last %v", n, err)
		}
		r.emit(event.ShutdownBegun)
		r.pass(time.Hour)
		if n, _ := r.to.Failures(); n != maxRetries+3 {
			t.Errorf("%d failures", n)
		}
	})
}

func TestListen(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct {
		socket, usec, pid string
		reports           bool
		watchdog          time.Duration
		err               string
	}{
		"nothing":           {},
		"watchdog alone":    {usec: "1000000"},
		"a path":            {socket: "/run/x", reports: true},
		"an abstract name":  {socket: "@x", reports: true},
		"with a watchdog":   {socket: "@x", usec: "3000000", reports: true, watchdog: 3 * time.Second},
		"of ours":           {socket: "@x", usec: "3000000", pid: own, reports: true, watchdog: 3 * time.Second},
		"of another's":      {socket: "@x", usec: "3000000", pid: "1", reports: true},
		"a relative path":   {socket: "run/x", err: "NOTIFY_SOCKET=run/x is neither"},
		"something newer":   {socket: "vsock:2:1234", err: "is neither"},
		"no name":           {socket: "@", err: "is neither"},
		"too long":          {socket: "/" + strings.Repeat("x", 107), err: "longer than a socket's name can be"},
		"as long as can be": {socket: "/" + strings.Repeat("x", 106), reports: true},
		"no number":         {socket: "@x", usec: "soon", reports: true, err: "WATCHDOG_USEC=soon is no number"},
		"zero":              {socket: "@x", usec: "0", reports: true, err: "WATCHDOG_USEC=0"},
		"negative":          {socket: "@x", usec: "-5", reports: true, err: "WATCHDOG_USEC=-5"},
		"huge":              {socket: "@x", usec: "9223372036854775807", reports: true, err: "WATCHDOG_USEC=9223372036854775807"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", c.socket)
			t.Setenv("WATCHDOG_USEC", c.usec)
			t.Setenv("WATCHDOG_PID", c.pid)
			asked, err := Listen()
			if (asked.Socket != nil) != c.reports || asked.Watchdog != c.watchdog {
				t.Errorf("got %+v", asked)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
				if v, there := os.LookupEnv(name); there {
					t.Errorf("%s=%s is still there", name, v)
				}
			}
			if asked.Socket != nil {
				asked.Socket.Close()
			}
		})
	}
}
