package notify

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNewMain(t *testing.T) {
	h := open(t)
	a := h.open("web", Path)
	other := startClient(t, "-setsid", "-stay")
	gone := startClient(t)
	pidfd := func(pid int) int {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	living, dead := pidfd(other.Process.Pid), pidfd(gone.Process.Pid)
	_ = gone.Wait()
	_, w := pipeEnds(t)
	var st unix.Stat_t
	if err := unix.Fstat(living, &st); err != nil {
		t.Fatal(err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(living, &fs); err != nil {
		t.Fatal(err)
	}
	another := "is another one by now"
	if fs.Type != unix.PID_FS_MAGIC {
		another = "" // before Linux 6.9
	}
	for _, c := range []struct {
		message string
		fds     []int
		pid     int
		err     string
	}{
		{"READY=1", nil, 0, ""},
		{"MAINPID=4711", nil, 4711, ""},
		{"MAINPIDFD=1", []int{living}, other.Process.Pid, ""},
		{"MAINPIDFD=1\nMAINPID=1", []int{living}, other.Process.Pid, ""},
		{"MAINPIDFD=1", []int{dead}, 0, "is gone"},
		{"MAINPIDFD=1", []int{int(w.Fd())}, 0, "is no pidfd"},
		{fmt.Sprintf("MAINPID=%d\nMAINPIDFDID=%d", other.Process.Pid, st.Ino), nil, other.Process.Pid, ""},
		{fmt.Sprintf("MAINPID=%d\nMAINPIDFDID=%d", os.Getpid(), st.Ino), nil, os.Getpid(), another},
		{fmt.Sprintf("MAINPID=%d\nMAINPIDFDID=%d", gone.Process.Pid, st.Ino), nil, 0, "no such process"},
	} {
		h.send(a, c.message, c.fds...)
		d := h.datagram()
		pid, err := d.NewMain()
		switch {
		case c.err == "" && (err != nil || pid != c.pid):
			t.Errorf("%q: %d, %v; want %d", c.message, pid, err, c.pid)
		case c.err != "" && (pid != 0 || err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: %d, %v; want %q", c.message, pid, err, c.err)
		}
		d.Done()
	}

	if s := Look(other.Process.Pid); !s.Seen || s.UID != os.Getuid() || s.Session != other.Process.Pid || s.Mark != "/1.2.test" {
		t.Errorf("saw %+v", s)
	}
	if s := Look(gone.Process.Pid); s.Seen || s.UID != -1 {
		t.Errorf("saw %+v", s)
	}
}

func TestRation(t *testing.T) {
	var r Ration
	now := time.Unix(1e9, 0)
	for i := range rationSize {
		if ok, missed := r.Allow(now); !ok || missed != 0 {
			t.Fatalf("time %d: %v, %d", i, ok, missed)
		}
	}
	for range 1000 {
		if ok, _ := r.Allow(now.Add(rationPeriod - 1)); ok {
			t.Fatal("more than the ration")
		}
	}
	now = now.Add(rationPeriod)
	if ok, missed := r.Allow(now); !ok || missed != 1000 {
		t.Errorf("%v, %d", ok, missed)
	}
	if ok, missed := r.Allow(now); !ok || missed != 0 {
		t.Errorf("%v, %d", ok, missed)
	}
}
