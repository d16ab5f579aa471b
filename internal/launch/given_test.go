package launch

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/signals"
)

// socket is a descriptor that can be told from others by what it is.
func socket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// inode tells which socket a descriptor of ours is.
func inode(t *testing.T, fd int) string {
	t.Helper()
	to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// reportWith launches the program that tells what it was started with.
func reportWith(t *testing.T, s *config.Service, given Given) told {
	t.Helper()
	text, exit, err := launchWith(t, ForServices(signals.Dispositions{}), s, given, OwnSession)
	if err != nil {
		t.Fatal(err)
	}
	var r told
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: it ended by %+v and printed %q", err, exit.Exit, text)
	}
	return r
}

// variable gives the value of a variable, and how often it is there.
func variable(env []string, name string) (value string, times int) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value, times = v, times+1
		}
	}
	return value, times
}

func TestNothingGivenIsNothingTold(t *testing.T) {
	t.Setenv("LISTEN_FDS", "1") // our own caller's
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	r := report(t, ForServices(signals.Dispositions{}), func(*config.Service) {}, OwnSession)
	for _, e := range r.Env {
		if strings.HasPrefix(e, "LISTEN_") || strings.HasPrefix(e, "WATCHDOG_") || strings.HasPrefix(e, "NOTIFY_") {
			t.Errorf("it was told %s", e)
		}
	}
	if len(r.Descriptors) != 0 {
		t.Errorf("it has %q", r.Descriptors)
	}
}

func TestSocketsFromThreeOnWithThePidOfTheProgram(t *testing.T) {
	// More than there are numbers below the one where the set-up step reports.
	for _, count := range []int{1, 2, 70} {
		t.Run(strconv.Itoa(count), func(t *testing.T) {
			s := service(program(t), "report")
			s.Env = []string{"LISTEN_FDS=7", "LISTEN_PID=1", "OTHER=1"} // what is written by hand does not count
			var given Given
			var want, names []string
			for i := range count {
				fd := socket(t)
				given.Listen = append(given.Listen, Descriptor{FD: fd, Name: fmt.Sprint("n", i)})
				want = append(want, fmt.Sprint(3+i, " ", inode(t, fd)))
				names = append(names, fmt.Sprint("n", i))
			}
			slices.Reverse(given.Listen[1:]) // the numbers are not in the order of ours
			slices.Reverse(names[1:])
			for i := range want {
				want[i] = fmt.Sprint(3+i, " ", inode(t, given.Listen[i].FD))
			}
			r := reportWith(t, s, given)
			for name, value := range map[string]string{
				"LISTEN_FDS": strconv.Itoa(count), "LISTEN_FDNAMES": strings.Join(names, ":"), "LISTEN_PID": strconv.Itoa(r.PID), "OTHER": "1",
			} {
				if got, times := variable(r.Env, name); got != value || times != 1 {
					t.Errorf("%s is %q, %d times, want %q", name, got, times, value)
				}
			}
			slices.Sort(want)
			slices.Sort(r.Descriptors)
			if diff := cmp.Diff(want, r.Descriptors); diff != "" {
				t.Errorf("descriptors (-want +got):\n%s", diff)
			}
		})
	}
}

// The fork moves descriptors aside to numbers of its own choice. Where the
// set-up step reports must not be one of them, whatever our highest is.
func TestSetupReportsWhateverNumbersTheSocketsHave(t *testing.T) {
	for highest := 60; highest < 72; highest++ {
		fd := socket(t)
		if err := unix.Dup3(fd, highest, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		s := service("/no/such/program")
		_, _, err := launchWith(t, ForServices(signals.Dispositions{}), s, Given{Listen: []Descriptor{{highest, "a"}, {fd, "b"}}}, OwnSession)
		unix.Close(highest)
		if err == nil || !strings.Contains(err.Error(), "/no/such/program") {
			t.Errorf("with a socket at %d: %v", highest, err)
		}
	}
}

func TestDescriptorsAtNumbersOfTheirOwn(t *testing.T) {
	listen, ready := socket(t), socket(t)
	for _, setup := range []bool{false, true} {
		s := service(program(t), "report")
		given := Given{At: map[int]int{6: ready}, Env: []string{"NOTIFY_SOCKET=@x", "A=given"}}
		want := []string{"6 " + inode(t, ready)}
		if setup {
			given.Listen = []Descriptor{{listen, "web"}}
			given.OwnPID = []string{"WATCHDOG_PID"}
			want = append([]string{"3 " + inode(t, listen)}, want...)
		}
		s.Env = []string{"A=configured"}
		r := reportWith(t, s, given)
		if diff := cmp.Diff(want, r.Descriptors); diff != "" {
			t.Errorf("descriptors (-want +got):\n%s", diff)
		}
		if a, times := variable(r.Env, "A"); a != "given" || times != 1 {
			t.Errorf("A is %q, %d times", a, times)
		}
		if v, _ := variable(r.Env, "NOTIFY_SOCKET"); v != "@x" {
			t.Errorf("NOTIFY_SOCKET is %q", v)
		}
		pid, times := variable(r.Env, "WATCHDOG_PID")
		if setup && pid != strconv.Itoa(r.PID) || !setup && times != 0 {
			t.Errorf("WATCHDOG_PID is %q in %d", pid, r.PID)
		}
	}
}

func TestANumberThatIsTaken(t *testing.T) {
	for _, number := range []int{0, 2, 3} {
		_, err := ForServices(signals.Dispositions{}).Image(service("true"), webTree(t),
			Given{Stdio: Stdio{Terminal: -1}, Listen: []Descriptor{{9, "a"}}, At: map[int]int{number: 8}}, OwnSession)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("descriptor %d: those up to 3", number)) {
			t.Errorf("%d: %v", number, err)
		}
	}
}

// A shell that becomes the program keeps the pid; one that stays does not, and
// then the program must not take the sockets for its own.
func TestThePidOfAShellsProgram(t *testing.T) {
	p := program(t)
	for line, same := range map[string]bool{"exec " + p + " report": true, p + " report; :": false} {
		r := reportWith(t, service("sh", "-c", line), Given{Listen: []Descriptor{{socket(t), "web"}}})
		if pid, _ := variable(r.Env, "LISTEN_PID"); (pid == strconv.Itoa(r.PID)) != same {
			t.Errorf("%s: LISTEN_PID=%s in the process %d", line, pid, r.PID)
		}
	}
}
