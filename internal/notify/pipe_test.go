package notify

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

func TestNotice(t *testing.T) {
	for name, c := range map[string]struct {
		chunks []string
		ready  bool
		why    string
	}{
		"a newline":             {[]string{"\n"}, true, ""},
		"text before":           {[]string{"nearly", " there\n"}, true, ""},
		"text behind":           {[]string{"a\nb"}, true, ""},
		"closed":                {[]string{""}, false, "closed the descriptor"},
		"closed after text":     {[]string{"READY=1", ""}, false, "closed the descriptor"},
		"NULs and CRs":          {[]string{"\x00\r", "\n"}, true, ""},
		"nothing yet":           {[]string{"a", "b"}, false, ""},
		"too much":              {[]string{strings.Repeat("x", maxNotice)}, false, "no newline"},
		"nearly too much":       {[]string{strings.Repeat("x", maxNotice-1), "\n"}, true, ""},
		"too much, bit by bit":  {[]string{strings.Repeat("x", maxNotice-1), "x"}, false, "no newline"},
		"a newline at the edge": {[]string{strings.Repeat("x", maxNotice) + "\n"}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var n notice
			for i, chunk := range c.chunks {
				ready, why := n.add([]byte(chunk))
				if i < len(c.chunks)-1 {
					if ready || why != "" {
						t.Fatalf("over after chunk %d: %v, %q", i, ready, why)
					}
				} else if ready != c.ready || !strings.Contains(why, c.why) || (c.why == "") != (why == "") {
					t.Errorf("%v, %q; want %v, %q", ready, why, c.ready, c.why)
				}
			}
		})
	}
}

// However what a service writes is cut into reads, a newline means ready, and
// its absence never does.
func FuzzNotice(f *testing.F) {
	f.Add([]byte("starting\nready"), uint8(3))
	f.Add([]byte(""), uint8(1))
	f.Add([]byte("READY=1"), uint8(200))
	f.Fuzz(func(t *testing.T, written []byte, size uint8) {
		var n notice
		rest := written
		for {
			chunk := rest[:min(len(rest), int(size)+1)]
			rest = rest[len(chunk):]
			ready, why := n.add(chunk)
			switch {
			case ready && why != "":
				t.Fatal("both")
			case ready && !bytes.Contains(chunk, []byte("\n")):
				t.Fatalf("%q is no newline", chunk)
			case ready && bytes.Contains(written[:len(written)-len(rest)-len(chunk)], []byte("\n")):
				t.Fatal("an earlier newline was not seen")
			case why != "" && bytes.Contains(written, []byte("\n")) && len(written) < maxNotice:
				t.Fatalf("a newline was not seen: %s", why)
			}
			if ready || why != "" {
				return
			}
			if len(chunk) == 0 {
				t.Fatal("the end was not seen")
			}
		}
	})
}

func TestTheNewlineOfReadiness(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   Received
	}{
		"a newline":      {"echo >&3; read x", Newline{"web"}},
		"in one word":    {"echo ready >&3; read x", Newline{"web"}},
		"in pieces":      {"printf rea >&3; printf 'dy\\nand on' >&3; read x", Newline{"web"}},
		"and closed":     {"echo >&3; exec 3>&-; read x", Newline{"web"}},
		"only closed":    {"exec 3>&-; read x", NoNewline{"web", "it closed the descriptor without writing a newline to it"}},
		"no newline":     {"printf ready >&3", NoNewline{"web", "it closed the descriptor without writing a newline to it"}},
		"a child has it": {"(echo >&3; read x) & exec 3>&-; wait", Newline{"web"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			w, err := h.receiver.OpenFD("web")
			if err != nil {
				t.Fatal(err)
			}
			if flags, err := unix.FcntlInt(uintptr(w), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("flags %d, %v", flags, err)
			}
			end := os.NewFile(uintptr(w), "newline")
			sh := exec.Command("sh", "-c", c.script)
			sh.ExtraFiles = []*os.File{end}
			begin(t, sh)
			end.Close()
			if got := h.next(); got != c.want {
				t.Errorf("got %+v", got)
			}
			h.quiet() // there is no second word
		})
	}
}

// A service that writes and writes is read to a bound.
func TestANewlineThatNeverComes(t *testing.T) {
	h := open(t)
	w, err := h.receiver.OpenFD("web")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(w)
	chunk, written := bytes.Repeat([]byte("x"), 1<<16), 0
	for err == nil {
		var n int
		n, err = unix.Write(w, chunk)
		written += max(n, 0)
	}
	if err != unix.EPIPE || written < maxNotice || written > maxNotice+2<<16 {
		t.Errorf("%d bytes were taken, then %v", written, err)
	}
	if got, ok := h.next().(NoNewline); !ok || got.Key != "web" || !strings.Contains(got.Why, "no newline") {
		t.Errorf("got %+v", got)
	}
}

func TestANewPipeTakesThePlaceOfTheOld(t *testing.T) {
	h := open(t)
	first, err := h.receiver.OpenFD("web")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.receiver.OpenFD("web")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(first, []byte("\n")); err != unix.EPIPE {
		t.Errorf("writing to the first: %v", err)
	}
	unix.Close(first)
	h.quiet()
	unix.Close(second)
	if got, ok := h.next().(NoNewline); !ok {
		t.Errorf("got %+v", got)
	}

	third, err := h.receiver.OpenFD("web")
	if err != nil {
		t.Fatal(err)
	}
	h.receiver.Remove("web")
	unix.Close(third)
	h.quiet()
}

// A program of s6 itself: it writes its newline when it listens (-1).
func TestS6Ipcserver(t *testing.T) {
	needed.Program(t, "s6-ipcserver")
	h := open(t)
	w, err := h.receiver.OpenFD("web")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "socket")
	c := exec.Command("s6-ipcserver", "-1", path, "true")
	c.Stdout = os.NewFile(uintptr(w), "newline")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	c.Stdout.(*os.File).Close()
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if got := h.next(); got != (Newline{"web"}) {
		t.Fatalf("got %+v", got)
	}
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("it said that it was ready: %v", err)
	}
	connection.Close()
}

// Both kinds of news go through the same buffers.
func TestADatagramAfterANewline(t *testing.T) {
	h := open(t)
	w, err := h.receiver.OpenFD("by descriptor")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(w, []byte("\n")); err != nil {
		t.Fatal(err)
	}
	unix.Close(w)
	if _, ok := h.next().(Newline); !ok {
		t.Fatal("no newline came")
	}
	t.Setenv("NOTIFY_SOCKET", h.open("by datagram", Anywhere))
	if sent, err := daemon.SdNotify(false, "READY=1"); !sent || err != nil {
		t.Fatal(sent, err)
	}
	d := h.next().(*Datagram)
	defer d.Done()
	if d.Err != nil || !d.Message.Ready || d.Sender.PID != os.Getpid() {
		t.Errorf("%+v from %+v: %v", d.Message, d.Sender, d.Err)
	}
}
