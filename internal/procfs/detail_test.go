package procfs

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func TestCommandText(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "\x00\x00": "", "sh\x00-c\x00a b\x00": "sh -c a b", "nginx: master": "nginx: master", "a\x00\x00b\x00": "a  b", "\xff\x00": "\ufffd",
	} {
		if got := CommandText([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzCommandText(f *testing.F) {
	f.Add([]byte("sh\x00-c\x00true\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := CommandText(b); !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
			t.Errorf("%q", got)
		}
	})
}

func TestDetailsOfAChild(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	pid, out := child(t, "sh", "-c", "trap '' TERM; trap : USR1; echo ready; read x", "sh", long)
	if line, err := out.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	if got := Command(pid); !strings.HasPrefix(got, "sh -c trap") || !strings.HasSuffix(got, "sh "+long) {
		t.Errorf("the command line has %d bytes: %.100s", len(got), got)
	}
	if argv := Argv(pid); len(argv) != 5 || argv[1] != "-c" || argv[4] != long {
		t.Errorf("it has %d arguments", len(argv))
	}
	if argv := Argv(1 << 30); argv != nil {
		t.Errorf("a process that is not has %q", argv)
	}
	if got := Command(1 << 30); got != "" {
		t.Errorf("of a process that is not: %q", got)
	}
}

func TestUsageOfOurselves(t *testing.T) {
	var used unix.Rusage
	for deadline := time.Now().Add(90 * time.Second); ; {
		if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
			t.Fatal(err)
		}
		if time.Duration(used.Utime.Nano()+used.Stime.Nano()) > 5*Tick {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no processor time in 30 s")
		}
	}
	p, err := Stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(p.CPU) * Tick; got < 3*Tick {
		t.Errorf("we have used %v, want about %v", got, time.Duration(used.Utime.Nano()+used.Stime.Nano()))
	}
	if most := uint64(used.Maxrss) << 10; p.Resident == 0 || p.Resident > 2*most {
		t.Errorf("%d bytes are resident, at most it was %d", p.Resident, most)
	}
}
