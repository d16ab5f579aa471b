package signals

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCatalogueIsInOrderAndWhole(t *testing.T) {
	if n := len(Catalogue()); n != len(Names()) {
		t.Fatalf("%d signals, %d names", n, len(Names()))
	}
	for i, a := range Catalogue() {
		if int(a.Signal) != i+1 || a.Default == "" || a.Sender == "" || a.Use == "" || a.Signal.About() != a {
			t.Errorf("%d: %+v", i+1, a)
		}
		if a.Catchable() != (a.Signal != KILL && a.Signal != STOP) {
			t.Errorf("%s: %v", a.Signal, a.Catchable())
		}
	}
	for s := Signal(32); s <= RTMAX; s++ {
		want := Ends
		if s < RTMIN {
			want = Reserved
		}
		if a := s.About(); a.Signal != s || a.Default != want || !a.Catchable() {
			t.Errorf("%+v", a)
		}
	}
}

// What the table says a signal does by default is what the kernel does with it,
// to a process that has arranged nothing and sends it to itself: kill(2) does not
// return before it is delivered.
func TestDefaultActionsAreTheKernels(t *testing.T) {
	for s := Signal(1); s <= RTMAX; s++ {
		if s.Default() == Reserved {
			continue // whoever started the tests may have left it ignored, and nothing sets it back
		}
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			// No core file is to be left.
			cmd := exec.Command("env", "--default-signal", "sh", "-c", "ulimit -c 0; kill -$0 $$; exit 77", strconv.Itoa(int(s)))
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var status unix.WaitStatus
			if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Release()
			got := Nothing
			switch {
			case status.Signaled() && Signal(status.Signal()) == s:
				got = Ends
			case status.Stopped() && Signal(status.StopSignal()) == s:
				got = Stops
				_ = cmd.Process.Kill()
				_, _ = unix.Wait4(cmd.Process.Pid, nil, 0, nil)
			case status.ExitStatus() != 77:
				t.Fatalf("wait status %#x", status)
			}
			want := map[Action]Action{Dumps: Ends, Goes: Nothing}[s.Default()]
			if want == "" {
				want = s.Default()
			}
			if got != want {
				t.Errorf("it %s, the table says %s", got, s.Default())
			}
		})
	}
}

// Only these dump core: signal(7).
func TestWhichSignalsDumpCore(t *testing.T) {
	var all []string
	for _, a := range Catalogue() {
		if a.Default == Dumps {
			all = append(all, a.Signal.String())
		}
	}
	if got := strings.Join(all, " "); got != "QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS" {
		t.Error(got)
	}
}
