package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/needed"
	"supervise/internal/procfs"
)

// house is a receiver and its owner's queue.
type house struct {
	t        *testing.T
	receiver *Receiver
	queue    chan Received
}

// open makes a receiver that is closed when the test is over, and looks then
// whether every descriptor is.
func open(t *testing.T) *house {
	t.Helper()
	before := descriptors(t)
	h := &house{t: t, queue: make(chan Received, 1000)}
	r, err := New(func(d Received) { h.queue <- d })
	if err != nil {
		t.Fatal(err)
	}
	h.receiver = r
	t.Cleanup(func() {
		r.Close()
		for {
			select {
			case d := <-h.queue:
				if d, ok := d.(*Datagram); ok {
					d.Done()
				}
				continue
			default:
			}
			break
		}
		eventually(t, "as many descriptors as before", func() bool { return len(descriptors(t)) <= len(before) })
	})
	return h
}

// open opens a socket.
func (h *house) open(key any, where Place) string {
	h.t.Helper()
	a, err := h.receiver.Open(key, fmt.Sprint(key), where)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(a)
}

// next waits for what comes next.
func (h *house) next() Received {
	h.t.Helper()
	select {
	case d := <-h.queue:
		return d
	case <-time.After(patience):
		h.t.Fatal("nothing came")
		return nil
	}
}

// datagram waits for the next datagram.
func (h *house) datagram() *Datagram {
	h.t.Helper()
	d, ok := h.next().(*Datagram)
	if !ok {
		h.t.Fatal("something else than a datagram came")
	}
	return d
}

// quiet says that nothing has come. What was sent before it has been handled by
// then: a datagram to a socket made for this one purpose comes after it.
func (h *house) quiet() {
	h.t.Helper()
	a := h.open("quiet", Abstract)
	h.send(a, "READY=1")
	if d := h.datagram(); d.Key != "quiet" {
		h.t.Errorf("%v came for %v", d.Message, d.Key)
	} else {
		d.Done()
	}
}

func (h *house) send(address, message string, fds ...int) {
	h.t.Helper()
	if err := send(address, message, 0, fds...); err != nil {
		h.t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

// descriptors lists what is open here, less what the runtime opens.
func descriptors(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]string{}
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && to != "/proc/self/fd" && !strings.HasPrefix(to, "/proc/") {
			open[e.Name()] = to
		}
	}
	return open
}

// pipeEnds makes a pipe that is closed when the test is over.
func pipeEnds(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestBothKindsOfAddress(t *testing.T) {
	for name, where := range map[string]Place{"anywhere": Anywhere, "path": Path, "abstract": Abstract} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			a := h.open("web", where)
			if abstract := a[0] == '@'; abstract != (where == Abstract) {
				t.Errorf("address %s", a)
			}
			h.send(a, "READY=1\nSTATUS=up")
			d := h.datagram()
			defer d.Done()
			if d.Key != "web" || string(d.Address) != a || !d.Message.Ready || *d.Message.Status != "up" || d.Err != nil {
				t.Errorf("got %+v", d)
			}
			if s := d.Sender; s.PID != os.Getpid() || s.UID != os.Getuid() || s.GID != os.Getgid() || !s.Seen {
				t.Errorf("sent by %+v", s)
			}
		})
	}
}

func TestTheDirectory(t *testing.T) {
	h := open(t)
	a := h.open("web/../ü and a name that goes on and on for no good reason", Path)
	info, err := os.Stat(filepath.Dir(a))
	if err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err = os.Stat(a); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	b := h.open("b", Path)
	if filepath.Dir(a) != filepath.Dir(b) {
		t.Errorf("%s and %s", a, b)
	}

	// The directory of a supervise that is gone is removed by the next, that of
	// a living one is not.
	left := filepath.Join(filepath.Dir(filepath.Dir(a)), directoryPrefix+"4294967295")
	if err := os.Mkdir(left, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(left) })
	open(t).open("web", Path)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a leftover is still there: %v", err)
	}
	if _, err := os.Stat(b); err != nil {
		t.Errorf("another's socket: %v", err)
	}

	h.receiver.Close()
	if _, err := os.Stat(filepath.Dir(a)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestNoDirectoryCanBeMade(t *testing.T) {
	h := open(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	h.receiver.bases = []string{"", "/nowhere", "relative", long}
	_, err := h.receiver.Open("web", "web", Path)
	if err == nil || !strings.Contains(err.Error(), "/nowhere") || !strings.Contains(err.Error(), "set TMPDIR") || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("says %v", err)
	}
	if a := h.open("web", Anywhere); a[0] != '@' {
		t.Errorf("address %s", a)
	}
	short, err := os.MkdirTemp("/tmp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	h.receiver.bases = append(h.receiver.bases, short)
	if a := h.open("web", Anywhere); a[0] != '/' {
		t.Errorf("address %s", a)
	}
}

// The longest name of a service still makes an address.
func TestTheLongestAddress(t *testing.T) {
	h := open(t)
	base := "/tmp/" + strings.Repeat("d", maxBase-len("/tmp/"))
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	h.receiver.bases = []string{base}
	h.receiver.last = 1<<32 - 3
	for range 2 { // the numbers in the kernel's hands have two halves
		a := h.open(strings.Repeat("n", 200), Path)
		h.send(a, "READY=1")
		h.datagram().Done()
	}
}

func TestANewSocketTakesThePlaceOfTheOld(t *testing.T) {
	h := open(t)
	first := h.open("web", Path)
	h.send(first, "STATUS=1")
	d := h.datagram()
	second := h.open("web", Path)
	if first == second || string(d.Address) != first {
		t.Errorf("%s, %s, then %s", d.Address, first, second)
	}
	if err := send(first, "READY=1", 0); err == nil {
		t.Error("the old address still takes datagrams")
	}
	d.Done()
	h.send(second, "READY=1")
	if d := h.datagram(); string(d.Address) != second || !d.Message.Ready {
		t.Errorf("got %+v", d)
	}
}

func TestGoSystemd(t *testing.T) {
	for _, where := range []Place{Path, Abstract} {
		h := open(t)
		t.Setenv("NOTIFY_SOCKET", h.open("web", where))
		if sent, err := daemon.SdNotify(false, daemon.SdNotifyReady+"\nMAINPID="+strconv.Itoa(os.Getpid())); !sent || err != nil {
			t.Fatalf("%v, %v", sent, err)
		}
		d := h.datagram()
		if !d.Message.Ready || d.Message.MainPID != os.Getpid() || d.Err != nil {
			t.Errorf("got %+v", d)
		}
		d.Done()
		if sent, err := daemon.SdNotify(false, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec()); !sent || err != nil {
			t.Fatalf("%v, %v", sent, err)
		}
		d = h.datagram()
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
		if age := time.Duration(now.Nano()) - *d.Message.Monotonic; !d.Message.Reloading || age < 0 || age > patience {
			t.Errorf("got %+v, %v ago", d, age)
		}
		d.Done()
	}
}

// shell is a service that is a script.
type shell struct {
	pid  int
	line func() (string, error) // of what it writes
}

// systemdNotify runs the client of Debian's package systemd, below a shell as a
// service would.
func systemdNotify(t *testing.T, address, as, arguments string) shell {
	t.Helper()
	needed.Program(t, "systemd-notify")
	c := exec.Command("sh", "-c", as+"systemd-notify "+arguments+"; echo $?; read x")
	c.Env = append(os.Environ(), "NOTIFY_SOCKET="+address)
	out := begin(t, c)
	return shell{c.Process.Pid, func() (string, error) { return out.ReadString('\n') }}
}

func TestSystemdNotify(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	sh := systemdNotify(t, a, "", "--ready --status='All is well'")
	d := h.datagram()
	if !d.Message.Ready || *d.Message.Status != "All is well" || d.Err != nil {
		t.Errorf("got %+v", d)
	}
	if ok, why := Trusted(d.Sender, AccessAll, Service{Main: sh.pid}); !ok {
		t.Errorf("%s: %+v", why, d.Sender)
	}
	d.Done()
	d = h.datagram() // it stays until this one is done with
	if !d.Message.Barrier || d.Err != nil || d.Files() != 0 || d.TakeFiles() != nil {
		t.Errorf("got %+v", d)
	}
	if !d.Sender.Seen || d.Sender.Name != "systemd-notify" || d.Sender.Ancestors[0] != sh.pid {
		t.Errorf("the barrier was sent by %+v, below %d", d.Sender, sh.pid)
	}
	d.Done()
	if said, err := sh.line(); said != "0\n" || err != nil {
		t.Errorf("systemd-notify ended with %q, %v", said, err)
	}
}

func TestSystemdNotifyNamesThePid(t *testing.T) {
	h := open(t)
	sh := systemdNotify(t, h.open("web", Abstract), "", "--ready --pid=parent")
	d := h.datagram()
	if !d.Message.Ready || d.Message.MainPID != sh.pid || d.Err != nil {
		t.Errorf("got %+v, want pid %d", d, sh.pid)
	}
	d.Done()
	h.datagram().Done()
}

// hold keeps anything more from being read until release is called.
func (h *house) hold(address string) (release func()) {
	h.t.Helper()
	_, w := pipeEnds(h.t)
	h.send(address, "FDSTORE=1", int(w.Fd()))
	return h.datagram().Done
}

// Gone, and waited for by its parent, before anybody can look. As root it has
// named its parent to the kernel; as somebody else it could not.
func TestSystemdNotifyThatDoesNotWait(t *testing.T) {
	needRoot(t)
	needed.Program(t, "systemd-notify") // before anything is held
	for uid, as := range map[int]string{0: "", 65534: "setpriv --reuid 65534 --clear-groups "} {
		h := open(t)
		a := h.open("web", Path)
		release := h.hold(a)
		sh := systemdNotify(t, a, as, "--ready --no-block")
		if _, err := sh.line(); err != nil { // that the command is over
			t.Fatal(err)
		}
		release()
		d := h.datagram()
		if d.Sender.UID != uid || d.Sender.Seen != (uid == 0) {
			t.Errorf("sent by %+v", d.Sender)
		}
		if ok, why := Trusted(d.Sender, AccessAll, Service{Main: sh.pid, UID: uid}); !ok || !d.Message.Ready {
			t.Errorf("%s: %+v", why, d)
		}
		if ok, _ := Trusted(d.Sender, AccessAll, Service{Main: 1, UID: 7}); ok != (uid == 0 && d.Sender.Ancestors[0] == 1) {
			t.Errorf("another service believes it: %+v", d.Sender)
		}
		d.Done()
	}
}

func TestASenderThatIsGone(t *testing.T) {
	needRoot(t)
	for uid, want := range map[string]bool{"0": true, "65534": true, "65533": false} {
		h := open(t)
		a := h.open("web", Abstract)
		release := h.hold(a)
		if err := runClient(t, "-uid", uid, "-message", "READY=1", "-to", a); err != nil {
			t.Fatal(err)
		}
		release()
		d := h.datagram()
		if d.Sender.Seen || strconv.Itoa(d.Sender.UID) != uid {
			t.Errorf("sent by %+v", d.Sender)
		}
		if ok, why := Trusted(d.Sender, AccessAll, Service{Main: 1, UID: 65534}); ok != want {
			t.Errorf("uid %s: %v, %s", uid, ok, why)
		}
		d.Done()
	}
}

func TestTheBarrierWaitsForTheOwner(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	r, w := pipeEnds(t)
	h.send(a, "STATUS=1")
	h.send(a, "STATUS=2")
	h.send(a, "BARRIER=1", int(w.Fd()))
	w.Close()
	_ = r.SetReadDeadline(time.Now().Add(patience))

	closed := make(chan error, 1)
	go func() { _, err := r.Read(make([]byte, 1)); closed <- err }()
	for want := range 3 {
		d := h.datagram()
		select {
		case err := <-closed:
			t.Fatalf("the barrier opened before datagram %d was handled: %v", want, err)
		default:
		}
		if d.Message.Barrier != (want == 2) {
			t.Errorf("got %+v", d)
		}
		d.Done()
		d.Done() // harmless
	}
	if err := <-closed; err == nil || os.IsTimeout(err) {
		t.Errorf("the barrier did not open: %v", err)
	}
}

func TestBarriersThatAreWrong(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	_, w := pipeEnds(t)
	for message, fds := range map[string][]int{
		"BARRIER=1":            {},
		"BARRIER=1\n":          {int(w.Fd()), int(w.Fd())},
		"BARRIER=1\nREADY=1":   {int(w.Fd())},
		"BARRIER=1\nWATCHDOG=": {},
	} {
		h.send(a, message, fds...)
		d := h.datagram()
		if d.Err == nil || d.Message.Ready || d.TakeFiles() != nil {
			t.Errorf("%q: got %+v", message, d)
		}
		d.Done()
	}
}

func TestDescriptors(t *testing.T) {
	for message, c := range map[string]struct{ sent, kept, err string }{
		"READY=1":                    {"2", "0", "no use for"},
		"FDSTORE=1":                  {"2", "2", ""},
		"FDSTORE=1\nFDNAME=a":        {"253", "253", ""},
		"FDSTORE=1\nFDPOLL=0":        {"0", "0", ""},
		"FDSTOREREMOVE=1\nFDNAME=a":  {"1", "0", "no use for"},
		"MAINPIDFD=1":                {"1", "1", ""},
		"MAINPIDFD=1\nMAINPID=1":     {"2", "0", "takes one"},
		"MAINPIDFD=1\nFDSTORE=1":     {"1", "1", ""},
		"FDSTORE=1\nREADY=1\x00BAD":  {"3", "0", "NUL"},
		"junk":                       {"3", "0", "no use for"},
		"FDSTORE=1\nFDSTOREREMOVE=1": {"1", "1", "without a valid FDNAME"},
	} {
		t.Run(message, func(t *testing.T) {
			h := open(t)
			a := h.open("web", Path)
			_, w := pipeEnds(t)
			n, _ := strconv.Atoi(c.sent)
			fds := make([]int, n)
			for i := range fds {
				fds[i] = int(w.Fd())
			}
			h.send(a, message, fds...)
			d := h.datagram()
			if strconv.Itoa(d.Files()) != c.kept {
				t.Errorf("%d descriptors were kept, want %s", d.Files(), c.kept)
			}
			if (c.err == "") != (d.Err == nil) || d.Err != nil && !strings.Contains(d.Err.Error(), c.err) {
				t.Errorf("says %v, want %q", d.Err, c.err)
			}
			if d.Files() == 0 {
				d.Done()
				return
			}
			files := d.TakeFiles()
			for _, fd := range files {
				if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
					t.Errorf("descriptor %d: flags %d, %v", fd, flags, err)
				}
				unix.Close(fd)
			}
			d.Done()
		})
	}
}

// A process that has no descriptor to spare gets a part of them, and is told.
func TestDescriptorsThatGetLost(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	_, w := pipeEnds(t)
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)

	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(s) // the lowest number that is free
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	few := was
	few.Cur = uint64(next + 5)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) }()
	rights := make([]int, 100)
	for i := range rights {
		rights[i] = int(w.Fd())
	}
	if err := unix.Sendmsg(s, []byte("FDSTORE=1\nREADY=1"), unix.UnixRights(rights...), &unix.SockaddrUnix{Name: a}, 0); err != nil {
		t.Fatal(err)
	}
	d := h.datagram()
	if d.Message.Ready || d.Files() != 0 || d.Err == nil || !strings.Contains(d.Err.Error(), "lost descriptors") {
		t.Errorf("got %+v", d)
	}
	d.Done()
}

func TestWrongDatagrams(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	for message, want := range map[string]string{
		strings.Repeat("A", 4097):   "more than 4096",
		strings.Repeat("A=\n", 9e3): "more than 4096",
		"READY=1\x00READY=1":        "NUL",
		"MAINPID=-7":                "MAINPID",
	} {
		h.send(a, message)
		d := h.datagram()
		if d.Err == nil || !strings.Contains(d.Err.Error(), want) || d.Message.Ready {
			t.Errorf("%.20q: got %+v", message, d)
		}
		d.Done()
	}
	h.send(a, "")
	if d := h.datagram(); d.Err != nil {
		t.Errorf("an empty one: %v", d.Err)
	}
}

func TestForgers(t *testing.T) {
	needRoot(t)
	main := startClient(t, "-setsid", "-stay") // of the service that is lied about
	of := Service{Main: main.Process.Pid, UID: 0, Mark: "/9.9.web"}
	for name, c := range map[string]struct {
		args []string
		ok   bool
		why  string
	}{
		"another user":            {[]string{"-uid", "65534", "-stay"}, false, "not a process of this service"},
		"another user, gone":      {[]string{"-uid", "65534"}, false, ""},
		"another service":         {[]string{"-setsid", "-stay"}, false, "not a process of this service"},
		"a child of the other":    {[]string{"-setsid", "-again", "-stay"}, false, "not a process of this service"},
		"root, in its name":       {[]string{"-claim", strconv.Itoa(main.Process.Pid), "-stay"}, true, "the main process"},
		"nobody, in its name":     {[]string{"-uid", "65534", "-claim", strconv.Itoa(main.Process.Pid)}, false, "EPERM"},
		"nobody, as root's child": {[]string{"-uid", "65534", "-again", "-stay"}, false, "not a process of this service"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			args := append(c.args, "-message", "READY=1", "-to", h.open("web", Path))
			if c.why == "EPERM" { // the kernel won't have it
				if err := runClient(t, args...); err == nil || !strings.Contains(err.Error(), "not permitted") {
					t.Errorf("sending succeeded, or failed otherwise: %v", err)
				}
				h.quiet()
				return
			}
			startClient(t, args...)
			d := h.datagram()
			defer d.Done()
			if ok, why := Trusted(d.Sender, AccessAll, of); ok != c.ok || !strings.Contains(why, c.why) {
				t.Errorf("%v, %q of %+v", ok, why, d.Sender)
			}
		})
	}
}

// What a service's own processes send is believed, however far they went.
func TestRelatives(t *testing.T) {
	for name, args := range map[string][]string{
		"itself":    {},
		"its child": {"-again"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			c := startClient(t, append(args, "-setsid", "-stay", "-message", "READY=1", "-to", h.open("web", Path))...)
			d := h.datagram()
			defer d.Done()
			if ok, why := Trusted(d.Sender, AccessAll, Service{Main: c.Process.Pid, UID: os.Getuid()}); !ok {
				t.Errorf("%s: %+v", why, d.Sender)
			}
			if ok, _ := Trusted(d.Sender, AccessMain, Service{Main: c.Process.Pid}); ok != (name == "itself") {
				t.Errorf("as main: %v, %+v", ok, d.Sender)
			}
		})
	}
}

// In a cgroup of its own a service's process may change its session, its
// parent, its user and its environment, and is known all the same.
func TestTheCgroupDecides(t *testing.T) {
	needRoot(t)
	root, err := cgroup.Open()
	if err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	t.Cleanup(func() { eventually(t, "an empty cgroup", func() bool { return root.Close() == nil }) })
	group, err := root.Group("web")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eventually(t, "an empty cgroup", func() bool { return group.Remove() == nil }) })
	h := open(t)
	c := clientCommand(t, "-setsid", "-uid", "65534", "-stay", "-message", "READY=1", "-to", h.open("web", Path))
	if c.SysProcAttr.CgroupFD, err = group.Descriptor(); err != nil {
		t.Fatal(err)
	}
	c.SysProcAttr.UseCgroupFD = true
	defer unix.Close(c.SysProcAttr.CgroupFD)
	begin(t, c)
	d := h.datagram()
	defer d.Done()
	of := Service{Main: 1 << 30, UID: 7, Cgroup: procfs.Cgroup(c.Process.Pid)}
	if ok, why := Trusted(d.Sender, AccessAll, of); !ok || why != "in the service's cgroup" {
		t.Errorf("%v, %s: %+v in %s", ok, why, d.Sender, of.Cgroup)
	}
	of.Cgroup += "2"
	if ok, why := Trusted(d.Sender, AccessAll, of); ok {
		t.Errorf("%s: %+v in %s", why, d.Sender, of.Cgroup)
	}
}

// Why a path is the default, and what for the other one is.
func TestWhereAddressesReach(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		where Place
		args  []string
		ok    bool
	}{
		"path, own network":     {Path, []string{"-netns"}, true},
		"abstract, own network": {Abstract, []string{"-netns"}, false},
		"path, own root":        {Path, []string{"-chroot", t.TempDir()}, false},
		"abstract, own root":    {Abstract, []string{"-chroot", t.TempDir()}, true},
		"path, own user":        {Path, []string{"-uid", "65534"}, true},
		"abstract, own user":    {Abstract, []string{"-uid", "65534"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			err := runClient(t, append(c.args, "-message", "READY=1", "-to", h.open("web", c.where))...)
			if (err == nil) != c.ok {
				t.Fatalf("sending: %v", err)
			}
			if err == nil {
				d := h.datagram()
				if !d.Message.Ready {
					t.Errorf("got %+v", d)
				}
				d.Done()
			}
		})
	}
}

// A flood fills what one service may have waiting, and stops there; the others
// are heard as before.
func TestAFlood(t *testing.T) {
	const flood = 100_000
	h := open(t)
	a := h.open("loud", Path)
	h.receiver.Main("loud", os.Getpid())
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer unix.Close(s)
			for range flood / 4 {
				if err := unix.Sendto(s, []byte("WATCHDOG=1"), 0, &unix.SockaddrUnix{Name: a}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var open []*Datagram
	for len(open) < mostOpen {
		open = append(open, h.datagram())
	}
	h.quiet() // and so it does not wait for the loud one
	for _, d := range open {
		d.Done()
	}
	most := 0
	for range flood - mostOpen {
		most = max(most, len(h.queue))
		d := h.datagram()
		if d.Key != "loud" || d.Message.Watchdog != WatchdogAlive {
			t.Fatalf("got %+v", d)
		}
		d.Done()
	}
	if most > mostOpen {
		t.Errorf("%d datagrams were waiting for the owner, want at most %d", most, mostOpen)
	}
	senders.Wait()
	h.quiet()
}

// One datagram with descriptors is handled before more is read.
func TestAFloodOfDescriptors(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	_, w := pipeEnds(t)
	before := len(descriptors(t))
	fds := make([]int, mostFiles)
	for i := range fds {
		fds[i] = int(w.Fd())
	}
	for range 3 {
		h.send(a, "FDSTORE=1", fds...)
	}
	first := h.datagram()
	h.quiet()
	if n := len(descriptors(t)); n > before+mostFiles+10 {
		t.Errorf("%d descriptors are open, %d more than before", n, n-before)
	}
	first.Done()
	for range 2 {
		h.datagram().Done()
	}
	eventually(t, "no descriptor left", func() bool { return len(descriptors(t)) <= before+2 })
}

// Closing what a stranger sent may block: the kernel waits for its peer as long
// as it said with SO_LINGER. Nobody else notices.
func TestADescriptorThatDoesNotClose(t *testing.T) {
	h := open(t)
	a, b := h.open("web", Path), h.open("other", Path)
	lingering := func() int {
		listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(listener) })
		if err := errors.Join(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 1)); err != nil {
			t.Fatal(err)
		}
		to, err := unix.Getsockname(listener)
		if err != nil {
			t.Fatal(err)
		}
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Connect(s, to); err != nil {
			t.Fatal(err)
		}
		_ = unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 2})
		// Nobody reads: what is sent stays here.
		chunk := make([]byte, 1<<16)
		for {
			if _, err := unix.SendmsgN(s, chunk, nil, nil, unix.MSG_DONTWAIT); err != nil {
				break
			}
		}
		return s
	}
	web := func() *service {
		h.receiver.mutex.Lock()
		defer h.receiver.mutex.Unlock()
		return h.receiver.services["web"]
	}
	closing := func() (bool, int) {
		h.receiver.mutex.Lock()
		defer h.receiver.mutex.Unlock()
		return h.receiver.services["web"].closer, len(h.receiver.services["web"].closing)
	}
	release := h.hold(a)
	fd := lingering()
	h.send(a, "READY=1", fd)
	unix.Close(fd) // the last copy is on its way
	release()
	if d := h.datagram(); !d.Message.Ready || d.Err == nil {
		t.Errorf("got %+v", d)
	} else {
		d.Done()
	}

	// The service itself is heard, and others are; barriers open.
	r, w := pipeEnds(t)
	h.send(b, "READY=1")
	h.datagram().Done()
	h.send(a, "STATUS=later")
	h.datagram().Done()
	h.send(a, "BARRIER=1", int(w.Fd()))
	w.Close()
	h.datagram().Done()
	_ = r.SetReadDeadline(time.Now().Add(patience))
	if _, err := r.Read(make([]byte, 1)); os.IsTimeout(err) {
		t.Error("the barrier did not open")
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fds := make([]int, mostFiles)
	for i := range fds {
		fds[i] = int(null.Fd())
	}
	h.send(a, "READY=1", fds...)
	h.datagram().Done()
	if busy, waiting := closing(); !busy || waiting != mostFiles {
		t.Fatalf("%v, %d descriptors wait to be closed: closing did not block, so this test shows nothing", busy, waiting)
	}

	// Up to a bound: then it waits until closing is over.
	h.send(a, "READY=1", int(null.Fd()))
	h.datagram().Done()
	h.send(a, "STATUS=last")
	h.quiet()
	if d := h.datagram(); d.Message.Status == nil || *d.Message.Status != "last" {
		t.Errorf("got %+v", d)
	} else {
		d.Done()
	}
	eventually(t, "all are closed", func() bool { busy, _ := closing(); return !busy && !web().socket.paused })
}

func TestRemovedWhileInFlight(t *testing.T) {
	h := open(t)
	_, w := pipeEnds(t)
	for range 50 {
		a := h.open("web", Path)
		stop := make(chan struct{})
		var senders sync.WaitGroup
		for range 2 {
			senders.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := send(a, "FDSTORE=1", 0, int(w.Fd())); err != nil {
						return // it was removed
					}
				}
			})
		}
		h.datagram().Done()
		h.receiver.Remove("web")
		close(stop)
		senders.Wait()
		for more := true; more; {
			select {
			case d := <-h.queue:
				d.(*Datagram).Done()
			default:
				more = false
			}
		}
	}
	h.receiver.mutex.Lock()
	defer h.receiver.mutex.Unlock()
	if n := len(h.receiver.sources); n != 0 {
		t.Errorf("%d sources are left", n)
	}
}

func TestClosedWhileInFlight(t *testing.T) {
	before := descriptors(t)
	_, w := pipeEnds(t)
	for range 20 {
		begun, queue := make(chan bool, 10), make(chan Received)
		r, err := New(func(d Received) { begun <- true; queue <- d })
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.Open("web", "web", Path)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := send(string(a), "FDSTORE=1", 0, int(w.Fd())); err != nil {
				t.Fatal(err)
			}
		}
		<-begun
		r.Close() // while deliver blocks
		r.Close()
		(<-queue).(*Datagram).Done()
		if _, err := r.Open("web", "web", Path); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Open after Close: %v", err)
		}
		if _, err := r.OpenFD("web"); !errors.Is(err, os.ErrClosed) {
			t.Errorf("OpenFD after Close: %v", err)
		}
		r.Remove("web")
	}
	eventually(t, "as many descriptors as before", func() bool { return len(descriptors(t)) <= len(before)+2 })
}

func TestTenThousandServices(t *testing.T) {
	n := 10_000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n = min(n, int(limit.Cur)-100) // one descriptor for each
	h := open(t)
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = h.open(i, Path)
	}
	for _, i := range []int{0, n / 2, n - 1} {
		h.send(addresses[i], "READY=1")
		d := h.datagram()
		if d.Key != i {
			t.Errorf("%v came for %d", d.Key, i)
		}
		d.Done()
	}
	for i := range addresses {
		h.receiver.Remove(i)
	}
	entries, err := os.ReadDir(filepath.Dir(addresses[0]))
	if err != nil || len(entries) != 0 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}

func BenchmarkDatagram(b *testing.B) {
	for name, main := range map[string]int{"main": os.Getpid(), "other": 0} {
		b.Run(name, func(b *testing.B) {
			queue := make(chan Received, 100)
			r, err := New(func(d Received) { queue <- d })
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			a, err := r.Open(1, "web", Path)
			if err != nil {
				b.Fatal(err)
			}
			r.Main(1, main)
			s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Close(s)
			b.ReportAllocs()
			for b.Loop() {
				if err := unix.Sendto(s, []byte("WATCHDOG=1"), 0, &unix.SockaddrUnix{Name: string(a)}); err != nil {
					b.Fatal(err)
				}
				(<-queue).(*Datagram).Done()
			}
		})
	}
}
