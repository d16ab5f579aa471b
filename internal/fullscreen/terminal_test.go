package fullscreen

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// TestMain can also be a program that breaks while it has the screen.
func TestMain(m *testing.M) {
	if os.Getenv("FULLSCREEN_BREAKS") == "" {
		os.Exit(m.Run())
	}
	t, err := Open(os.Stdin, os.Stdout)
	if err != nil {
		panic(err)
	}
	t.Go(func() { panic("something is broken") })
	time.Sleep(time.Minute)
}

func TestAPanicGivesTheTerminalBack(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	defer master.Close()
	defer slave.Close()
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FULLSCREEN_BREAKS=1")
	cmd.Stdin, cmd.Stdout = slave, slave
	var said strings.Builder
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := make(chan string, 1)
	go func() {
		var b strings.Builder
		_, _ = io.Copy(&b, master)
		shown <- b.String()
	}()
	err = cmd.Wait()
	if e := (*exec.ExitError)(nil); !errors.As(err, &e) || e.ExitCode() != 125 || !strings.Contains(said.String(), "something is broken") {
		t.Errorf("it ends with %v and says %s", err, said.String())
	}
	after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if *before != *after {
		t.Errorf("the terminal's settings were %+v, and are %+v", *before, *after)
	}
	slave.Close()
	if text := <-shown; !strings.Contains(text, take) || !strings.HasSuffix(text, give) {
		t.Errorf("what was written to the terminal: %q", text)
	}
}

func TestOnlyATerminalIsTaken(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := Open(null, null); !errors.Is(err, ErrNoTerminal) || err.Error() != "/dev/null is not a terminal" {
		t.Errorf("%v", err)
	}
}
