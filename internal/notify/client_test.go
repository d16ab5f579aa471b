package notify

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// The test binary is its own client: services that send as another user, from
// another root, from another network namespace.

func TestMain(m *testing.M) {
	if os.Getenv("NOTIFY_CLIENT") != "" {
		if err := client(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func client() error {
	uid := flag.Int("uid", 0, "become this user")
	root := flag.String("chroot", "", "change the root")
	netns := flag.Bool("netns", false, "make a network namespace")
	message := flag.String("message", "", "what to send")
	address := flag.String("to", os.Getenv("NOTIFY_SOCKET"), "where")
	claim := flag.Int("claim", 0, "say that this pid sends")
	again := flag.Bool("again", false, "have a child send in our place")
	stay := flag.Bool("stay", false, "say so, and go on until standard input ends")
	_ = flag.Bool("setsid", false, "for who starts us")
	flag.Parse()

	runtime.LockOSThread()
	if *netns {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
	}
	if *root != "" {
		if err := unix.Chroot(*root); err != nil {
			return err
		}
	}
	if *uid != 0 {
		if err := syscall.Setresuid(*uid, *uid, *uid); err != nil {
			return err
		}
	}
	if *again {
		var args []string
		for _, a := range os.Args[1:] {
			if a != "-again" {
				args = append(args, a)
			}
		}
		c := exec.Command("/proc/self/exe", args...)
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		return c.Run()
	}
	if *message != "" {
		if err := send(*address, *message, *claim); err != nil {
			return err
		}
	}
	if *stay {
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	return nil
}

// send sends one datagram, and waits while the queue is full.
func send(address, message string, claim int, fds ...int) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	var control []byte
	if claim != 0 {
		control = unix.UnixCredentials(&unix.Ucred{Pid: int32(claim), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
	}
	if len(fds) > 0 {
		control = append(control, unix.UnixRights(fds...)...)
	}
	return unix.Sendmsg(s, []byte(message), control, &unix.SockaddrUnix{Name: address}, 0)
}

func clientCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), "NOTIFY_CLIENT=1", "SUPERVISE_TREE=/1.2.test")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: strings.Contains(strings.Join(args, " "), "-setsid")}
	return c
}

// begin starts a client; with -stay it has sent when this returns, and lives
// until the test is over. out is what it writes then.
func begin(t *testing.T, c *exec.Cmd) (out *bufio.Reader) {
	t.Helper()
	var said strings.Builder
	c.Stderr = &said
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	out = bufio.NewReader(stdout)
	if strings.Contains(strings.Join(c.Args, " "), "-stay") {
		if line, err := out.ReadString('\n'); err != nil {
			_ = c.Wait()
			t.Fatalf("the client said %q: %v; %s", line, err, said.String())
		}
	}
	return out
}

func startClient(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := clientCommand(t, args...)
	begin(t, c)
	return c
}

// runClient runs a client to its end.
func runClient(t *testing.T, args ...string) error {
	t.Helper()
	out, err := clientCommand(t, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// needRoot skips what only root can try.
func needRoot(t *testing.T) {
	t.Helper()
	needed.That(t, os.Getuid() == 0, "root")
}
